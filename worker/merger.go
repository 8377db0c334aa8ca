package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/postweave/postweave/worker/message"
	"github.com/postweave/postweave/worker/postlog"
)

// Bounds on one round with the target.
const (
	keysAtOnce   = 500  // keys looked up, merged and written together
	newAtOnce    = 1000 // keys merged and written together without a look
	fewAtOnce    = 100  // and not fewer, where there are more
	maxConflicts = 30   // rounds in which a key's writes may meet another writer's

	firstPause   = 10 * time.Millisecond // before the second round, at most
	longestPause = 2 * time.Second
)

// Merger brings the target's documents up to date with batches of lines.
type Merger struct {
	Target  Target
	Options message.Options
	// Concurrency is how many groups of keys are worked on at once. Zero is one.
	Concurrency int
	// DryRun leaves the target as it is.
	DryRun bool

	firstPause time.Duration // zero is the constant; tests have less time

	sessions  sessions
	ventures  ventures
	confirmed chan struct{} // closed when the slice before is

	mu     sync.Mutex
	report *Report
}

// Begin merges one batch and returns when the target holds it, but for what only a
// look at the target can tell after the writes are visible. That is left to confirm. Both may be called for one batch at a time; to
// confirm one and to begin the next may overlap.
func (m *Merger) Begin(ctx context.Context, b *message.Batch) (confirm func(context.Context) error, err error) {
	work := newWork(b.Lines, m.sessions.join(b))
	unjoined := m.sessions.dropped
	before, confirmed := m.confirmed, make(chan struct{})
	m.confirmed = confirmed
	if err := m.bringAll(ctx, work, b.Rejects, before); err != nil {
		return nil, err
	}
	m.ventures.learn(work)
	for _, w := range work {
		if postlog.IsLongQueueID(w.key.QueueID) { // nothing of it is asked for again
			w.lines, w.found = nil, nil
		}
	}
	read, other := b.Read, b.Other // and not the lines of the keys that are done
	return func(ctx context.Context) error {
		defer close(confirmed)
		if err := m.confirm(ctx, work); err != nil {
			return err
		}
		m.count(func(r *Report) {
			r.Slices++
			r.Lines += read
			r.NoQueue += other
			r.Unjoined = unjoined
			r.Keys += len(work)
			for _, w := range work {
				w.tally(r)
			}
		})
		return nil
	}, nil
}

func (m *Merger) count(f func(*Report)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(m.report)
}

// newWork lists the keys in an order that is the same in each run, so that a
// repeated run asks the same questions.
func newWork(lines map[message.Key][]message.Line, found map[message.Key][]message.Finding) []*keyWork {
	work := make([]*keyWork, 0, len(lines))
	for k, l := range lines {
		work = append(work, &keyWork{key: k, lines: l, found: found[k]})
	}
	slices.SortFunc(work, func(a, b *keyWork) int { return compareKeys(a.key, b.key) })
	return work
}

// bring makes the target hold the merge of the keys' lines and of those that
// their documents carry.
func (m *Merger) bring(ctx context.Context, work []*keyWork) error {
	if err := m.plan(ctx, work); err != nil {
		return err
	}
	for round, left := 0, work; len(left) > 0 && !m.DryRun; round++ {
		if round == maxConflicts {
			return errConflicts
		}
		again, err := m.write(ctx, left)
		if err != nil {
			return err
		}
		if len(again) > 0 {
			if err := m.pause(ctx, round); err != nil {
				return err
			}
			// Someone else wrote, perhaps a moment ago: make it visible first.
			if err := m.Target.Refresh(ctx); err != nil {
				return err
			}
			if round >= firstStrays {
				if err := m.findStrays(ctx, again); err != nil {
					return err
				}
			}
			if err := m.plan(ctx, again); err != nil {
				return err
			}
		}
		left = again
	}
	for _, w := range work {
		w.settle(m.DryRun)
	}
	return nil
}

// plan reads the keys' documents and plans what to write.
func (m *Merger) plan(ctx context.Context, work []*keyWork) error {
	stored, err := m.lookUp(ctx, work)
	if err != nil {
		return err
	}
	var room []byte
	for _, w := range work {
		has := withStrays(stored(w), w.strays)
		w.met = w.met || len(w.fates) == 0 && len(has) > 0
		if err := m.planKey(ctx, w, has, &room); err != nil {
			return err
		}
	}
	return nil
}

// planKey plans one key. The pieces of long logs are looked for only where
// there are any, or where there will be: a run that was broken off may have left some.
func (m *Merger) planKey(ctx context.Context, w *keyWork, stored []message.Stored, room *[]byte) error {
	if slices.ContainsFunc(stored, func(s message.Stored) bool { return message.StoredParts(s.Source) > 0 }) {
		parts, err := m.Target.Parts(ctx, w.key)
		if err != nil {
			return err
		}
		return w.plan(stored, parts, m.Options, room)
	}
	if err := w.plan(stored, nil, m.Options, room); err != nil || !w.long() {
		return err
	}
	parts, err := m.Target.Parts(ctx, w.key)
	if err != nil || len(parts) == 0 {
		return err
	}
	return w.plan(stored, parts, m.Options, room)
}

var errConflicts = errors.New("other writers changed the same documents again and again: are several postweave of different configuration writing to one target?")

// write carries out the plans phase by phase and returns the keys whose plan
// met a conflict.
func (m *Merger) write(ctx context.Context, work []*keyWork) (again []*keyWork, err error) {
	for phase := range phases {
		changes, owners := dueSteps(work, phase)
		if len(changes) == 0 {
			continue
		}
		outcomes, err := m.Target.Write(ctx, changes)
		if err != nil {
			return nil, err
		}
		if err := m.takeOutcomes(ctx, owners, outcomes); err != nil {
			return nil, err
		}
	}
	for _, w := range work {
		if w.conflict {
			again = append(again, w)
		}
	}
	return again, nil
}

// planned is a step and the key it belongs to.
type planned struct {
	work *keyWork
	step *step
}

// dueSteps lists the steps of one phase, of keys without a conflict so far whose plan is to be carried out.
func dueSteps(work []*keyWork, p phase) (changes []message.Change, owners []planned) {
	for _, w := range work {
		if w.conflict || w.spared {
			continue
		}
		for i := range w.steps {
			if s := &w.steps[i]; s.phase == p {
				changes = append(changes, s.change)
				owners = append(owners, planned{w, s})
			}
		}
	}
	return changes, owners
}

func (m *Merger) takeOutcomes(ctx context.Context, owners []planned, outcomes []message.Outcome) error {
	if len(outcomes) != len(owners) {
		return fmt.Errorf("write: %d changes, but %d outcomes", len(owners), len(outcomes))
	}
	for i, o := range outcomes {
		p := owners[i]
		switch o.Status {
		case message.Written:
			p.work.confirm(p.step, o)
		case message.Conflict:
			p.work.conflict = true
			if !p.work.ventured {
				m.count(func(r *Report) { r.Conflicts++ })
			}
		case message.Refused:
			if err := m.quarantine(ctx, p, o); err != nil {
				return err
			}
		default:
			return fmt.Errorf("write: unknown outcome %d", o.Status)
		}
	}
	return nil
}

// quarantine writes a stub in place of a document that the target refuses, so
// that the message stays findable and keeps its lines.
func (m *Merger) quarantine(ctx context.Context, p planned, refused message.Outcome) error {
	if p.step.fate == quarantined || p.step.doc == nil {
		why := "its mapping is not ours, see `postweave setup`"
		if refused.Type == "http_413" {
			why = "its lines alone are larger than http.max_content_length of Elasticsearch or the limit of a proxy before it; raise it"
		}
		return fmt.Errorf("write: the target refuses even the stub of a document (%s): %s", refused.Type, why)
	}
	p.step.fate = quarantined
	p.step.change.Source = p.step.doc.AppendStubJSON(nil, refused.Type)
	if old := p.step.old; old != nil && bytes.Equal(old.Source, p.step.change.Source) {
		p.work.confirm(p.step, message.Outcome{SeqNo: old.SeqNo, PrimaryTerm: old.PrimaryTerm})
		return nil
	}
	outcomes, err := m.Target.Write(ctx, []message.Change{p.step.change})
	if err != nil {
		return err
	}
	return m.takeOutcomes(ctx, []planned{p}, outcomes)
}

// confirm looks once more for documents of the keys with short queue ids. Two
// writers who knew different lines of one message may have chosen different ids for it; each finds the
// other's here and unites them.
func (m *Merger) confirm(ctx context.Context, work []*keyWork) error {
	if m.DryRun || len(work) == 0 {
		return nil
	}
	for round := 0; ; round++ {
		if round == maxConflicts {
			return errConflicts
		}
		if err := m.Target.Refresh(ctx); err != nil {
			return err
		}
		again, err := m.changedSince(ctx, shortOnes(work))
		if err != nil || len(again) == 0 {
			return err
		}
		for _, w := range again {
			if w.ventured {
				m.ventures.astray.Add(1)
			}
			w.ventured = false
		}
		if err := m.pause(ctx, round); err != nil {
			return err
		}
		for chunk := range slices.Chunk(again, keysAtOnce) {
			if err := m.bring(ctx, chunk); err != nil {
				return err
			}
		}
		work = again
	}
}

// pause waits for a random time that grows with each round. Writers that met
// would meet again if they came back at the same moment.
func (m *Merger) pause(ctx context.Context, round int) error {
	longest := min(longestPause, m.firstPause<<min(round, 10))
	if longest <= 0 {
		longest = min(longestPause, firstPause<<min(round, 10))
	}
	t := time.NewTimer(time.Duration(rand.Int64N(int64(longest))))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// changedSince returns the keys for which the target holds other documents
// than those that were confirmed.
func (m *Merger) changedSince(ctx context.Context, work []*keyWork) (again []*keyWork, err error) {
	for chunk := range slices.Chunk(work, 4*keysAtOnce) {
		found, err := m.Target.Revisions(ctx, keysOf(chunk))
		if err != nil {
			return nil, err
		}
		byKey := groupStored(found)
		for _, w := range chunk {
			if !sameRevisions(byKey[w.key], w.held) {
				again = append(again, w)
			}
		}
	}
	return again, nil
}

// rejects writes a document for each reject. A reject has one line and so one
// form: where its id exists already there is nothing to unite.
func (m *Merger) rejects(ctx context.Context, lines []message.HostLine) error {
	seen := make(map[string]bool, len(lines))
	var changes []message.Change
	var docs []message.Document
	var room []byte
	for _, l := range lines {
		d := message.Reject(l.Host, l.Line, m.Options)
		if seen[d.ID] {
			continue
		}
		seen[d.ID] = true
		docs = append(docs, d)
		changes = append(changes, message.Change{Action: message.Create, ID: d.ID, Source: encode(&d, &room)})
	}
	if len(changes) == 0 {
		return nil
	}
	if m.DryRun {
		return m.countRejects(ctx, changes)
	}
	outcomes, err := m.Target.Write(ctx, changes)
	if err != nil {
		return err
	}
	if len(outcomes) != len(changes) {
		return fmt.Errorf("write: %d changes, but %d outcomes", len(changes), len(outcomes))
	}
	for i, o := range outcomes {
		w := &keyWork{}
		s := step{phase: grow, change: changes[i], doc: &docs[i], fate: created}
		if o.Status == message.Conflict {
			w.fates = []fateOf{{docs[i].ID, unchanged}}
		} else if err := m.takeOutcomes(ctx, []planned{{w, &s}}, outcomes[i:i+1]); err != nil {
			return err
		}
		if w.conflict { // the stub of a refused reject is there already
			w.fates = []fateOf{{docs[i].ID, quarantined}}
		}
		m.count(w.tallyDocuments)
	}
	return nil
}

// countRejects tells of a dry run which rejects are there already.
func (m *Merger) countRejects(ctx context.Context, changes []message.Change) error {
	there := 0
	for some := range slices.Chunk(changes, keysAtOnce) {
		ids := make([]string, len(some))
		for i := range some {
			ids[i] = some[i].ID
		}
		found, err := m.Target.Identified(ctx, ids)
		if err != nil {
			return err
		}
		there += len(found)
	}
	m.count(func(r *Report) {
		r.Documents += len(changes)
		r.Created += len(changes) - there
		r.Unchanged += there
	})
	return nil
}
