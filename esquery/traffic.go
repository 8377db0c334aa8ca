package esquery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/postweave/postweave/worker/message"
	"github.com/postweave/postweave/worker/traffic"
)

// Traffic returns the figures of the messages that a selection fits, counted by Elasticsearch: two searches, whatever there is to count. They
// are those that a [traffic.Tally] makes of the same documents. Where the target has several shards, a list may miss what each of them has little
// of; a note then says by how much a figure may be short.
//
// All figures come of one search, and so fit each other. There is no point in time: it would need privileges on the indices behind the alias,
// where a reader has those on the alias.
func (d *Documents) Traffic(ctx context.Context, sel message.Selection, top int) (traffic.Figures, error) {
	o := traffic.Options{Top: top, Since: sel.Since, Until: sel.Until}
	c := trafficCount{docs: d, query: selectionQuery(&sel), top: o.TopOrDefault(), f: traffic.NewTally(o).Figures()}
	if found, err := c.extent(ctx); err != nil || !found {
		return c.f, err
	}
	err := c.count(ctx)
	c.f.Notes = append(c.f.Notes, traffic.HiddenNote(c.f.Totals.Recipients, c.shown)...)
	return c.f, err
}

// trafficCount is one count under way.
type trafficCount struct {
	docs  *Documents
	query object
	top   int
	shown int64 // recipients that documents hold
	f     traffic.Figures
}

// fromEachShard is how many entries of a list each shard hands in, at least. Where there is one shard, what is listed is exact with any number.
const fromEachShard = 5000

// ask sends a search for aggregations, and decodes them.
// countWait is how long a count of many messages may take: it goes through all of them.
const countWait = 10 * time.Minute

func (c *trafficCount) ask(ctx context.Context, op string, body object, into any) (*searchAnswer, error) {
	body["query"], body["track_total_hits"] = c.query, false
	if body["size"] == nil {
		body["size"] = 0
	}
	a, err := c.docs.client.search(ctx, Request{
		Op: op, Method: http.MethodPost, Path: "/" + url.PathEscape(c.docs.alias) + "/_search",
		Query: url.Values{"allow_partial_search_results": {"false"}}, Idempotent: true, Body: body.json(), wait: countWait,
	})
	if err != nil {
		return nil, err
	}
	if !answered(body["aggs"], a.Aggregations) || json.Unmarshal(a.Aggregations, into) != nil {
		return nil, &Error{Class: ClassUnavailable, Op: op, Err: errors.New("the answer holds other aggregations than were asked for"), Hint: hintNotElastic}
	}
	return a, nil
}

// answered tells whether there is something for each name: what is missing would read as nothing to count.
func answered(asked any, answer json.RawMessage) bool {
	var found map[string]json.RawMessage
	if json.Unmarshal(answer, &found) != nil {
		return false
	}
	aggs, _ := asked.(object)
	for name := range aggs {
		if len(found[name]) == 0 {
			return false
		}
	}
	return true
}

// extent finds the first and the last arrival. found is false where nothing fits.
func (c *trafficCount) extent(ctx context.Context) (found bool, err error) {
	var answer struct{ First, Last struct{ Value *float64 } }
	_, err = c.ask(ctx, "find the extent of the messages", object{"aggs": object{
		"first": object{"min": object{"field": "@timestamp"}}, "last": object{"max": object{"field": "@timestamp"}},
	}}, &answer)
	if err != nil || answer.First.Value == nil || answer.Last.Value == nil {
		return false, err
	}
	c.f.First, c.f.Last = time.UnixMilli(int64(*answer.First.Value)).UTC(), time.UnixMilli(int64(*answer.Last.Value)).UTC()
	// What comes in meanwhile stays out of what is counted next.
	within := object{"format": "epoch_millis", "gte": c.f.First.UnixMilli(), "lte": c.f.Last.UnixMilli()}
	c.query = object{"bool": object{"filter": []object{c.query, {"range": object{"@timestamp": within}}}}}
	return true, nil
}

// The parts of aggregations.

// termsAgg lists the values of a field, those that most documents have first. Of equal ones the first by name; that is Elasticsearch's own
// order too.
func (c *trafficCount) termsAgg(field string, size int, aggs object) object {
	agg := object{"terms": object{"field": field, "size": size, "shard_size": max(fromEachShard, size)}}
	if len(aggs) > 0 {
		agg["aggs"] = aggs
	}
	return agg
}

func sumAgg(field string) object { return object{"sum": object{"field": field}} }

func filterAgg(query, aggs object) object { return object{"filter": query, "aggs": aggs} }

// number is the answer to a sum.
type sumAnswer struct{ Value float64 }

func (s sumAnswer) int() int64 { return whole64(s.Value) }

// whole64 makes a whole number of one that Elasticsearch sums up as a double.
func whole64(f float64) int64 {
	if f >= 1<<63 {
		return 1<<63 - 1
	}
	return int64(f)
}

// termsAnswer is a list of values.
type termsAnswer[B any] struct {
	Error   int64 `json:"doc_count_error_upper_bound"`
	Others  int64 `json:"sum_other_doc_count"`
	Buckets []B
}

// note says that a list of several shards may be short.
func (c *trafficCount) note(section string, atMost int64) {
	if atMost > 0 {
		c.f.Notes = append(c.f.Notes, traffic.Note{Section: section, Text: fmt.Sprintf(
			"the target has several shards, which do not tell all they have; what is listed may be up to %d too few, and names of no more than that may be missing", atMost)})
	}
}

// exampleNote says that several shards may know of a text that is more frequent than the one shown.
func (c *trafficCount) exampleNote(section string, doubtful bool) {
	if doubtful {
		c.f.Notes = append(c.f.Notes, traffic.Note{Section: section, Text: "the target has several shards, which do not tell all they have; an example may not be the most frequent one"})
	}
}
