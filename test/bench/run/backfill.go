package main

import (
	"context"
	"fmt"

	"github.com/postweave/postweave/test/bench"
)

// The most that a backfill of a day and a run over the same lines may take, in times of what Elasticsearch itself takes to read
// the lines and to write the documents with as many requests at once.
const (
	backfillLimit = 1.25
	runLimit      = 2
)

// atOnce is how many requests of a kind the product makes at once by default (POSTWEAVE_MAX_CONCURRENCY), and so the floors.
const atOnce = 2

func backfillWork(ctx context.Context, l *lab) (work, error) {
	day, err := l.aDay(ctx)
	if err != nil {
		return work{}, err
	}
	s := l.subject(day, "backfill")
	docs, err := s.documents(ctx)
	if err != nil {
		return work{}, fmt.Errorf("documents for the floor of writing: %w", err)
	}
	const scan, bulk = "scan, two slices", "bulk, two streams"
	rows := []bench.Measurement{
		s.scan(scan, bench.Scan{Slices: atOnce}),
		{
			Name: bulk, Units: "documents", Before: s.emptyFloor,
			Run: func(ctx context.Context) (bench.Count, error) {
				return bench.Bulk{Streams: atOnce}.Run(ctx, s.node, s.floor(), docs)
			},
		},
		{
			Name: "backfill of the day", Units: "lines", Ratios: []bench.Ratio{bench.TimesAsLong(backfillLimit, scan, bulk)}, Before: s.fresh,
			Run: func(ctx context.Context) (bench.Count, error) { return s.overAll(ctx, s.backfill()...) },
		},
		{
			Name: "run", Units: "lines", Ratios: []bench.Ratio{bench.TimesAsLong(runLimit, scan, bulk)}, Before: s.fresh,
			Run: func(ctx context.Context) (bench.Count, error) { return s.overAll(ctx, "run") },
		},
	}
	return work{rows: s.metered(rows)}, nil
}

// metered has the node's own figures in every row.
func (s *source) metered(rows []bench.Measurement) []bench.Measurement {
	for i := range rows {
		rows[i] = s.node.Metered(rows[i])
	}
	return rows
}

// scan measures one way of reading all lines.
func (s *source) scan(name string, how bench.Scan) bench.Measurement {
	return bench.Measurement{Name: name, Units: "lines", Run: func(ctx context.Context) (bench.Count, error) {
		c, err := how.Run(ctx, s.node, s.pattern())
		if err != nil {
			return c, err
		}
		return c, wholeScan(c, s.lines)
	}}
}

// documents makes the documents of all lines by a backfill and reads them back. They are then what the
// floor of writing writes: into an index of the same mapping, and with nothing left to do but to send them.
func (s *subject) documents(ctx context.Context) ([]bench.Document, error) {
	if err := s.fresh(ctx); err != nil {
		return nil, err
	}
	if _, _, err := s.postweave(ctx, call{args: s.backfill()}); err != nil {
		return nil, err
	}
	return bench.ReadDocuments(ctx, s.node, s.target())
}

// emptyFloor makes the index anew that the floor writes to, as the target is.
func (s *subject) emptyFloor(ctx context.Context) error {
	if err := s.node.Delete(ctx, s.floor()); err != nil {
		return err
	}
	return bench.CopyIndex(ctx, s.node, s.target(), s.floor())
}
