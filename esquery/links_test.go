package esquery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postweave/postweave/worker/journey"
	"github.com/postweave/postweave/worker/message"
)

// linkServer answers searches for links from a list of documents. A search of another
// kind, the one that begins a trace, finds the first of them.
type linkServer struct {
	t      *testing.T
	docs   []linkDoc
	bodies []string // of the searches for links
}

// linkDoc is as much of a document as links are decided by.
type linkDoc struct {
	host, id, from, messageID, to string
	at                            time.Time
	next                          []string // remote queue ids
	links                         string   // JSON
}

func (d linkDoc) source() string {
	var rcpts []string
	for _, id := range d.next {
		rcpts = append(rcpts, fmt.Sprintf(`{"to":%q,"remote_queue_id":%q,"last_attempt":%q,"delays":{"conn_setup":0,"transmission":1}}`,
			d.to, id, d.at.Add(time.Second).Format(time.RFC3339)))
	}
	return fmt.Sprintf(`{"kind":"message","@timestamp":%q,"first_seen":%q,"last_seen":%q,"host":{"name":%q},"queue_id":%q,"origin":"smtp",`+
		`"from":%q,"to":[%q],"message_id":%q,"recipients":[%s],"links":[%s]}`,
		d.at.Format(time.RFC3339), d.at.Format(time.RFC3339), d.at.Add(time.Second).Format(time.RFC3339), d.host, d.id, d.from, d.to, d.messageID,
		strings.Join(rcpts, ","), d.links)
}

func (s *linkServer) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if r.URL.Path != "/postfix-messages/_search" || r.URL.Query().Get("allow_partial_search_results") != "false" {
		s.t.Errorf("%s %s", r.Method, r.URL)
	}
	var query struct {
		Size  int
		Query struct {
			Bool struct {
				Filter []struct {
					Bool struct {
						Should []struct{ Terms map[string][]string }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(body, &query); err != nil {
		s.t.Fatal(err)
	}
	wanted := map[string][]string{}
	for _, f := range query.Query.Bool.Filter {
		for _, should := range f.Bool.Should {
			for field, ids := range should.Terms {
				wanted[field] = ids
			}
		}
	}
	var hits []string
	total := 0
	for i, d := range s.docs {
		fits := slices.Contains(wanted["queue_id"], d.id) ||
			slices.ContainsFunc(d.next, func(id string) bool { return slices.Contains(wanted["recipients.remote_queue_id"], id) }) ||
			slices.ContainsFunc(wanted["links.queue_id"], func(id string) bool { return strings.Contains(d.links, strconv.Quote(id)) })
		if len(wanted) == 0 {
			fits = i == 0
		}
		if !fits {
			continue
		}
		if total++; len(hits) < query.Size {
			hits = append(hits, fmt.Sprintf(`{"_id":"%d","_source":%s}`, i, d.source()))
		}
	}
	if len(wanted) > 0 {
		s.bodies = append(s.bodies, string(body))
	}
	return reply(http.StatusOK, fmt.Sprintf(`{"timed_out":false,"_shards":{"total":1,"failed":0},"hits":{"total":{"value":%d},"hits":[%s]}}`, total, strings.Join(hits, ","))), nil
}

// follow follows the first document's links.
func (s *linkServer) follow(bounds journey.Bounds) (j journey.Journeys, names []string) {
	s.t.Helper()
	j, err := documentsOn(s.t, s).follow(context.Background(), Trace{Selection: message.Selection{QueueID: "x"}, Limit: 10}, bounds)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, m := range j.Messages {
		var d struct {
			Host struct{ Name string }
			ID   string `json:"queue_id"`
		}
		if err := json.Unmarshal(m.Source, &d); err != nil {
			s.t.Fatal(err)
		}
		name := strings.Repeat(" ", m.Depth) + d.Host.Name + "/" + d.ID
		if m.Rel != "" {
			name += " " + m.Rel + " of " + m.OfHost + "/" + m.OfQueueID
		}
		if m.Found {
			name += " found"
		}
		names = append(names, name)
	}
	return j, names
}

var linkTime = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func linkedMail(host, id string, after int, next ...string) linkDoc {
	return linkDoc{host: host, id: id, from: "s@example.com", messageID: "one@example.com", to: "r@example.org", at: linkTime.Add(time.Duration(after) * time.Second), next: next}
}

// All that one step has to ask is one search, and it asks for just that.
func TestLinksAreAskedForInBatches(t *testing.T) {
	s := &linkServer{t: t, docs: []linkDoc{
		linkedMail("mx1", "B2", 1, "C1", "C2", "C3"), linkedMail("mx0", "A1", 0, "B2"),
		linkedMail("mx2", "C1", 2, "D1"), linkedMail("mx2", "C2", 2, "D2"), linkedMail("mx2", "C3", 2, "STRANGE-1"),
		linkedMail("mx3", "D1", 3), linkedMail("mx3", "D2", 3),
		linkedMail("mx9", "C1", 500), // another time
	}}
	s.docs[0].links = `{"rel":"bounce","queue_id":"E5"}`
	j, names := s.follow(journey.DefaultBounds)
	want := []string{
		"mx0/A1", " mx1/B2 next_server of mx0/A1 found",
		"  mx2/C1 next_server of mx1/B2", "   mx3/D1 next_server of mx2/C1",
		"  mx2/C2 next_server of mx1/B2", "   mx3/D2 next_server of mx2/C2", "  mx2/C3 next_server of mx1/B2",
	}
	if diff := cmp.Diff(want, names); diff != "" || j.Bounded || j.Doubts != 0 || j.More {
		t.Errorf("%s%+v", diff, j)
	}
	if len(s.bodies) != 3 {
		t.Errorf("%d searches for three steps: %q", len(s.bodies), s.bodies)
	}
	const first = `{"query":{"bool":{"filter":[{"bool":{"minimum_should_match":1,"should":[` +
		`{"terms":{"queue_id":["B2","C1","C2","C3","E5"]}},{"terms":{"links.queue_id":["B2"]}},{"terms":{"recipients.remote_queue_id":["B2"]}}]}}]}},` +
		`"size":5001,"sort":[{"@timestamp":{"order":"asc"}},{"queue_id":{"missing":"_last","order":"asc"}},{"host.name":{"order":"asc"}}],"track_total_hits":5002}`
	if diff := cmp.Diff(first, s.bodies[0]); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(s.bodies[1], `"links.queue_id":["A1","C1","C2","C3"]`) {
		t.Error(s.bodies[1])
	}
}

// What somebody else says of a document is doubted no less when it is followed
// backwards, from the document that it may be about.
func TestDoubtDoesNotDependOnWhereOneBegins(t *testing.T) {
	docs := []linkDoc{linkedMail("mx0", "A1", 0, "B2"), linkedMail("mx1", "B2", 1), linkedMail("mx2", "B2", 1)}
	for i, want := range [][]string{{"mx0/A1 found"}, {"mx1/B2 found"}} {
		docs[0], docs[i] = docs[i], docs[0]
		s := &linkServer{t: t, docs: docs}
		if j, names := s.follow(journey.DefaultBounds); !slices.Equal(names, want) || i == 0 && j.Doubts != 1 {
			t.Errorf("%q %+v", names, j)
		}
	}
}

// A mail of more next servers than one search asks for is asked for in several.
func TestManyLinksAreSeveralSearches(t *testing.T) {
	s := &linkServer{t: t, docs: []linkDoc{linkedMail("mx0", "A1", 0)}}
	for n := range 300 {
		s.docs[0].next = append(s.docs[0].next, "B"+strconv.Itoa(n))
		d := linkedMail("mx1", "B"+strconv.Itoa(n), 1)
		for k := range 9 {
			d.next = append(d.next, fmt.Sprintf("FAR%d-%d", n, k))
		}
		s.docs = append(s.docs, d)
	}
	j, names := s.follow(journey.DefaultBounds)
	if len(names) != 301 || j.Bounded || len(s.bodies) != 1+3 {
		t.Errorf("%d documents, %d searches, %+v", len(names), len(s.bodies), j.Bounded)
	}
	for _, b := range s.bodies {
		if n := strings.Count(b, `"FAR`); n > 1000 {
			t.Errorf("%d ids in one search", n)
		}
	}

	few := journey.DefaultBounds
	few.Requests = 2
	s.bodies = nil
	if j, names = s.follow(few); len(names) < 2 || len(names) > 150 || !j.Bounded || len(s.bodies) != 2 {
		t.Errorf("with two searches at most: %d documents, %d searches, %+v", len(names), len(s.bodies), j.Bounded)
	}
}

func TestFollowingLinksIsBounded(t *testing.T) {
	chain := func(n int) (docs []linkDoc) {
		for i := range n {
			docs = append(docs, linkedMail("mx"+strconv.Itoa(i), "A"+strconv.Itoa(i), i, "A"+strconv.Itoa(i+1)))
		}
		return docs
	}
	fan := []linkDoc{linkedMail("mx0", "A0", 0)}
	for i := range 50 {
		fan[0].next = append(fan[0].next, "B"+strconv.Itoa(i))
		fan = append(fan, linkedMail("mx1", "B"+strconv.Itoa(i), 1))
	}
	large := []linkDoc{linkedMail("mx0", "A0", 0, "B0"), linkedMail("mx1", "B0", 1)}
	for i := range 50 {
		large[0].next = append(large[0].next, "FAR"+strconv.Itoa(i))
	}
	likes := []linkDoc{linkedMail("mx0", "A0", 0, "B0")}
	for i := range 30 {
		likes = append(likes, linkedMail("mx1", "B0", 1000*(i+1)))
	}
	likes = append(likes, linkedMail("mx1", "B0", 1))
	all := journey.Bounds{Steps: 100, Documents: 1000, Bytes: 1 << 20, Requests: 100, AtOnce: 1000}
	with := func(change func(*journey.Bounds)) journey.Bounds {
		b := all
		change(&b)
		return b
	}
	for _, test := range []struct {
		name     string
		docs     []linkDoc
		bounds   journey.Bounds
		want     int // documents
		requests int
		bounded  bool
	}{
		{"a chain, no bound", chain(30), all, 30, 30, false},
		{"steps", chain(30), with(func(b *journey.Bounds) { b.Steps = 5 }), 5, 5, true},
		{"just enough steps", chain(6), with(func(b *journey.Bounds) { b.Steps = 6 }), 6, 6, false},
		{"requests", chain(30), with(func(b *journey.Bounds) { b.Requests = 7 }), 7, 7, true},
		{"just enough requests", chain(6), with(func(b *journey.Bounds) { b.Requests = 6 }), 6, 6, false},
		{"documents", fan, with(func(b *journey.Bounds) { b.Documents = 49 }), 1, 1, true},
		{"just enough documents", fan, with(func(b *journey.Bounds) { b.Documents = 50 }), 51, 2, false},
		{"documents, one a step", chain(30), with(func(b *journey.Bounds) { b.Documents = 10 }), 10, 11, true},
		{"one among many of the same id", likes, all, 2, 2, false},
		{"documents, none of them linked", likes, with(func(b *journey.Bounds) { b.Documents = 20 }), 1, 1, true},
		{"bytes", fan, with(func(b *journey.Bounds) { b.Bytes = 8 << 10 }), 1, 1, true},
		{"bytes of what was found do not count", large, with(func(b *journey.Bounds) { b.Bytes = 2 << 10 }), 2, 2, false},
		{"the default", chain(40), journey.DefaultBounds, 25, 25, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &linkServer{t: t, docs: test.docs}
			j, names := s.follow(test.bounds)
			if len(names) != test.want || len(s.bodies) != test.requests || j.Bounded != test.bounded {
				t.Errorf("%d documents, %d searches, bounded: %v", len(names), len(s.bodies), j.Bounded)
			}
		})
	}
}

// One document with too much that has its id is left aside, and the others are
// followed. The links to what is left aside are not certain and are not told.
func TestTooMuchForOneIsNotTooMuchForAll(t *testing.T) {
	s := &linkServer{t: t, docs: []linkDoc{linkedMail("mx0", "A0", 0, "B0", "B1", "B2", "B3"), linkedMail("mx2", "C3", 2)}}
	for i := range 4 {
		s.docs = append(s.docs, linkedMail("mx1", "B"+strconv.Itoa(i), 1, "C"+strconv.Itoa(i)))
	}
	for i := range 30 {
		s.docs = append(s.docs, linkedMail("mx2", "C2", 1000*(i+1)))
	}
	j, names := s.follow(journey.Bounds{Steps: 10, Documents: 20, Bytes: 1 << 20, Requests: 10, AtOnce: 1000})
	want := []string{"mx0/A0 found", " mx1/B0 next_server of mx0/A0", " mx1/B1 next_server of mx0/A0", " mx1/B3 next_server of mx0/A0", "  mx2/C3 next_server of mx1/B3"}
	if diff := cmp.Diff(want, names); diff != "" || !j.Bounded {
		t.Errorf("%s%+v", diff, j.Bounded)
	}
	if len(s.bodies) != 1+5+1 { // all four, two, two, one, one; then the last
		t.Errorf("%d searches", len(s.bodies))
	}
}

// A search that lost a shard gives no links at all rather than some.
func TestLinksWantWholeAnswers(t *testing.T) {
	n := 0
	rt := tripper(func(*http.Request) (*http.Response, error) {
		n++
		failed := n - 1 // the search that begins is whole
		return reply(http.StatusOK, fmt.Sprintf(`{"timed_out":false,"_shards":{"total":1,"failed":%d},"hits":{"total":{"value":1},"hits":[{"_id":"1","_source":%s}]}}`,
			failed, linkedMail("mx1", "A1", 0).source())), nil
	})
	j, err := documentsOn(t, rt).Follow(context.Background(), Trace{Selection: message.Selection{QueueID: "A1"}, Limit: 1})
	var failed *Error
	if !errors.As(err, &failed) || len(j.Messages) != 0 {
		t.Errorf("%+v %v", j, err)
	}
}
