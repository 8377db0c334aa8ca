package test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/postweave/postweave/esquery"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
	"github.com/postweave/postweave/worker/message"
)

var errBrokenOff = errors.New("broken off")

const toTheEnd = 1000 // slices

// sourceOf is a site's source, to be read without the command.
func sourceOf(s *site.Site, since time.Time) *esquery.Source {
	s.T.Helper()
	client, err := esquery.Connect(esquery.Config{Addresses: []string{s.Node}})
	if err != nil {
		s.T.Fatal(err)
	}
	s.T.Cleanup(client.Close)
	source, err := client.Source(esquery.SourceOptions{Patterns: []string{s.Source + "*"}, Target: s.Target, State: s.State, Since: since})
	if err != nil {
		s.T.Fatal(err)
	}
	return source
}

// shipMail indexes one mail's lines on one day, whatever their own.
func shipMail(s *site.Site, at time.Time, id string) {
	s.T.Helper()
	docs := s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", id, at)...)
	for i := range docs {
		docs[i].Index = s.Daily(march)
	}
	s.Index(docs)
}

// handed runs a source to its end, or until it was handed so many slices with lines, and returns
// the lines of each queue id.
func handed(t *testing.T, each func(context.Context, func(context.Context, *message.Batch) error) error, slices int) map[string]int {
	t.Helper()
	got := make(map[string]int)
	err := each(t.Context(), func(_ context.Context, b *message.Batch) error {
		if slices == 0 {
			return errBrokenOff
		}
		if len(b.Lines) > 0 {
			slices--
		}
		for key, lines := range b.Lines {
			got[key.QueueID] += len(lines)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errBrokenOff) {
		t.Fatal(err)
	}
	if broken := err != nil; broken != (slices == 0) {
		t.Fatalf("broken off: %v with %d slices to go", broken, slices)
	}
	return got
}

// A run by ingest time that is broken off is gone on with, and what came meanwhile is read, whatever its age: the
// horizon is for what the first run met.
func TestOverlapIsBrokenOff(t *testing.T) {
	old := march.AddDate(0, 0, -30)

	t.Run("first run", func(t *testing.T) {
		s := site.New(t)
		source := sourceOf(s, time.Time{})
		shipMail(s, old, "1A2B3C4D5E6")
		shipMail(s, march, "2A2B3C4D5E6")
		shipMail(s, march.Add(5*time.Hour), "3A2B3C4D5E6")
		if got := handed(t, source.Overlap().Each, 1); len(got) != 1 || got["2A2B3C4D5E6"] == 0 {
			t.Fatalf("the first slice holds %v", got)
		}
		shipMail(s, old.Add(time.Hour), "4A2B3C4D5E6")
		got := handed(t, source.Overlap().Each, toTheEnd)
		if got["3A2B3C4D5E6"] == 0 || got["4A2B3C4D5E6"] == 0 {
			t.Errorf("after the break: %v; want what was left, and the old lines that came meanwhile", got)
		}
		if got["1A2B3C4D5E6"] != 0 {
			t.Errorf("after the break: %v; what the first run leaves out for its age was there before it", got)
		}
	})
	t.Run("after runs by arrival", func(t *testing.T) {
		s := site.New(t)
		source := sourceOf(s, time.Time{})
		shipMail(s, march, "1A2B3C4D5E6")
		handed(t, source.Arrivals().Each, toTheEnd)
		shipMail(s, old, "2A2B3C4D5E6")
		shipMail(s, march, "3A2B3C4D5E6")
		shipMail(s, march.Add(5*time.Hour), "4A2B3C4D5E6")
		handed(t, source.Overlap().Each, 1)
		shipMail(s, old.Add(time.Hour), "5A2B3C4D5E6")
		got := handed(t, source.Overlap().Each, toTheEnd)
		if got["4A2B3C4D5E6"] == 0 || got["5A2B3C4D5E6"] == 0 {
			t.Errorf("after the break: %v; want what was left and what came meanwhile", got)
		}
		if got["2A2B3C4D5E6"] != 0 {
			t.Errorf("after the break: %v; want to go on, not to begin again: with little time for each run it would never end", got)
		}
	})
}

// A cursor of runs by ingest time, too, keeps --since from skipping what lies between, before anything is read.
func TestSinceAfterRunsByOverlap(t *testing.T) {
	s := site.New(t)
	shipMail(s, march, "1A2B3C4D5E6")
	handed(t, sourceOf(s, time.Time{}).Overlap().Each, toTheEnd)
	shipMail(s, march.Add(-time.Hour), "2A2B3C4D5E6")
	err := sourceOf(s, march).Incoming().Each(t.Context(), func(context.Context, *message.Batch) error {
		t.Error("a slice is read")
		return nil
	})
	var e *esquery.Error
	if !errors.As(err, &e) || e.Class != esquery.ClassSetup {
		t.Errorf("%v, want a refusal of --since", err)
	}
}

// An index that is there before its first line, as after a rollover, has no fields yet, and nothing to be missed.
func TestOverlapOverAnIndexWithoutLines(t *testing.T) {
	s := site.New(t)
	shipMail(s, march, "1A2B3C4D5E6")
	s.ES(http.MethodPut, "/"+s.Daily(march.AddDate(0, 0, 1)), nil, nil)
	source := sourceOf(s, time.Time{})
	if got := handed(t, source.Overlap().Each, toTheEnd); len(got) != 1 {
		t.Errorf("beside an empty index: %v", got)
	}
	docs := s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "2A2B3C4D5E6", march.AddDate(0, 0, -30))...)
	for i := range docs {
		docs[i].Index = s.Daily(march.AddDate(0, 0, 1))
	}
	s.Index(docs)
	if got := handed(t, source.Overlap().Each, toTheEnd); got["2A2B3C4D5E6"] == 0 {
		t.Errorf("when lines come into it, whatever their age: %v", got)
	}
}

var receivedAt = regexp.MustCompile(`"received_at":"[^"]*"`)

// Shards count for themselves, so a number does not tell of each line that came after the break. Its ingest time does.
func TestOverlapIsBrokenOffOverTwoShards(t *testing.T) {
	s := site.New(t)
	index := s.Daily(march)
	s.ES(http.MethodPut, "/"+index, map[string]any{"settings": map[string]any{"number_of_shards": 2, "number_of_replicas": 0}}, nil)
	ship := func(routing string, ingested, at time.Time, id string) {
		t.Helper()
		var body bytes.Buffer
		for _, d := range s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", id, at)...) {
			source := receivedAt.ReplaceAll(d.Source, []byte(`"received_at":"`+ingested.Format(time.RFC3339Nano)+`"`))
			fmt.Fprintf(&body, "{\"create\":{\"_index\":%q,\"routing\":%q}}\n%s\n", index, routing, source)
		}
		var answer struct{ Errors bool }
		if s.ES(http.MethodPost, "/_bulk", body.Bytes(), &answer); answer.Errors {
			t.Fatal("the node refuses raw documents")
		}
	}
	shardOf := func(routing string) int {
		t.Helper()
		var answer struct{ Shards [][]struct{ Shard int } }
		s.ES(http.MethodGet, "/"+index+"/_search_shards?routing="+routing, nil, &answer)
		return answer.Shards[0][0].Shard
	}
	one, other := "a", "b"
	for shardOf(one) == shardOf(other) {
		other += "b"
	}
	now, old := time.Now().UTC(), march.AddDate(0, 0, -30)
	ship(one, now.Add(-48*time.Hour), old, "1A2B3C4D5E6")
	ship(one, now.Add(-48*time.Hour), march, "2A2B3C4D5E6")
	ship(one, now.Add(-24*time.Hour), march, "3A2B3C4D5E6")
	source := sourceOf(s, time.Time{})
	if got := handed(t, source.Overlap().Each, 1); len(got) != 1 || got["2A2B3C4D5E6"] == 0 {
		t.Fatalf("the first slice holds %v", got)
	}
	ship(other, now, old, "4A2B3C4D5E6") // numbered below all that the run met
	got := handed(t, source.Overlap().Each, toTheEnd)
	if got["3A2B3C4D5E6"] == 0 || got["4A2B3C4D5E6"] == 0 || got["1A2B3C4D5E6"] != 0 {
		t.Errorf("after the break: %v; want what was left, and the old lines that came meanwhile", got)
	}
}
