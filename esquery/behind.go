package esquery

import (
	"context"
	"net/http"
	"net/url"
	"sync"

	"github.com/postweave/postweave/worker/message"
)

// behind is what is known of the indices behind an alias since it was last looked at.
type behind struct {
	write   string // takes what is written through the alias
	several bool
}

// aliases holds what [Client.CheckTarget] found. It looks at the beginning of each run, so that a daemon learns of an
// index that somebody has added; what changes while a run is at work shows itself as a conflict.
type aliases struct {
	mu    sync.Mutex
	known map[string]behind
}

func (a *aliases) learn(alias string, indices map[string]indexState) {
	b := behind{several: len(indices) > 1}
	for name, x := range indices {
		if write := x.Aliases[alias].Write; len(indices) == 1 || write != nil && *write {
			b.write = name
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil {
		a.known = make(map[string]behind)
	}
	a.known[alias] = b
}

func (a *aliases) of(alias string) behind {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.known[alias]
}

// home is the index that a document has to be written to by its own name: it is none that the alias writes to. While the
// alias stands for one index there is none, and no privilege on an index by its name is needed.
func (d *Documents) home(h *hit) string {
	if b := d.client.aliases.of(d.alias); b.several && h.Index != b.write {
		return h.Index
	}
	return ""
}

// elsewhere tells which of the documents to be created are in another index than the one that would take them: it
// would not know of them, and there would be two. Nothing is created in those others, so
// that no refresh is needed to find what they have.
func (d *Documents) elsewhere(ctx context.Context, changes []message.Change) (map[string]bool, error) {
	if !d.client.aliases.of(d.alias).several {
		return nil, nil
	}
	var ids []string
	for i := range changes {
		if c := &changes[i]; c.Action == message.Create && !c.Part {
			ids = append(ids, c.ID)
		}
	}
	there := make(map[string]bool)
	err := inParts(ids, findAtOnce, func(some []string) error {
		a, err := d.client.search(ctx, Request{
			Op: "find documents by id", Method: http.MethodPost, Path: "/" + url.PathEscape(d.alias) + "/_search",
			Query: url.Values{"allow_partial_search_results": {"false"}}, Idempotent: true,
			Body: object{
				"size": maxHits, "track_total_hits": false, "sort": []string{"_doc"}, "_source": false,
				"query": object{"ids": object{"values": some}},
			}.json(),
		})
		if err != nil {
			return err
		}
		for i := range a.Hits.Hits {
			if h := &a.Hits.Hits[i]; d.home(h) != "" {
				there[h.ID] = true
			}
		}
		return nil
	})
	return there, err
}
