package worker

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/postweave/postweave/worker/message"
)

// Verify compares a target with the source over a range of time, and mends what
// differs where it is told to.
//
// It plans what a run would write for all that it reads, and carries nothing out: a plan with steps is a
// difference. So the two cannot disagree about what is right, and to mend is to carry out the plan after all. Documents
// of the range whose lines the source has no more are planned from their own.
type Verify struct {
	Range   Range
	Target  Target
	Archive Archive
	Options message.Options

	// Outlines lets Verify read only those documents that have not as many lines as the source, or
	// where that cannot be told from one slice of the range. It does not see what was altered and has the
	// right number of lines. nil: all are read.
	Outlines Outlines
	// Heal mends; with DryRun it only counts what it would write.
	Heal, DryRun bool
	Concurrency  int // groups of keys at once; zero is one
	// MaxRuntime ends it softly, between two slices. Zero is no limit.
	MaxRuntime time.Duration

	// Found is told of each difference, from one goroutine at a time.
	Found func(Difference) error
	// Progress is called after each slice with the time that all is compared up
	// to, and what was read so far. It may be nil.
	Progress func(upTo time.Time, sofar VerifyReport)
	Logger   *zap.Logger

	firstPause time.Duration // see Merger
	maxDoubts  int           // zero is the constant

	merger *Merger
	merged Report // what was written
	// All before upTo is looked at, and all before settled a second time and mended.
	upTo, settled time.Time

	mu     sync.Mutex
	report VerifyReport
	doubts doubts
	told   map[message.Key]bool // keys that differences were told of
}

// Bounds on what Verify keeps beyond a slice.
const (
	// maxDoubtLines and maxDoubts bound what waits for its second look. Where there is more it is
	// looked at at once.
	maxDoubtLines = 100_000
	maxDoubts     = 20_000
	// maxTold bounds the keys remembered so that none is told of twice.
	maxTold = 200_000
)

// ErrDifferent is returned beside a whole report when something is not as it
// should be and was not mended.
var ErrDifferent = errors.New("the target is not what the source's and its own lines make")

// doubts is what differed at the first look.
//
// The second look comes late, at best at the end of the range: whoever is at work beside has
// written by then what it was about to write. It also has the lines that a key got in several slices together,
// so that one document which is missing is told of once and by its right id.
type doubts struct {
	keys    map[message.Key]*keyWork
	rejects []*keyWork
	lines   int
}

// add takes a key or a reject, without its plan.
func (d *doubts) add(w *keyWork) {
	fresh := &keyWork{key: w.key, lines: w.lines, found: w.found, careful: true, reject: w.reject, ids: w.ids}
	d.lines += len(w.lines)
	if w.reject {
		d.rejects = append(d.rejects, fresh)
		return
	}
	if d.keys == nil {
		d.keys = make(map[message.Key]*keyWork)
	}
	if had := d.keys[w.key]; had != nil {
		had.lines, had.found = append(had.lines, w.lines...), append(had.found, w.found...)
		return
	}
	d.keys[w.key] = fresh
}

func (d *doubts) full(most int) bool {
	return d.lines > maxDoubtLines || len(d.keys)+len(d.rejects) > most
}

// take hands out all, in an order that is always the same.
func (d *doubts) take() []*keyWork {
	work := make([]*keyWork, 0, len(d.keys)+len(d.rejects))
	for _, w := range d.keys {
		work = append(work, w)
	}
	slices.SortFunc(work, func(a, b *keyWork) int { return compareKeys(a.key, b.key) })
	work = append(work, d.rejects...)
	*d = doubts{}
	return work
}

// Do verifies. The report is of use beside an error too.
func (v *Verify) Do(ctx context.Context) (VerifyReport, error) {
	if v.Logger == nil {
		v.Logger = zap.NewNop()
	}
	begin := time.Now()
	v.report = VerifyReport{Command: "verify", Heal: v.Heal, DryRun: v.DryRun}
	v.merged, v.told, v.doubts = Report{}, map[message.Key]bool{}, doubts{}
	v.merger = &Merger{
		Target: v.Target, Options: v.Options, Concurrency: v.Concurrency,
		DryRun: v.DryRun || !v.Heal, report: &v.merged, firstPause: v.firstPause,
	}
	err := v.cover(ctx, begin)
	v.report.Seconds = time.Since(begin).Seconds()
	if v.report.UpTo = v.upTo; err != nil {
		v.report.More, v.report.UpTo = true, v.settled
	}
	if d, ok := v.Range.(interface{ Describe() (string, []string) }); ok {
		v.report.Guarantee, v.report.Notes = d.Describe()
	}
	v.report.Created, v.report.Updated, v.report.Deleted, v.report.Conflicts = v.merged.Created, v.merged.Updated, v.merged.Deleted, v.merged.Conflicts
	switch {
	case err != nil:
		v.report.More = true
	case v.differs():
		err = ErrDifferent
	}
	return v.report, err
}

// differs tells whether something was found that was not mended.
func (v *Verify) differs() bool {
	if !v.Heal || v.DryRun {
		return v.report.Differences > 0
	}
	return v.report.Spared+v.report.Refused > 0
}

// cover goes through the range.
func (v *Verify) cover(ctx context.Context, begin time.Time) error {
	if err := v.Target.Refresh(ctx); err != nil {
		return err
	}
	err := v.Range.Each(ctx, func(ctx context.Context, from, to time.Time, b *message.Batch) error {
		if v.report.Slices > 0 && v.MaxRuntime > 0 && time.Since(begin) > v.MaxRuntime {
			return errSoftStop
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := v.slice(ctx, from, to, b); err != nil {
			return err
		}
		if v.upTo = to; len(v.doubts.keys)+len(v.doubts.rejects) == 0 {
			v.settled = to
		}
		v.Logger.Debug("slice compared", zap.Time("from", from), zap.Time("to", to), zap.Int("lines", b.Read), zap.Int("queue_ids", len(b.Lines)))
		if v.Progress != nil {
			v.Progress(to, v.report)
		}
		return nil
	})
	if errors.Is(err, errSoftStop) {
		v.report.More, err = true, nil
	}
	if err != nil {
		return err
	}
	return v.settle(ctx)
}

// slice compares what a slice of time has with the target.
func (v *Verify) slice(ctx context.Context, from, to time.Time, b *message.Batch) error {
	work := newWork(b.Lines, v.merger.sessions.join(b))
	v.report.Slices++
	v.report.Lines += b.Read
	v.report.NoQueue += b.Other
	v.report.Keys += len(work)
	var err error
	if v.Outlines != nil {
		if work, err = v.shortlist(ctx, work, from, to); err != nil {
			return err
		}
	}
	if err := v.look(ctx, work); err != nil {
		return err
	}
	if err := v.unread(ctx, from, to, b); err != nil {
		return err
	}
	if err := v.rejects(ctx, from, to, b.Rejects); err != nil {
		return err
	}
	if v.doubts.full(cmp.Or(v.maxDoubts, maxDoubts)) {
		return v.settle(ctx)
	}
	return nil
}

// look plans keys, and keeps those whose plan has steps.
func (v *Verify) look(ctx context.Context, work []*keyWork) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, v.Concurrency))
	for chunk := range slices.Chunk(work, keysAtOnce) {
		group.Go(func() error {
			stored, err := v.merger.lookUp(ctx, chunk)
			if err != nil {
				return err
			}
			var scratch []byte
			compared := 0
			var doubtful []*keyWork
			for _, w := range chunk {
				w.careful = true
				has := stored(w)
				compared += len(has)
				if err := v.merger.planKey(ctx, w, has, &scratch); err != nil {
					return err
				}
				if len(w.steps) > 0 {
					doubtful = append(doubtful, w)
				}
				w.docs, w.steps, w.held, w.parts = nil, nil, nil, nil
			}
			v.mu.Lock()
			defer v.mu.Unlock()
			v.report.Documents += compared
			v.report.Merged += len(chunk)
			for _, w := range doubtful {
				v.doubts.add(w)
			}
			return nil
		})
	}
	return group.Wait()
}

// unread compares the target's documents of a slice of time for which the
// source has no line in it. That it has none is no difference: the lines may be gone by retention, and
// an arrival may be reckoned to lie before the first line.
func (v *Verify) unread(ctx context.Context, from, to time.Time, b *message.Batch) error {
	return v.Archive.Within(ctx, from, to, func(ctx context.Context, page []message.Outline) error {
		var work []*keyWork
		seen := make(map[message.Key]bool)
		for _, o := range page {
			if b.Lines[o.Key] != nil || seen[o.Key] {
				continue
			}
			if v.Outlines != nil && !o.Quarantined && o.Schema == message.Schema {
				continue // nothing to compare its count with
			}
			seen[o.Key] = true
			work = append(work, &keyWork{key: o.Key})
		}
		return v.look(ctx, work)
	})
}

// rejects compares the documents of NOQUEUE rejects, each of which has one
// line.
func (v *Verify) rejects(ctx context.Context, from, to time.Time, lines []message.HostLine) error {
	expected := make(map[string]message.HostLine, len(lines))
	for _, l := range lines {
		d := message.Reject(l.Host, l.Line, v.Options)
		expected[d.ID] = l
	}
	var scratch []byte
	err := v.Archive.Rejects(ctx, from, to, func(_ context.Context, page []message.Stored) error {
		v.report.Documents += len(page)
		for i := range page {
			s := &page[i]
			w, d, err := storedReject(s, v.Options)
			if err != nil {
				return err
			}
			if l, ok := expected[s.ID]; ok {
				delete(expected, s.ID)
				w = rejectWork(l.Host, l.Line, s.ID)
				d = message.Reject(l.Host, l.Line, v.Options)
			}
			scratch = d.AppendJSON(scratch[:0])
			if d.ID != s.ID || !bytes.Equal(scratch, s.Source) {
				v.doubts.add(w)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	// Not there, or somebody moved them to another time.
	work := make([]*keyWork, 0, len(expected))
	for id, l := range expected {
		work = append(work, rejectWork(l.Host, l.Line, id))
	}
	slices.SortFunc(work, func(a, b *keyWork) int { return strings.Compare(a.ids[0], b.ids[0]) })
	return v.look(ctx, work)
}

// settle looks at all doubts a second time, tells of what still differs, and
// mends it.
func (v *Verify) settle(ctx context.Context) error {
	work := v.doubts.take()
	if len(work) == 0 {
		return nil
	}
	if err := v.Target.Refresh(ctx); err != nil {
		return err
	}
	var short []*keyWork
	defer func() { v.account(short) }() // of a work that was broken off too
	for chunk := range slices.Chunk(work, keysAtOnce) {
		left, err := v.tell(ctx, chunk)
		if err != nil {
			return err
		}
		if !v.Heal || len(left) == 0 {
			continue
		}
		if err := v.merger.bring(ctx, left); err != nil {
			return err
		}
		short = append(short, left...)
	}
	return v.merger.confirm(ctx, slices.DeleteFunc(slices.Clone(short), func(w *keyWork) bool { return w.reject }))
}

// tell looks at keys again, tells of the differences and returns the keys that
// are to be mended.
func (v *Verify) tell(ctx context.Context, work []*keyWork) (left []*keyWork, err error) {
	stored, err := v.merger.lookUp(ctx, work)
	if err != nil {
		return nil, err
	}
	var scratch []byte
	var all []Difference
	for _, w := range work {
		if err := v.merger.planKey(ctx, w, stored(w), &scratch); err != nil {
			return nil, err
		}
		if len(w.steps) == 0 {
			continue
		}
		found, err := w.differences(w.parts)
		if err != nil {
			return nil, err
		}
		w.told = 0
		if w.reject || !v.told[w.key] {
			w.told = len(found)
			all = append(all, found...)
		}
		if !w.reject && len(v.told) < maxTold {
			v.told[w.key] = true
		}
		if w.spared {
			v.report.Spared += len(found)
		} else {
			left = append(left, w)
		}
		w.docs, w.steps, w.parts = nil, nil, nil
	}
	slices.SortFunc(all, compareDifferences)
	for _, d := range all {
		v.report.count(d)
		if err := v.Found(d); err != nil {
			return nil, err
		}
	}
	return left, nil
}

// account adds what was mended to the report.
func (v *Verify) account(work []*keyWork) {
	for _, w := range work {
		w.tally(&v.merged)
		if v.merger.DryRun || w.spared {
			continue
		}
		refused := 0
		for _, f := range w.fates {
			if f.fate == quarantined {
				refused++
			}
		}
		v.report.Refused += refused
		v.report.Mended += max(0, w.told-refused)
	}
}
