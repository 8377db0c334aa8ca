package worker

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/postweave/postweave/worker/message"
)

// simulated is a target in memory that behaves as Elasticsearch does where it
// matters: searches see the last refresh, each write is conditional on the latest revision, and
// deleted ids can be created again.
type simulated struct {
	mu      sync.Mutex
	live    map[string]message.Stored
	visible map[string]message.Stored
	seq     int64

	writes  int // changes confirmed
	refuse  func(message.Change) bool
	crashAt int // fail at that write; 0 is never
	yield   func()
}

func newSimulated() *simulated {
	return &simulated{live: map[string]message.Stored{}, visible: map[string]message.Stored{}, yield: func() {}}
}

func (s *simulated) Find(_ context.Context, keys []message.Key) ([]message.Stored, error) {
	s.yield()
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []message.Stored
	for _, d := range s.visible {
		for _, k := range keys {
			if d.Key == k && d.Part == 0 {
				out = append(out, d)
			}
		}
	}
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out, nil
}

func (s *simulated) Revisions(ctx context.Context, keys []message.Key) ([]message.Stored, error) {
	out, err := s.Find(ctx, keys)
	for i := range out {
		out[i].Source = nil
	}
	return out, err
}

func (s *simulated) Parts(_ context.Context, k message.Key) ([]message.Stored, error) {
	s.yield()
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []message.Stored
	for _, d := range s.live {
		if d.Key == k && d.Part > 0 {
			out = append(out, d)
		}
	}
	return out, nil
}

func (s *simulated) Refresh(context.Context) error {
	s.yield()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.visible = maps.Clone(s.live)
	return nil
}

func (s *simulated) Write(_ context.Context, changes []message.Change) ([]message.Outcome, error) {
	out := make([]message.Outcome, len(changes))
	for i, c := range changes {
		s.yield()
		o, err := s.write(c)
		if err != nil {
			return nil, err
		}
		out[i] = o
	}
	return out, nil
}

func (s *simulated) write(c message.Change) (message.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.crashAt > 0 && s.writes+1 >= s.crashAt {
		return message.Outcome{}, errCrash
	}
	if s.refuse != nil && s.refuse(c) {
		return message.Outcome{Status: message.Refused, Type: "document_parsing_exception"}, nil
	}
	old, exists := s.live[c.ID]
	if exists != (c.Action != message.Create) || exists && (old.SeqNo != c.SeqNo || old.PrimaryTerm != c.PrimaryTerm) {
		return message.Outcome{Status: message.Conflict}, nil
	}
	s.seq++
	s.writes++
	if c.Action == message.Delete {
		delete(s.live, c.ID)
		return message.Outcome{Status: message.Written, SeqNo: s.seq, PrimaryTerm: 1}, nil
	}
	part := 0
	if c.Part {
		part = 1
	}
	s.live[c.ID] = message.Stored{Key: keyOf(c.Source), ID: c.ID, Source: c.Source, SeqNo: s.seq, PrimaryTerm: 1, Part: part}
	return message.Outcome{Status: message.Written, SeqNo: s.seq, PrimaryTerm: 1}, nil
}

var errCrash = fmt.Errorf("simulated crash")

func keyOf(source []byte) message.Key {
	var d struct {
		Host    struct{ Name string } `json:"host"`
		QueueID string                `json:"queue_id"`
	}
	if err := json.Unmarshal(source, &d); err != nil {
		panic(err)
	}
	return message.Key{Host: d.Host.Name, QueueID: d.QueueID}
}

// content is the target's documents by id.
func (s *simulated) content() map[string]string {
	out := map[string]string{}
	for id, d := range s.live {
		out[id] = string(d.Source)
	}
	return out
}

// documents is content without the pieces of long logs, which may hold more
// lines than they have to.
func (s *simulated) documents() map[string]string {
	out := s.content()
	for id := range out {
		if strings.Contains(id, ".") {
			delete(out, id)
		}
	}
	return out
}

// difference says in which the target differs from the documents that are
// wanted, or which wanted line of a long log is not in its piece; "" where in none.
func (s *simulated) difference(want map[string]string) string {
	docs := s.documents()
	n := 0
	for id, source := range want {
		if !strings.Contains(id, ".") {
			if n++; docs[id] != source {
				return fmt.Sprintf("document %s:\n got %s\nwant %s", id, docs[id], source)
			}
			continue
		}
		lines, _, err := message.StoredLines([]byte(source))
		has, _, err2 := message.StoredLines(s.live[id].Source)
		if err != nil || err2 != nil {
			return fmt.Sprintf("piece %s: %v, %v", id, err, err2)
		}
		for _, l := range lines {
			if !slices.Contains(has, l) {
				return fmt.Sprintf("piece %s lacks %s", id, l.Text)
			}
		}
	}
	if len(docs) != n {
		return fmt.Sprintf("%d documents, want %d: %v", len(docs), n, docs)
	}
	return ""
}

func sameDocuments(t testing.TB, target *simulated, want map[string]string) {
	t.Helper()
	if d := target.difference(want); d != "" {
		t.Error(d)
	}
}

// wanted is what one clean merge of all lines writes.
func wanted(batches ...*message.Batch) map[string]string {
	return wantedWith(message.Options{}, batches...)
}

func wantedWith(o message.Options, batches ...*message.Batch) map[string]string {
	all := map[message.Key][]message.Line{}
	out := map[string]string{}
	for _, b := range batches {
		for k, l := range b.Lines {
			all[k] = append(all[k], l...)
		}
		for _, r := range b.Rejects {
			d := message.Reject(r.Host, r.Line, o)
			out[d.ID] = string(d.AppendJSON(nil))
		}
	}
	for k, l := range all {
		for _, d := range message.Merge(k, l, o) {
			out[d.ID] = string(d.AppendJSON(nil))
			for _, p := range d.Parts() {
				out[p.ID] = string(p.AppendJSON(nil))
			}
		}
	}
	return out
}

// batches is a source that hands over what it is given.
type batches []*message.Batch

func (b batches) Each(ctx context.Context, take func(context.Context, *message.Batch) error) error {
	for _, x := range b {
		if err := take(ctx, x); err != nil {
			return err
		}
	}
	return nil
}

// overlapped are batches whose next one is begun while the one before is confirmed.
type overlapped struct{ batches }

func (o overlapped) EachOverlapping(ctx context.Context, begin func(context.Context, *message.Batch) (func(context.Context) error, error)) error {
	confirmed := make(chan error, 1)
	confirmed <- nil
	for _, b := range o.batches {
		confirm, err := begin(ctx, b)
		if before := <-confirmed; before != nil || err != nil {
			return cmp.Or(before, err)
		}
		go func() { confirmed <- confirm(ctx) }()
	}
	return <-confirmed
}

// sourceOf is the batches, one after the other or overlapped.
func sourceOf(b batches, overlap bool) Source {
	if overlap {
		return overlapped{b}
	}
	return b
}

func sameContent(t testing.TB, got, want map[string]string) {
	t.Helper()
	for id, w := range want {
		if g, ok := got[id]; !ok {
			t.Errorf("document %s is missing: %.300s", id, w)
		} else if g != w {
			t.Errorf("document %s:\n got %s\nwant %s", id, g, w)
		}
	}
	for id, g := range got {
		if _, ok := want[id]; !ok {
			t.Errorf("document %s should not be: %.300s", id, g)
		}
	}
}
