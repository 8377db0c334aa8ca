package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/postweave/postweave/worker/maillog"
	"github.com/postweave/postweave/worker/message"
)

// profileMerge merges a log file as `postweave merge` does, documents written to nowhere as NDJSON.
func (o options) profileMerge(ctx context.Context) error {
	info, err := os.Stat(o.merge)
	if err != nil {
		return err
	}
	debug.SetGCPercent(400) // as the command does
	in := maillog.Input{Name: o.merge, ModTime: info.ModTime(), Open: func() (io.ReadCloser, error) { return os.Open(o.merge) }}
	out := bufio.NewWriterSize(io.Discard, 256<<10)
	var report maillog.Report
	if err := o.profiled(func() (err error) {
		var line []byte
		report, err = maillog.Merge(ctx, maillog.Options{Inputs: []maillog.Input{in}, Year: o.year}, func(d *message.Document) error {
			line = append(d.AppendJSON(line[:0]), '\n')
			_, err := out.Write(line)
			return err
		})
		return err
	}); err != nil {
		return err
	}
	fmt.Printf("%d lines, %d messages, %d rejects\n", report.Lines, report.Messages, report.Rejects)
	return nil
}
