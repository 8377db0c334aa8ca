package esquery

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// Documents is the target: the merged documents behind an alias. It satisfies
// worker.Target.
type Documents struct {
	client *Client
	alias  string

	// sharded is set once a search was answered by more than one shard.
	sharded atomic.Bool
}

// Documents returns the target behind an alias that [Client.Setup] has made.
func (c *Client) Documents(alias string) *Documents { return &Documents{client: c, alias: alias} }

// findAtOnce is how many queue ids one search asks for.
const findAtOnce = 500

// maxHits is index.max_result_window, the most that one search returns.
const maxHits = 10_000

// Find returns all documents of the keys, with their JSON.
func (d *Documents) Find(ctx context.Context, keys []message.Key) ([]message.Stored, error) {
	return d.find(ctx, keys, whole)
}

// Revisions returns the keys' documents without their JSON.
//
// While the target is a single shard their IDs are left out too. A revision
// there belongs to one document only, and IDs are expensive: they lie with the documents, so that to fetch
// one is to decompress those around it. Asking for the revisions of 2,000 keys took 600 ms with and 10 ms without.
func (d *Documents) Revisions(ctx context.Context, keys []message.Key) ([]message.Stored, error) {
	if !d.sharded.Load() {
		found, err := d.find(ctx, keys, revisions)
		if err != nil || !d.sharded.Load() {
			return found, err
		}
	}
	return d.find(ctx, keys, named)
}

// extent is how much of a document a search returns.
type extent int

const (
	revisions extent = iota // key and revision
	named                   // the ID too
	whole                   // and the JSON
)

func (d *Documents) find(ctx context.Context, keys []message.Key, e extent) ([]message.Stored, error) {
	var out []message.Stored
	size := findAtOnce
	if e != whole {
		size *= 4
	}
	err := inParts(keys, size, func(some []message.Key) error {
		found, all, err := d.search(ctx, some, e)
		if err == nil && !all {
			err = d.tooMany()
		}
		if err != nil {
			return err
		}
		out = append(out, found...)
		return nil
	})
	return out, err
}

// inParts asks for so many at once, and for half as many while the answer is too
// large or has more documents than one answer holds. What is too much for one alone is its error.
func inParts[T any](all []T, most int, ask func([]T) error) error {
	for len(all) > 0 {
		some := all[:min(most, len(all))]
		err := ask(some)
		if len(some) > 1 && (errors.Is(err, errAnswerTooLarge) || errors.Is(err, errTooMany)) {
			most = len(some) / 2
			continue
		}
		if err != nil {
			return err
		}
		all = all[len(some):]
	}
	return nil
}

var errTooMany = errors.New("one queue id has more than 10,000 documents")

func (d *Documents) tooMany() *Error {
	return &Error{
		Class: ClassSetup, Op: "find a queue id's documents", Index: d.alias, Err: errTooMany,
		Hint: "the host names of the source do not tell servers apart",
	}
}

// search asks for the documents of some keys. all is false where there were
// more than one answer holds.
func (d *Documents) search(ctx context.Context, keys []message.Key, e extent) (found []message.Stored, all bool, err error) {
	wanted := make(map[message.Key]bool, len(keys))
	ids := make([]string, 0, len(keys))
	for _, k := range keys {
		wanted[k] = true
		ids = append(ids, k.QueueID)
	}
	body := object{
		"size":                maxHits,
		"track_total_hits":    maxHits + 1,
		"seq_no_primary_term": true,
		"sort":                []string{"_doc"},
		"query":               object{"bool": object{"filter": []object{{"terms": object{"queue_id": ids}}}}},
		"_source":             e == whole,
		"docvalue_fields":     []string{"host.name", "queue_id"},
	}
	if e == revisions {
		delete(body, "_source")
		body["stored_fields"] = "_none_"
	}
	a, err := d.client.search(ctx, Request{
		Op: "find documents by queue id", Method: http.MethodPost, Path: "/" + url.PathEscape(d.alias) + "/_search",
		Query: url.Values{"allow_partial_search_results": {"false"}}, Body: body.json(), Idempotent: true,
	})
	if err != nil {
		return nil, false, err
	}
	if a.Shards.Total != 1 {
		d.sharded.Store(true)
	}
	for i := range a.Hits.Hits {
		h := &a.Hits.Hits[i]
		key := message.Key{Host: h.field("host.name"), QueueID: h.field("queue_id")}
		if wanted[key] { // another server may have given out the same id
			found = append(found, message.Stored{Key: key, ID: h.ID, Source: h.Source, SeqNo: h.SeqNo, PrimaryTerm: h.PrimaryTerm, Index: d.home(h)})
		}
	}
	return found, a.Hits.Total.Value <= maxHits, nil
}

// Refresh makes all confirmed writes visible to searches.
func (d *Documents) Refresh(ctx context.Context) error {
	return d.client.refresh(ctx, d.alias, ClassUnavailable)
}

// refresh makes what was indexed searchable and fails where a shard did not.
// refreshWait is longer than the minute for which Elasticsearch waits for a shard that is not there, after which it says so.
const refreshWait = 90 * time.Second

func (c *Client) refresh(ctx context.Context, names string, class Class) error {
	res, err := c.Do(ctx, Request{
		Op: opRefresh, Method: http.MethodPost, Path: "/" + names + "/_refresh", Idempotent: true, Source: class == ClassSource, wait: refreshWait,
	})
	if err != nil {
		return err
	}
	var answer struct {
		Shards shardCounts `json:"_shards"`
	}
	if json.Unmarshal(res.Body, &answer) != nil || answer.Shards.Failed > 0 || answer.Shards.Total == 0 {
		return &Error{Class: class, Op: opRefresh, Index: indexName(names), Err: errors.New("a shard could not be refreshed")}
	}
	return nil
}
