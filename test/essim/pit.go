package essim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// pit is a point in time: what each shard showed when it was opened.
type pit struct {
	shards []pitShard
	gone   string // an index of it that was deleted
}

type pitShard struct {
	shard *shard
	docs  []*doc
}

// view is what a search sees of some indices now. Shards are in the order in
// which Elasticsearch numbers them in one search.
func view(found []*index) []pitShard {
	var shards []pitShard
	for _, x := range found {
		for _, s := range x.shards {
			shards = append(shards, pitShard{s, s.visible})
		}
	}
	slices.SortStableFunc(shards, func(a, b pitShard) int {
		if a.shard.number != b.shard.number {
			return a.shard.number - b.shard.number
		}
		return strings.Compare(a.shard.index.name, b.shard.index.name)
	})
	return shards
}

func (c *Cluster) openPIT(q *request, names string) (any, error) {
	q.take("keep_alive")
	if err := q.expect("ignore_unavailable", "false"); err != nil {
		return nil, err
	}
	found, err := c.resolve(names, false)
	if err != nil {
		return nil, err
	}
	id := c.unique("pit")
	p := &pit{shards: view(found)}
	c.pits[id] = p
	return map[string]any{"id": id, "_shards": searched(len(p.shards))}, nil
}

func searched(total int) map[string]any {
	return map[string]any{"total": total, "successful": total, "skipped": 0, "failed": 0}
}

func (c *Cluster) closePIT(q *request) (int, any, error) {
	var body struct{ ID string }
	if err := json.Unmarshal(q.body, &body); err != nil {
		return 0, nil, unknownf("%v", err)
	}
	p := c.pits[body.ID]
	if p == nil {
		return http.StatusNotFound, map[string]any{"succeeded": false, "num_freed": 0}, nil
	}
	delete(c.pits, body.ID)
	if p.gone != "" {
		return http.StatusNotFound, map[string]any{"succeeded": false, "num_freed": 0}, nil
	}
	return http.StatusOK, map[string]any{"succeeded": true, "num_freed": len(p.shards)}, nil
}
