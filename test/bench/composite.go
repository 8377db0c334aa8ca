package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// BareComposite goes through every combination of some keyword fields by composite aggregation in pages of size, inside one point
// in time. Docs counts combinations. after_key is all that is decoded.
func BareComposite(ctx context.Context, n *Node, index string, fields []string, size int, query string) (Count, error) {
	start := time.Now()
	var buf bytes.Buffer
	if err := n.do(ctx, http.MethodPost, "/"+url.PathEscape(index)+"/_pit?keep_alive=5m", nil, &buf); err != nil {
		return Count{}, fmt.Errorf("open point in time: %w", err)
	}
	id, _ := between(buf.Bytes(), `"id":"`, `"`)
	pit := string(id)
	defer n.do(context.WithoutCancel(ctx), http.MethodDelete, "/_pit", []byte(`{"id":"`+pit+`"}`), new(bytes.Buffer)) //nolint:errcheck // it ends by itself

	var sources []string
	for _, f := range fields {
		sources = append(sources, fmt.Sprintf(`{%q:{"terms":{"field":%q}}}`, f, f))
	}
	if query == "" {
		query = `{"match_all":{}}`
	}
	var c Count
	after := ""
	for {
		body := fmt.Sprintf(`{"size":0,"track_total_hits":false,"query":%s,"pit":{"id":%q,"keep_alive":"5m"},"aggs":{"keys":{"composite":{"size":%d,"sources":[%s]%s}}}}`,
			query, pit, size, strings.Join(sources, ","), after)
		if err := n.do(ctx, http.MethodPost, "/_search", []byte(body), &buf); err != nil {
			return c, fmt.Errorf("composite page %d: %w", c.Requests+1, err)
		}
		b := buf.Bytes()
		if failedShards(b) {
			return c, fmt.Errorf("composite page %d is not whole: %.300s", c.Requests+1, b)
		}
		var page struct {
			Aggregations struct {
				Keys struct {
					AfterKey json.RawMessage `json:"after_key"`
				}
			}
		}
		if err := json.Unmarshal(b, &page); err != nil {
			return c, fmt.Errorf("composite page %d: %w", c.Requests+1, err)
		}
		keys := bytes.Count(b, []byte(`"doc_count":`))
		c.Requests++
		c.Docs += keys
		c.Bytes += int64(len(b))
		if keys < size || page.Aggregations.Keys.AfterKey == nil {
			c.Elapsed = time.Since(start)
			return c, nil
		}
		after = `,"after":` + string(page.Aggregations.Keys.AfterKey)
	}
}
