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
	Inner       json.RawMessage // inner hits
	taken       bool            // its document went to a source
}

// field returns the first value of a doc-value field, or nothing.
func (h *hit) field(name string) string { return first(values(h.Fields[name])) }

// decodeAnswer reads the answer to a search. Of the hits it makes no more than
// where their parts lie; the rest is small. JSON that lacks the shards or the hits is no such answer,
// although it would read as one of a search that looked everywhere and found nothing.
//
// Where there is a source it takes each document's JSON, so that this is gone through once and not twice, and of the hits only
// the last one is kept. What it took counts for nothing before the whole answer was found good.
func decodeAnswer(body []byte, source func(*scanner) bool) (*searchAnswer, bool) {
	var hits []hit
	count, bare := 0, ""
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
				count++
				if source == nil {
					hits = append(hits, hit{})
				} else if hits == nil {
					hits = make([]hit, 1)
				}
				h := &hits[len(hits)-1]
				if !s.hit(h, source) {
					return false
				}
				if source != nil && !h.taken && bare == "" {
					bare = h.Index
				}
				return true
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
	a.Hits.Hits, a.count, a.bare = hits, count, bare
	return &a, true
}

// hit takes one hit. Its document goes to source, where there is one.
func (s *scanner) hit(h *hit, source func(*scanner) bool) bool {
	h.taken, h.Sort = false, nil
	return s.members(func(name []byte) bool {
		if source != nil && string(name) == "_source" {
			h.taken = true
			return source(s)
		}
		raw, ok := s.value()
		if !ok {
			return false
		}
		switch string(name) {
		case "_index":
			h.Index, ok = again(h.Index, raw)
		case "_id":
			if source == nil { // nobody asks for the id of a line
				h.ID, ok = again("", raw)
			}
		case "_seq_no":
			h.SeqNo, ok = number(raw)
		case "_primary_term":
			h.PrimaryTerm, ok = number(raw)
		case "_source":
			h.Source = raw
		case "sort":
			h.Sort = raw
		case "inner_hits":
			h.Inner = raw
		case "fields":
			h.Fields, ok = rawMembers(raw)
		}
		return ok
	})
}

// again decodes a string that is likely to be the one before.
func again(before string, raw []byte) (string, bool) {
	switch {
	case len(raw) < 2 || raw[0] != '"':
		return "", true
	case before != "" && string(raw[1:len(raw)-1]) == before:
		return before, true
	}
	return unquote(raw)
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
