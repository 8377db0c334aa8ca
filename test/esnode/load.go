package esnode

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// LoadOptions of LoadNDJSON. The zero value is good.
type LoadOptions struct {
	// BulkBytes is the size at which a bulk request is sent; 0 means 5 MiB.
	BulkBytes int
	// Refresh makes the loaded documents visible to searches before LoadNDJSON returns.
	Refresh bool
}

// Daily puts a document into one index a UTC day of its @timestamp, as Logstash
// does: prefix "syslog-" gives syslog-2026.11.22. A document without a usable
// @timestamp is refused with the empty name.
func Daily(prefix string) func(doc map[string]any, n int) string {
	return func(doc map[string]any, _ int) string {
		stamp, _ := doc["@timestamp"].(string)
		at, err := time.Parse(time.RFC3339, stamp)
		if err != nil {
			return ""
		}
		return prefix + at.UTC().Format("2006.01.02")
	}
}

// LoadNDJSON indexes documents, one JSON object a line, in bulk requests and
// returns how many. Elasticsearch chooses the ids and, where no template says
// otherwise, the mappings: just as when Logstash writes. indexOf says where each
// document goes; it gets the decoded document and its number, counted from 0. nil
// means Daily("syslog-"). The input is streamed and never held as a whole.
//
// It is written without the product's bulk writer, which it helps to test.
func LoadNDJSON(ctx context.Context, url string, r io.Reader, indexOf func(doc map[string]any, n int) string, o LoadOptions) (int, error) {
	if indexOf == nil {
		indexOf = Daily("syslog-")
	}
	if o.BulkBytes == 0 {
		o.BulkBytes = 5 << 20
	}
	in := bufio.NewReaderSize(r, 1<<20)
	var body bytes.Buffer
	n, pending := 0, 0
	for {
		line, readErr := in.ReadBytes('\n')
		if readErr != nil && !errors.Is(readErr, io.EOF) {
			return n, fmt.Errorf("load documents: after %d: %w", n+pending, readErr)
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if err := appendAction(&body, line, indexOf, n+pending); err != nil {
				return n, err
			}
			pending++
		}
		if last := readErr != nil; pending > 0 && (last || body.Len() >= o.BulkBytes) {
			if err := bulk(ctx, url, body.Bytes(), pending); err != nil {
				return n, fmt.Errorf("load documents %d to %d: %w", n, n+pending-1, err)
			}
			n += pending
			pending = 0
			body.Reset()
		}
		if readErr != nil {
			break
		}
	}
	if o.Refresh {
		return n, Call(ctx, http.MethodPost, url+"/_refresh", nil, nil)
	}
	return n, nil
}

func appendAction(body *bytes.Buffer, line []byte, indexOf func(map[string]any, int) string, n int) error {
	var doc map[string]any
	if err := json.Unmarshal(line, &doc); err != nil {
		return fmt.Errorf("load documents: document %d: %w", n, err)
	}
	index := indexOf(doc, n)
	if index == "" {
		return fmt.Errorf("load documents: document %d names no index", n)
	}
	action, err := json.Marshal(map[string]any{"index": map[string]string{"_index": index}})
	if err != nil {
		return err
	}
	body.Write(action)
	body.WriteByte('\n')
	body.Write(line)
	body.WriteByte('\n')
	return nil
}

// bulk sends one request and believes only items that were created.
func bulk(ctx context.Context, url string, body []byte, want int) error {
	var answer struct {
		Items []map[string]struct {
			Status int
			Error  struct{ Type, Reason string }
		}
	}
	if err := Call(ctx, http.MethodPost, url+"/_bulk?filter_path=items.*.status,items.*.error", body, &answer); err != nil {
		return err
	}
	if len(answer.Items) != want {
		return fmt.Errorf("%d results for %d documents", len(answer.Items), want)
	}
	for i, item := range answer.Items {
		for _, result := range item {
			if result.Status != http.StatusCreated {
				return fmt.Errorf("document %d: status %d, %s: %s", i, result.Status, result.Error.Type, result.Error.Reason)
			}
		}
	}
	return nil
}
