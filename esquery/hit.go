package esquery

import (
	"encoding/json"
	"strconv"
)

// hit is one document of a search's answer. Its JSON lies in the answer's own
// memory.
type hit struct {
	Index       string
	ID          string
	SeqNo       int64
	PrimaryTerm int64
	Source      json.RawMessage
	Fields      map[string]json.RawMessage
	Sort        json.RawMessage // for search_after
}

// field returns the first value of a doc-value field, or nothing.
func (h *hit) field(name string) string { return first(values(h.Fields[name])) }

// decodeAnswer reads the answer to a search. Of the hits it makes no more than
// where their parts lie; the rest is small. JSON that lacks the shards or the hits is no such answer,
// although it would read as one of a search that looked everywhere and found nothing.
func decodeAnswer(body []byte) (*searchAnswer, bool) {
	var hits []hit
	from, to := 0, 0 // of the array of hits
	s := scanner{b: body}
	skip := func() bool {
		_, ok := s.value()
		return ok
	}
	shards, found := false, false
	whole := s.members(func(name []byte) bool {
		shards = shards || string(name) == "_shards" && s.next() == '{'
		if string(name) != "hits" || s.next() != '{' {
			return skip()
		}
		found = true
		return s.members(func(name []byte) bool {
			if string(name) != "hits" || s.next() != '[' {
				return skip()
			}
			from = s.i
			ok := s.elements(func() bool {
				hits = append(hits, hit{})
				return s.hit(&hits[len(hits)-1])
			})
			to = s.i
			return ok
		})
	})
	if !whole || !shards || !found {
		return nil, false
	}
	rest := body
	if to > 0 {
		rest = append(append(make([]byte, 0, from+2+len(body)-to), body[:from]...), "[]"...)
		rest = append(rest, body[to:]...)
	}
	var a searchAnswer
	if json.Unmarshal(rest, &a) != nil {
		return nil, false
	}
	a.Hits.Hits = hits
	return &a, true
}

// hit takes one hit.
func (s *scanner) hit(h *hit) bool {
	return s.members(func(name []byte) bool {
		raw, ok := s.value()
		if !ok {
			return false
		}
		switch string(name) {
		case "_index":
			h.Index = first(values(raw))
		case "_id":
			h.ID = first(values(raw))
		case "_seq_no":
			h.SeqNo, ok = number(raw)
		case "_primary_term":
			h.PrimaryTerm, ok = number(raw)
		case "_source":
			h.Source = raw
		case "sort":
			h.Sort = raw
		case "fields":
			h.Fields, ok = rawMembers(raw)
		}
		return ok
	})
}

func number(raw []byte) (int64, bool) {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	return n, err == nil
}

// rawMembers returns an object's members by name.
func rawMembers(object []byte) (map[string]json.RawMessage, bool) {
	out := make(map[string]json.RawMessage, 2)
	s := scanner{b: object}
	ok := s.members(func(name []byte) bool {
		raw, ok := s.value()
		out[string(name)] = raw
		return ok
	})
	return out, ok
}
