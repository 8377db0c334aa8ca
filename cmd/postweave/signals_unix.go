//go:build unix && !(darwin || dragonfly || freebsd || netbsd || openbsd)

package main

import (
	"os"
	"syscall"
)

// statusSignals ask a command where it is.
var statusSignals = []os.Signal{syscall.SIGUSR1}
