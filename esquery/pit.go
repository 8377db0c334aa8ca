package esquery

import (
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
	client *Client
	id     string
	sizes  map[string]int // in bytes, of the last answer to each kind of search
}

// openPIT opens a point in time on indices; a shard that is missing fails it.
func (c *Client) openPIT(ctx context.Context, indices []string) (*pit, error) {
	const op = "open point in time"
	res, err := c.Do(ctx, Request{
		Op: op, Method: http.MethodPost, Path: "/" + indexPath(indices) + "/_pit",
		Query:  url.Values{"keep_alive": {pitKeepAlive}, "ignore_unavailable": {"false"}, "allow_partial_search_results": {"false"}},
		Source: true, Idempotent: true, // one more point in time closes by itself
	})
	if err != nil {
		return nil, err
	}
	var answer struct {
		ID     string      `json:"id"`
		Shards shardCounts `json:"_shards"`
	}
	if json.Unmarshal(res.Body, &answer) != nil || answer.ID == "" || answer.Shards.Failed > 0 {
		return nil, &Error{Class: ClassSource, Op: op, Err: errors.New("not all shards are in it"), Hint: "look at the cluster's health; the run begins here again"}
	}
	return &pit{client: c, id: answer.ID, sizes: make(map[string]int)}, nil
}

// search sends a search to the point in time. The id may change with each
// answer; the latest counts.
func (p *pit) search(ctx context.Context, op string, body object) (*searchAnswer, error) {
	body["pit"] = object{"id": p.id, "keep_alive": pitKeepAlive}
	a, err := p.client.search(ctx, Request{
		Op: op, Method: http.MethodPost, Path: "/_search", Query: url.Values{"allow_partial_search_results": {"false"}},
		Body: body.json(), Idempotent: true, Source: true,
		Expect: p.sizes[op],
	})
	if err != nil {
		return nil, err
	}
	p.sizes[op] = a.size
	if a.PIT != "" {
		p.id = a.PIT
	}
	return a, nil
}

// close gives the point in time back, even where ctx has ended. A failure
// costs the cluster ten minutes of its keeping and nothing else, so it is not reported.
func (p *pit) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, _ = p.client.Do(ctx, Request{
		Op: "close point in time", Method: http.MethodDelete, Path: "/_pit", Body: object{"id": p.id}.json(), Idempotent: true,
		OK: []int{http.StatusNotFound},
	})
}
