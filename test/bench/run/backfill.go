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
		s.node.Metered(bench.Measurement{
			Name: bulk, Units: "documents", Before: s.emptyFloor,
			Run: func(ctx context.Context) (bench.Count, error) {
				return bench.Bulk{Streams: atOnce}.Run(ctx, s.node, s.floor(), docs)
			},
		}),
		s.overAll("backfill of the day", []bench.Ratio{bench.TimesAsLong(backfillLimit, scan, bulk)}, s.backfill()...),
		s.overAll("run", []bench.Ratio{bench.TimesAsLong(runLimit, scan, bulk)}, "run"),
	}
	cores, err := s.node.Processors(ctx)
	return work{rows: rows, notes: func(results []bench.Result) []string {
		return []string{busy(named(results, "backfill of the day"), cores), busy(named(results, "run"), cores)}
	}}, err
}

// scan measures one way of reading all lines.
func (s *source) scan(name string, how bench.Scan) bench.Measurement {
	return s.node.Metered(bench.Measurement{Name: name, Units: "lines", Run: func(ctx context.Context) (bench.Count, error) {
		c, err := how.Run(ctx, s.node, s.pattern())
		if err != nil {
			return c, err
		}
		return c, wholeScan(c, s.lines)
	}})
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
