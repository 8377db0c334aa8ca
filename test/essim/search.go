package essim

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// found is a document that a search came upon.
type found struct {
	*doc
	shard, place int // of the search's shards, and of the shard's documents
	sort         []any
}

func (c *Cluster) search(q *request, names string) (any, error) {
	if err := q.expect("allow_partial_search_results", "false"); err != nil {
		return nil, err
	}
	body, err := fields(q.body, "pit", "size", "query", "sort", "search_after", "aggs", "track_total_hits", "seq_no_primary_term",
		"_source", "stored_fields", "docvalue_fields", "version")
	if err != nil {
		return nil, err
	}
	answer := map[string]any{"took": 0, "timed_out": false}
	var shards []pitShard
	if raw := body["pit"]; raw != nil {
		var p struct{ ID string }
		if err := json.Unmarshal(raw, &p); err != nil || names != "" {
			return nil, unknownf("pit %s", raw)
		}
		open := c.pits[p.ID]
		if open == nil {
			return nil, &problem{http.StatusNotFound, "search_context_missing_exception", ""}
		}
		if open.gone != "" {
			return nil, notFound(open.gone)
		}
		shards, answer["pit_id"] = open.shards, p.ID
	} else {
		indices, err := c.resolve(names, false)
		if err != nil {
			return nil, err
		}
		shards = view(indices)
	}
	fits := predicate(func(*doc) bool { return true })
	if body["query"] != nil {
		if fits, err = c.compiled(body["query"]); err != nil {
			return nil, err
		}
	}
	var all []found
	for i, s := range shards {
		for place, d := range s.docs {
			if fits(d) {
				all = append(all, found{doc: d, shard: i, place: place})
			}
		}
	}
	answer["_shards"] = searched(len(shards))
	if body["aggs"] != nil {
		if answer["aggregations"], err = aggregate(body["aggs"], all); err != nil {
			return nil, err
		}
	}
	hits := map[string]any{"max_score": nil}
	if err := total(body["track_total_hits"], len(all), hits); err != nil {
		return nil, err
	}
	if hits["hits"], err = page(body, all); err != nil {
		return nil, err
	}
	answer["hits"] = hits
	return answer, nil
}

// total counts hits, exactly up to a bound.
func total(raw json.RawMessage, n int, hits map[string]any) error {
	bound := 10_000
	switch string(raw) {
	case "false":
		return nil
	case "true":
		bound = n
	case "":
	default:
		if err := json.Unmarshal(raw, &bound); err != nil {
			return unknownf("track_total_hits %s", raw)
		}
	}
	relation := "eq"
	if n > bound {
		n, relation = bound, "gte"
	}
	hits["total"] = map[string]any{"value": n, "relation": relation}
	return nil
}

// page sorts the hits and returns those that are asked for.
func page(body map[string]json.RawMessage, all []found) ([]any, error) {
	size := 10
	if body["size"] != nil {
		if err := json.Unmarshal(body["size"], &size); err != nil {
			return nil, unknownf("size %s", body["size"])
		}
	}
	if size == 0 {
		return []any{}, nil
	}
	keys, err := parseSort(body["sort"], body["pit"] != nil)
	if err != nil {
		return nil, err
	}
	for i := range all {
		for _, k := range keys {
			all[i].sort = append(all[i].sort, k.of(&all[i]))
		}
	}
	order := func(a, b []any) int {
		for i, k := range keys {
			if c := k.compare(a[i], b[i]); c != 0 {
				return c
			}
		}
		return 0
	}
	slices.SortStableFunc(all, func(a, b found) int { return order(a.sort, b.sort) })
	if body["search_after"] != nil {
		after, err := sortValues(body["search_after"])
		if err != nil || len(after) != len(keys) {
			return nil, unknownf("search_after %s", body["search_after"])
		}
		all = all[len(all)-len(slices.DeleteFunc(slices.Clone(all), func(f found) bool { return order(f.sort, after) <= 0 })):]
	}
	shape, err := parseShape(body)
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, f := range all[:min(size, len(all))] {
		out = append(out, shape.hit(&f))
	}
	return out, nil
}

// sortKey is one of the things that hits are sorted by.
type sortKey struct {
	field string
	down  bool
}

func parseSort(raw json.RawMessage, pit bool) (keys []sortKey, err error) {
	items, err := list(raw)
	if err != nil {
		return nil, unknownf("sort %s", raw)
	}
	whole := false
	for _, item := range items {
		k := sortKey{}
		if item[0] == '"' {
			k.field = unquoted(item)
		} else {
			name, how, err := one(item)
			if err != nil {
				return nil, err
			}
			k.field = name
			order := unquoted(how)
			if how[0] == '{' {
				o, err := fields(how, "order", "missing")
				if err != nil {
					return nil, err
				}
				if m := unquoted(o["missing"]); o["missing"] != nil && m != "_last" {
					return nil, unknownf("missing %s", m)
				}
				order = unquoted(o["order"])
			}
			if order != "asc" && order != "desc" {
				return nil, unknownf("order %s", order)
			}
			k.down = order == "desc"
		}
		whole = whole || k.field == "_shard_doc"
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, unknownf("hits without an order")
	}
	if pit && !whole {
		keys = append(keys, sortKey{field: "_shard_doc"})
	}
	return keys, nil
}

// of is a hit's value: a number, a text, or nil where it has none.
func (k sortKey) of(f *found) any {
	switch k.field {
	case "_doc":
		return int64(f.place)
	case "_shard_doc":
		return int64(f.shard)<<32 | int64(f.place)
	case "_seq_no":
		return f.seqNo
	}
	values := f.fields[k.field]
	if len(values) == 0 {
		return nil
	}
	at := 0
	if k.down {
		at = len(values) - 1
	}
	switch f.doc.shard.index.mapping.fields[k.field].kind {
	case "date", "long":
		ordered := f.numbers(k.field)
		slices.Sort(ordered)
		return ordered[at]
	}
	return values[at].text
}

func (k sortKey) compare(a, b any) int {
	if a == nil || b == nil { // those without a value come last, either way
		return cmp.Compare(map[bool]int{false: 0, true: 1}[a == nil], map[bool]int{false: 0, true: 1}[b == nil])
	}
	var c int
	switch a := a.(type) {
	case int64:
		n, ok := b.(int64)
		if !ok {
			panic("simulated Elasticsearch: search_after of another type")
		}
		c = cmp.Compare(a, n)
	case string:
		c = strings.Compare(a, b.(string)) //nolint:forcetypeassert // of one field
	}
	if k.down {
		return -c
	}
	return c
}

func sortValues(raw json.RawMessage) (out []any, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		return nil, err
	}
	for i, v := range out {
		if n, ok := v.(json.Number); ok {
			if out[i], err = n.Int64(); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// shape is how much of a hit is shown.
type shape struct {
	id, source, revision bool
	only                 []string // of the source
	values               []string
}

func parseShape(body map[string]json.RawMessage) (shape, error) {
	s := shape{id: true, source: true, revision: string(body["seq_no_primary_term"]) == "true"}
	if v := string(body["version"]); v != "" && v != "false" {
		return s, unknownf("version")
	}
	switch raw := body["_source"]; {
	case len(raw) == 0 || string(raw) == "true":
	case string(raw) == "false":
		s.source = false
	default:
		if err := json.Unmarshal(raw, &s.only); err != nil {
			return s, unknownf("_source %s", raw)
		}
	}
	if raw := body["stored_fields"]; raw != nil {
		if string(raw) != `"_none_"` {
			return s, unknownf("stored_fields %s", raw)
		}
		s.id, s.source = false, false
	}
	if raw := body["docvalue_fields"]; raw != nil {
		if err := json.Unmarshal(raw, &s.values); err != nil {
			return s, unknownf("docvalue_fields %s", raw)
		}
	}
	return s, nil
}

func (s *shape) hit(f *found) any {
	h := map[string]any{"_index": f.doc.shard.index.name, "_score": nil, "sort": f.sort}
	if s.id {
		h["_id"] = f.id
	}
	if s.revision {
		h["_seq_no"], h["_primary_term"] = f.seqNo, term
	}
	if s.source {
		h["_source"] = json.RawMessage(f.source)
		if s.only != nil {
			paths := make([][]string, len(s.only))
			for i, p := range s.only {
				paths[i] = strings.Split(p, ".")
			}
			var v any
			_ = json.Unmarshal(f.source, &v)
			kept, ok := keep(v, paths)
			if !ok {
				kept = map[string]any{}
			}
			h["_source"] = kept
		}
	}
	values := map[string]any{}
	for _, name := range s.values {
		if v := f.fields[name]; len(v) > 0 {
			texts := make([]any, len(v))
			for i := range v {
				texts[i] = v[i].text
				if f.doc.shard.index.mapping.fields[name].kind == "long" {
					texts[i] = v[i].n
				}
			}
			values[name] = texts
		}
	}
	if len(values) > 0 {
		h["fields"] = values
	}
	return h
}
