package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/postweave/postweave/test/bench"
)

// shardsLimit is the most that two workers may take of the time of one, where there is room for two: where one keeps the cores
// busy for at most so much of the time.
const (
	shardsLimit = 0.6
	shardsRoom  = 0.5
)

// shardsWork measures one worker against two, each of which does its half of the same day.
func shardsWork(ctx context.Context, l *lab) (work, error) {
	day, err := l.aDay(ctx)
	if err != nil {
		return work{}, err
	}
	s := l.subject(day, "shards")
	if err := s.canShard(ctx); err != nil {
		l.leftOut("two workers on two shards", err)
		return work{}, nil
	}
	cores, err := s.node.Processors(ctx)
	if err != nil {
		return work{}, err
	}
	const one, two = "backfill, one worker", "backfill, two workers"
	ratio := bench.TimesAsLong(shardsLimit, one)
	ratio.Unless = func(results []bench.Result) string { return noRoom(named(results, one), cores) }
	alone := s.overAll(one, nil, s.backfill()...)
	both := s.node.Metered(bench.Measurement{Name: two, Units: "lines", Ratios: []bench.Ratio{ratio}, Before: s.fresh, Run: s.inShards(2)})
	documents := 0
	alone.After = func(ctx context.Context, c *bench.Count) error {
		err := s.count(ctx, c)
		documents = c.Stored
		return err
	}
	both.After = func(ctx context.Context, c *bench.Count) error {
		if err := s.count(ctx, c); err != nil || c.Stored == documents {
			return err
		}
		return fmt.Errorf("%d documents by two workers, %d by one", c.Stored, documents)
	}
	return work{rows: []bench.Measurement{alone, both}, notes: func(results []bench.Result) []string {
		return []string{busy(named(results, one), cores), busy(named(results, two), cores)}
	}}, nil
}

// canShard looks whether the program has the flag at all.
func (s *subject) canShard(ctx context.Context) error {
	var help strings.Builder
	if _, said, err := s.postweave(ctx, call{args: []string{"backfill", "--help"}, stdout: &help}); err != nil {
		return err
	} else if !strings.Contains(help.String()+said, "--shard") {
		return errors.New("postweave backfill has no --shard")
	}
	return nil
}

// inShards is so many workers at once, each on its part. The time is that of the slowest, processor time and memory are of all and of the largest.
func (s *subject) inShards(n int) func(context.Context) (bench.Count, error) {
	return func(ctx context.Context) (all bench.Count, err error) {
		counts := make([]bench.Count, n)
		g, gctx := errgroup.WithContext(ctx)
		for i := range n {
			g.Go(func() (err error) {
				counts[i], err = s.reporting(gctx, call{args: append(s.backfill(), "--shard", fmt.Sprintf("%d/%d", i+1, n), "--json")})
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return all, err
		}
		for _, c := range counts {
			all.Docs += c.Docs
			all.CPU += c.CPU
			all.Elapsed = max(all.Elapsed, c.Elapsed)
			all.Peak = max(all.Peak, c.Peak)
		}
		if all.Docs < s.lines { // more where a line at a border is both workers'
			return all, fmt.Errorf("read %d lines of %d", all.Docs, s.lines)
		}
		all.Docs = s.lines
		return all, nil
	}
}

func named(results []bench.Result, name string) *bench.Result {
	for i := range results {
		if results[i].Name == name {
			return &results[i]
		}
	}
	return &bench.Result{}
}

// noRoom says why the limit does not bind: the cores are busy with one worker already, and a second one can only wait for them. The
// workers are taken to share the cores with the node, as they do where the benchmark has started it.
func noRoom(one *bench.Result, cores int) string {
	share := one.Median(func(c bench.Count) float64 {
		return max(c.Busy, (c.NodeCPU+c.CPU).Seconds()/(float64(cores)*c.Elapsed.Seconds()))
	})
	if share <= shardsRoom {
		return ""
	}
	return fmt.Sprintf("with one worker the cores are busy for %.0f %% of the time already", 100*share)
}

// busy is the share of the time in which the cores worked, and for whom.
func busy(r *bench.Result, cores int) string {
	share := func(of func(bench.Count) float64) float64 {
		return 100 * r.Median(func(c bench.Count) float64 { return of(c) / (float64(cores) * c.Elapsed.Seconds()) })
	}
	node := share(func(c bench.Count) float64 { return c.NodeCPU.Seconds() })
	own := share(func(c bench.Count) float64 { return c.CPU.Seconds() })
	all := 100 * r.Median(func(c bench.Count) float64 { return c.Busy })
	return fmt.Sprintf("%s: of the time of %d cores Elasticsearch used %.0f %%, the product %.0f %%; the machine was busy for %.0f %%", r.Name, cores, node, own, all)
}
