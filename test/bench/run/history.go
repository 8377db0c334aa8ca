package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/postweave/postweave/test/bench"
	"github.com/postweave/postweave/test/loggen"
)

const (
	// longer is how many times the history the second one is, and historyLimit how much more time new lines may take behind it.
	longer       = 10
	historyLimit = 1.2
	// idleRequests is the most that a run without new lines may ask, and one more for each index of the last days.
	idleRequests = 6
	// recentDays is how far back an index counts as recent: as far as a message's lines are looked for by default.
	recentDays = 6
)

// past is a history of merged lines, and the new lines that arrive behind it, batch by batch.
type past struct {
	*subject
	name    string
	days    int
	batches [][]loggen.Line
	next    int
	asked   string // by the last idle run, by kind
}

// historyWork measures runs behind a history and behind one of ten times the days, each on the same new lines.
func historyWork(ctx context.Context, l *lab) (w work, err error) {
	rounds := l.rounds + 1
	var pasts []*past
	for _, p := range []*past{{name: "short history", days: l.size.historyDays}, {name: "long history", days: longer * l.size.historyDays}} {
		p.batches = l.batches(rounds)
		if err := l.happened(ctx, p); err != nil {
			return w, fmt.Errorf("%s: %w", p.name, err)
		}
		pasts = append(pasts, p)
	}
	short, long := pasts[0], pasts[1]
	w.rows = []bench.Measurement{
		short.newLines(nil),
		long.newLines([]bench.Ratio{bench.TimesAsLong(historyLimit, short.newLinesName()), bench.CPUAUnit(short.newLinesName())}),
		short.idle(),
		long.idle(),
	}
	w.notes = func([]bench.Result) (said []string) {
		for _, p := range pasts {
			said = append(said, fmt.Sprintf("%s: %d lines of %d days; idle: %s", p.name, p.lines, p.days, p.asked))
		}
		return said
	}
	return w, nil
}

// happened loads a history that ends where the new lines begin, merges it, and leaves the cursor behind it.
func (l *lab) happened(ctx context.Context, p *past) error {
	cfg := l.mail(p.days*l.size.historyDay, p.days)
	cfg.Start = firstDay.AddDate(0, 0, -p.days)
	cfg.Until = firstDay
	lines, err := l.load(ctx, fmt.Sprintf("past-%d", p.days), cfg)
	if err != nil {
		return err
	}
	p.subject = l.subject(lines, fmt.Sprintf("past-%d", p.days))
	if err := p.fresh(ctx); err != nil {
		return err
	}
	if _, _, err := p.postweave(ctx, call{args: p.backfill()}); err != nil {
		return err
	}
	if _, _, err := p.postweave(ctx, call{args: []string{"run"}}); err != nil {
		return err
	}
	// The new day's index has the settings of the others, and no line before the first batch.
	return p.node.Put(ctx, "/"+loggen.IndexName(p.prefix, firstDay), `{"settings":`+sourceSettings+`}`)
}

// batches cuts the first lines of a day into so many batches.
func (l *lab) batches(n int) [][]loggen.Line {
	lines := n * l.size.batch
	cfg := l.mail(lines/4, 1) // far more than are needed
	cfg.Seed++                // the day after, not the first one again
	batches := make([][]loggen.Line, 0, n)
	var batch []loggen.Line
	enough := errors.New("enough")
	_ = loggen.New(cfg).Each(func(x loggen.Line) error {
		if batch = append(batch, x); len(batch) == l.size.batch {
			batches = append(batches, batch)
			batch = nil
		}
		if len(batches) == n {
			return enough
		}
		return nil
	})
	return batches
}

func (p *past) newLinesName() string { return "run on new lines, " + p.name }

// newLines measures a run on the next batch.
func (p *past) newLines(ratios []bench.Ratio) bench.Measurement {
	var written, batch int
	return p.node.Metered(bench.Measurement{
		Name: p.newLinesName(), Units: "lines", Ratios: ratios,
		Before: func(ctx context.Context) (err error) {
			if batch, err = p.arrive(ctx); err != nil {
				return err
			}
			written, _, err = p.node.Written(ctx, p.target()+"-*")
			return err
		},
		Run: func(ctx context.Context) (bench.Count, error) {
			c, err := p.reporting(ctx, call{args: []string{"run", "--json"}})
			if err == nil {
				err = wholeScan(c, batch)
			}
			return c, err
		},
		After: func(ctx context.Context, c *bench.Count) error {
			err := p.count(ctx, c)
			c.Written -= written
			return err
		},
	})
}

// arrive indexes the next batch and says how many lines it is.
func (p *past) arrive(ctx context.Context) (int, error) {
	if p.next == len(p.batches) {
		return 0, errors.New("no more new lines")
	}
	lines := p.batches[p.next]
	p.next++
	load := p.loader()
	load.Settings = "" // the index is there
	_, err := load.Load(ctx, p.node, bench.SourceFunc(func(f func(loggen.Line) error) error {
		for _, x := range lines {
			if err := f(x); err != nil {
				return err
			}
		}
		return nil
	}))
	return len(lines), err
}

// idle counts the requests of a run with nothing new.
func (p *past) idle() bench.Measurement {
	return bench.Measurement{
		Name: "idle run, " + p.name, Units: "lines", Ratios: []bench.Ratio{bench.RequestsMade(float64(idleRequests + min(p.days, recentDays) + 1))},
		Run: func(ctx context.Context) (c bench.Count, err error) {
			r, err := bench.Record(p.node)
			if err != nil {
				return c, err
			}
			defer func() { err = errors.Join(err, r.Close()) }()
			if c, err = p.reporting(ctx, call{args: []string{"run", "--json"}, url: r.URL}); err != nil {
				return c, err
			}
			c.Requests, p.asked = r.Taken()
			return c, wholeScan(c, 0)
		},
	}
}
