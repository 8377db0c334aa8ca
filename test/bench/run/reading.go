package main

import (
	"context"

	"github.com/postweave/postweave/test/bench"
	"github.com/postweave/postweave/test/loggen"
)

// readingWork measures other ways of reading. Nothing is held against them.
func readingWork(ctx context.Context, l *lab) (work, error) {
	day, err := l.aDay(ctx)
	if err != nil {
		return work{}, err
	}
	fields, keys := bench.FieldsSyslog, []string{"syslog_hostname.keyword", "postfix_queueid.keyword"}
	if day.layout == loggen.LayoutPlain {
		fields, keys = bench.FieldsPlain, []string{"logsource.keyword", "postfix_queueid.keyword"}
	}
	return work{rows: []bench.Measurement{
		day.scan("scan", bench.Scan{}),
		day.scan("scan, two slices", bench.Scan{Slices: 2}),
		day.scan("scan, needed fields", bench.Scan{Source: fields}),
		day.scan("scan, needed fields, two slices", bench.Scan{Source: fields, Slices: 2}),
		{Name: "composite, page 10,000", Units: "keys", Run: func(ctx context.Context) (bench.Count, error) {
			return bench.BareComposite(ctx, day.node, day.pattern(), keys, 10_000, "")
		}},
	}}, nil
}
