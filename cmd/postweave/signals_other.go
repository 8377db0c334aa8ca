//go:build !unix

package main

import "os"

// statusSignals ask a command where it is. Here there are none.
var statusSignals []os.Signal
