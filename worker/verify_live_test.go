package worker

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// Healing and rebuilding beside runs, each with other lines at hand and a pause at
// any step: the target is in the end what one run over all lines writes.
func TestHealingBesideRuns(t *testing.T) {
	lines := someLines()
	for seed := range uint64(200) {
		o := logBounds[seed%2]
		rnd := rand.New(rand.NewPCG(seed, 5))
		target := newSimulated()
		target.yield = runtime.Gosched
		shuffled := make([]message.HostLine, len(lines))
		for i, at := range rnd.Perm(len(lines)) {
			shuffled[i] = lines[at]
		}
		cut := rnd.IntN(len(lines))
		var wg sync.WaitGroup
		wg.Go(func() {
			for _, b := range []batches{{batchOf(shuffled[:cut])}, {batchOf(shuffled[cut:])}} {
				if _, err := (&Run{Source: b, Target: target, Options: o, firstPause: 50 * time.Microsecond}).Do(context.Background()); err != nil {
					t.Errorf("seed %d: run: %v", seed, err)
				}
			}
		})
		wg.Go(func() {
			got := verify(target, days(shuffled[:rnd.IntN(len(lines))], time.Duration(1+rnd.IntN(30))*time.Hour), func(v *Verify) {
				v.Heal, v.Options, v.firstPause = true, o, 50*time.Microsecond
			})
			if got.err != nil {
				t.Errorf("seed %d: heal: %v", seed, got.err)
			}
		})
		wg.Go(func() {
			if _, err := rebuild(target, func(r *Rebuild) { r.Options, r.firstPause = o, 50*time.Microsecond }); err != nil && !errors.Is(err, ErrSpared) {
				t.Errorf("seed %d: rebuild: %v", seed, err)
			}
		})
		wg.Wait()
		if d := target.difference(wantedWith(o, batchOf(lines))); d != "" {
			t.Errorf("seed %d: %s", seed, d)
		}
		if t.Failed() {
			return
		}
	}
}
