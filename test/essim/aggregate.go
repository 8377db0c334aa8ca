package essim

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

func aggregate(raw []byte, all []found) (map[string]any, error) {
	var aggs map[string]json.RawMessage
	if err := json.Unmarshal(raw, &aggs); err != nil {
		return nil, unknownf("aggs %s", raw)
	}
	out := map[string]any{}
	for name, agg := range aggs {
		kind, body, err := one(agg)
		if err != nil {
			return nil, err
		}
		switch kind {
		case "max":
			out[name], err = highest(body, all)
		case "composite":
			out[name], err = composite(body, all)
		default:
			err = unknownf("aggregation %s", kind)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// highest is the max aggregation on a date or an integer.
func highest(body []byte, all []found) (any, error) {
	o, err := fields(body, "field")
	if err != nil {
		return nil, err
	}
	name := unquoted(o["field"])
	some, date := false, false
	var most int64
	for _, f := range all {
		for _, n := range f.numbers(name) {
			if !some || n > most {
				most = n
			}
			some, date = true, f.doc.shard.index.mapping.fields[name].kind == "date"
		}
	}
	if !some {
		return map[string]any{"value": nil}, nil
	}
	out := map[string]any{"value": float64(most)}
	if date {
		out["value_as_string"] = time.UnixMilli(most).UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return out, nil
}

// composite counts documents once for each combination of their values; one
// that has none for a source is not counted.
func composite(body []byte, all []found) (any, error) {
	o, err := fields(body, "size", "sources", "after")
	if err != nil {
		return nil, err
	}
	size := 10
	if o["size"] != nil {
		if err := json.Unmarshal(o["size"], &size); err != nil {
			return nil, unknownf("size %s", o["size"])
		}
	}
	sources, err := list(o["sources"])
	if err != nil {
		return nil, unknownf("sources %s", o["sources"])
	}
	names, keyed := make([]string, len(sources)), make([]string, len(sources))
	for i, s := range sources {
		name, how, err := one(s)
		if err != nil {
			return nil, err
		}
		kind, field, err := one(how)
		if err != nil || kind != "terms" {
			return nil, unknownf("composite source %s", how)
		}
		of, err := fields(field, "field")
		if err != nil {
			return nil, err
		}
		names[i], keyed[i] = name, unquoted(of["field"])
	}
	const between = "\x00"
	counted := map[string]int{}
	for _, f := range all {
		combinations := []string{""}
		for i, field := range keyed {
			var next []string
			for _, before := range combinations {
				for _, v := range f.fields[field] {
					if i > 0 {
						next = append(next, before+between+v.text)
					} else {
						next = append(next, v.text)
					}
				}
			}
			combinations = next
		}
		for _, k := range combinations {
			counted[k]++
		}
	}
	keys := slices.SortedFunc(maps.Keys(counted), func(a, b string) int {
		return slices.Compare(strings.Split(a, between), strings.Split(b, between))
	})
	if o["after"] != nil {
		var after map[string]string
		if err := json.Unmarshal(o["after"], &after); err != nil {
			return nil, unknownf("after %s", o["after"])
		}
		var last []string
		for _, n := range names {
			last = append(last, after[n])
		}
		keys = slices.DeleteFunc(keys, func(k string) bool { return slices.Compare(strings.Split(k, between), last) <= 0 })
	}
	out := map[string]any{}
	buckets := []any{}
	for _, k := range keys[:min(size, len(keys))] {
		key := map[string]any{}
		for i, v := range strings.Split(k, between) {
			key[names[i]] = v
		}
		buckets = append(buckets, map[string]any{"key": key, "doc_count": counted[k]})
		out["after_key"] = key
	}
	out["buckets"] = buckets
	return out, nil
}
