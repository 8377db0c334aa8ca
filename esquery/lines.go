package esquery

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// decoded is one raw document in its parts.
type decoded struct {
	host string
	line message.Line
	// ids and hosts are how many different values the aggregation saw: it counts a
	// document once for each pair.
	ids, hosts int
}

// decodeLine reads the parts of a raw document. Fields may be arrays, where a
// shipper or a filter ran twice, and dots in a name may be levels or not. ok is
// false where a part is missing that nothing can be done without.
func (f *fields) decodeLine(source []byte) (d decoded, ok bool) {
	var doc map[string]json.RawMessage
	if json.Unmarshal(source, &doc) != nil {
		return d, false
	}
	l := &f.layout
	d.hosts = distinct(firstOf(doc, f.counted[0]), "")
	d.ids = distinct(firstOf(doc, f.counted[1]), "NOQUEUE")
	d.host = last(firstOf(doc, l.Host))
	d.line.Program = first(firstOf(doc, l.Program))
	d.line.PID = first(firstOf(doc, l.PID))
	d.line.Text = last(firstOf(doc, l.Text)) // the stripped text comes after the whole line
	stamp, good := parseTime(first(firstOf(doc, l.Time)))
	d.line.Time = stamp
	return d, good && d.host != "" && d.line.Text != ""
}

// firstOf returns the values of the first field that the document has.
func firstOf(doc map[string]json.RawMessage, names []string) []string {
	for _, name := range names {
		if raw, ok := lookUp(doc, name); ok {
			if v := values(raw); len(v) > 0 {
				return v
			}
		}
	}
	return nil
}

// lookUp finds a field under its whole name or level by level.
func lookUp(doc map[string]json.RawMessage, name string) (json.RawMessage, bool) {
	if raw, ok := doc[name]; ok {
		return raw, true
	}
	head, rest, dotted := strings.Cut(name, ".")
	if !dotted {
		return nil, false
	}
	raw, ok := doc[head]
	if !ok {
		return nil, false
	}
	var inner map[string]json.RawMessage
	if json.Unmarshal(raw, &inner) != nil {
		return nil, false
	}
	return lookUp(inner, rest)
}

// values reads a string, a number, or an array of them.
func values(raw json.RawMessage) []string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return nil
	}
	switch raw[0] {
	case '"':
		var s string
		if json.Unmarshal(raw, &s) == nil {
			return []string{s}
		}
	case '[':
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) == nil {
			var out []string
			for _, r := range list {
				out = append(out, values(r)...)
			}
			return out
		}
	case '{', 'n', 't', 'f':
	default:
		return []string{string(raw)}
	}
	return nil
}

func first(v []string) string {
	if len(v) == 0 {
		return ""
	}
	return v[0]
}

func last(v []string) string {
	if len(v) == 0 {
		return ""
	}
	return v[len(v)-1]
}

// distinct counts the different values but one.
func distinct(v []string, but string) int {
	n := 0
	for i, s := range v {
		if s == but {
			continue
		}
		seen := false
		for _, t := range v[:i] {
			seen = seen || t == s
		}
		if !seen {
			n++
		}
	}
	return n
}

// parseTime reads a date as Logstash and others write it: RFC 3339, or
// milliseconds since 1970.
func parseTime(s string) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t.UTC(), true
	}
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil && ms > 0 && ms < 253402300799000 {
		return time.UnixMilli(ms).UTC(), true
	}
	for _, layout := range [...]string{"2006-01-02T15:04:05.999999999Z0700", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
