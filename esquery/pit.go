package esquery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// pitKeepAlive is how long Elasticsearch keeps a point in time between two
// requests. It covers the merging and writing of one slice with room to spare.
const pitKeepAlive = "10m"

// pit is an open point in time: discovery and lines are read from the same
// state of the indices.
type pit struct {
	client  *Client
	source  bool // of the raw lines, not of the target: see Request.Source
	id      string
	indices []string
	sizes   map[string]int // in bytes, of the last answer to each kind of search
	pages   bytes.Buffer   // takes one page of lines after the other
}

// keptPage is the most memory that is kept for the next page, in bytes. Pages of usual lines have a tenth of it.
const keptPage = 64 << 20

// read sends a search whose documents go to source, and keeps the memory of the answer for the next one: what the answer holds
// is good until then.
func (p *pit) read(ctx context.Context, op string, body object, size *page, set func(int), source func(*scanner) bool) (a *searchAnswer, got int, err error) {
	a, got, err = p.paged(ctx, size, set, func(divisible bool) (*searchAnswer, error) {
		req := p.request(op, body, divisible, true)
		req.into, req.source = &p.pages, source
		return p.send(ctx, req)
	})
	if p.pages.Cap() > keptPage {
		p.pages = bytes.Buffer{}
	}
	return a, got, err
}

// openPIT opens a point in time on indices of the source; a shard that is missing
// fails it.
func (c *Client) openPIT(ctx context.Context, indices []string) (*pit, error) {
	return c.openAny(ctx, indices, true)
}

// openPIT opens one on the target.
func (d *Documents) openPIT(ctx context.Context) (*pit, error) {
	return d.client.openAny(ctx, []string{d.alias}, false)
}

func (c *Client) openAny(ctx context.Context, indices []string, source bool) (*pit, error) {
	p := &pit{client: c, source: source, indices: indices, sizes: make(map[string]int)}
	if err := p.open(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// open replaces what p held before. A point in time is lost with the node that
// keeps it, when an index is closed and opened, or when nothing was asked of it for too long.
func (p *pit) open(ctx context.Context) error {
	req := Request{
		Op: "open point in time", Method: http.MethodPost, Path: "/" + indexPath(p.indices) + "/_pit",
		// allow_partial_search_results is false here if nothing is said, and 8.15 does not know it yet.
		Query:  url.Values{"keep_alive": {pitKeepAlive}, "ignore_unavailable": {"false"}},
		Source: p.source, Idempotent: true, // one more point in time closes by itself
	}
	res, err := p.client.Do(ctx, req)
	if err != nil {
		return err
	}
	var answer struct {
		ID     string       `json:"id"`
		Shards *shardCounts `json:"_shards"` // 8.15 does not tell, and opens none that lacks a shard
	}
	if json.Unmarshal(res.Body, &answer) != nil || answer.ID == "" || answer.Shards != nil && (answer.Shards.Failed > 0 || answer.Shards.Total == 0) {
		return &Error{Class: req.class(), Op: req.Op, Err: errors.New("not all shards are in it"), Hint: "look at the cluster's health; the run begins here again"}
	}
	p.id = answer.ID
	return nil
}

// maxReopened is how often a slice is begun again because its point in time was
// lost. One that is lost again and again is no accident.
const maxReopened = 5

// lost tells that a point in time is no more, or cannot be reached, and nothing else is wrong.
func lost(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Type == "search_context_missing_exception" || e.gone)
}

// deleted returns the index that a request to the source found deleted.
func deleted(err error) (index string, ok bool) {
	var e *Error
	if !errors.As(err, &e) || e.Type != "index_not_found_exception" {
		return "", false
	}
	return e.Index, true
}

// search sends a search to the point in time. The id may change with each
// answer; the latest counts.
func (p *pit) search(ctx context.Context, op string, body object) (*searchAnswer, error) {
	return p.ask(ctx, op, body, false, false)
}

// page sends a search for as much as size says at once. It makes that less while it
// is too much for Elasticsearch. got is what the answer was asked to hold. Whoever calls it opens another point in time where
// this one is lost.
func (p *pit) page(ctx context.Context, op string, body object, size *page, set func(int)) (a *searchAnswer, got int, err error) {
	return p.paged(ctx, size, set, func(divisible bool) (*searchAnswer, error) { return p.ask(ctx, op, body, divisible, true) })
}

func (p *pit) paged(ctx context.Context, size *page, set func(int), ask func(divisible bool) (*searchAnswer, error)) (a *searchAnswer, got int, err error) {
	for {
		got = size.size
		set(got)
		a, err = ask(size.divisible())
		if err == nil {
			size.done()
			return a, got, nil
		}
		if err := size.smaller(ctx, err); err != nil {
			return nil, 0, err
		}
	}
}

func (p *pit) ask(ctx context.Context, op string, body object, divisible, reopens bool) (*searchAnswer, error) {
	return p.send(ctx, p.request(op, body, divisible, reopens))
}

// request is a search of the point in time. reopens tells that whoever sends it opens another one where this is lost.
func (p *pit) request(op string, body object, divisible, reopens bool) Request {
	body["pit"] = object{"id": p.id, "keep_alive": pitKeepAlive}
	return Request{
		Op: op, Method: http.MethodPost, Path: "/_search", Query: url.Values{"allow_partial_search_results": {"false"}},
		Body: body.json(), Idempotent: true, Source: p.source, Divisible: divisible, reopens: reopens,
		Expect: p.sizes[op],
	}
}

func (p *pit) send(ctx context.Context, req Request) (*searchAnswer, error) {
	a, err := p.client.search(ctx, req)
	if err != nil {
		return nil, err
	}
	p.sizes[req.Op] = a.size
	if a.PIT != "" {
		p.id = a.PIT
	}
	return a, nil
}

// close gives the point in time back, even where ctx has ended. A failure
// costs the cluster ten minutes of its keeping and nothing else, so it is not reported.
func (p *pit) close(ctx context.Context) {
	ctx, cancel := parting(ctx)
	defer cancel()
	_, _ = p.client.Do(ctx, Request{
		Op: "close point in time", Method: http.MethodDelete, Path: "/_pit", Body: object{"id": p.id}.json(), Idempotent: true,
		OK: []int{http.StatusNotFound}, patience: 5 * time.Second,
	})
}
