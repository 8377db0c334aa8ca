package essim

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// mapping says which fields an index has.
type mapping struct {
	raw     json.RawMessage
	dynamic string
	fields  map[string]field
	objects map[string]string // kind: object, nested, stored
}

type field struct {
	kind   string
	lower  bool
	ignore int // longer values are not indexed; 0 is no bound
}

// value is one indexed value.
type value struct {
	text string // as doc values show it
	n    int64  // of dates and integers
}

type property struct {
	Type       string              `json:"type"`
	Normalizer string              `json:"normalizer"`
	Ignore     int                 `json:"ignore_above"`
	Enabled    *bool               `json:"enabled"`
	Properties map[string]property `json:"properties"`
	Fields     map[string]property `json:"fields"`
}

func parseMapping(raw json.RawMessage) (*mapping, error) {
	if len(raw) == 0 {
		raw = json.RawMessage("{}")
	}
	var body struct {
		Dynamic    any                 `json:"dynamic"`
		Properties map[string]property `json:"properties"`
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		return nil, unknownf("mapping: %v", err)
	}
	m := &mapping{raw: raw, fields: map[string]field{}, objects: map[string]string{}}
	switch d := body.Dynamic.(type) {
	case bool:
		m.dynamic = strconv.FormatBool(d)
	case string:
		m.dynamic = d
	}
	return m, m.add("", body.Properties)
}

func (m *mapping) add(prefix string, properties map[string]property) error {
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		p := properties[name]
		full := prefix + name
		switch p.Type {
		case "", "object", "nested":
			m.objects[full] = "object"
			if p.Type == "nested" {
				m.objects[full] = "nested"
			}
			if p.Enabled != nil && !*p.Enabled {
				m.objects[full] = "stored"
			}
			if err := m.add(full+".", p.Properties); err != nil {
				return err
			}
		case "keyword", "text", "date", "long", "double", "boolean", "ip", "flattened", "alias":
			m.fields[full] = field{p.Type, p.Normalizer == "lowercase", p.Ignore}
			if err := m.add(full+".", p.Fields); err != nil {
				return err
			}
		default:
			return unknownf("a field of type %s", p.Type)
		}
	}
	return nil
}

func refused(kind, index string) *problem { return &problem{http.StatusBadRequest, kind, index} }

// index reads a document as it is indexed.
func (m *mapping) index(index string, source []byte) (map[string][]value, error) {
	d := json.NewDecoder(bytes.NewReader(source))
	d.UseNumber()
	var object map[string]any
	if d.Decode(&object) != nil || object == nil {
		return nil, refused("document_parsing_exception", index)
	}
	out := map[string][]value{}
	if err := m.object(index, "", object, out); err != nil {
		return nil, err
	}
	for name := range out {
		if k := m.fields[name].kind; k == "keyword" { // sorted and each once, as doc values are
			slices.SortFunc(out[name], func(a, b value) int { return strings.Compare(a.text, b.text) })
			out[name] = slices.Compact(out[name])
		}
	}
	return out, nil
}

func (m *mapping) object(index, prefix string, object map[string]any, out map[string][]value) error {
	for name, v := range object {
		full := prefix + name
		if kind, ok := m.objects[full]; ok {
			if kind == "stored" {
				continue
			}
			for _, one := range elements(v) {
				inner, ok := one.(map[string]any)
				if !ok {
					return refused("document_parsing_exception", index)
				}
				if err := m.object(index, full+".", inner, out); err != nil {
					return err
				}
			}
			continue
		}
		if _, ok := m.fields[full]; !ok {
			switch m.dynamic {
			case "strict":
				return refused("strict_dynamic_mapping_exception", index)
			case "false":
				continue
			}
			return unknownf("field %s has no mapping in %s, and there is no dynamic one here", full, index)
		}
		for _, one := range elements(v) {
			if err := m.leaf(index, full, one, out); err != nil {
				return err
			}
		}
	}
	return nil
}

func elements(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		var out []any
		for _, x := range v {
			out = append(out, elements(x)...)
		}
		return out
	}
	return []any{v}
}

// leaf indexes one value in a field and in its forms.
func (m *mapping) leaf(index, name string, v any, out map[string][]value) error {
	f := m.fields[name]
	if f.kind == "flattened" {
		return nil
	}
	text := ""
	switch v := v.(type) {
	case string:
		text = v
	case json.Number:
		text = v.String()
	case bool:
		text = strconv.FormatBool(v)
	default:
		return refused("document_parsing_exception", index)
	}
	x := value{text: text}
	good := true
	switch f.kind {
	case "keyword":
		if f.lower {
			x.text = strings.ToLower(text)
		}
		if f.ignore > 0 && len(utf16.Encode([]rune(text))) > f.ignore {
			return nil
		}
	case "text":
		if _, ok := m.fields[name+".keyword"]; ok {
			if err := m.leaf(index, name+".keyword", v, out); err != nil {
				return err
			}
		}
	case "date":
		var t time.Time
		if t, good = parseDate(text); good {
			x = value{t.Format("2006-01-02T15:04:05.000Z"), t.UnixMilli()}
		}
	case "long":
		var err error
		x.n, err = strconv.ParseInt(text, 10, 64)
		good = err == nil
	case "double":
		_, err := strconv.ParseFloat(text, 64)
		good = err == nil
	case "boolean":
		good = text == "true" || text == "false"
	case "ip":
		_, err := netip.ParseAddr(text)
		good = err == nil
	case "alias":
		good = false
	}
	if !good {
		return refused("document_parsing_exception", index)
	}
	out[name] = append(out[name], x)
	return nil
}

// parseDate reads strict_date_optional_time as the product and Logstash write
// it, to the millisecond.
func parseDate(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, s)
	return t.UTC().Truncate(time.Millisecond), err == nil
}

func (c *Cluster) fieldCaps(q *request, names string) (any, error) {
	wanted := strings.Split(q.take("fields"), ",")
	unmapped := q.take("include_unmapped") == "true"
	if err := q.expect("ignore_unavailable", "false"); err != nil {
		return nil, err
	}
	found, err := c.resolve(names, false)
	if err != nil {
		return nil, err
	}
	all := make([]string, 0, len(found))
	for _, x := range found {
		all = append(all, x.name)
	}
	out := map[string]any{}
	for _, name := range wanted {
		in := map[string][]string{}
		for _, x := range found {
			kind := x.mapping.kindOf(name)
			if kind == "" && unmapped {
				kind = "unmapped"
			}
			if kind != "" {
				in[kind] = append(in[kind], x.name)
			}
		}
		if len(in) == 0 || len(in) == 1 && in["unmapped"] != nil {
			continue
		}
		kinds := map[string]any{}
		for kind, indices := range in {
			leaf := kind != "unmapped" && kind != "object" && kind != "nested"
			caps := map[string]any{"type": kind, "metadata_field": false, "searchable": leaf, "aggregatable": leaf && kind != "text"}
			if len(in) > 1 {
				caps["indices"] = indices
			}
			kinds[kind] = caps
		}
		out[name] = kinds
	}
	return map[string]any{"indices": all, "fields": out}, nil
}

func (m *mapping) kindOf(name string) string {
	if f, ok := m.fields[name]; ok {
		return f.kind
	}
	if kind := m.objects[name]; kind != "stored" {
		return kind
	}
	return ""
}
