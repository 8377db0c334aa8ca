package essim

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
)

// operation is one write of one document.
type operation struct {
	action string // create, index, delete
	id     string
	source []byte
	// The revision that must be there; nil for any.
	ifSeqNo, ifPrimaryTerm *int64
}

// term is the primary term of all shards: no primary ever fails here.
const term = 1

// outcome is what became of an operation.
type outcome struct {
	status  int
	result  string
	seqNo   int64
	version int64
}

// carryOut does an operation. A conflict takes no number; the deletion of what
// is not there does.
func (c *Cluster) carryOut(x *index, o operation) (outcome, error) {
	if x.closed {
		return outcome{}, &problem{http.StatusBadRequest, "index_closed_exception", x.name}
	}
	conflict := &problem{http.StatusConflict, "version_conflict_engine_exception", x.name}
	var indexed map[string][]value
	if o.action != "delete" {
		var err error
		if indexed, err = x.mapping.index(x.name, o.source); err != nil {
			return outcome{}, err
		}
	}
	s := x.shardOf(o.id)
	old := s.docs[o.id]
	if o.action == "create" && old != nil {
		return outcome{}, conflict
	}
	if o.ifSeqNo != nil && (old == nil || old.seqNo != *o.ifSeqNo || *o.ifPrimaryTerm != term) {
		return outcome{}, conflict
	}
	s.highest++
	return c.apply(s, o, indexed, s.highest), nil
}

// apply makes an operation take effect under its number.
func (c *Cluster) apply(s *shard, o operation, indexed map[string][]value, seqNo int64) outcome {
	old := s.docs[o.id]
	s.stale = true
	version := s.gone[o.id]
	var before []byte
	if old != nil {
		version, before = old.version, old.source
		s.order = slices.DeleteFunc(s.order, func(d *doc) bool { return d == old })
	}
	version++
	delete(s.docs, o.id)
	delete(s.gone, o.id)
	out := outcome{http.StatusOK, "updated", seqNo, version}
	if o.action == "delete" {
		s.gone[o.id] = version
		if out.result = "deleted"; old == nil {
			out.status, out.result = http.StatusNotFound, "not_found"
		}
	} else {
		d := &doc{shard: s, id: o.id, seqNo: seqNo, version: version, source: o.source, fields: indexed}
		s.docs[o.id] = d
		s.order = append(s.order, d)
		if old == nil {
			out.status, out.result = http.StatusCreated, "created"
		}
	}
	if c.Watch != nil && (before != nil || o.source != nil) {
		c.Watch(Write{Index: s.index.name, UUID: s.index.uuid, Shard: s.number, SeqNo: seqNo, ID: o.id, Old: before, New: o.source})
	}
	return out
}

// bulkAction is the first line of an action.
type bulkAction struct {
	Index         string `json:"_index"`
	ID            string `json:"_id"`
	IfSeqNo       *int64 `json:"if_seq_no"`
	IfPrimaryTerm *int64 `json:"if_primary_term"`
	RequireAlias  *bool  `json:"require_alias"`
}

func (c *Cluster) bulk(q *request, name string) (any, error) {
	if err := q.expect("timeout", "10s"); err != nil {
		return nil, err
	}
	requireAlias := q.take("require_alias") == "true"
	lines := bytes.Split(bytes.TrimSuffix(q.body, []byte("\n")), []byte("\n"))
	var items []any
	failed := false
	for i := 0; i < len(lines); i++ {
		var line map[string]bulkAction
		d := json.NewDecoder(bytes.NewReader(lines[i]))
		d.DisallowUnknownFields()
		if err := d.Decode(&line); err != nil || len(line) != 1 {
			return nil, unknownf("action %.100s", lines[i])
		}
		for action, a := range line {
			o := operation{action: action, id: a.ID, ifSeqNo: a.IfSeqNo, ifPrimaryTerm: a.IfPrimaryTerm}
			switch action {
			case "create", "index":
				i++
				o.source = bytes.Clone(lines[i])
			case "delete":
			default:
				return nil, unknownf("action %s", action)
			}
			to, must := name, requireAlias
			if a.Index != "" {
				to = a.Index
			}
			if a.RequireAlias != nil {
				must = *a.RequireAlias
			}
			if action == "delete" { // nobody makes an index by deleting from it
				must = false
			}
			item, ok, err := c.bulkItem(to, must, o)
			if err != nil {
				return nil, err
			}
			failed = failed || !ok
			items = append(items, map[string]any{action: item})
		}
	}
	return map[string]any{"errors": failed, "took": 0, "items": items}, nil
}

func (c *Cluster) bulkItem(to string, mustBeAlias bool, o operation) (item map[string]any, ok bool, err error) {
	x, err := c.writable(to, mustBeAlias)
	if x != nil {
		to = x.name
		if o.id == "" {
			o.id = c.unique("doc")
		}
	}
	item = map[string]any{"_index": to, "_id": o.id}
	var out outcome
	if err == nil && c.Busy != nil && c.Busy(o.id) {
		err = &problem{http.StatusTooManyRequests, "es_rejected_execution_exception", ""}
	}
	if err == nil {
		out, err = c.carryOut(x, o)
	}
	if p, is := err.(*problem); is { //nolint:errorlint // made in this package
		item["status"], item["error"] = p.status, p.cause()
		return item, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	out.describe(item)
	item["status"] = out.status
	return item, true, nil
}

func (o outcome) describe(item map[string]any) {
	item["result"], item["_version"], item["_seq_no"], item["_primary_term"], item["_shards"] = o.result, o.version, o.seqNo, term, counts(1)
}

func (c *Cluster) getDoc(name, id string) (int, any, error) {
	found, err := c.resolve(name, false)
	if err != nil {
		return 0, nil, err
	}
	if len(found) != 1 {
		return 0, nil, unknownf("%d indices", len(found))
	}
	d := found[0].shardOf(id).docs[id]
	if d == nil {
		return http.StatusNotFound, map[string]any{"_index": found[0].name, "_id": id, "found": false}, nil
	}
	return http.StatusOK, map[string]any{
		"_index": found[0].name, "_id": id, "_version": d.version, "_seq_no": d.seqNo, "_primary_term": term, "found": true, "_source": json.RawMessage(d.source),
	}, nil
}

func (c *Cluster) putDoc(q *request, name, id string) (int, any, error) {
	o := operation{action: "index", id: id, source: q.body}
	switch op := q.take("op_type"); op {
	case "create":
		o.action = op
	case "":
	default:
		return 0, nil, unknownf("op_type=%s", op)
	}
	return c.single(q, name, o)
}

func (c *Cluster) deleteDoc(q *request, name, id string) (int, any, error) {
	return c.single(q, name, operation{action: "delete", id: id})
}

func (c *Cluster) single(q *request, name string, o operation) (int, any, error) {
	for _, p := range []struct {
		name string
		into **int64
	}{{"if_seq_no", &o.ifSeqNo}, {"if_primary_term", &o.ifPrimaryTerm}} {
		if v := q.take(p.name); v != "" {
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil {
				return 0, nil, unknownf("%s=%s", p.name, v)
			}
			*p.into = &n
		}
	}
	x, err := c.writable(name, false)
	if err != nil {
		return 0, nil, err
	}
	out, err := c.carryOut(x, o)
	if err != nil {
		return 0, nil, err
	}
	answer := map[string]any{"_index": x.name, "_id": o.id}
	out.describe(answer)
	return out.status, answer, nil
}
