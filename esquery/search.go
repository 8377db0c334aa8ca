package esquery

import (
	"context"
	"encoding/json"
	"errors"
)

// object is a JSON object of a request.
type object map[string]any

// json encodes a request's body. What the package puts into one always has a
// JSON form.
func (o object) json() []byte {
	b, err := json.Marshal(o)
	if err != nil {
		panic("BUG: request body: " + err.Error())
	}
	return b
}

// shardCounts is what Elasticsearch says about the shards that it asked.
type shardCounts struct {
	Total  int `json:"total"`
	Failed int `json:"failed"`
}

// searchAnswer is what a search returns, as far as it is looked at.
type searchAnswer struct {
	PIT        string      `json:"pit_id"`
	TimedOut   bool        `json:"timed_out"`
	Terminated bool        `json:"terminated_early"`
	Shards     shardCounts `json:"_shards"`
	Clusters   struct {
		Skipped int `json:"skipped"`
		Partial int `json:"partial"`
		Failed  int `json:"failed"`
	} `json:"_clusters"`
	Hits struct {
		Total struct {
			Value int64 `json:"value"`
		} `json:"total"`
		Hits []hit `json:"-"`
	} `json:"hits"`
	Aggregations json.RawMessage `json:"aggregations"`

	count int    // of hits, whether or not they are kept
	bare  string // where documents are taken as they come: the index of one that has none
	size  int    // in bytes
}

// whole checks that a search looked at everything it was asked to. A search
// that lost a shard answers 200 all the same, with what is left.
func (a *searchAnswer) whole() error {
	switch {
	case a.TimedOut:
		return errors.New("the search timed out on a shard: its answer is not whole")
	case a.Shards.Failed > 0:
		return errors.New("the search failed on a shard: its answer is not whole")
	case a.Terminated:
		return errors.New("the search ended early: its answer is not whole")
	case a.Clusters.Skipped > 0 || a.Clusters.Partial > 0 || a.Clusters.Failed > 0:
		return errors.New("a remote cluster was skipped or answered in part")
	}
	return nil
}

// search sends a search and believes only a whole answer.
func (c *Client) search(ctx context.Context, req Request) (*searchAnswer, error) {
	res, err := c.Do(ctx, req)
	if err != nil {
		return nil, err
	}
	a, err := req.wholeAnswer(res.Body)
	if err == nil && a.Shards.Total == 0 {
		err = &Error{Class: req.class(), Op: req.Op, Err: errNoShard, Hint: hintNotWhole}
	}
	if err != nil {
		return nil, err
	}
	a.size = len(res.Body)
	return a, nil
}

// errNoShard is of an answer that looks like one of an index without documents:
// the index is gone, or its cluster.
var errNoShard = errors.New("the search looked at no shard at all")

const hintNotWhole = "look at the cluster's health and at the mappings of the indices; the run begins here again"

// class is what a bad answer amounts to.
func (r Request) class() Class {
	if r.Source {
		return ClassSource
	}
	return ClassUnavailable
}

// wholeAnswer reads the answer to a search, and believes only a whole one.
func (r Request) wholeAnswer(body []byte) (*searchAnswer, error) {
	a, ok := decodeAnswer(body, r.source)
	if !ok {
		return nil, &Error{Class: r.class(), Op: r.Op, Err: errors.New("the answer is no JSON of a search")}
	}
	if err := a.whole(); err != nil {
		return nil, &Error{Class: r.class(), Op: r.Op, Err: err, Hint: hintNotWhole}
	}
	return a, nil
}

// hits sends a search and returns its documents and how many there are in all.
func (c *Client) hits(ctx context.Context, req Request) ([]hit, int64, error) {
	a, err := c.search(ctx, req)
	if err != nil {
		return nil, 0, err
	}
	return a.Hits.Hits, a.Hits.Total.Value, nil
}
