package esquery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/postweave/postweave/worker/message"
)

// Bounds on one slice, the unit of work, so that memory is bounded whatever arrives. The first two are known before its
// lines are read. A slice that is beyond one of them is divided.
const (
	sliceKeys  = 20_000   // keys: one page of the composite aggregation
	sliceLines = 100_000  // lines
	sliceBytes = 32 << 20 // bytes of their texts
	pageLines  = 5_000    // lines of one search
)

// errTooWide says that a slice has more keys or lines than one slice may.
var errTooWide = errors.New("slice too wide")

// slice is some of the source's lines, of indices that are read alike.
type slice struct {
	source  *Source
	pit     *pit
	indices []string
	fields  *fields
	ranges  []object // what makes it a slice: ranges of _seq_no or time

	// discovers says that the keys are counted before the lines are read. Without it the search for the lines itself counts
	// those: that tells as well whether all came, and spares a search that goes through all of them.
	discovers bool
}

// uncounted stands for a number of lines that is not known yet.
const uncounted = -1

// touched is what the discovery of a slice tells.
type touched struct {
	keys  int
	pairs int // documents counted once for each pair of host and queue id
	lines int // all lines that are to be read
}

// read is one slice whole, from one point in time. Where that is lost meanwhile, what
// was read of the slice is thrown away and the slice begun again from a new one.
func (s *slice) read(ctx context.Context) (*message.Batch, error) {
	for reopened := 0; ; reopened++ {
		b, err := s.readOnce(ctx)
		if !lost(err) || reopened == maxReopened {
			return b, err
		}
		s.source.log.Warn("the point in time was lost, opening another", zap.Error(err))
		if err := s.pit.open(ctx); err != nil {
			return nil, err
		}
	}
}

// readOnce reads what a slice holds. An answer that does not hold just what was counted is not used.
func (s *slice) readOnce(ctx context.Context) (*message.Batch, error) {
	t := touched{lines: uncounted}
	if s.discovers {
		var err error
		if t, err = s.discover(ctx); err != nil {
			return nil, err
		}
	}
	b := &message.Batch{}
	if t.lines == 0 {
		return b, nil
	}
	pairs, unread, err := s.lines(ctx, b, &t)
	if err != nil {
		return nil, err
	}
	byID := s.discovers && s.fields.aggregated()
	if byID && pairs != t.pairs {
		// A mapping may leave values out that the documents have: those longer
		// than ignore_above, those that are no number. What was counted is told by the index alone.
		if pairs, err = s.indexed(ctx); err != nil {
			return nil, err
		}
	}
	if got := b.Read + unread; got != t.lines || byID && pairs != t.pairs {
		return nil, &Error{
			Class: ClassSource, Op: "read lines", Index: indexName(s.indices[0]),
			Err:  fmt.Errorf("%d lines were counted, %d read; %d of them by queue id, %d read", t.lines, got, t.pairs, pairs),
			Hint: "the slice is not used; the run begins here again",
		}
	}
	b.Other += unread
	b.Read += unread
	return b, nil
}

// aggregated tells whether queue ids can be counted by an aggregation. Where
// an index has them only as text, the lines are counted instead.
func (f *fields) aggregated() bool { return f.host != "" && f.queueID != "" }

// discover asks which keys got how many lines, by a composite aggregation, and
// how many lines there are to read in all. errTooWide is returned where that is more than a slice may
// hold. One page holds all keys of a slice, save where a circuit breaker made pages smaller.
func (s *slice) discover(ctx context.Context) (t touched, err error) {
	body := object{"size": 0, "track_total_hits": sliceLines + 1, "query": s.query()}
	composite := object{}
	if s.fields.aggregated() {
		composite["sources"] = []object{
			{"host": object{"terms": object{"field": s.fields.host}}},
			{"id": object{"terms": object{"field": s.fields.queueID}}},
		}
		body["aggs"] = object{"touched": object{"composite": composite}}
	}
	for buckets := 0; ; {
		a, size, err := s.pit.page(ctx, "find touched queue ids", body, s.source.keysPage, func(n int) { composite["size"] = n })
		if err != nil {
			return t, err
		}
		if t.lines = int(a.Hits.Total.Value); t.lines > sliceLines {
			return t, errTooWide
		}
		if !s.fields.aggregated() {
			return t, nil
		}
		n, after, err := t.count(a.Aggregations)
		if err != nil {
			return t, err
		}
		if buckets += n; buckets >= sliceKeys {
			return t, errTooWide
		}
		if n < size || after == nil {
			return t, nil
		}
		composite["after"] = after
	}
}

// count adds one page of the aggregation. after is where the next one begins.
func (t *touched) count(aggregations json.RawMessage) (buckets int, after json.RawMessage, err error) {
	var aggs struct {
		Touched struct {
			After   json.RawMessage `json:"after_key"`
			Buckets []struct {
				Key struct {
					ID json.RawMessage `json:"id"`
				} `json:"key"`
				Count int `json:"doc_count"`
			} `json:"buckets"`
		} `json:"touched"`
	}
	if err := json.Unmarshal(aggregations, &aggs); err != nil {
		return 0, nil, &Error{Class: ClassSource, Op: "find touched queue ids", Err: errors.New("the answer has no aggregation")}
	}
	for _, b := range aggs.Touched.Buckets {
		if string(b.Key.ID) == `"NOQUEUE"` { // no key but a word; its lines are read like all
			continue
		}
		t.keys++
		t.pairs += b.Count
	}
	return len(aggs.Touched.Buckets), aggs.Touched.After, nil
}

// lines reads the slice's lines into a batch. It returns how many pairs of host
// and queue id field they have, and how many documents hold no line. It counts them where that was not done before.
func (s *slice) lines(ctx context.Context, b *message.Batch, t *touched) (pairs, unread int, err error) {
	decoder := newLineDecoder(s.fields)
	body := object{
		"track_total_hits": false, "sort": []object{{"_shard_doc": "asc"}},
		"query": s.query(), "_source": s.fields.sources,
	}
	if s.source.client.local {
		// Elasticsearch takes twice as long to cut fields out of a document as to send the whole of it. Only where the
		// bytes go over a network do they weigh more. Doc values take three times as long, and lack long values.
		body["_source"] = true
	}
	if t.lines == uncounted {
		body["track_total_hits"] = sliceLines + 1
	}
	var page []pageLine // of which nothing is used before all of the answer was found good
	set := func(n int) { body["size"], page = n, page[:0] }
	for {
		a, size, err := s.pit.read(ctx, "read lines", body, s.source.linesPage, set, func(from *scanner) (whole bool) {
			page = append(page, pageLine{})
			l := &page[len(page)-1]
			l.decoded, l.ok, whole = decoder.decodeNext(from)
			return whole
		})
		if err != nil {
			return 0, 0, err
		}
		if len(page) != a.count {
			// Documents without anything that could be read would pass for ones without a line.
			return 0, 0, &Error{
				Class: ClassSource, Op: "read lines", Index: indexName(a.bare), Err: errors.New("its mapping switches _source off, so that no line can be read from it"),
				Hint: "index the lines anew into an index that keeps _source, and leave this one out of POSTWEAVE_SOURCE",
			}
		}
		if t.lines == uncounted {
			t.lines = int(a.Hits.Total.Value)
			body["track_total_hits"] = false
		}
		if t.lines > sliceLines {
			return 0, 0, errTooWide
		}
		for i := range page {
			d := &page[i]
			pairs += d.hosts * d.ids
			if !d.ok {
				unread++
				continue
			}
			b.Add(s.source.hostName(d.host), d.line)
		}
		if a.count < size {
			return pairs, unread, nil
		}
		if b.Bytes > sliceBytes && b.Read > 1 {
			return 0, 0, errTooWide
		}
		if b.Read+unread > sliceLines {
			return 0, 0, &Error{Class: ClassSource, Op: "read lines", Err: errors.New("more lines came than were counted")}
		}
		body["search_after"] = json.RawMessage(bytes.Clone(a.Hits.Hits[0].Sort)) // its memory is the page's
	}
}

// pageLine is a document of a page. ok is false where it holds no line.
type pageLine struct {
	decoded
	ok bool
}

// indexed counts the pairs of host and queue id as the index has them. It reads
// the slice a second time, and so is asked only where the documents' own values do not add up.
func (s *slice) indexed(ctx context.Context) (pairs int, err error) {
	body := object{
		"track_total_hits": false, "sort": []object{{"_shard_doc": "asc"}},
		"query": s.query(), "_source": false, "docvalue_fields": []string{s.fields.host, s.fields.queueID},
	}
	for {
		a, size, err := s.pit.page(ctx, "count queue ids", body, s.source.linesPage, func(n int) { body["size"] = n })
		if err != nil {
			return 0, err
		}
		for i := range a.Hits.Hits {
			h := &a.Hits.Hits[i]
			ids := values(h.Fields[s.fields.queueID])
			ids = slices.DeleteFunc(ids, func(id string) bool { return id == "NOQUEUE" })
			pairs += len(values(h.Fields[s.fields.host])) * len(ids)
		}
		if len(a.Hits.Hits) < size {
			return pairs, nil
		}
		body["search_after"] = a.Hits.Hits[len(a.Hits.Hits)-1].Sort
	}
}

// query selects the slice's lines: those with a queue id field, and those of
// the programs whose lines may name one that grok did not find.
func (s *slice) query() object {
	filter := []object{{"terms": object{"_index": s.indices}}}
	filter = append(filter, s.ranges...)
	filter = append(filter, s.source.relevant(s.fields))
	return object{"bool": object{"filter": filter}}
}

// relevant selects, of indices that are read alike, the lines that may belong to a
// message.
func (s *Source) relevant(f *fields) object {
	var should []object
	for _, field := range f.idExists {
		should = append(should, object{"exists": object{"field": field}})
	}
	for _, field := range f.programs {
		for _, p := range s.programs {
			should = append(should, programQuery(field, p))
		}
	}
	return object{"bool": object{"should": should, "minimum_should_match": 1}}
}

// programQuery matches a program's name; a star may end it.
func programQuery(field, pattern string) object {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return object{"prefix": object{field: object{"value": prefix}}}
	}
	return object{"term": object{field: object{"value": pattern}}}
}
