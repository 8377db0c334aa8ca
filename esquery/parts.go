package esquery

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/postweave/postweave/mappings"
	"github.com/postweave/postweave/worker/message"
)

// partsAtOnce is how many pieces of a long log one search returns. Each may
// have some megabytes, and twenty where a log of long lines has doubled often.
const partsAtOnce = 8

// Parts returns the pieces of long logs that lie beside a key's documents, as
// of now: the index is refreshed first. Long logs are rare, and so is this.
func (d *Documents) Parts(ctx context.Context, key message.Key) ([]message.Stored, error) {
	index := mappings.LogIndex(d.alias)
	if err := d.client.refresh(ctx, url.PathEscape(index), ClassUnavailable); err != nil {
		return nil, err
	}
	body := object{
		"size": partsAtOnce, "track_total_hits": false, "seq_no_primary_term": true,
		"query": object{"bool": object{"filter": []object{
			{"term": object{"host.name": object{"value": key.Host}}},
			{"term": object{"queue_id": object{"value": key.QueueID}}},
		}}},
		"sort": []object{{"document": object{"order": "asc"}}, {"part": object{"order": "asc"}}},
	}
	var out []message.Stored
	for {
		a, err := d.client.search(ctx, Request{
			Op: "find the parts of a long log", Method: http.MethodPost, Path: "/" + url.PathEscape(index) + "/_search",
			Query: url.Values{"allow_partial_search_results": {"false"}}, Body: body.json(), Idempotent: true,
		})
		if err != nil {
			return nil, err
		}
		for i := range a.Hits.Hits {
			h := &a.Hits.Hits[i]
			var part struct{ Part int }
			if err := json.Unmarshal(h.Source, &part); err != nil {
				return nil, &Error{Class: ClassSetup, Op: "find the parts of a long log", Index: index, Err: err}
			}
			out = append(out, message.Stored{Key: key, ID: h.ID, Source: h.Source, SeqNo: h.SeqNo, PrimaryTerm: h.PrimaryTerm, Part: part.Part})
		}
		if len(a.Hits.Hits) < partsAtOnce {
			return out, nil
		}
		body["search_after"] = a.Hits.Hits[len(a.Hits.Hits)-1].Sort
	}
}
