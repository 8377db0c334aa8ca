package score

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// key names a message: server and queue id.
type key struct{ host, id string }

func (k key) String() string { return k.host + " " + k.id }

// document is a decoded message document. It stays a map: a struct with the
// product's tags would take over the product's idea of the shape, and could not
// tell a missing field from an empty one.
type document map[string]any

type documents struct {
	all      []document
	messages []document // messages and probes
	byKey    map[key][]document
}

func readDocuments(r io.Reader) (*documents, error) {
	d := &documents{byKey: map[key][]document{}}
	err := eachLine(r, func(line []byte) error {
		if len(strings.TrimSpace(string(line))) == 0 {
			return nil
		}
		var doc document
		if err := json.Unmarshal(line, &doc); err != nil {
			return err
		}
		if source, ok := doc["_source"].(map[string]any); ok {
			doc = source
		}
		d.all = append(d.all, doc)
		if kind := doc.text("kind"); kind == "message" || kind == "probe" {
			d.messages = append(d.messages, doc)
			d.byKey[doc.key()] = append(d.byKey[doc.key()], doc)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the documents: %w", err)
	}
	return d, nil
}

// only returns the document of a message where there is exactly one.
func (d *documents) only(k key) (document, bool) {
	if len(d.byKey[k]) != 1 {
		return nil, false
	}
	return d.byKey[k][0], true
}

func (d document) host() string { return d.text("host.name") }

func (d document) key() key { return key{d.host(), d.text("queue_id")} }

// at follows a path with dots; nil where it leads nowhere.
func (d document) at(path string) any {
	var here any = map[string]any(d)
	for name := range strings.SplitSeq(path, ".") {
		m, ok := here.(map[string]any)
		if !ok {
			return nil
		}
		here = m[name]
	}
	return here
}

// text is the string at a path; empty where there is none.
func (d document) text(path string) string {
	s, _ := d.at(path).(string)
	return s
}

// lower is text with case folded away.
func (d document) lower(path string) string { return strings.ToLower(d.text(path)) }

// number is the number at a path.
func (d document) number(path string) (float64, bool) {
	n, ok := d.at(path).(float64)
	return n, ok
}

func (d document) equals(path string, want int) bool {
	n, ok := d.number(path)
	return ok && n == float64(want)
}

func (d document) bool(path string) bool {
	b, _ := d.at(path).(bool)
	return b
}

// port is a port at a path as digits; empty where there is none.
func (d document) port(path string) string {
	switch p := d.at(path).(type) {
	case float64:
		if p != 0 {
			return strconv.Itoa(int(p))
		}
	case string:
		return p
	}
	return ""
}

// list is the objects of an array.
func (d document) list(path string) []document {
	items, _ := d.at(path).([]any)
	var list []document
	for _, item := range items {
		if m, ok := item.(map[string]any); ok {
			list = append(list, m)
		}
	}
	return list
}

func (d document) recipients() []document { return d.list("recipients") }

// strings is a field that holds one string or several, without empty ones.
func (d document) strings(path string) []string {
	var all []string
	switch v := d.at(path).(type) {
	case string:
		all = append(all, v)
	case []any:
		for _, item := range v {
			if s, ok := item.(string); ok {
				all = append(all, s)
			}
		}
	}
	return all
}
