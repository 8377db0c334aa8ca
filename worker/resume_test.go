package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// resumed is an overlapped source that notes how many of its slices were confirmed, and begins behind them.
type resumed struct {
	slices batches
	done   int
}

func (r *resumed) Each(context.Context, func(context.Context, *message.Batch) error) error {
	return errors.New("the slices are to overlap")
}

func (r *resumed) EachOverlapping(ctx context.Context, begin func(context.Context, *message.Batch) (func(context.Context) error, error)) error {
	confirmed := make(chan error, 1)
	confirmed <- nil
	for _, b := range r.slices[r.done:] {
		confirm, err := begin(ctx, b)
		if before := <-confirmed; before != nil || err != nil {
			return cmp.Or(before, err)
		}
		go func() {
			err := confirm(ctx)
			if err == nil {
				r.done++
			}
			confirmed <- err
		}()
	}
	return <-confirmed
}

// overnight are the lines of mails with short queue ids that are deferred over midnight: who knows the later ones alone puts them
// down to another day, and so under another _id.
func overnight(mails int) (lines []message.HostLine) {
	evening := time.Date(2026, 11, 20, 23, 0, 0, 0, time.UTC)
	for n := range mails {
		for _, l := range []struct {
			after         time.Duration
			program, text string
		}{
			{0, "postfix/smtpd", "client=a.example[192.0.2.1]"},
			{6 * time.Hour, "postfix/smtp", "to=<r@b.example>, relay=none, delay=21600, delays=1/0/0/1, dsn=4.0.0, status=deferred (try again)"},
			{7 * time.Hour, "postfix/qmgr", "removed"},
		} {
			lines = append(lines, message.HostLine{Host: "mx1", Line: message.Line{
				Time: evening.Add(l.after), Program: l.program, PID: "1", Text: fmt.Sprintf("3A9C9%05X: %s", n, l.text),
			}})
		}
	}
	return lines
}

// A run of overlapping slices that breaks off at any write is taken up behind the last slice that was confirmed, and nothing is
// missing and nothing is there twice.
func TestOverlappingSlicesAreTakenUpWhereTheyWereConfirmed(t *testing.T) {
	lines := overnight(5)
	for seed := range uint64(30) {
		o := logBounds[seed%uint64(len(logBounds))]
		want := wantedWith(o, batchOf(lines))
		rnd := rand.New(rand.NewPCG(seed, 2))
		order := rnd.Perm(len(lines))
		slices := func() (out batches) {
			for n := range 4 {
				b := &message.Batch{}
				for i := n * len(lines) / 4; i < (n+1)*len(lines)/4; i++ {
					l := lines[order[i]]
					b.Add(l.Host, l.Line)
				}
				out = append(out, b)
			}
			return out
		}
		for at, whole := 1, false; !whole; at++ {
			target := newSimulated()
			target.yield = runtime.Gosched
			all := slices()
			if _, err := (&Run{Source: all[:1], Target: target, Command: "run", Options: o}).Do(t.Context()); err != nil { // of another run
				t.Fatal(err)
			}
			source := &resumed{slices: all[1:]}
			run := &Run{Source: source, Target: target, Command: "backfill", Options: o, Concurrency: 2, venturing: true, firstPause: time.Microsecond}
			target.crashAt = target.writes + at
			_, err := run.Do(t.Context())
			if whole = err == nil; !whole && !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
			target.crashAt = 0
			source.slices = slices()[1:]
			if _, err := run.Do(t.Context()); err != nil {
				t.Fatal(err)
			}
			sameDocuments(t, target, want)
			if t.Failed() {
				t.Fatalf("seed %d, crash at write %d, resumed at slice %d", seed, at, source.done)
			}
		}
	}
}
