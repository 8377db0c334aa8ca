//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// detach keeps a terminal's Ctrl-C from a command: one that starts or stops an instance must
// come to its end.
func detach(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
