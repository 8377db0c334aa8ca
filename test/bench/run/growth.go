package main

import (
	"context"
	"fmt"

	"github.com/postweave/postweave/test/bench"
	"github.com/postweave/postweave/test/loggen"
)

// growth is how many times the lines there are, and growthLimit how much more time a line may take then.
const (
	growth      = 8
	growthLimit = 1.25
)

// grown are the logs that growth is measured with.
type grown struct {
	name string
	log  loggen.Config
}

// grownFrom is a log of one day, one of more mail on that day, and one of more such days.
func (l *lab) grownFrom(arrivals int) []grown {
	return []grown{
		{"1 day", l.mail(arrivals, 1)},
		{fmt.Sprintf("1 day, %d times the mail", growth), l.mail(growth*arrivals, 1)},
		{fmt.Sprintf("%d days", growth), l.mail(growth*arrivals, growth)},
	}
}

// against is what the i-th of grown logs is held against: the first.
func against(i int, first string) []bench.Ratio {
	if i == 0 {
		return nil
	}
	return []bench.Ratio{bench.TimeAUnit(growthLimit, first), bench.CPUAUnit(first)}
}

// growingMergeWork merges on one core, where there is one to pin to: two cores share more with others.
func growingMergeWork(_ context.Context, l *lab) (work, error) {
	one, err := bench.Cores(1)
	if err != nil {
		l.leftOut("growth-merge on one core (measured on all)", err)
	}
	var w work
	for i, x := range l.grownFrom(l.size.growthMerge) {
		log, err := l.write(fmt.Sprintf("grown-%d.log", i), x.log)
		if err != nil {
			return w, err
		}
		w.rows = append(w.rows, bench.Measurement{
			Name: "merge, " + x.name, Units: "lines", Ratios: against(i, "merge, 1 day"),
			Run: func(ctx context.Context) (bench.Count, error) { return l.mergeInto(ctx, "", log, one) },
		})
	}
	return w, nil
}

func growingBackfillWork(ctx context.Context, l *lab) (work, error) {
	var rows []bench.Measurement
	for i, x := range l.grownFrom(l.size.day / growth) {
		lines, err := l.grownSource(ctx, i, x.log)
		if err != nil {
			return work{}, err
		}
		s := l.subject(lines, fmt.Sprintf("grown-%d", i))
		rows = append(rows, s.overAll("backfill, "+x.name, against(i, "backfill, 1 day"), s.backfill()...))
	}
	return work{rows: rows}, nil
}

// grownSource loads a log. The large day is the one that other topics measure on.
func (l *lab) grownSource(ctx context.Context, i int, log loggen.Config) (*source, error) {
	if log == l.mail(l.size.day, 1) {
		return l.aDay(ctx)
	}
	return l.load(ctx, fmt.Sprintf("grown-%d", i), log)
}
