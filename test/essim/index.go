package essim

import (
	"encoding/json"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// index is one index.
type index struct {
	name, uuid string
	created    time.Time
	closed     bool
	mapping    *mapping
	aliases    map[string]alias
	shards     []*shard
}

type alias struct {
	Write *bool `json:"is_write_index,omitempty"`
}

// shard is one primary shard.
type shard struct {
	index   *index
	number  int
	history string
	docs    map[string]*doc // as a GET sees them
	gone    map[string]int64
	order   []*doc // live documents in the order of their writing
	visible []*doc // order at the last refresh; never changed, only replaced
	stale   bool   // order is not what is visible
	highest int64  // operation given out
	pending map[int64]bool
}

// doc is one revision of a document.
type doc struct {
	shard   *shard
	id      string
	seqNo   int64
	version int64
	source  []byte
	fields  map[string][]value
}

// checkpoint is the highest number at or below which all operations are done.
func (s *shard) checkpoint() int64 {
	low := s.highest
	for n := range s.pending {
		low = min(low, n-1)
	}
	return low
}

func (s *shard) refresh() {
	if s.stale {
		s.visible, s.stale = slices.Clone(s.order), false
	}
}

func (c *Cluster) newIndex(name string, shards int, m *mapping) *index {
	x := &index{name: name, uuid: c.unique("index"), created: c.now(), mapping: m, aliases: map[string]alias{}}
	for n := range shards {
		x.shards = append(x.shards, &shard{
			index: x, number: n, history: c.unique("history"), docs: map[string]*doc{}, gone: map[string]int64{}, highest: -1, pending: map[int64]bool{},
		})
	}
	c.indices[name] = x
	return x
}

func (x *index) shardOf(id string) *shard { return x.shards[shardOf(id, len(x.shards))] }

func notFound(name string) *problem {
	return &problem{http.StatusNotFound, "index_not_found_exception", name}
}

// resolve lists the indices that an expression of names, aliases and wildcards
// stands for, by name. A name that stands for none is a problem, a wildcard is not.
func (c *Cluster) resolve(expression string, closed bool) ([]*index, error) {
	found := map[string]*index{}
	for _, name := range strings.Split(expression, ",") {
		wild := strings.ContainsAny(name, "*")
		some := false
		for _, x := range c.indices {
			_, aliased := x.aliases[name]
			if wild {
				aliased, _ = path.Match(name, x.name)
				if x.closed && !closed {
					aliased = false
				}
			}
			if aliased || x.name == name {
				if x.closed && !closed {
					return nil, &problem{http.StatusBadRequest, "index_closed_exception", x.name}
				}
				found[x.name] = x
				some = true
			}
		}
		if !some && !wild {
			return nil, notFound(name)
		}
	}
	return sorted(found), nil
}

// resolveThose is resolve with ignore_unavailable: a name that stands for none
// is left out.
func (c *Cluster) resolveThose(expression string) ([]*index, error) {
	found := map[string]*index{}
	for _, name := range strings.Split(expression, ",") {
		some, err := c.resolve(name, true)
		if p, ok := err.(*problem); err != nil && (!ok || p.kind != "index_not_found_exception") { //nolint:errorlint // made here
			return nil, err
		}
		for _, x := range some {
			found[x.name] = x
		}
	}
	return sorted(found), nil
}

func sorted(m map[string]*index) []*index {
	out := make([]*index, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[name])
	}
	return out
}

// writable is the index that a write to a name goes to.
func (c *Cluster) writable(name string, mustBeAlias bool) (*index, error) {
	if x := c.indices[name]; x != nil && !mustBeAlias {
		return x, nil
	}
	var behind []*index
	for _, x := range c.indices {
		if a, ok := x.aliases[name]; ok {
			if a.Write != nil && *a.Write {
				return x, nil
			}
			behind = append(behind, x)
		}
	}
	if len(behind) == 1 && behind[0].aliases[name].Write == nil {
		return behind[0], nil
	}
	return nil, notFound(name)
}

func (c *Cluster) getIndex(q *request, name string) (any, error) {
	lenient := q.take("ignore_unavailable") == "true"
	if err := q.expect("features", "aliases,mappings"); err != nil {
		return nil, err
	}
	var found []*index
	var err error
	if lenient {
		found, err = c.resolveThose(name)
	} else {
		found, err = c.resolve(name, true)
	}
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	for _, x := range found {
		out[x.name] = map[string]any{"aliases": x.aliases, "mappings": x.mapping.raw, "settings": map[string]any{}}
	}
	return out, nil
}

// indexBody is what an index is made of.
type indexBody struct {
	Settings struct {
		Index struct {
			Shards json.RawMessage `json:"number_of_shards"`
		} `json:"index"`
	} `json:"settings"`
	Mappings json.RawMessage  `json:"mappings"`
	Aliases  map[string]alias `json:"aliases"`
}

func (c *Cluster) putIndex(q *request, name string) (any, error) {
	if c.indices[name] != nil {
		return nil, &problem{http.StatusBadRequest, "resource_already_exists_exception", name}
	}
	var body indexBody
	if t, ok := c.templateFor(name); ok {
		body = t.Template
	}
	if len(q.body) > 0 {
		if _, err := fields(q.body, "settings", "mappings", "aliases"); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(q.body, &body); err != nil {
			return nil, unknownf("%v", err)
		}
	}
	if _, err := c.create(name, body); err != nil {
		return nil, err
	}
	return map[string]any{"acknowledged": true, "shards_acknowledged": true, "index": name}, nil
}

func (c *Cluster) create(name string, body indexBody) (*index, error) {
	shards := 1
	if s := strings.Trim(string(body.Settings.Index.Shards), `"`); s != "" {
		var err error
		if shards, err = strconv.Atoi(s); err != nil {
			return nil, unknownf("number_of_shards %s", s)
		}
	}
	m, err := parseMapping(body.Mappings)
	if err != nil {
		return nil, err
	}
	x := c.newIndex(name, shards, m)
	for name, a := range body.Aliases {
		x.aliases[name] = a
	}
	return x, nil
}

func (c *Cluster) deleteIndex(name string) (any, error) {
	if c.indices[name] == nil {
		return nil, notFound(name)
	}
	delete(c.indices, name)
	for _, p := range c.pits {
		if slices.ContainsFunc(p.shards, func(s pitShard) bool { return s.shard.index.name == name }) {
			p.gone = name
		}
	}
	return map[string]any{"acknowledged": true}, nil
}

func (c *Cluster) putMapping(q *request, name string) (any, error) {
	x := c.indices[name]
	if x == nil {
		return nil, notFound(name)
	}
	m, err := parseMapping(q.body)
	if err != nil {
		return nil, err
	}
	x.mapping = m
	return map[string]any{"acknowledged": true}, nil
}

// putSettings takes a refresh interval: the simulation refreshes when it is told
// to and never by itself.
func (c *Cluster) putSettings(q *request, names string) (any, error) {
	if string(q.body) != `{"index":{"refresh_interval":"-1"}}` {
		return nil, unknownf("settings")
	}
	_, err := c.resolve(names, false)
	return map[string]any{"acknowledged": true}, err
}

func (c *Cluster) getSettings(q *request, names string) (any, error) {
	if err := q.expect("expand_wildcards", "open,closed", "allow_no_indices", "true"); err != nil {
		return nil, err
	}
	found, err := c.resolve(names, true)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	for _, x := range found {
		settings := map[string]any{
			"uuid": x.uuid, "number_of_shards": strconv.Itoa(len(x.shards)), "creation_date": strconv.FormatInt(x.created.UnixMilli(), 10),
		}
		if x.closed {
			settings["verified_before_close"] = "true"
		}
		out[x.name] = map[string]any{"settings": map[string]any{"index": settings}}
	}
	return out, nil
}

func (c *Cluster) resolveIndex(q *request, names string) (any, error) {
	if err := q.expect("expand_wildcards", "open,closed"); err != nil {
		return nil, err
	}
	found, err := c.resolve(names, true)
	indices := []any{}
	for _, x := range found {
		state := "open"
		if x.closed {
			state = "closed"
		}
		indices = append(indices, map[string]any{"name": x.name, "attributes": []string{state}})
	}
	return map[string]any{"indices": indices, "aliases": []any{}, "data_streams": []any{}}, err
}

func (c *Cluster) stats(q *request, names string) (any, error) {
	if err := q.expect("level", "shards", "expand_wildcards", "open", "forbid_closed_indices", "false"); err != nil {
		return nil, err
	}
	found, err := c.resolve(names, false)
	if err != nil {
		return nil, err
	}
	total := 0
	out := map[string]any{}
	for _, x := range found {
		shards := map[string]any{}
		for _, s := range x.shards {
			total++
			shards[strconv.Itoa(s.number)] = []any{map[string]any{
				"routing": map[string]any{"state": "STARTED", "primary": true},
				"seq_no":  map[string]any{"max_seq_no": s.highest, "local_checkpoint": s.checkpoint(), "global_checkpoint": s.checkpoint()},
				"commit":  map[string]any{"user_data": map[string]any{"history_uuid": s.history}},
			}}
		}
		out[x.name] = map[string]any{"shards": shards}
	}
	return map[string]any{"_shards": counts(total), "indices": out}, nil
}

func counts(total int) map[string]any {
	return map[string]any{"total": total, "successful": total, "failed": 0}
}

func (c *Cluster) refresh(names string) (any, error) {
	found, err := c.resolve(names, false)
	if err != nil {
		return nil, err
	}
	total := 0
	for _, x := range found {
		for _, s := range x.shards {
			s.refresh()
			total++
		}
	}
	return map[string]any{"_shards": counts(total)}, nil
}
