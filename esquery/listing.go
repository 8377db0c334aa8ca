package esquery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// listOpen lists the source's open indices without their shards, sorted by
// name. It needs no privilege to monitor, and reaches remote clusters.
func (s *Source) listOpen(ctx context.Context) ([]sourceIndex, error) {
	all, err := s.client.listIndices(ctx, s.options.Patterns)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, s.client.noneListed(ctx, s.options.Patterns)
	}
	return s.openIndices(ctx, all)
}

func (c *Client) listIndices(ctx context.Context, patterns []string) ([]sourceIndex, error) {
	if !slices.ContainsFunc(patterns, isRemote) {
		settings, err := c.indexSettings(ctx, patterns)
		if err != nil {
			return nil, err
		}
		out := make([]sourceIndex, 0, len(settings))
		for name, s := range settings {
			out = append(out, sourceIndex{name: name, uuid: s.uuid, created: s.created, closed: s.closed})
		}
		sortIndices(out)
		return out, nil
	}
	if local := slices.DeleteFunc(slices.Clone(patterns), isRemote); len(local) > 0 {
		// For the filters of their aliases.
		if _, err := c.indexSettings(ctx, local); err != nil && !errors.Is(err, errNoIndex) {
			return nil, err
		}
	}
	// A cluster that is down is left out of the list without a word. A search says so.
	if _, err := c.survey(ctx, patterns, nil); err != nil {
		return nil, err
	}
	return c.resolveIndices(ctx, patterns)
}

// resolveIndices lists the indices behind patterns of any cluster. When an index was made is not told.
func (c *Client) resolveIndices(ctx context.Context, patterns []string) ([]sourceIndex, error) {
	const op = "list the source's indices"
	res, err := c.Do(ctx, Request{
		Op: op, Method: http.MethodGet, Path: "/_resolve/index/" + indexPath(patterns),
		Query: url.Values{"expand_wildcards": {"open,closed"}}, OK: []int{http.StatusNotFound}, Source: true,
	})
	if err != nil {
		return nil, err
	}
	if res.Status == http.StatusNotFound {
		return nil, noSource(patterns)
	}
	var answer struct {
		Indices []struct {
			Name       string   `json:"name"`
			Attributes []string `json:"attributes"`
		} `json:"indices"`
		Aliases []struct {
			Name    string   `json:"name"`
			Indices []string `json:"indices"`
		} `json:"aliases"`
		Streams []struct {
			Name    string   `json:"name"`
			Backing []string `json:"backing_indices"`
		} `json:"data_streams"`
	}
	if json.Unmarshal(res.Body, &answer) != nil {
		return nil, &Error{Class: ClassSource, Op: op, Err: errors.New("the answer is no JSON of a list of indices")}
	}
	found := make(map[string]sourceIndex)
	add := func(group string, names []string) {
		cluster, _, remote := strings.Cut(group, ":")
		for _, name := range names {
			if remote && !isRemote(name) { // of a group only its own name has the cluster in front
				name = cluster + ":" + name
			}
			if _, ok := found[name]; !ok {
				found[name] = sourceIndex{name: name}
			}
		}
	}
	for _, x := range answer.Indices {
		found[x.Name] = sourceIndex{name: x.Name, closed: slices.Contains(x.Attributes, "closed")}
	}
	for _, a := range answer.Aliases {
		add(a.Name, a.Indices)
	}
	for _, s := range answer.Streams {
		add(s.Name, s.Backing)
	}
	out := make([]sourceIndex, 0, len(found))
	for _, x := range found {
		out = append(out, x)
	}
	sortIndices(out)
	return out, nil
}

func sortIndices(indices []sourceIndex) {
	slices.SortFunc(indices, func(a, b sourceIndex) int { return strings.Compare(a.name, b.name) })
}

// tide is how an index looks to a search: how many documents it shows and the
// highest number of an operation among them, -1 where there is none. A new document changes it.
type tide struct {
	Docs  int64 `json:"docs"`
	SeqNo int64 `json:"seq_no"`
}

// markSearch asks for a tide mark. Without a query, Elasticsearch answers it from
// what it knows of each segment; the maximum as an aggregation would go through all documents. An index without
// any mapping does not even have that field.
func markSearch() object {
	return object{"size": 1, "track_total_hits": true, "sort": []object{{"_seq_no": object{"order": "desc", "unmapped_type": "long"}}}, "_source": false}
}

func (a *searchAnswer) tide() tide {
	m := tide{Docs: a.Hits.Total.Value, SeqNo: -1}
	if len(a.Hits.Hits) > 0 {
		var sort []int64
		if json.Unmarshal(a.Hits.Hits[0].Sort, &sort) == nil && len(sort) > 0 {
			m.SeqNo = sort[0]
		}
	}
	return m
}

func (p *pit) tide(ctx context.Context) (tide, error) {
	a, err := p.search(ctx, "look at the index", markSearch())
	if err != nil {
		return tide{}, err
	}
	return a.tide(), nil
}

// survey asks each index for its tide mark, and whether all clusters behind the patterns answer. An index that
// is gone is missing from the result.
func (c *Client) survey(ctx context.Context, patterns, indices []string) (map[string]tide, error) {
	const most = 100 // searches of one request
	marks := make(map[string]tide, len(indices))
	if err := c.surveySome(ctx, patterns, indices[:min(most, len(indices))], marks); err != nil {
		return nil, err
	}
	for group := range slices.Chunk(indices[min(most, len(indices)):], most) {
		if err := c.surveySome(ctx, nil, group, marks); err != nil {
			return nil, err
		}
	}
	return marks, nil
}

func (c *Client) surveySome(ctx context.Context, patterns, indices []string, marks map[string]tide) error {
	var body bytes.Buffer
	ask := func(names any, search object) {
		for _, line := range []object{{"index": names, "allow_partial_search_results": false}, search} {
			body.Write(line.json())
			body.WriteByte('\n')
		}
	}
	if patterns != nil {
		ask(patterns, object{"size": 0, "track_total_hits": false, "query": object{"match_none": object{}}})
	}
	for _, name := range indices {
		ask([]string{name}, markSearch())
	}
	req := Request{
		Op: "look at the source's indices", Method: http.MethodPost, Path: "/_msearch", Body: body.Bytes(), ContentType: "application/x-ndjson",
		Idempotent: true, Source: true,
	}
	res, err := c.Do(ctx, req)
	if err != nil {
		return err
	}
	var answer struct {
		Responses []json.RawMessage `json:"responses"`
	}
	want := len(indices)
	if patterns != nil {
		want++
	}
	if json.Unmarshal(res.Body, &answer) != nil || len(answer.Responses) != want {
		return &Error{Class: ClassSource, Op: req.Op, Err: fmt.Errorf("%d answers to %d searches", len(answer.Responses), want)}
	}
	if patterns != nil {
		if _, err := req.judged(answer.Responses[0]); err != nil {
			return err
		}
		answer.Responses = answer.Responses[1:]
	}
	for i, raw := range answer.Responses {
		a, err := req.judged(raw)
		var gone *Error
		if errors.As(err, &gone) && gone.Type == "index_not_found_exception" {
			continue
		}
		if err == nil && a.Shards.Total == 0 {
			err = &Error{Class: ClassSource, Op: req.Op, Err: errNoShard, Hint: hintNotWhole}
		}
		if err != nil {
			if gone != nil && gone.Index == "" {
				gone.Index = indexName(indices[i])
			}
			return err
		}
		marks[indices[i]] = a.tide()
	}
	return nil
}

// judged reads one of several answers to searches, and believes only a whole one.
func (r Request) judged(raw []byte) (*searchAnswer, error) {
	if f, failed := parseFailure(raw); failed {
		var answer struct {
			Status int `json:"status"`
		}
		e := &Error{Op: r.Op}
		if json.Unmarshal(raw, &answer) == nil {
			e.Status = answer.Status
		}
		classifyFailure(e, r, f)
		return nil, e
	}
	return r.wholeAnswer(raw)
}

func closedError(index string) *Error {
	return &Error{
		Class: ClassSource, Op: "list the source's indices", Index: index, Err: errors.New("the index is closed"),
		Hint: "open it, or leave it out of POSTWEAVE_SOURCE",
	}
}
