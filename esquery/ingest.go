package esquery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ingestFields hold the time at which a line came in, the surest first: set by
// Elasticsearch, set by Logstash, set by the agent that read the log.
var ingestFields = []string{"event.ingested", "received_at", "event.created"}

// ingestClauses sorts an index's lines by the field that holds their ingest
// time: the first of ingestFields that a line has, its own time where it has none. Each line is in
// one clause.
func (f *fields) ingestClauses() (names []string, which []object) {
	for i := range len(f.ingest) + 1 {
		name, not := f.time, []object{}
		if i < len(f.ingest) {
			name = f.ingest[i]
		}
		for _, earlier := range f.ingest[:i] {
			not = append(not, object{"exists": object{"field": earlier}})
		}
		names = append(names, name)
		which = append(which, object{"bool": object{"must_not": not}})
	}
	return names, which
}

// ingested selects the lines with an ingest time in a range.
func (f *fields) ingested(bounds object) object {
	bounds["format"] = "strict_date_optional_time"
	names, which := f.ingestClauses()
	should := make([]object, len(names))
	for i, name := range names {
		should[i] = object{"bool": object{"filter": []object{{"range": object{name: bounds}}, which[i]}}}
	}
	return object{"bool": object{"should": should, "minimum_should_match": 1}}
}

// ingestExtent is what there is to read of an index, by ingest time.
type ingestExtent struct {
	lines    int64 // at most: a line with several ingest times counts once
	unmarked int64 // of them without an ingest time
	from, to time.Time
}

// extent asks for the first and the last ingest time of a slice's lines.
func (s *slice) extent(ctx context.Context) (ingestExtent, error) {
	names, which := s.fields.ingestClauses()
	aggs := object{}
	for i, name := range names {
		aggs[fmt.Sprint(i)] = object{"filter": which[i], "aggs": object{
			"from": object{"min": object{"field": name}}, "to": object{"max": object{"field": name}},
		}}
	}
	const op = "look for new lines"
	a, err := s.pit.search(ctx, op, object{"size": 0, "track_total_hits": true, "query": s.query(), "aggs": aggs})
	if err != nil {
		return ingestExtent{}, err
	}
	type edge struct {
		Value *float64 `json:"value"`
	}
	var found map[string]struct {
		Count    int64 `json:"doc_count"`
		From, To edge
	}
	if json.Unmarshal(a.Aggregations, &found) != nil || len(found) != len(names) {
		return ingestExtent{}, &Error{Class: ClassSource, Op: op, Index: indexName(s.indices[0]), Err: errors.New("the answer has no aggregation")}
	}
	out := ingestExtent{lines: a.Hits.Total.Value, unmarked: found[fmt.Sprint(len(names)-1)].Count}
	for _, c := range found {
		if c.From.Value == nil || c.To.Value == nil {
			continue
		}
		from, to := time.UnixMilli(int64(*c.From.Value)).UTC(), time.UnixMilli(int64(*c.To.Value)).UTC()
		if out.from.IsZero() || from.Before(out.from) {
			out.from = from
		}
		if to.After(out.to) {
			out.to = to
		}
	}
	return out, nil
}
