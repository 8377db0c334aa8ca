package main

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"
)

// TestSignalCancels: the first signal cancels the context and is its cause.
func TestSignalCancels(t *testing.T) {
	ctx := withSignals(t.Context())
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the signal did not arrive")
	}
	if !errors.Is(ctx.Err(), context.Canceled) || exitCode(ctx, ctx.Err()) != exitInterrupted {
		t.Errorf("%v, cause %v", ctx.Err(), context.Cause(ctx))
	}
}
