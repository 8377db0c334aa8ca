package site

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Stored is one document of the target.
type Stored struct {
	ID      string          `json:"_id"`
	Version int             `json:"_version"`
	SeqNo   int             `json:"_seq_no"`
	Source  json.RawMessage `json:"_source"` // the very bytes
}

// Documents returns all of the target, by _id.
func (s *Site) Documents() []Stored {
	s.T.Helper()
	return s.Search(s.Target)
}

// Search returns all documents of an index, an alias or a pattern, by _id.
func (s *Site) Search(index string) []Stored {
	s.T.Helper()
	const most = 10_000
	var found struct {
		Hits struct {
			Total struct{ Value int }
			Hits  []Stored
		}
	}
	s.ES(http.MethodPost, "/"+index+"/_refresh", nil, nil)
	s.ES(http.MethodPost, "/"+index+"/_search?allow_partial_search_results=false", map[string]any{
		"size": most, "track_total_hits": true, "version": true, "seq_no_primary_term": true,
	}, &found)
	if len(found.Hits.Hits) != found.Hits.Total.Value {
		s.T.Fatalf("%s has %d documents, more than the test can read at once", index, found.Hits.Total.Value)
	}
	slices.SortFunc(found.Hits.Hits, func(a, b Stored) int { return cmp.Compare(a.ID, b.ID) })
	return found.Hits.Hits
}

// Cursor is what the state index holds, as it is.
func (s *Site) Cursor() string {
	s.T.Helper()
	var all []string
	for _, d := range s.Search(s.State) {
		all = append(all, d.ID+" "+string(d.Source))
	}
	return fmt.Sprint(all)
}

// Sources are the documents alone, sorted by their bytes: what there is to
// compare with merge, whose output names no _id.
func Sources(docs []Stored) []string {
	out := make([]string, len(docs))
	for i, d := range docs {
		out[i] = string(d.Source)
	}
	slices.Sort(out)
	return out
}

// Identified are the documents with their ids.
func Identified(docs []Stored) []string {
	out := make([]string, len(docs))
	for i, d := range docs {
		out[i] = d.ID + " " + string(d.Source)
	}
	slices.Sort(out)
	return out
}

// Promised is a document without what is outside the promise: "tls" and
// "session" depend on which lines were read together.
func Promised(doc string) string {
	at := strings.IndexByte(doc, '{') // an _id may stand before it
	if at < 0 {
		return doc
	}
	id, doc := doc[:at], doc[at:]
	var out strings.Builder
	out.WriteString(id)
	d := json.NewDecoder(strings.NewReader(doc))
	depth, from, name := 0, 0, ""
	for {
		begin := int(d.InputOffset())
		token, err := d.Token()
		if err != nil {
			break
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
			continue
		case json.Delim('}'), json.Delim(']'):
			depth--
			if depth == 1 && (name == "tls" || name == "session") {
				from, name = int(d.InputOffset()), ""
			}
			continue
		}
		if key, ok := token.(string); depth == 1 && ok && (key == "tls" || key == "session") && strings.HasPrefix(doc[d.InputOffset():], ":{") {
			out.WriteString(doc[from:begin])
			name = key
		}
	}
	out.WriteString(doc[from:])
	return out.String()
}

// Same fails the test where two lists of documents differ in a byte of what is
// promised.
func Same(t testing.TB, what string, got, want []string) {
	t.Helper()
	strip := func(docs []string) []string {
		out := make([]string, len(docs))
		for i, d := range docs {
			out[i] = Promised(d)
		}
		slices.Sort(out)
		return out
	}
	SameBytes(t, what, strip(got), strip(want))
}

// SameBytes fails the test where two sorted lists of documents differ in any
// byte.
func SameBytes(t testing.TB, what string, got, want []string) {
	t.Helper()
	if len(want) == 0 {
		t.Fatalf("%s: nothing to compare with", what)
	}
	if slices.Equal(got, want) {
		return
	}
	missing := slices.DeleteFunc(slices.Clone(want), func(x string) bool { _, ok := slices.BinarySearch(got, x); return ok })
	extra := slices.DeleteFunc(slices.Clone(got), func(x string) bool { _, ok := slices.BinarySearch(want, x); return ok })
	t.Errorf("%s: %d documents, want %d; %d of them are not the same bytes", what, len(got), len(want), len(extra))
	for _, x := range missing[:min(2, len(missing))] {
		t.Logf("want %.3000s", x)
	}
	for _, x := range extra[:min(2, len(extra))] {
		t.Logf("have %.3000s", x)
	}
}

// Merged is what the merge command makes of a log, sorted.
func Merged(t testing.TB, log string, args ...string) []string {
	t.Helper()
	s := &Site{T: t}
	o := s.Must(append(append([]string{"merge"}, args...), log)...)
	var out []string
	for line := range bytes.Lines([]byte(o.Stdout)) {
		out = append(out, string(bytes.TrimSuffix(line, []byte("\n"))))
	}
	slices.Sort(out)
	return out
}
