package essim

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// The methods here are what others than postweave do: shippers index, retention
// deletes, and a test looks on. None of them goes through a request.

// Create makes an index with so many shards.
func (c *Cluster) Create(name string, shards int, mapping string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var body indexBody
	body.Mappings = json.RawMessage(mapping)
	x, err := c.create(name, body)
	if err != nil {
		return err
	}
	for n := len(x.shards); n < shards; n++ {
		x.shards = append(x.shards, &shard{
			index: x, number: n, history: c.unique("history"), docs: map[string]*doc{}, gone: map[string]int64{}, highest: -1, pending: map[int64]bool{},
		})
	}
	return nil
}

// Exists tells whether there is an index of that name.
func (c *Cluster) Exists(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.indices[name] != nil
}

// Index indexes a new document under an id that the cluster makes up.
func (c *Cluster) Index(name string, source []byte) error {
	release, err := c.Hold(name, source)
	if err == nil {
		release()
	}
	return err
}

// Hold begins to index a new document: it has its number, but takes effect only
// when release is called. The shard's checkpoint stays below it for so long.
func (c *Cluster) Hold(name string, source []byte) (release func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x, err := c.writable(name, false)
	if err != nil {
		return nil, err
	}
	indexed, err := x.mapping.index(x.name, source)
	if err != nil {
		return nil, err
	}
	o := operation{action: "create", id: c.unique("line"), source: bytes.Clone(source)}
	s := x.shardOf(o.id)
	s.highest++
	seqNo := s.highest
	s.pending[seqNo] = true
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(s.pending, seqNo)
		c.apply(s, o, indexed, seqNo)
	}, nil
}

// Delete deletes an index.
func (c *Cluster) Delete(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.deleteIndex(name)
	return err
}

// Refresh is the refresh that Elasticsearch makes by itself now and then.
func (c *Cluster) Refresh(names string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.refresh(names)
	return err
}

// ClosePITs closes all points in time, as a node does that starts anew.
func (c *Cluster) ClosePITs() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.pits)
}

// DeleteDocuments deletes all documents of an index, or of those behind an
// alias, and refreshes.
func (c *Cluster) DeleteDocuments(names string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, err := c.resolve(names, false)
	if err != nil {
		return err
	}
	for _, x := range found {
		for _, s := range x.shards {
			for _, id := range slices.Sorted(maps.Keys(s.docs)) {
				if _, err := c.carryOut(x, operation{action: "delete", id: id}); err != nil {
					return err
				}
			}
			s.refresh()
		}
	}
	return nil
}

// Documents are the sources of an index, or of those behind an alias, by id, as
// a GET sees them.
func (c *Cluster) Documents(names string) (map[string][]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, err := c.resolve(names, false)
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for _, x := range found {
		for _, s := range x.shards {
			for id, d := range s.docs {
				out[id] = d.source
			}
		}
	}
	return out, nil
}

// Shard is how far a shard is.
type Shard struct {
	Index, UUID string
	Number      int
	Highest     int64 // operation that was given a number; -1 is none
	Checkpoint  int64 // all operations at or below it are done
}

// Shards lists the shards of indices.
func (c *Cluster) Shards(names string) ([]Shard, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, err := c.resolve(names, true)
	if err != nil {
		return nil, err
	}
	var out []Shard
	for _, x := range found {
		for _, s := range x.shards {
			out = append(out, Shard{x.name, x.uuid, s.number, s.highest, s.checkpoint()})
		}
	}
	return out, nil
}
