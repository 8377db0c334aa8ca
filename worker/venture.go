package worker

import (
	"context"
	"hash/maphash"
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/postweave/postweave/worker/message"
)

// Most keys that a backfill or a run after a pause brings have no document yet, and to look for one costs the target more than
// anything but the writing. A key that is ventured is planned as if the target had nothing of it, and its documents are
// created: a create never overwrites. What is there already shows in one of two ways, and the key is then brought as any other.
//   - Its _id is the one that was to be created: the create conflicts. That is so for each long queue id, whose _id comes of the id
//     alone.
//   - A short queue id's document has another _id: the look after the write, which every slice makes, finds both. It is as if two
//     writers had met who knew different lines.
//
// A conflict costs a document that was sent in vain, so nothing is ventured before a slice was looked up in which hardly any key had a
// document, and no key that this very run has written.

// seldom is the part of the keys, one in so many, up to which those that have a document already are few.
const seldom = 20

// ventures decides what is ventured.
type ventures struct {
	on      bool // the last slice's keys had next to no documents
	written keySet
	astray  atomic.Int64 // ventured keys that turned out to have documents only after they were written
}

// divide sorts out the keys of a slice: those to be ventured, those to be looked up, and those that this run has written.
func (v *ventures) divide(work []*keyWork) (ventured, others, again []*keyWork) {
	for _, w := range work {
		w.again = v.written.has(w.key)
		switch w.ventured = v.on && !w.again; {
		case w.ventured:
			ventured = append(ventured, w)
		case w.again:
			again = append(again, w)
		default:
			others = append(others, w)
		}
	}
	return ventured, others, again
}

// learn takes the keys of a slice that is written.
func (v *ventures) learn(work []*keyWork) {
	asked, had := 0, int(v.astray.Swap(0))
	for _, w := range work {
		v.written.add(w.key)
		if !w.again { // of the others it was known
			asked++
			if w.met {
				had++
			}
		}
	}
	if asked > 0 {
		v.on = had*seldom <= asked
	}
}

// venture creates the documents of keys that are likely to have none, and returns
// those that cannot be settled like that.
func (m *Merger) venture(ctx context.Context, work []*keyWork) (met []*keyWork, err error) {
	var room []byte
	for _, w := range work {
		if err := m.planKey(ctx, w, nil, &room); err != nil {
			return nil, err
		}
		w.conflict = len(w.steps) == 0 // nothing to create, and so nothing that would tell
	}
	if _, err := m.write(ctx, work); err != nil {
		return nil, err
	}
	for _, w := range work {
		if w.met = w.conflict; w.met {
			w.ventured = false
			met = append(met, w)
		} else {
			w.settle(false)
		}
	}
	return met, nil
}

// bringAll makes the target hold the merge of a slice's keys and lines, but for what [Merger.confirm] finds. What the run has
// written before may be in a slice that is still to be confirmed: until then, which is when confirmed is closed, another may be at
// work on the same keys, and a look would not show them.
func (m *Merger) bringAll(ctx context.Context, work []*keyWork, rejects []message.HostLine, confirmed <-chan struct{}) error {
	ventured, others, again := []*keyWork(nil), work, []*keyWork(nil)
	if !m.DryRun {
		ventured, others, again = m.ventures.divide(work)
	}
	if confirmed == nil || closed(confirmed) {
		others, again = append(others, again...), nil
	}
	var mu sync.Mutex
	var met []*keyWork
	err := m.atOnce(ctx, func(group *errgroup.Group, ctx context.Context) {
		group.Go(func() error { return m.rejects(ctx, rejects) })
		for chunk := range m.chunks(others, keysAtOnce) {
			group.Go(func() error { return m.bring(ctx, chunk) })
		}
		for chunk := range m.chunks(ventured, newAtOnce) {
			group.Go(func() error {
				some, err := m.venture(ctx, chunk)
				mu.Lock()
				defer mu.Unlock()
				met = append(met, some...)
				return err
			})
		}
	})
	if err != nil || len(met)+len(again) == 0 {
		return err
	}
	if confirmed != nil {
		select {
		case <-confirmed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	// What the ventured keys met was mostly written long ago. Where it was a moment ago, the next create meets it too, and bring
	// makes it visible.
	return m.atOnce(ctx, func(group *errgroup.Group, ctx context.Context) {
		for chunk := range m.chunks(append(again, met...), keysAtOnce) {
			group.Go(func() error { return m.bring(ctx, chunk) })
		}
	})
}

// atOnce waits for what start begins, as many at once as may be.
func (m *Merger) atOnce(ctx context.Context, start func(*errgroup.Group, context.Context)) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, m.Concurrency))
	start(group, groupCtx)
	return group.Wait()
}

// chunks divides work into pieces of about the same size, so many times as many as are worked on at once: of pieces of
// unlike size whoever is ready first would wait for the others.
func (m *Merger) chunks(work []*keyWork, most int) iter.Seq[[]*keyWork] {
	at := max(1, m.Concurrency)
	pieces := at * max(1, (len(work)+at*most-1)/(at*most))
	return slices.Chunk(work, max(fewAtOnce, (len(work)+pieces-1)/pieces))
}

// maxGeneration bounds the keys that a keySet is sure to know, and half of those
// that it holds.
const maxGeneration = 1 << 17

// keySet knows the last keys that were added to it. It may take one for another: nothing but time depends on it.
type keySet struct {
	seed      maphash.Seed
	old, keys map[uint64]struct{}
}

func (s *keySet) hash(k message.Key) uint64 { return maphash.Comparable(s.seed, k) }

func (s *keySet) has(k message.Key) bool {
	if s.keys == nil {
		return false
	}
	h := s.hash(k)
	_, young := s.keys[h]
	_, old := s.old[h]
	return young || old
}

func (s *keySet) add(k message.Key) {
	if s.keys == nil {
		s.seed, s.keys = maphash.MakeSeed(), make(map[uint64]struct{})
	}
	if len(s.keys) == maxGeneration {
		s.old, s.keys = s.keys, make(map[uint64]struct{})
	}
	s.keys[s.hash(k)] = struct{}{}
}
