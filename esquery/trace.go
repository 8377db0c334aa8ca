package esquery

import (
	"context"
	"net/http"
	"net/url"

	"github.com/postweave/postweave/worker/message"
)

// Trace asks for merged messages.
type Trace struct {
	message.Selection
	Limit int // most messages returned, up to 10,000
	Sort  Sort
	Brief bool // without the lines of the log, which are most of a message's JSON
}

// Sort is what comes first. Among equals newest first.
type Sort string

// The orders of messages.
const (
	SortTime  Sort = ""      // newest first
	SortSize  Sort = "size"  // biggest first
	SortDelay Sort = "delay" // first who kept a recipient waiting longest
)

// Count returns how many messages fit.
func (d *Documents) Count(ctx context.Context, s message.Selection) (int64, error) {
	_, total, err := d.client.hits(ctx, d.searchMessages(object{"size": 0, "track_total_hits": true, "query": selectionQuery(&s)}))
	return total, err
}

// Each hands over the JSON of the messages that fit, newest first. more tells
// that there are others beyond the limit.
func (d *Documents) Each(ctx context.Context, t Trace, emit func(source []byte) error) (more bool, err error) {
	found, more, err := d.matching(ctx, t)
	if err != nil {
		return false, err
	}
	for i := range found {
		if err := emit(found[i].Source); err != nil {
			return false, err
		}
	}
	return more, nil
}

// matching returns the messages that fit, newest first.
func (d *Documents) matching(ctx context.Context, t Trace) (found []hit, more bool, err error) {
	limit := min(t.Limit, maxHits)
	search := object{"size": limit, "track_total_hits": limit + 1, "query": selectionQuery(&t.Selection), "sort": t.Sort.fields()}
	if t.Brief {
		search["_source"] = object{"excludes": []string{"log"}}
	}
	hits, total, err := d.client.hits(ctx, d.searchMessages(search))
	return hits, total > int64(limit), err
}

func (d *Documents) searchMessages(body object) Request {
	return Request{
		Op: "search messages", Method: http.MethodPost, Path: "/" + url.PathEscape(d.alias) + "/_search",
		Query: url.Values{"allow_partial_search_results": {"false"}}, Idempotent: true, Body: body.json(),
	}
}

func (s Sort) fields() []object {
	var fields []object
	switch s {
	case SortSize:
		fields = []object{{"size": object{"order": "desc", "missing": "_last"}}}
	case SortDelay:
		// With include_in_root the message has its recipients' delays itself.
		fields = []object{{"recipients.delay": object{"order": "desc", "mode": "max", "missing": "_last"}}}
	}
	return append(fields,
		object{"@timestamp": object{"order": "desc"}},
		object{"queue_id": object{"order": "asc", "missing": "_last"}},
		object{"host.name": object{"order": "asc"}},
	)
}
