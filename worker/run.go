package worker

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/postweave/postweave/worker/message"
)

// Run takes all that a source has to a target, once.
type Run struct {
	Source  Source
	Target  Target
	Options message.Options

	Command     string // for the report: "run" or "backfill"
	Part        *Part  // likewise, where the source is one part of a range; may be nil
	Concurrency int    // groups of keys at once; zero is one
	DryRun      bool
	// MaxRuntime ends the run softly: the slice in work is finished, no other is begun. Zero
	// is no limit.
	MaxRuntime time.Duration
	// Stop ends the run softly when it is closed. It may be nil.
	Stop <-chan struct{}
	// Progress is called after each slice with the report so far. It may be nil.
	Progress func(Report)
	Logger   *zap.Logger

	firstPause time.Duration // see Merger
	venturing  bool          // from the first slice on; tests have few
}

// ErrQuarantined is returned beside a whole report when documents were refused
// and replaced by stubs.
var ErrQuarantined = errors.New("documents were refused by the target and are kept as stubs: search for `warnings: quarantined`")

// errSoftStop stops the source between two slices.
var errSoftStop = errors.New("the run is to end")

func closed(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

// Do runs. The report is of use beside an error too: it says how far the run
// came.
func (r *Run) Do(ctx context.Context) (Report, error) {
	log := r.Logger
	if log == nil {
		log = zap.NewNop()
	}
	begin := time.Now()
	report := Report{Command: r.Command, Part: r.Part, DryRun: r.DryRun}
	m := &Merger{Target: r.Target, Options: r.Options, Concurrency: r.Concurrency, DryRun: r.DryRun, report: &report, firstPause: r.firstPause}
	m.ventures.on = r.venturing
	begun := 0
	err := r.each(ctx, func(ctx context.Context, b *message.Batch) (func(context.Context) error, error) {
		// One slice at least is done, however short the time: a run that never gets
		// anywhere would look like one that does.
		if begun > 0 && r.MaxRuntime > 0 && time.Since(begin) > r.MaxRuntime || closed(r.Stop) {
			return nil, errSoftStop
		}
		begun++
		slice := []zap.Field{zap.Int("lines", b.Read), zap.Int("queue_ids", len(b.Lines)), zap.Int("rejects", len(b.Rejects))}
		confirm, err := m.Begin(ctx, b)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) error {
			if err := confirm(ctx); err != nil {
				return err
			}
			log.Debug("slice merged", slice...)
			m.count(func(report *Report) {
				if r.Progress != nil {
					report.Seconds = time.Since(begin).Seconds()
					r.Progress(*report)
				}
			})
			return nil
		}, nil
	})
	report.Seconds = time.Since(begin).Seconds()
	if s, ok := r.Source.(interface{ Describe() (string, []string) }); ok {
		report.Guarantee, report.Notes = s.Describe()
	}
	if errors.Is(err, errSoftStop) {
		report.More, err = true, nil
	}
	if err != nil {
		report.More = true
		return report, err
	}
	if err := report.balance(); err != nil {
		return report, err
	}
	if report.Quarantined > 0 {
		return report, ErrQuarantined
	}
	return report, nil
}

// each has slices begun and confirmed one after the other, or as the source does it.
func (r *Run) each(ctx context.Context, begin func(context.Context, *message.Batch) (func(context.Context) error, error)) error {
	if s, ok := r.Source.(Overlapping); ok {
		return s.EachOverlapping(ctx, begin)
	}
	return r.Source.Each(ctx, func(ctx context.Context, b *message.Batch) error {
		confirm, err := begin(ctx, b)
		if err != nil {
			return err
		}
		return confirm(ctx)
	})
}
