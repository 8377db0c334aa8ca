package esnode

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Call makes one request. body is sent as it is where it is a []byte, as JSON
// otherwise, and not at all where it is nil; out, where it is not nil, takes the
// decoded answer. Every status but 2xx is an error that holds the answer: these
// are test documents, nothing in them is private.
//
// Tests check what the product did through this and not through the product's
// own client, whose mistakes would then cancel out.
func Call(ctx context.Context, method, url string, body, out any) error {
	var payload []byte
	contentType := "application/json"
	switch b := body.(type) {
	case nil:
	case []byte:
		payload, contentType = b, "application/x-ndjson"
	default:
		var err error
		if payload, err = json.Marshal(b); err != nil {
			return fmt.Errorf("%s %s: encode the body: %w", method, url, err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(payload))
	if err != nil {
		return err
	}
	if payload != nil {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := clientOf(req.URL.Host).Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", method, url, err)
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %.2000s", method, url, res.Status, answer)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s %s: %w in %.2000s", method, url, err, answer)
	}
	return nil
}

// Dump writes every document of an index, an alias or a pattern as one line of
// JSON, {"_id":…,"_index":…,"_source":…}, in no particular order, and returns how
// many. It refreshes first, so that it shows all that was written.
func Dump(ctx context.Context, node, index string, w io.Writer) (int, error) {
	const page = 1000
	if err := Call(ctx, http.MethodPost, node+"/"+url.PathEscape(index)+"/_refresh", nil, nil); err != nil {
		return 0, err
	}
	var pit struct{ ID string }
	if err := Call(ctx, http.MethodPost, node+"/"+url.PathEscape(index)+"/_pit?keep_alive=5m", nil, &pit); err != nil {
		return 0, err
	}
	defer func() {
		_ = Call(context.WithoutCancel(ctx), http.MethodDelete, node+"/_pit", map[string]string{"id": pit.ID}, nil)
	}()
	search := map[string]any{
		"size": page, "track_total_hits": false,
		"pit":  map[string]string{"id": pit.ID, "keep_alive": "5m"},
		"sort": []string{"_shard_doc"},
	}
	n := 0
	for {
		var found struct {
			Shards struct{ Failed int } `json:"_shards"`
			Hits   struct {
				Hits []struct {
					ID     string            `json:"_id"`
					Index  string            `json:"_index"`
					Source json.RawMessage   `json:"_source"`
					Sort   []json.RawMessage `json:"sort"`
				}
			}
		}
		if err := Call(ctx, http.MethodPost, node+"/_search?allow_partial_search_results=false", search, &found); err != nil {
			return n, err
		}
		if found.Shards.Failed > 0 {
			return n, fmt.Errorf("dump %s: %d shards failed", index, found.Shards.Failed)
		}
		for _, hit := range found.Hits.Hits {
			line, err := json.Marshal(map[string]any{"_id": hit.ID, "_index": hit.Index, "_source": hit.Source})
			if err != nil {
				return n, err
			}
			if _, err := w.Write(append(line, '\n')); err != nil {
				return n, err
			}
			n++
		}
		if len(found.Hits.Hits) < page {
			return n, nil
		}
		search["search_after"] = found.Hits.Hits[page-1].Sort
	}
}

// Delete removes the indices of these names or patterns; what is not there is no error.
func Delete(ctx context.Context, node string, patterns ...string) error {
	// The node refuses wildcards in a delete, so that they are resolved first.
	var there []struct{ Index string }
	at := node + "/_cat/indices/" + url.PathEscape(strings.Join(patterns, ",")) + "?format=json&h=index&expand_wildcards=all"
	if err := Call(ctx, http.MethodGet, at+"&ignore_unavailable=true", nil, &there); err != nil {
		return err
	}
	for _, i := range there {
		if err := Call(ctx, http.MethodDelete, node+"/"+url.PathEscape(i.Index), nil, nil); err != nil {
			return err
		}
	}
	return nil
}
