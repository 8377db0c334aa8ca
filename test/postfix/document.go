package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postweave/postweave/worker/maillog"
	"github.com/postweave/postweave/worker/message"
)

// Document is a document as its readers see it: JSON.
type Document map[string]any

// merge reads the logs as "postweave merge" does.
func merge(ctx context.Context, year int, logs ...string) ([]Document, maillog.Report, error) {
	o := maillog.Options{Year: year, Zone: time.UTC, Explain: true}
	for _, path := range logs {
		o.Inputs = append(o.Inputs, maillog.Input{Name: path, Open: func() (io.ReadCloser, error) { return os.Open(path) }})
	}
	var docs []Document
	report, err := maillog.Merge(ctx, o, func(d *message.Document) error {
		decoder := json.NewDecoder(bytes.NewReader(d.AppendJSON(nil)))
		decoder.UseNumber()
		doc := Document{}
		docs = append(docs, doc)
		return decoder.Decode(&doc)
	})
	return docs, report, err
}

// values are all values at a path such as "recipients.to", sorted, without repeats.
func (d Document) values(path string) []string {
	var list []string
	collect(map[string]any(d), strings.Split(path, "."), &list)
	slices.Sort(list)
	return slices.Compact(list)
}

// value is the only value at a path, or empty.
func (d Document) value(path string) string {
	if list := d.values(path); len(list) == 1 {
		return list[0]
	}
	return ""
}

func (d Document) has(path, value string) bool { return slices.Contains(d.values(path), value) }

// each are the objects in an array.
func (d Document) each(field string) []Document {
	array, _ := d[field].([]any)
	list := make([]Document, 0, len(array))
	for _, v := range array {
		if object, ok := v.(map[string]any); ok {
			list = append(list, object)
		}
	}
	return list
}

// recipient is the entry of an address, by its final or its original form.
func (d Document) recipient(address string) Document {
	for _, r := range d.each("recipients") {
		if strings.EqualFold(r.value("to"), address) || strings.EqualFold(r.value("orig_to"), address) {
			return r
		}
	}
	return nil
}

func collect(v any, path []string, list *[]string) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			collect(e, path, list)
		}
	case map[string]any:
		if len(path) > 0 {
			collect(v[path[0]], path[1:], list)
		}
	case string:
		*list = append(*list, v)
	case json.Number:
		*list = append(*list, v.String())
	case bool:
		*list = append(*list, strconv.FormatBool(v))
	}
}
