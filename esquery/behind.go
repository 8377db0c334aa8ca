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
	shown   bool // a search shows what was written before this was learned
}

// aliases holds what is behind each alias, as of the last look. [Client.CheckTarget] looks at the beginning of each
// run, and [Documents.Write] again each time: somebody may add an index while a run is at work, and what is created
// then goes into that one, which does not know what the others have.
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
	b.shown = a.known[alias].shown && a.known[alias].write == b.write
	a.known[alias] = b
}

// show makes visible what was written before an index was added, once. From then on nothing is created in the
// others.
func (d *Documents) show(ctx context.Context) error {
	b := d.client.aliases.of(d.alias)
	if !b.several || b.shown {
		return nil
	}
	if err := d.client.refresh(ctx, url.PathEscape(d.alias), ClassUnavailable); err != nil {
		return err
	}
	a := &d.client.aliases
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := a.known[d.alias]; now.write == b.write {
		now.shown = true
		a.known[d.alias] = now
	}
	return nil
}

// lookBehind looks at what is behind the alias now, where a run has looked before. Where nothing is, the write will
// tell.
func (d *Documents) lookBehind(ctx context.Context) error {
	if !d.client.aliases.looked(d.alias) {
		return nil
	}
	found, err := d.client.indices(ctx, "look behind the alias", d.alias)
	if err == nil && len(found) > 0 {
		d.client.aliases.learn(d.alias, found)
	}
	return err
}

// looked tells whether anything is known.
func (a *aliases) looked(alias string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, ok := a.known[alias]
	return ok
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
// would not know of them, and there would be two.
func (d *Documents) elsewhere(ctx context.Context, changes []message.Change) (map[string]bool, error) {
	if err := d.lookBehind(ctx); err != nil {
		return nil, err
	}
	if !d.client.aliases.of(d.alias).several {
		return nil, nil
	}
	if err := d.show(ctx); err != nil {
		return nil, err
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
