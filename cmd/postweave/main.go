// Command postweave merges the syslog lines that Postfix writes about one
// mail into one document: who wrote to whom, when, about what, and what became
// of it.
//
// Results go to stdout, everything said to people goes to stderr. See
// "postweave help" for the commands and "postweave help exit-codes" for what
// the exit codes mean.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // the container image has no zone files, POSTWEAVE_TIMEZONE must work there too
)

func main() {
	outliveStatusSignals()
	ctx := withSignals(context.Background())
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
}

// withSignals cancels the context at the first SIGINT or SIGTERM, with the
// signal as its cause. A second one finds the default disposition and ends the
// process at once, so that nobody has to reach for SIGKILL to stop a slow drain.
func withSignals(parent context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(parent)
	received := make(chan os.Signal, 1)
	signal.Notify(received, os.Interrupt, syscall.SIGTERM)
	go func() {
		got := <-received
		signal.Stop(received)
		cancel(signalError{got})
	}()
	return ctx
}

// outliveStatusSignals keeps the signals that ask where a command is from ending the process, also where nobody answers them yet or any
// more.
func outliveStatusSignals() {
	if len(statusSignals) > 0 { // of none, Notify would make all
		signal.Notify(make(chan os.Signal, 1), statusSignals...)
	}
}
