package main

import (
	"context"
	"errors"
	"os"
	"syscall"
)

// The exit codes are a contract: scripts, the chart and alerts read them.
const (
	exitComplete    = 0
	exitUsage       = 1
	exitBug         = 2 // never returned from here: Go's runtime exits with it on a panic, and nothing recovers one
	exitUnavailable = 3
	exitAuth        = 4
	exitSource      = 5
	exitQuarantined = 6
	exitBlocked     = 7
	exitSchema      = 8
	exitInterrupted = 130 // 128 + SIGINT, as shells count
	exitTerminated  = 143 // 128 + SIGTERM
)

// exitCodes is the table that "postweave help exit-codes" prints.
var exitCodes = []struct {
	code    int
	meaning string
}{
	{exitComplete, "complete, or as far as the report says (more: true)"},
	{exitUsage, "usage, configuration or setup: nothing was done, the message says what to change"},
	{exitBug, "a bug in postweave (a Go panic): please report the stack trace"},
	{exitUnavailable, "Elasticsearch was unavailable for longer than the retry budget"},
	{exitAuth, "authentication, privilege or TLS"},
	{exitSource, "the source is incomplete: failed shards, an unreadable index, missing fields, a damaged log file"},
	{exitQuarantined, "some documents are not as they should be: quarantined (the cursor has moved, they can be found), or verify or rebuild found them so and did not mend them"},
	{exitBlocked, "the target is blocked: disk full or a write block"},
	{exitSchema, "the target was written by a newer postweave"},
	{exitInterrupted, "stopped by SIGINT: the cursor stands past the confirmed work"},
	{exitTerminated, "stopped by SIGTERM, likewise (the daemon drains and exits 0)"},
}

// exitCoder is what an error implements to choose its exit code. esquery.Error
// does; so the parts that find a fault also say what it amounts to.
type exitCoder interface{ ExitCode() int }

// exitCode maps what a command returned to the process's exit code. A stop by
// a signal wins over whatever the cancelled work made of it: a request cut
// short by Ctrl-C is no unavailable cluster. An error that names no code is 1.
func exitCode(ctx context.Context, err error) int {
	if err == nil {
		return exitComplete
	}
	var stopped signalError
	if errors.As(context.Cause(ctx), &stopped) && errors.Is(err, context.Canceled) {
		return stopped.ExitCode()
	}
	var coded exitCoder
	if errors.As(err, &coded) && coded.ExitCode() > 0 {
		return coded.ExitCode()
	}
	return exitUsage
}

// signalError is the cause of a context that a signal cancelled.
type signalError struct{ signal os.Signal }

func (e signalError) Error() string { return "stopped by signal: " + e.signal.String() }

// Is lets callers that only know contexts recognise it.
func (e signalError) Is(target error) bool { return target == context.Canceled }

// ExitCode is 130 for SIGINT and 143 for SIGTERM.
func (e signalError) ExitCode() int {
	if e.signal == syscall.SIGTERM {
		return exitTerminated
	}
	return exitInterrupted
}

// codedError gives an error a code of its own where the command line itself
// finds the fault.
type codedError struct {
	code int
	err  error
}

func (e codedError) Error() string { return e.err.Error() }
func (e codedError) Unwrap() error { return e.err }

// ExitCode is the code it was made with.
func (e codedError) ExitCode() int { return e.code }
