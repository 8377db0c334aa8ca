package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/postweave/postweave/worker/maillog"
)

// profileMerge merges a log file as `postweave merge` does, documents written to nowhere as NDJSON.
func (o options) profileMerge(ctx context.Context) error {
	info, err := os.Stat(o.merge)
	if err != nil {
		return err
	}
	debug.SetGCPercent(200) // as the command does
	debug.SetMemoryLimit(maillog.DefaultMaxMemory + 140<<20)
	in := maillog.Input{Name: o.merge, ModTime: info.ModTime(), Open: func() (io.ReadCloser, error) { return os.Open(o.merge) }}
	var report maillog.Report
	if err := o.profiled(func() (err error) {
		report, err = maillog.MergeJSON(ctx, maillog.Options{Inputs: []maillog.Input{in}, Year: o.year}, func(documents []byte) error {
			_, err := io.Discard.Write(documents)
			return err
		})
		return err
	}); err != nil {
		return err
	}
	fmt.Printf("%d lines, %d messages, %d rejects\n", report.Lines, report.Messages, report.Rejects)
	return nil
}
