package esnode

import "syscall"

// endWithParent makes the kernel kill the start script's JVM when this process
// ends in any way, kill -9 included. The server follows by itself: it ends when
// its standard input, a pipe from that JVM, is closed.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
