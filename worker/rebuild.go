package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/postweave/postweave/worker/message"
)

// Rebuild merges a target's documents again from their own lines, after the
// parser or the settings changed. It needs no source.
//
// All documents of a key are planned together, whatever their time, with the pieces of long logs. What has the
// right bytes already is not written, so that a rebuild that was broken off is completed by the next one.
type Rebuild struct {
	Target  Target
	Archive Archive
	Options message.Options
	// From ≤ @timestamp < To are the documents that are merged again.
	From, To time.Time

	Concurrency int // groups of keys at once; zero is one
	DryRun      bool
	// MaxRuntime ends it softly, between two slices of time. Zero is no limit.
	MaxRuntime time.Duration
	// Progress is called after each slice with the time that all is done up to, and the report so far. It may be nil.
	Progress func(upTo time.Time, sofar Report)
	Logger   *zap.Logger

	firstPause time.Duration // see Merger

	merger *Merger
	report Report
	spared int
	// several are keys with more than one document, which come up once for each.
	several map[message.Key]bool
}

// Bounds on a rebuild's slices of time. They are small enough for MaxRuntime and
// progress to mean something, and wide where there is nothing.
const (
	firstRebuildSpan = time.Hour
	fewDocuments     = 5_000
	manyDocuments    = 50_000
	maxSeveral       = 200_000
	widestSpan       = 100 * 365 * 24 * time.Hour
)

// ErrSpared is returned beside a whole report when documents were left as they
// are, because they say more than the lines that are left of them.
var ErrSpared = errors.New("documents have lost lines and were left as they are: `postweave verify --heal` mends those whose lines the source still has")

// Do rebuilds. The report is of use beside an error too.
func (r *Rebuild) Do(ctx context.Context) (Report, error) {
	if r.Logger == nil {
		r.Logger = zap.NewNop()
	}
	begin := time.Now()
	r.report = Report{Command: "rebuild", DryRun: r.DryRun}
	r.spared, r.several = 0, map[message.Key]bool{}
	r.merger = &Merger{
		Target: r.Target, Options: r.Options, Concurrency: r.Concurrency, DryRun: r.DryRun,
		report: &r.report, firstPause: r.firstPause,
	}
	err := r.cover(ctx, begin)
	r.report.Seconds = time.Since(begin).Seconds()
	if r.spared > 0 {
		r.report.Notes = append(r.report.Notes, fmt.Sprintf("spared the documents of %s: they say more than the lines that are left", count(r.spared, "queue id or reject")))
	}
	if err == nil {
		err = r.report.balance()
	}
	switch {
	case err != nil:
		r.report.More = true
	case r.report.Quarantined > 0:
		err = ErrQuarantined
	case r.spared > 0:
		err = ErrSpared
	}
	return r.report, err
}

// cover goes through the range, slice by slice.
func (r *Rebuild) cover(ctx context.Context, begin time.Time) error {
	if err := r.Target.Refresh(ctx); err != nil {
		return err
	}
	width := firstRebuildSpan
	for from := r.From; from.Before(r.To); {
		if r.report.Slices > 0 && r.MaxRuntime > 0 && time.Since(begin) > r.MaxRuntime {
			r.report.More = true
			r.report.Notes = append(r.report.Notes, "go on with --from "+from.UTC().Format(time.RFC3339))
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		to := from.Add(width)
		if to.After(r.To) {
			to = r.To
		}
		before := r.report.Documents
		if err := r.slice(ctx, from, to); err != nil {
			return err
		}
		r.report.Slices++
		r.Logger.Debug("slice rebuilt", zap.Time("from", from), zap.Time("to", to))
		if r.Progress != nil {
			r.Progress(to, r.report)
		}
		switch done := r.report.Documents - before; {
		case done < fewDocuments:
			width = min(widestSpan, width*2)
		case done > manyDocuments:
			width = max(time.Minute, width/2)
		}
		from = to
	}
	return nil
}

// slice merges again what has its @timestamp in a slice of time.
func (r *Rebuild) slice(ctx context.Context, from, to time.Time) error {
	err := r.Archive.Within(ctx, from, to, func(ctx context.Context, page []message.Outline) error {
		var work []*keyWork
		seen := make(map[message.Key]bool, len(page))
		for _, o := range page {
			if seen[o.Key] {
				r.remember(o.Key)
				continue
			}
			seen[o.Key] = true
			if !r.several[o.Key] {
				work = append(work, &keyWork{key: o.Key, careful: true})
			}
		}
		slices.SortFunc(work, func(a, b *keyWork) int { return compareKeys(a.key, b.key) })
		return r.bring(ctx, work)
	})
	if err != nil {
		return err
	}
	return r.Archive.Rejects(ctx, from, to, r.rejects)
}

// remember notes a key that comes up more than once, so that it is merged once.
// Beyond the bound it is merged again and found unchanged.
func (r *Rebuild) remember(k message.Key) {
	if len(r.several) < maxSeveral {
		r.several[k] = true
	}
}

// bring merges keys and writes what differs.
func (r *Rebuild) bring(ctx context.Context, work []*keyWork) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, r.Concurrency))
	for chunk := range slices.Chunk(work, keysAtOnce) {
		group.Go(func() error { return r.merger.bring(groupCtx, chunk) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := r.merger.confirm(ctx, slices.DeleteFunc(slices.Clone(work), func(w *keyWork) bool { return w.reject })); err != nil {
		return err
	}
	for _, w := range work {
		if w.reject {
			// One that is as it should be is counted where it is met by itself.
			w.fates = slices.DeleteFunc(w.fates, func(f fateOf) bool { return f.fate == unchanged })
			w.tallyDocuments(&r.report)
			r.report.Deleted += w.deleted
		} else {
			r.report.Keys++
			w.tally(&r.report)
		}
		if w.spared {
			r.spared++
		}
		if len(w.fates) > 1 {
			r.remember(w.key)
		}
	}
	return nil
}

// rejects merges a page of rejects again.
func (r *Rebuild) rejects(ctx context.Context, page []message.Stored) error {
	var scratch []byte
	var work []*keyWork
	for i := range page {
		s := &page[i]
		w, d, err := storedReject(s, r.Options)
		if err != nil {
			return err
		}
		if scratch = d.AppendJSON(scratch[:0]); d.ID == s.ID && bytes.Equal(scratch, s.Source) {
			r.report.Documents++
			r.report.Unchanged++
			continue
		}
		work = append(work, w)
	}
	if len(work) == 0 {
		return nil
	}
	return r.bring(ctx, work)
}
