package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
)

// ReadDocuments reads all documents of an index with their ids, byte for byte as they were written. It holds them in memory.
func ReadDocuments(ctx context.Context, n *Node, index string) ([]Document, error) {
	if err := n.Refresh(ctx, index); err != nil {
		return nil, err
	}
	var pit struct{ ID string }
	if err := n.json(ctx, http.MethodPost, "/"+url.PathEscape(index)+"/_pit?keep_alive=5m", "", &pit); err != nil {
		return nil, fmt.Errorf("open point in time: %w", err)
	}
	defer n.do(context.WithoutCancel(ctx), http.MethodDelete, "/_pit", []byte(`{"id":"`+pit.ID+`"}`), new(bytes.Buffer)) //nolint:errcheck // it ends by itself
	const page = 5000
	var docs []Document
	after := ""
	for {
		var answer struct {
			Hits struct {
				Hits []struct {
					ID     string          `json:"_id"`
					Source json.RawMessage `json:"_source"`
					Sort   json.RawMessage `json:"sort"`
				} `json:"hits"`
			} `json:"hits"`
		}
		body := fmt.Sprintf(`{"size":%d,"track_total_hits":false,"sort":["_shard_doc"],"pit":{"id":%q,"keep_alive":"5m"}%s}`, page, pit.ID, after)
		if err := n.json(ctx, http.MethodPost, "/_search?allow_partial_search_results=false", body, &answer); err != nil {
			return nil, fmt.Errorf("read documents: %w", err)
		}
		hits := answer.Hits.Hits
		for _, h := range hits {
			docs = append(docs, Document{ID: h.ID, JSON: h.Source})
		}
		if len(hits) < page {
			return docs, nil
		}
		after = `,"search_after":` + string(hits[page-1].Sort)
	}
}

// CopyIndex makes an empty index with the mappings and settings of another one, which may be named by its alias.
func CopyIndex(ctx context.Context, n *Node, from, to string) error {
	var answer map[string]struct {
		Mappings json.RawMessage
		Settings struct{ Index map[string]json.RawMessage }
	}
	if err := n.json(ctx, http.MethodGet, "/"+url.PathEscape(from), "", &answer); err != nil {
		return err
	}
	if len(answer) != 1 {
		return fmt.Errorf("copy index %s: there are %d of that name", from, len(answer))
	}
	for _, x := range answer {
		for _, given := range []string{"uuid", "version", "creation_date", "provided_name"} { // Elasticsearch sets them itself
			delete(x.Settings.Index, given)
		}
		settings, err := json.Marshal(x.Settings.Index)
		if err != nil {
			return err
		}
		return n.Put(ctx, "/"+url.PathEscape(to), `{"settings":{"index":`+string(settings)+`},"mappings":`+string(x.Mappings)+`}`)
	}
	return nil
}
