package esquery

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sourceIndex is one index of raw lines.
type sourceIndex struct {
	name    string
	uuid    string
	created time.Time
	closed  bool
	shards  []sourceShard // by number; empty where the index is closed
}

// sourceShard is one primary shard.
type sourceShard struct {
	number     int
	history    string // changes when the shard's operations may have been numbered anew
	checkpoint int64  // every operation at or below it is on all copies; -1 is none
}

// sourceIndices lists the indices behind the patterns with their shards'
// checkpoints, sorted by name. Closed ones are listed too: a wildcard hides them from a search,
// and what is in them would be missed in silence.
//
// The first index of a day may be met in the moment in which its primary starts: that is waited for, for a while.
func (c *Client) sourceIndices(ctx context.Context, patterns []string) ([]sourceIndex, error) {
	attempts := backoff{budget: min(c.retryBudget, primaryPatience)}
	for {
		indices, err := c.startedIndices(ctx, patterns)
		if !errors.Is(err, errNoPrimary) {
			return indices, err
		}
		wait, more := attempts.next(&Error{Err: errNoPrimary}, 1, 0)
		if !more {
			return nil, err
		}
		if err := sleep(ctx, wait); err != nil {
			return nil, fmt.Errorf("%s: %w", opCheckpoints, err)
		}
	}
}

// primaryPatience is how long the primary of an index may take to start.
const primaryPatience = 5 * time.Second

var errNoPrimary = errors.New("has no started primary")

// startedIndices is sourceIndices as of now.
func (c *Client) startedIndices(ctx context.Context, patterns []string) ([]sourceIndex, error) {
	indices, err := c.indexSettings(ctx, patterns)
	if err != nil {
		return nil, err
	}
	if len(indices) == 0 {
		return nil, c.noneListed(ctx, patterns)
	}
	checkpoints, err := c.checkpoints(ctx, patterns)
	if err != nil {
		return nil, err
	}
	if hidden := untold(indices, checkpoints); len(hidden) > 0 {
		// A pattern leaves out, without a word, the indices that the user may not ask about. Named, they are refused.
		if _, err := c.checkpoints(ctx, hidden); err != nil {
			return nil, err
		}
	}
	out := make([]sourceIndex, 0, len(indices))
	for name, s := range indices {
		index := sourceIndex{name: name, uuid: s.uuid, created: s.created, closed: s.closed}
		if !s.closed {
			found := checkpoints[name]
			for n := range s.shards {
				shard, ok := found[n]
				if !ok {
					return nil, &Error{
						Class: ClassSource, Op: opCheckpoints, Index: name,
						Err: fmt.Errorf("shard %d %w", n, errNoPrimary), Hint: "look at the cluster's health; the run begins here again",
					}
				}
				index.shards = append(index.shards, shard)
			}
		}
		out = append(out, index)
	}
	slices.SortFunc(out, func(a, b sourceIndex) int { return cmp.Compare(a.name, b.name) })
	return out, nil
}

// untold names one of the open indices without any checkpoint.
func untold(indices map[string]indexSettings, checkpoints map[string]map[int]sourceShard) []string {
	for name, s := range indices {
		if !s.closed && len(checkpoints[name]) == 0 {
			return []string{name}
		}
	}
	return nil
}

var errNoIndex = errors.New("no index matches")

func noSource(patterns []string) error {
	return &Error{
		Class: ClassSetup, Op: "look for the source", Err: fmt.Errorf("%w %s", errNoIndex, strings.Join(patterns, ",")),
		Hint: "set POSTWEAVE_SOURCE to the indices that Logstash writes; GET _cat/indices lists them; a user without privileges on them does not see them",
	}
}

// noneListed says why no index is. Of those behind a pattern, Elasticsearch leaves
// out without a word what the user may read and not look at. Named, they are refused.
func (c *Client) noneListed(ctx context.Context, patterns []string) error {
	readable, err := c.resolveIndices(ctx, patterns)
	if err != nil {
		return err
	}
	if len(readable) > 0 { // or it was made at this moment: then there was none
		if _, err := c.indexSettings(ctx, []string{readable[0].name}); err != nil {
			return err
		}
	}
	return noSource(patterns)
}

type indexSettings struct {
	uuid    string
	created time.Time
	shards  int
	closed  bool
}

func (c *Client) indexSettings(ctx context.Context, patterns []string) (map[string]indexSettings, error) {
	const op = "list the source's indices"
	res, err := c.Do(ctx, Request{
		Op: op, Method: http.MethodGet, Path: "/" + indexPath(patterns) + "/_settings",
		Query: url.Values{
			"expand_wildcards": {"open,closed"}, "allow_no_indices": {"true"},
			"filter_path": {"*.settings.index.uuid,*.settings.index.number_of_shards,*.settings.index.creation_date,*.settings.index.verified_before_close"},
		},
		OK: []int{http.StatusNotFound}, Source: true,
	})
	if err != nil {
		return nil, err
	}
	if res.Status == http.StatusNotFound {
		return nil, noSource(patterns)
	}
	var answer map[string]struct {
		Settings struct {
			Index struct {
				UUID    string `json:"uuid"`
				Shards  string `json:"number_of_shards"`
				Created string `json:"creation_date"`
				Closed  string `json:"verified_before_close"`
			} `json:"index"`
		} `json:"settings"`
	}
	if err := json.Unmarshal(res.Body, &answer); err != nil {
		return nil, &Error{Class: ClassSource, Op: op, Err: errors.New("the answer is no JSON of index settings")}
	}
	out := make(map[string]indexSettings, len(answer))
	for name, a := range answer {
		x := a.Settings.Index
		s := indexSettings{uuid: x.UUID, closed: x.Closed == "true"}
		if s.shards, err = strconv.Atoi(x.Shards); err != nil {
			return nil, &Error{Class: ClassSource, Op: op, Index: name, Err: errors.New("its number of shards is not told")}
		}
		if ms, err := strconv.ParseInt(x.Created, 10, 64); err == nil {
			s.created = time.UnixMilli(ms).UTC()
		}
		out[name] = s
	}
	return out, c.refuseFiltered(ctx, patterns, out)
}

// checkpoints returns each primary shard's global checkpoint, by index and
// shard number.
func (c *Client) checkpoints(ctx context.Context, patterns []string) (map[string]map[int]sourceShard, error) {
	const op = opCheckpoints
	res, err := c.Do(ctx, Request{
		Op: op, Method: http.MethodGet, Path: "/" + indexPath(patterns) + "/_stats/docs",
		Query: url.Values{
			"level": {"shards"}, "expand_wildcards": {"open"}, "forbid_closed_indices": {"false"},
			"filter_path": {"_shards.failed,indices.*.shards.*.routing.primary,indices.*.shards.*.routing.state,indices.*.shards.*.seq_no,indices.*.shards.*.commit.user_data.history_uuid"},
		},
		Source: true,
	})
	if err != nil {
		return nil, err
	}
	var answer struct {
		Shards  shardCounts `json:"_shards"`
		Indices map[string]struct {
			Shards map[string][]struct {
				Routing struct {
					Primary bool   `json:"primary"`
					State   string `json:"state"`
				} `json:"routing"`
				SeqNo struct {
					Global *int64 `json:"global_checkpoint"`
				} `json:"seq_no"`
				Commit struct {
					UserData struct {
						History string `json:"history_uuid"`
					} `json:"user_data"`
				} `json:"commit"`
			} `json:"shards"`
		} `json:"indices"`
	}
	if err := json.Unmarshal(res.Body, &answer); err != nil {
		return nil, &Error{Class: ClassSource, Op: op, Err: errors.New("the answer is no JSON of shard statistics")}
	}
	if answer.Shards.Failed > 0 {
		return nil, &Error{Class: ClassSource, Op: op, Err: errors.New("a shard did not answer"), Hint: "look at the cluster's health; the run begins here again"}
	}
	out := make(map[string]map[int]sourceShard, len(answer.Indices))
	for name, index := range answer.Indices {
		out[name] = make(map[int]sourceShard, len(index.Shards))
		for number, copies := range index.Shards {
			n, err := strconv.Atoi(number)
			if err != nil {
				continue
			}
			for _, s := range copies {
				if s.Routing.Primary && s.SeqNo.Global != nil {
					out[name][n] = sourceShard{number: n, history: s.Commit.UserData.History, checkpoint: *s.SeqNo.Global}
				}
			}
		}
	}
	return out, nil
}

func names(indices []sourceIndex) []string {
	out := make([]string, len(indices))
	for i, x := range indices {
		out[i] = x.name
	}
	return out
}
