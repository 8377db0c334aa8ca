package esquery

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/postweave/postweave/worker/message"
)

func arrivalsAt(c cursor) *Arrivals {
	return &Arrivals{Source: &Source{log: zap.NewNop(), options: SourceOptions{Horizon: DefaultHorizon}}, cursor: c}
}

func index(name, uuid string, shards ...sourceShard) sourceIndex {
	return sourceIndex{name: name, uuid: uuid, shards: shards}
}

func TestPlaceOfShards(t *testing.T) {
	newest := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	old := cursor{Shards: []shardCursor{
		{Index: "syslog-1", UUID: "u1", Shard: 0, History: "h1", SeqNo: 41},
		{Index: "syslog-1", UUID: "u1", Shard: 1, History: "h1b", SeqNo: 10},
		{Index: "syslog-2", UUID: "u2", Shard: 0, History: "h2", SeqNo: 5},
		{Index: "syslog-3", UUID: "u3", Shard: 0, History: "h3", SeqNo: 9},
		{Index: "syslog-gone", UUID: "u9", Shard: 0, History: "h9", SeqNo: 9},
	}}
	open := []sourceIndex{
		index("syslog-1", "u1", sourceShard{0, "h1", 50}, sourceShard{1, "h1b", 10}),
		index("syslog-2", "u2", sourceShard{0, "other", 5}), // restored from a snapshot
		index("syslog-3", "u3", sourceShard{0, "h3", 7}),    // went back: operations were lost
		index("syslog-4", "u4", sourceShard{0, "h4", 3}),    // new
		index("syslog-5", "u5", sourceShard{0, "h5", -1}),   // new and empty
	}
	a := arrivalsAt(cursor{})
	a.cursor = a.place(old, true, open, newest)
	want := []int64{41, 10, -1, -1, -1, -1}
	if len(a.cursor.Shards) != len(want) {
		t.Fatalf("cursor %+v", a.cursor)
	}
	for i, s := range a.cursor.Shards {
		if s.SeqNo != want[i] || s.Since != nil {
			t.Errorf("%s shard %d: %+v, want %d and no horizon", s.Index, s.Shard, s, want[i])
		}
	}
	due := a.due(open)
	ranges := map[string][2]int64{}
	for _, d := range due {
		ranges[d.name] = [2]int64{d.low, d.high}
	}
	for name, want := range map[string][2]int64{"syslog-1": {41, 50}, "syslog-2": {-1, 5}, "syslog-3": {-1, 7}, "syslog-4": {-1, 3}} {
		if ranges[name] != want {
			t.Errorf("%s: read %v, want %v", name, ranges[name], want)
		}
	}
	if len(due) != 4 {
		t.Errorf("due: %+v", due)
	}
}

// A range of numbers cannot tell shards apart: it begins at the lowest of their
// cursors, and each moves to its own checkpoint at most.
func TestShardsOfOneIndex(t *testing.T) {
	x := index("syslog-1", "u1", sourceShard{0, "h", 100}, sourceShard{1, "h", 20}, sourceShard{2, "h", 30})
	a := arrivalsAt(cursor{Shards: []shardCursor{
		{UUID: "u1", Shard: 0, History: "h", SeqNo: 40}, {UUID: "u1", Shard: 1, History: "h", SeqNo: 20}, {UUID: "u1", Shard: 2, History: "h", SeqNo: 10},
	}})
	due := a.due([]sourceIndex{x})
	if len(due) != 1 || due[0].low != 10 || due[0].high != 100 {
		t.Fatalf("due %+v", due)
	}
	a.options.DryRun = true
	for _, step := range []struct {
		high int64
		want [3]int64
	}{{25, [3]int64{40, 20, 25}}, {60, [3]int64{60, 20, 30}}, {100, [3]int64{100, 20, 30}}} {
		if err := a.move(t.Context(), &due[0], step.high); err != nil {
			t.Fatal(err)
		}
		for n, want := range step.want {
			if got := a.at("u1", n).SeqNo; got != want {
				t.Errorf("after a slice up to %d: shard %d at %d, want %d", step.high, n, got, want)
			}
		}
	}
}

func TestFirstRunHasAHorizon(t *testing.T) {
	newest := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	open := []sourceIndex{
		index("syslog-1", "u1", sourceShard{0, "h", 100}, sourceShard{1, "h", 20}),
		index("syslog-2", "u2", sourceShard{0, "h", -1}),
	}
	a := arrivalsAt(cursor{})
	a.cursor = a.place(cursor{}, false, open, newest)
	due := a.due(open)
	if len(due) != 1 {
		t.Fatalf("due %+v", due)
	}
	f := a.firstTo(&due[0])
	if f.to != 20 || !f.since.Equal(newest.Add(-DefaultHorizon)) {
		t.Errorf("first run up to %d since %v", f.to, f.since)
	}
	if s := a.at("u2", 0); s.Since != nil {
		t.Errorf("an index that was empty at the first run has a horizon: %+v", s)
	}
	a.options.DryRun = true
	if err := a.move(t.Context(), &due[0], 20); err != nil {
		t.Fatal(err)
	}
	if f := a.firstTo(&due[0]); f.to != -1 {
		t.Errorf("above the first run's end lines are still left out: %+v", f)
	}
}

// A dry run must not forget the cursor for the runs after it.
func TestDryResetSendsNothing(t *testing.T) {
	c, err := Connect(Config{Addresses: []string{"http://127.0.0.1:9200"}, Transport: tripper(func(r *http.Request) (*http.Response, error) {
		t.Errorf("sent %s %s", r.Method, r.URL.Path)
		return reply(200, `{}`), nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	s, err := c.Source(SourceOptions{Patterns: []string{"syslog-*"}, Target: "t", State: "s", DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	a := s.Arrivals()
	if err := a.Reset(t.Context()); err != nil || !a.forget {
		t.Errorf("%v, forgotten for this run: %v", err, a.forget)
	}
}

// One clock that is wrong by years would hide all mail from a first run.
func TestNewestLineInTheFuture(t *testing.T) {
	clock := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for newest, noted := range map[time.Time]bool{
		clock:                     false,
		clock.Add(23 * time.Hour): false, // a server in another zone that writes no zone
		clock.AddDate(60, 0, 0):   true,
		clock.Add(25 * time.Hour): true,
		clock.AddDate(-10, 0, 0):  false,
		{}:                        false, // there is no line yet
	} {
		s := &Source{now: func() time.Time { return clock }, log: zap.NewNop(), options: SourceOptions{Horizon: DefaultHorizon}}
		if s.noteFuture(newest); len(s.notes) > 0 != noted {
			t.Errorf("newest line of %v: notes %q", newest, s.notes)
		}
		s.options.Since, s.notes = clock, nil
		if s.noteFuture(newest); len(s.notes) > 0 {
			t.Errorf("newest line of %v with --since: notes %q", newest, s.notes)
		}
	}
}

// Of two runs that begin at the same moment, the one that waits for the other may have listed the source first. The
// other one's cursor is then ahead of its list, and nothing went back.
func TestCursorAheadOfTheList(t *testing.T) {
	lists := 0
	mine := `{"shards":[{"index":"syslog-1","uuid":"u","shard":0,"history":"h","seq_no":5}]}`
	others := `{"shards":[{"index":"syslog-1","uuid":"u","shard":0,"history":"h","seq_no":20}]}`
	c, err := Connect(Config{Addresses: []string{"http://127.0.0.1:9200"}, Transport: tripper(func(r *http.Request) (*http.Response, error) {
		path := r.URL.Path
		switch {
		case strings.Contains(path, "/_doc/lease-") && r.Method == http.MethodGet:
			return reply(http.StatusNotFound, `{"found":false}`), nil
		case strings.Contains(path, "/_doc/lease-"):
			return reply(http.StatusOK, `{"_seq_no":9,"_primary_term":1}`), nil
		case strings.Contains(path, "/_doc/cursor-") && lists == 0:
			return reply(http.StatusOK, `{"found":true,"_seq_no":1,"_primary_term":1,"_source":{"payload":`+mine+`}}`), nil
		case strings.Contains(path, "/_doc/cursor-"):
			return reply(http.StatusOK, `{"found":true,"_seq_no":2,"_primary_term":1,"_source":{"payload":`+others+`}}`), nil
		case strings.HasSuffix(path, "/_settings"):
			return reply(http.StatusOK, `{"syslog-1":{"settings":{"index":{"uuid":"u","number_of_shards":"1","creation_date":"1"}}}}`), nil
		case strings.HasSuffix(path, "/_stats/docs"):
			lists++
			return reply(http.StatusOK, fmt.Sprintf(`{"_shards":{"failed":0},"indices":{"syslog-1":{"shards":{"0":[{"routing":{"primary":true},"seq_no":{"global_checkpoint":%d},"commit":{"user_data":{"history_uuid":"h"}}}]}}}}`, 10*lists)), nil
		}
		t.Errorf("asked %s %s: there is nothing to be read", r.Method, path)
		return reply(http.StatusNotFound, `{"error":{"type":"x"},"status":404}`), nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	s, err := c.Source(SourceOptions{Patterns: []string{"syslog-*"}, Target: "t", State: "s"})
	if err != nil {
		t.Fatal(err)
	}
	a := s.Arrivals()
	err = a.Each(t.Context(), func(context.Context, *message.Batch) error { t.Error("a slice is read again"); return nil })
	if err != nil || len(a.notes) > 0 || a.at("u", 0).SeqNo != 20 {
		t.Errorf("%v, notes %q, cursor at %d; want the other run's", err, a.notes, a.at("u", 0).SeqNo)
	}
}
