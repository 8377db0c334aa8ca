package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// looked is a target that notes for which keys it was asked.
type looked struct {
	*simulated
	keys      map[message.Key]int
	refreshes int
}

func newLooked() *looked { return &looked{simulated: newSimulated(), keys: map[message.Key]int{}} }

func (l *looked) Find(ctx context.Context, keys []message.Key) ([]message.Stored, error) {
	l.mu.Lock()
	for _, k := range keys {
		l.keys[k]++
	}
	l.mu.Unlock()
	return l.simulated.Find(ctx, keys)
}

// Revisions are not counted as looks: every slice makes them.
func (l *looked) Revisions(ctx context.Context, keys []message.Key) ([]message.Stored, error) {
	return l.simulated.Revisions(ctx, keys)
}

func (l *looked) Refresh(ctx context.Context) error {
	l.mu.Lock()
	l.refreshes++
	l.mu.Unlock()
	return l.simulated.Refresh(ctx)
}

// mails are messages of one server, numbered; the long ones have long queue ids.
func mails(from, to int, long bool) (out []message.HostLine) {
	at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	for n := from; n < to; n++ {
		id := fmt.Sprintf("3A9C9%05X", n)
		if long {
			id = "4jXBLW1S2Pz" + fmt.Sprintf("%05d", n)[1:]
		}
		for _, text := range []string{"client=a.example[192.0.2.1]", "removed"} {
			program := "postfix/smtpd"
			if text == "removed" {
				program = "postfix/qmgr"
			}
			out = append(out, message.HostLine{Host: "mx1", Line: message.Line{Time: at.Add(time.Duration(n) * time.Second), Program: program, PID: "1", Text: id + ": " + text}})
		}
	}
	return out
}

// After a slice whose keys were new nothing is looked for but keys that the run has written itself, and those that
// turn out to have documents.
func TestNewKeysAreNotLookedFor(t *testing.T) {
	for n := range 4 {
		long, overlap := n%2 == 0, n/2 == 0
		target := newLooked()
		first, second, third := mails(0, 50, long), mails(50, 100, long), mails(100, 150, long)
		again := append(third, second[0], first[1]) // of both slices before
		report, err := (&Run{Source: sourceOf(batches{batchOf(first), batchOf(second), batchOf(again)}, overlap), Target: target, Command: "backfill", Concurrency: 2}).Do(t.Context())
		if err != nil || report.Conflicts != 0 || report.Created != 150 || report.Unchanged != 2 {
			t.Fatalf("%v, %+v", err, report)
		}
		if len(target.keys) != 51 { // the first slice's, and of the two one that is not among them
			t.Errorf("%d keys were looked for, want 51", len(target.keys))
		}
		if target.refreshes != 3 {
			t.Errorf("%d refreshes, want one a slice", target.refreshes)
		}
		sameDocuments(t, target.simulated, wanted(batchOf(first), batchOf(second), batchOf(third)))
	}
}

// Where keys have documents already the next slice is looked up first, and so on until they have none.
func TestKeysWithDocumentsAreLookedForAgain(t *testing.T) {
	target := newLooked()
	doRun(t, target, batches{batchOf(mails(50, 100, true))})
	clear(target.keys)
	slices := batches{batchOf(mails(0, 50, true)), batchOf(mails(50, 75, true)), batchOf(mails(75, 100, true)), batchOf(mails(100, 150, true)), batchOf(mails(150, 200, true))}
	report := doRun(t, target, slices)
	if report.Created != 150 || report.Unchanged != 50 || report.Conflicts != 0 {
		t.Errorf("%+v", report)
	}
	// 25 conflicted and were then found, and each of the others but the last slice was looked up.
	if len(target.keys) != 150 {
		t.Errorf("%d keys were looked for, want 150", len(target.keys))
	}
	for k, n := range target.keys {
		if n != 1 {
			t.Errorf("%v was looked for %d times", k, n)
		}
	}
}

// A document of a ventured key that has another _id than the one to be created is found by the look after the write.
func TestVenturedKeyWithAnotherDocument(t *testing.T) {
	lines := hostLines(t, `
		20 23:00:00 smtpd: client=a.example[192.0.2.1]
		21 05:00:05 smtp: to=<r2@b.example>, relay=none, delay=21605, delays=1/0/0/1, dsn=4.0.0, status=deferred (try again)
		21 06:00:05 qmgr: removed`)
	for name, split := range map[string][2][]message.HostLine{
		"the later lines are there":   {lines[2:], lines[:2]},
		"the earlier lines are there": {lines[:1], lines[2:]},
	} {
		target := newLooked()
		doRun(t, target, batches{batchOf(split[0])})
		before := len(target.live)
		clear(target.keys)
		r, err := (&Run{Source: batches{batchOf(split[1])}, Target: target, Command: "backfill", venturing: true, firstPause: time.Microsecond}).Do(t.Context())
		if err != nil || before != 1 {
			t.Fatalf("%s: %v, %d documents", name, err, before)
		}
		sameDocuments(t, target.simulated, wanted(batchOf(split[0]), batchOf(split[1])))
		if r.Deleted == 0 {
			t.Errorf("%s: there was no other document: %+v", name, r)
		}
	}
}

// A key set knows the latest keys, and holds no more than twice as many as it is sure to know.
func TestKeySetIsBounded(t *testing.T) {
	var s keySet
	key := func(n int) message.Key { return message.Key{Host: "mx1", QueueID: fmt.Sprint(n)} }
	if s.has(key(0)) {
		t.Error("an empty set knows a key")
	}
	const all = 3 * maxGeneration
	for n := range all {
		s.add(key(n))
		if len(s.keys)+len(s.old) > 2*maxGeneration {
			t.Fatalf("%d keys are held", len(s.keys)+len(s.old))
		}
	}
	for n := all - maxGeneration; n < all; n++ {
		if !s.has(key(n)) {
			t.Fatalf("key %d of %d is forgotten", n, all)
		}
	}
	if s.has(key(0)) {
		t.Error("the first key is still known")
	}
}

// Pieces of work are of about the same size, and all of it is in one.
func TestChunks(t *testing.T) {
	for _, c := range []struct{ keys, concurrency, pieces, largest int }{
		{0, 2, 0, 0}, {50, 2, 1, 50}, {150, 2, 2, 100}, {999, 2, 2, 500}, {1001, 2, 4, 251}, {2600, 2, 6, 434}, {1300, 0, 3, 434},
	} {
		m := &Merger{Concurrency: c.concurrency}
		pieces, largest, all := 0, 0, 0
		for chunk := range m.chunks(make([]*keyWork, c.keys), 500) {
			pieces, largest, all = pieces+1, max(largest, len(chunk)), all+len(chunk)
		}
		if pieces != c.pieces || largest != c.largest || all != c.keys {
			t.Errorf("%+v: %d pieces of up to %d, %d keys", c, pieces, largest, all)
		}
	}
}

// A slice is begun while the one before is being confirmed, and what it shares with that waits.
func TestSlicesOverlap(t *testing.T) {
	target := &slowRefresh{looked: newLooked(), begun: make(chan struct{})}
	first, second := mails(0, 50, true), mails(50, 100, true)
	r, err := (&Run{
		Source: overlapped{batches{batchOf(first[:99]), batchOf(append(second, first[99]))}}, Target: target, Command: "backfill", venturing: true,
	}).Do(t.Context())
	if err != nil || r.Created != 100 || r.Updated != 1 || r.Conflicts != 0 || r.Slices != 2 {
		t.Errorf("%v, %+v", err, r)
	}
	sameDocuments(t, target.simulated, wanted(batchOf(first), batchOf(second)))
}

// slowRefresh is a target whose first refresh takes until the documents of the next slice are written, and which fails where those
// of the same queue ids were looked for before.
type slowRefresh struct {
	*looked
	begun chan struct{}
	once  sync.Once
}

func (s *slowRefresh) Write(ctx context.Context, changes []message.Change) ([]message.Outcome, error) {
	out, err := s.looked.Write(ctx, changes)
	if len(s.documents()) == 100 {
		s.once.Do(func() { close(s.begun) })
	}
	return out, err
}

func (s *slowRefresh) Refresh(ctx context.Context) error {
	select {
	case <-s.begun:
	case <-time.After(20 * time.Second):
		return errors.New("the next slice was not begun")
	}
	s.mu.Lock()
	early := s.refreshes == 0 && len(s.keys) > 0
	s.mu.Unlock()
	if early {
		return errors.New("a key was looked for before its documents were visible")
	}
	return s.looked.Refresh(ctx)
}
