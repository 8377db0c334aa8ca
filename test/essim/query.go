package essim

import (
	"encoding/json"
	"slices"
	"strings"
)

// predicate tells whether a document fits.
type predicate func(*doc) bool

// one takes an object with a single member apart.
func one(raw []byte) (name string, value json.RawMessage, err error) {
	o := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &o); err != nil || len(o) != 1 {
		return "", nil, unknownf("query %.200s", raw)
	}
	for name, value = range o {
	}
	return name, value, nil
}

// list takes an array of queries, or one alone.
func list(raw []byte) (out []json.RawMessage, err error) {
	if len(raw) == 0 {
		return nil, nil
	}
	if raw[0] != '[' {
		return []json.RawMessage{raw}, nil
	}
	return out, json.Unmarshal(raw, &out)
}

// compiled is compile, which does the same query once: a run asks the same again
// and again.
func (c *Cluster) compiled(raw []byte) (predicate, error) {
	if p := c.queries[string(raw)]; p != nil {
		return p, nil
	}
	p, err := c.compile(raw)
	if err == nil && len(c.queries) < 10_000 {
		c.queries[string(raw)] = p
	}
	return p, err
}

func (c *Cluster) compile(raw []byte) (predicate, error) {
	kind, body, err := one(raw)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "match_all":
		return func(*doc) bool { return true }, nil
	case "bool":
		return c.compileBool(body)
	case "exists":
		o, err := fields(body, "field")
		if err != nil {
			return nil, err
		}
		name := unquoted(o["field"])
		return func(d *doc) bool { return len(d.fields[name]) > 0 }, nil
	case "term", "prefix":
		return compileTerm(kind, body)
	case "terms":
		name, values, err := one(body)
		if err != nil {
			return nil, err
		}
		var wanted []string
		if err := json.Unmarshal(values, &wanted); err != nil {
			return nil, unknownf("terms %.100s", values)
		}
		slices.Sort(wanted)
		return matching(name, func(_ *doc, v string) bool {
			_, ok := slices.BinarySearch(wanted, v)
			return ok
		}), nil
	case "ids":
		o, err := fields(body, "values")
		if err != nil {
			return nil, err
		}
		return c.compile([]byte(`{"terms":{"_id":` + string(o["values"]) + `}}`))
	case "range":
		return compileRange(body)
	}
	return nil, unknownf("query %s", kind)
}

func (c *Cluster) compileBool(body []byte) (predicate, error) {
	o, err := fields(body, "filter", "must", "must_not", "should", "minimum_should_match")
	if err != nil {
		return nil, err
	}
	parts := map[string][]predicate{}
	for _, clause := range []string{"filter", "must", "must_not", "should"} {
		queries, err := list(o[clause])
		if err != nil {
			return nil, unknownf("%v", err)
		}
		for _, q := range queries {
			p, err := c.compiled(q)
			if err != nil {
				return nil, err
			}
			parts[clause] = append(parts[clause], p)
		}
	}
	least := 0
	if len(parts["should"]) > 0 && len(parts["filter"])+len(parts["must"]) == 0 {
		least = 1
	}
	if m := string(o["minimum_should_match"]); m == "1" {
		least = 1
	} else if m != "" {
		return nil, unknownf("minimum_should_match %s", m)
	}
	return func(d *doc) bool {
		for _, p := range append(slices.Clone(parts["filter"]), parts["must"]...) {
			if !p(d) {
				return false
			}
		}
		for _, p := range parts["must_not"] {
			if p(d) {
				return false
			}
		}
		return least == 0 || slices.ContainsFunc(parts["should"], func(p predicate) bool { return p(d) })
	}, nil
}

// matching is a predicate on any of a field's values. The terms of an analysed
// text are not simulated.
func matching(name string, fits func(d *doc, v string) bool) predicate {
	switch name {
	case "_index":
		return func(d *doc) bool { return fits(d, d.shard.index.name) }
	case "_id":
		return func(d *doc) bool { return fits(d, d.id) }
	}
	return func(d *doc) bool {
		if d.shard.index.mapping.fields[name].kind == "text" {
			panic("simulated Elasticsearch: a term of the analysed field " + name)
		}
		for _, v := range d.fields[name] {
			if fits(d, v.text) {
				return true
			}
		}
		return false
	}
}

func compileTerm(kind string, body []byte) (predicate, error) {
	name, raw, err := one(body)
	if err != nil {
		return nil, err
	}
	if raw[0] == '{' {
		o, err := fields(raw, "value")
		if err != nil {
			return nil, err
		}
		raw = o["value"]
	}
	wanted := unquoted(raw)
	return matching(name, func(d *doc, v string) bool {
		w := wanted
		if d.shard.index.mapping.fields[name].lower {
			w = strings.ToLower(w)
		}
		if kind == "prefix" {
			return strings.HasPrefix(v, w)
		}
		return v == w
	}), nil
}

// unquoted is a string, or the text of a number or a boolean.
func unquoted(raw []byte) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

func compileRange(body []byte) (predicate, error) {
	name, raw, err := one(body)
	if err != nil {
		return nil, err
	}
	o, err := fields(raw, "gt", "gte", "lt", "lte", "format")
	if err != nil {
		return nil, err
	}
	if f := string(o["format"]); f != "" && f != `"strict_date_optional_time"` {
		return nil, unknownf("format %s", f)
	}
	type bound struct {
		op string
		n  int64
	}
	var bounds []bound
	for _, op := range []string{"gt", "gte", "lt", "lte"} {
		if o[op] == nil {
			continue
		}
		n, ok := number(o[op])
		if !ok {
			return nil, unknownf("range %s", o[op])
		}
		bounds = append(bounds, bound{op, n})
	}
	return func(d *doc) bool {
		return slices.ContainsFunc(d.numbers(name), func(n int64) bool {
			for _, b := range bounds {
				if b.op == "gt" && n <= b.n || b.op == "gte" && n < b.n || b.op == "lt" && n >= b.n || b.op == "lte" && n > b.n {
					return false
				}
			}
			return true
		})
	}, nil
}

// number reads a bound: an integer, or a date as milliseconds.
func number(raw []byte) (int64, bool) {
	var n int64
	if json.Unmarshal(raw, &n) == nil {
		return n, true
	}
	t, ok := parseDate(unquoted(raw))
	return t.UnixMilli(), ok
}

func (d *doc) numbers(name string) []int64 {
	if name == "_seq_no" {
		return []int64{d.seqNo}
	}
	out := make([]int64, 0, 1)
	for _, v := range d.fields[name] {
		out = append(out, v.n)
	}
	return out
}
