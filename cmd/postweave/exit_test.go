package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
)

func TestExitCode(t *testing.T) {
	stopped := func(s os.Signal) context.Context {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(signalError{s})
		return ctx
	}
	unavailable := codedError{exitUnavailable, errors.New("connection refused")}
	for name, c := range map[string]struct {
		ctx  context.Context
		err  error
		want int
	}{
		"nothing wrong":                     {t.Context(), nil, 0},
		"no code of its own":                {t.Context(), errors.New("bad flag"), 1},
		"code deep inside":                  {t.Context(), fmt.Errorf("run: %w", fmt.Errorf("search: %w", unavailable)), 3},
		"code among several":                {t.Context(), errors.Join(errors.New("close"), unavailable), 3},
		"a code of 0 is no success":         {t.Context(), codedError{0, errors.New("x")}, 1},
		"interrupted":                       {stopped(os.Interrupt), context.Canceled, 130},
		"terminated":                        {stopped(syscall.SIGTERM), fmt.Errorf("write: %w", context.Canceled), 143},
		"terminated, cause returned":        {stopped(syscall.SIGTERM), fmt.Errorf("write: %w", signalError{syscall.SIGTERM}), 143},
		"cut short, classed unavailable":    {stopped(os.Interrupt), codedError{exitUnavailable, context.Canceled}, 130},
		"failed by itself while stopping":   {stopped(os.Interrupt), codedError{exitBlocked, errors.New("disk full")}, 7},
		"finished while the signal came":    {stopped(os.Interrupt), nil, 0},
		"cancelled, but not by a signal":    {t.Context(), context.Canceled, 1},
		"a deadline is no signal":           {stopped(os.Interrupt), codedError{exitUnavailable, context.DeadlineExceeded}, 3},
		"quarantined although all was done": {t.Context(), codedError{exitQuarantined, errors.New("2 documents")}, 6},
	} {
		if got := exitCode(c.ctx, c.err); got != c.want {
			t.Errorf("%s: exit code %d, want %d", name, got, c.want)
		}
	}
}
