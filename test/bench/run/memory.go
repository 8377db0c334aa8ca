package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/postweave/postweave/test/bench"
	"github.com/postweave/postweave/test/loggen"
)

// The most memory of a command, in MiB, and how many times as much it may take for ten times the days.
const (
	memoryLimit   = 256
	memoryDays    = 10
	memoryGrowing = 1.1
)

// spans are a log of one day, one of a tenth of it, and one of ten days that are each such a tenth: as long as the first, and ten times the second.
func (l *lab) spans(arrivals int) (names []string, logs []loggen.Config) {
	return []string{"1 day", "1 day of a tenth", fmt.Sprintf("%d days of a tenth", memoryDays)},
		[]loggen.Config{l.mail(arrivals, 1), l.mail(arrivals/memoryDays, 1), l.mail(arrivals, memoryDays)}
}

// peaks are what the i-th of spans is held against.
func peaks(i int, what string, names []string) []bench.Ratio {
	limits := []bench.Ratio{bench.PeakMemory(memoryLimit)}
	if i == 2 {
		limits = append(limits, bench.TimesThePeak(memoryGrowing, what+names[0]), bench.TimesThePeak(memoryGrowing, what+names[1]))
	}
	return limits
}

func memoryWork(ctx context.Context, l *lab) (work, error) {
	w := work{rows: l.mergePeaks()}
	rows, err := l.backfillPeaks(ctx)
	w.rows = append(w.rows, rows...)
	return w, err
}

// mergePeaks merges logs that never lie on a disk; the time is the generator's too.
func (l *lab) mergePeaks() (rows []bench.Measurement) {
	names, logs := l.spans(l.size.memoryMerge)
	for i, cfg := range logs {
		rows = append(rows, bench.Measurement{
			Name: "merge, " + names[i], Units: "lines", Ratios: peaks(i, "merge, ", names),
			Run: func(ctx context.Context) (bench.Count, error) { return l.mergeStream(ctx, cfg) },
		})
	}
	return rows
}

// mergeStream merges a log as it is made.
func (l *lab) mergeStream(ctx context.Context, cfg loggen.Config) (bench.Count, error) {
	out, in := io.Pipe()
	written := make(chan error, 1)
	lines := 0
	go func() {
		var err error
		lines, err = writeText(in, cfg)
		written <- errors.Join(err, in.Close())
	}()
	c, said, err := bench.Process{Path: l.binary, Args: []string{"merge", "--year", "2026", "-"}, Env: environment(), Stdin: out}.Run(ctx)
	err = errors.Join(err, out.Close(), <-written)
	c.Docs = lines
	if err == nil {
		err = allRead(said, lines)
	}
	return c, err
}

// backfillPeaks indexes each log when its turn comes, and removes it: together they are gigabytes.
func (l *lab) backfillPeaks(ctx context.Context) (rows []bench.Measurement, err error) {
	names, logs := l.spans(l.size.memoryOnNode)
	for i, cfg := range logs {
		name := fmt.Sprintf("memory-%d", i)
		lines, err := l.source(ctx, name, cfg)
		if err != nil {
			return nil, err
		}
		s := l.subject(lines, name)
		row := s.overAll("backfill, "+names[i], peaks(i, "backfill, ", names), s.backfill()...)
		row.Before = func(ctx context.Context) error {
			return errors.Join(l.fill(ctx, s.source, cfg), s.fresh(ctx))
		}
		row.After = func(ctx context.Context, c *bench.Count) error {
			return errors.Join(s.count(ctx, c), s.clearTarget(ctx), s.source.clear(ctx))
		}
		rows = append(rows, row)
	}
	return rows, nil
}
