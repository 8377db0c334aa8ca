package esquery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// archived stores so many messages at each time, and so many rejects.
func archived(b *testbed, at map[time.Time][2]int) {
	b.t.Helper()
	if _, err := b.Setup(b.t.Context(), SetupOptions{Target: b.target, State: b.state}); err != nil {
		b.t.Fatal(err)
	}
	var body bytes.Buffer
	n := 0
	add := func(kind, queueID string, at time.Time) {
		n++
		fmt.Fprintf(&body, `{"create":{"_id":"d%d"}}`+"\n"+`{"kind":%q,"@timestamp":%q,"first_seen":%q,"last_seen":%q,"host":{"name":"mx1"}%s,"lines":%d,"warnings":["a","quarantined"],"schema":2}`+"\n",
			n, kind, at.Format(time.RFC3339Nano), at.Format(time.RFC3339Nano), at.Add(time.Minute).Format(time.RFC3339Nano), queueID, n)
		if n%1000 == 0 {
			b.send(http.MethodPost, "/"+b.target+"/_bulk", body.String())
			body.Reset()
		}
	}
	for _, when := range slices.SortedFunc(maps.Keys(at), time.Time.Compare) {
		for range at[when][0] {
			add("message", fmt.Sprintf(`,"queue_id":"Q%d"`, n), when)
		}
		for range at[when][1] {
			add("reject", "", when)
		}
	}
	if body.Len() > 0 {
		b.send(http.MethodPost, "/"+b.target+"/_bulk", body.String())
	}
	if err := b.Documents(b.target).Refresh(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// All documents of a range come, each once, however many there are at one time,
// and none of another time or kind.
func TestArchiveByTime(t *testing.T) {
	b := newTestbed(t)
	day := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	archived(b, map[time.Time][2]int{
		day.Add(-time.Millisecond):            {3, 3},
		day:                                   {1, 1},
		day.Add(time.Hour):                    {12_000, 2_500},
		day.Add(time.Hour + time.Second):      {7_000, 900},
		day.Add(time.Hour + 2*time.Second):    {7_000, 900},
		day.Add(24*time.Hour - 1*time.Second): {1, 1},
		day.Add(24 * time.Hour):               {5, 5},
	})
	d := b.Documents(b.target)
	lines := map[int]int{}
	pages := 0
	err := d.Within(t.Context(), day, day.Add(24*time.Hour), func(_ context.Context, page []message.Outline) error {
		if pages++; len(page) > maxHits {
			t.Errorf("a page of %d", len(page))
		}
		for _, o := range page {
			lines[o.Lines]++
			if o.Key.Host != "mx1" || o.Key.QueueID == "" || o.Schema != 2 || !o.Quarantined || o.First.Before(day) || o.Last.Sub(o.First) != time.Minute {
				t.Fatalf("%+v", o)
			}
		}
		return nil
	})
	if want := 1 + 12_000 + 14_000 + 1; err != nil || len(lines) != want {
		t.Errorf("%d messages, want %d; %v", len(lines), want, err)
	}
	for n, times := range lines {
		if times != 1 {
			t.Fatalf("%d came %d times", n, times)
		}
	}
	ids := map[string]int{}
	err = d.Rejects(t.Context(), day, day.Add(24*time.Hour), func(_ context.Context, page []message.Stored) error {
		for _, s := range page {
			ids[s.ID]++
			if s.Key != (message.Key{Host: "mx1"}) || s.SeqNo < 0 || s.PrimaryTerm == 0 || !bytes.Contains(s.Source, []byte(`"kind":"reject"`)) {
				t.Fatalf("%+v", s)
			}
		}
		return nil
	})
	if want := 1 + 2_500 + 1_800 + 1; err != nil || len(ids) != want {
		t.Errorf("%d rejects, want %d; %v", len(ids), want, err)
	}
	for id, times := range ids {
		if times != 1 {
			t.Fatalf("%s came %d times", id, times)
		}
	}
	first, last, found, err := d.Extent(t.Context())
	if err != nil || !found || !first.Equal(day.Add(-time.Millisecond)) || !last.Equal(day.Add(24*time.Hour)) {
		t.Errorf("%v to %v, %v, %v", first, last, found, err)
	}

	some, err := d.Identified(t.Context(), []string{"d1", "missing", "d9"})
	if err != nil || len(some) != 2 {
		t.Errorf("%+v, %v", some, err)
	}
	var keys []message.Key
	for n := range 5_000 {
		keys = append(keys, message.Key{Host: "mx1", QueueID: fmt.Sprintf("Q%d", n)}, message.Key{Host: "mx2", QueueID: fmt.Sprintf("Q%d", n)})
	}
	outlines, err := d.Outlines(t.Context(), keys)
	if err != nil || len(outlines) != 5_000-3-1 { // the numbers that rejects have
		t.Errorf("%d outlines, %v", len(outlines), err)
	}
	if outlines, err := d.Outlines(t.Context(), []message.Key{{Host: "mx2", QueueID: "Q9"}}); err != nil || len(outlines) > 0 {
		t.Errorf("of another server: %+v, %v", outlines, err)
	}
}

// A point in time of the target that is not whole is no fault of the source.
func TestPointInTimeOfTheTarget(t *testing.T) {
	s := answering(t, SourceOptions{Patterns: []string{"syslog-*"}, Target: "t"}, map[string]string{"/_pit": `{"id":"p","_shards":{"total":2,"failed":1}}`})
	_, err := s.client.Documents("t").openPIT(t.Context())
	var e *Error
	if !errors.As(err, &e) || e.Class != ClassUnavailable {
		t.Errorf("%v, want an unavailable target", err)
	}
}

// What is too much for one answer is asked for in halves, and one alone that is
// too much is its error.
func TestInParts(t *testing.T) {
	all := []int{1, 2, 3, 4, 5, 6, 7}
	for name, tooMuch := range map[string]error{"large": errAnswerTooLarge, "many": (&Documents{}).tooMany()} {
		var got []int
		asked := 0
		if err := inParts(all, 5, func(some []int) error {
			if asked++; len(some) > 2 {
				return tooMuch
			}
			got = append(got, some...)
			return nil
		}); err != nil || !slices.Equal(got, all) || asked != 5 {
			t.Errorf("%s: %v, %v in %d requests", name, err, got, asked)
		}
		if err := inParts(all, 5, func([]int) error { return tooMuch }); !errors.Is(err, tooMuch) {
			t.Errorf("%s: %v, want the error of one alone", name, err)
		}
	}
}
