package esquery

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// rejectsAtOnce is how many rejects one page has, with their JSON.
const rejectsAtOnce = 1_000

// Within calls take with pages of up to 10,000 outlines of the messages whose
// @timestamp is from ≤ @timestamp < to.
func (d *Documents) Within(ctx context.Context, from, to time.Time, take func(context.Context, []message.Outline) error) error {
	w := timeWindow{
		documents: d, op: "list documents by time", size: maxHits,
		filter: object{"bool": object{"must_not": object{"term": object{"kind": object{"value": message.KindReject}}}}},
		body:   outlineBody(),
	}
	return w.each(ctx, from, to, func(ctx context.Context, hits []hit) error {
		page := make([]message.Outline, len(hits))
		for i := range hits {
			page[i] = outlineOf(&hits[i])
		}
		return take(ctx, page)
	})
}

// Rejects calls take with pages of the documents of NOQUEUE rejects whose
// @timestamp is from ≤ @timestamp < to.
func (d *Documents) Rejects(ctx context.Context, from, to time.Time, take func(context.Context, []message.Stored) error) error {
	w := timeWindow{
		documents: d, op: "list rejects by time", size: rejectsAtOnce,
		filter: object{"term": object{"kind": object{"value": message.KindReject}}},
		body:   object{"_source": true, "seq_no_primary_term": true, "docvalue_fields": []string{"host.name"}},
	}
	return w.each(ctx, from, to, func(ctx context.Context, hits []hit) error { return take(ctx, d.storedOf(hits)) })
}

// Identified returns those documents of the ids that there are.
//
// It searches, as Find does: a document is fetched by its id from one index, and the alias may stand for
// more than one.
func (d *Documents) Identified(ctx context.Context, ids []string) ([]message.Stored, error) {
	var out []message.Stored
	err := inParts(ids, findAtOnce, func(some []string) error {
		a, err := d.client.search(ctx, Request{
			Op: "find documents by id", Method: http.MethodPost, Path: "/" + url.PathEscape(d.alias) + "/_search",
			Query: url.Values{"allow_partial_search_results": {"false"}}, Idempotent: true,
			Body: object{
				"size": maxHits, "seq_no_primary_term": true, "sort": []string{"_doc"}, "docvalue_fields": []string{"host.name", "queue_id"},
				"query": object{"ids": object{"values": some}},
			}.json(),
		})
		if err == nil {
			out = append(out, d.storedOf(a.Hits.Hits)...)
		}
		return err
	})
	return out, err
}

// Outlines returns those of all documents of the keys.
func (d *Documents) Outlines(ctx context.Context, keys []message.Key) ([]message.Outline, error) {
	var out []message.Outline
	err := inParts(keys, 4*findAtOnce, func(some []message.Key) error {
		wanted := make(map[message.Key]bool, len(some))
		ids := make([]string, 0, len(some))
		for _, k := range some {
			wanted[k] = true
			ids = append(ids, k.QueueID)
		}
		body := outlineBody()
		body["size"], body["track_total_hits"], body["sort"] = maxHits, maxHits+1, []string{"_doc"}
		body["query"] = object{"bool": object{"filter": []object{{"terms": object{"queue_id": ids}}}}}
		hits, total, err := d.client.hits(ctx, Request{
			Op: "count documents' lines", Method: http.MethodPost, Path: "/" + url.PathEscape(d.alias) + "/_search",
			Query: url.Values{"allow_partial_search_results": {"false"}}, Body: body.json(), Idempotent: true,
		})
		if err == nil && total > maxHits {
			err = d.tooMany()
		}
		if err != nil {
			return err
		}
		for i := range hits {
			if o := outlineOf(&hits[i]); wanted[o.Key] {
				out = append(out, o)
			}
		}
		return nil
	})
	return out, err
}

// Extent returns the earliest and the latest @timestamp of all documents; found
// is false where there are none.
func (d *Documents) Extent(ctx context.Context) (first, last time.Time, found bool, err error) {
	const op = "find the first and the last document"
	a, err := d.client.search(ctx, Request{
		Op: op, Method: http.MethodPost, Path: "/" + url.PathEscape(d.alias) + "/_search",
		Query: url.Values{"allow_partial_search_results": {"false"}}, Idempotent: true,
		Body: object{"size": 0, "track_total_hits": false, "aggs": object{
			"first": object{"min": object{"field": "@timestamp"}}, "last": object{"max": object{"field": "@timestamp"}},
		}}.json(),
	})
	if err != nil {
		return first, last, false, err
	}
	var aggs struct{ First, Last struct{ Value *float64 } }
	if err := json.Unmarshal(a.Aggregations, &aggs); err != nil {
		return first, last, false, &Error{Class: ClassUnavailable, Op: op, Index: d.alias, Err: errors.New("the answer has no aggregation")}
	}
	if aggs.First.Value == nil || aggs.Last.Value == nil {
		return first, last, false, nil
	}
	return time.UnixMilli(int64(*aggs.First.Value)).UTC(), time.UnixMilli(int64(*aggs.Last.Value)).UTC(), true, nil
}

// outlineBody asks for what an outline has, from doc values alone: neither the
// documents nor their ids are fetched.
func outlineBody() object {
	fields := []any{"host.name", "queue_id", "lines", "schema", "warnings"}
	for _, date := range []string{"first_seen", "last_seen"} {
		fields = append(fields, object{"field": date, "format": "epoch_millis"})
	}
	return object{"stored_fields": "_none_", "docvalue_fields": fields}
}

func outlineOf(h *hit) message.Outline {
	whole := func(name string) int64 {
		n, err := strconv.ParseInt(h.field(name), 10, 64)
		if err != nil {
			return 0
		}
		return n
	}
	return message.Outline{
		Key:   message.Key{Host: h.field("host.name"), QueueID: h.field("queue_id")},
		Lines: int(whole("lines")), Schema: int(whole("schema")),
		First: time.UnixMilli(whole("first_seen")).UTC(), Last: time.UnixMilli(whole("last_seen")).UTC(),
		Quarantined: message.Quarantined(values(h.Fields["warnings"])),
	}
}

func (d *Documents) storedOf(hits []hit) []message.Stored {
	out := make([]message.Stored, len(hits))
	for i := range hits {
		h := &hits[i]
		out[i] = message.Stored{
			Key: message.Key{Host: h.field("host.name"), QueueID: h.field("queue_id")},
			ID:  h.ID, Source: h.Source, SeqNo: h.SeqNo, PrimaryTerm: h.PrimaryTerm, Index: d.home(h),
		}
	}
	return out
}

// timeWindow reads the target's documents of a range of time.
//
// The range is cut until each piece is one answer. One search is one state of a shard, needs no
// point in time that may get lost, and costs what it returns. A millisecond is the finest that dates are told
// apart by. Only where more documents than one answer holds
// have the very same time are they read from a point in time, page by page.
type timeWindow struct {
	documents *Documents
	op        string
	size      int // of one answer
	filter    object
	body      object
}

func (w *timeWindow) each(ctx context.Context, from, to time.Time, take func(context.Context, []hit) error) error {
	width := to.Sub(from)
	for begin := from; begin.Before(to); {
		end := begin.Add(width)
		if end.After(to) {
			end = to
		}
		hits, total, err := w.page(ctx, begin, end)
		if errors.Is(err, errAnswerTooLarge) && w.size > 1 {
			w.size /= 2
			continue
		}
		if err != nil {
			return err
		}
		switch {
		case total <= int64(w.size):
			if len(hits) > 0 {
				if err := take(ctx, hits); err != nil {
					return err
				}
			}
			if total < int64(w.size)/4 && width < to.Sub(from)/2 {
				width *= 2
			}
		case end.Sub(begin) > time.Millisecond:
			width = max(time.Millisecond, (end.Sub(begin) / 2).Truncate(time.Millisecond))
			continue
		default:
			if err := w.moment(ctx, begin, end, take); err != nil {
				return err
			}
		}
		begin = end
	}
	return nil
}

// page reads the documents of a range of time that one answer holds, and tells
// how many there are, up to one more than that.
func (w *timeWindow) page(ctx context.Context, from, to time.Time) ([]hit, int64, error) {
	body := w.query(from, to)
	body["sort"], body["track_total_hits"] = []string{"_doc"}, w.size+1
	return w.documents.client.hits(ctx, Request{
		Op: w.op, Method: http.MethodPost, Path: "/" + url.PathEscape(w.documents.alias) + "/_search",
		Query: url.Values{"allow_partial_search_results": {"false"}}, Body: body.json(), Idempotent: true,
	})
}

// moment reads the documents of one time, of which there are more than one
// answer holds. Where its point in time gets lost it begins again from a new one: whoever takes the
// pages may get a document twice.
func (w *timeWindow) moment(ctx context.Context, from, to time.Time, take func(context.Context, []hit) error) error {
	p, err := w.documents.openPIT(ctx)
	if err != nil {
		return err
	}
	defer p.close(ctx)
	for reopened := 0; ; reopened++ {
		err := w.pages(ctx, p, from, to, take)
		if !lost(err) || reopened == maxReopened {
			return err
		}
		if err := p.open(ctx); err != nil {
			return err
		}
	}
}

func (w *timeWindow) pages(ctx context.Context, p *pit, from, to time.Time, take func(context.Context, []hit) error) error {
	body := w.query(from, to)
	body["sort"], body["track_total_hits"] = []object{{"_shard_doc": "asc"}}, false
	for size := newPage(w.size); ; {
		a, n, err := p.page(ctx, w.op, body, size, func(n int) { body["size"] = n })
		if err != nil {
			return err
		}
		if len(a.Hits.Hits) > 0 {
			if err := take(ctx, a.Hits.Hits); err != nil {
				return err
			}
		}
		if len(a.Hits.Hits) < n {
			return nil
		}
		body["search_after"] = a.Hits.Hits[len(a.Hits.Hits)-1].Sort
	}
}

func (w *timeWindow) query(from, to time.Time) object {
	body := object{"size": w.size, "query": object{"bool": object{"filter": []object{
		w.filter,
		{"range": object{"@timestamp": object{
			"gte": from.UTC().Format(time.RFC3339Nano), "lt": to.UTC().Format(time.RFC3339Nano), "format": "strict_date_optional_time",
		}}},
	}}}}
	for name, value := range w.body {
		body[name] = value
	}
	return body
}
