//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"os"
	"syscall"
)

// statusSignals ask a command where it is. SIGINFO is what Ctrl-T sends.
var statusSignals = []os.Signal{syscall.SIGUSR1, syscall.SIGINFO}
