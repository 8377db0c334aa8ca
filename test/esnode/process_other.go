//go:build !linux

package esnode

import "syscall"

// endWithParent does nothing: only Linux has a parent-death signal. Elsewhere a
// node is left behind when the test process is killed by SIGKILL.
func endWithParent(*syscall.SysProcAttr) {}
