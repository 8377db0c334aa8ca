package test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"

	"github.com/postweave/postweave/test/site"
)

// exitSource is the exit code for a source that is not whole.
const exitSource = 5

// refuses wants a run to end with 5 and to leave target and cursor alone.
func refuses(s *site.Site, what string) {
	s.T.Helper()
	cursor, docs := s.Cursor(), revisions(s.Documents())
	o := s.Call("run", "--json")
	if o.Code != exitSource {
		s.T.Errorf("%s: exit %d, want %d\n%s%s", what, o.Code, exitSource, o.Stdout, o.Stderr)
	}
	if s.Cursor() != cursor {
		s.T.Errorf("%s: the cursor has moved", what)
	}
	site.Same(s.T, what, revisions(s.Documents()), docs)
}

// A source that cannot be read as a whole ends a run with 5 and the cursor
// where it was: the next run, with the trouble gone, picks up everything.
func TestTroubleInTheSource(t *testing.T) {
	s := site.New(t)
	at := time.Date(2020, 3, 20, 12, 0, 0, 0, time.UTC) // long before any index was made
	a, b := s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "1A2B3C4D5E6", at)...), s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "2A2B3C4D5E6", at.AddDate(0, 0, 1))...)
	s.Index(a[:3])
	s.Index(b[:3])
	s.Run()
	s.Index(a[3:])

	red := s.Daily(at.AddDate(0, 0, 2))
	s.ES(http.MethodPut, "/"+red+"?wait_for_active_shards=0", map[string]any{"settings": map[string]any{"index.routing.allocation.include._name": "nope"}}, nil)
	refuses(s, "an index without a started primary")
	if o := s.Call("backfill", "--from", "2020-03-20", "--to", "2020-03-21"); o.Code != exitSource {
		t.Errorf("backfill with a red index: exit %d, want %d\n%s", o.Code, exitSource, o.Stderr)
	}
	s.ES(http.MethodDelete, "/"+red, nil, nil)

	young := s.Daily(at.AddDate(0, 0, 1))
	s.ES(http.MethodPost, "/"+young+"/_close", nil, nil)
	refuses(s, "a closed young index")
	s.ES(http.MethodPost, "/"+young+"/_open?wait_for_active_shards=1", nil, nil)

	nameless := s.Daily(at.AddDate(0, 0, 3))
	s.Index([]site.Raw{{Index: nameless, Source: []byte(`{"@timestamp":"2020-03-23T00:00:00.000Z","message":"no host, no program"}`)}})
	refuses(s, "a young index without the fields of a line")
	s.ES(http.MethodDelete, "/"+nameless, nil, nil)

	for what, alter := range map[string]func(path string, answer []byte) []byte{
		"a search that lost a shard": func(path string, answer []byte) []byte {
			if !strings.HasSuffix(path, "/_search") {
				return answer
			}
			return bytes.Replace(answer, []byte(`"failed":0`), []byte(`"failed":1`), 1)
		},
		"a search that timed out": func(path string, answer []byte) []byte {
			if !strings.HasSuffix(path, "/_search") {
				return answer
			}
			return bytes.Replace(answer, []byte(`"timed_out":false`), []byte(`"timed_out":true`), 1)
		},
		"a refresh that lost a shard": func(path string, answer []byte) []byte {
			if !strings.HasSuffix(path, "/_refresh") || !strings.Contains(path, s.Source) {
				return answer
			}
			return bytes.Replace(answer, []byte(`"failed":0`), []byte(`"failed":1`), 1)
		},
	} {
		p := newProxy(t, s)
		p.alter = func(r *http.Request, answer []byte) []byte { return alter(r.URL.Path, answer) }
		refuses(s.Through(p.url), what)
	}

	s.Index(b[3:])
	if r := s.Run(); r.Updated != 2 || r.Lines != 6 {
		t.Errorf("with the trouble gone: %+v", r)
	}
	for _, d := range decoded(t, site.Sources(s.Documents())) {
		if d.Lines != 6 || !d.Complete {
			t.Errorf("%s: %d lines, complete %v", d.QueueID, d.Lines, d.Complete)
		}
	}
}

// Trouble in an index that is older than the horizon is worth a note and no more.
func TestTroubleOlderThanTheHorizon(t *testing.T) {
	s := site.New(t)
	old, usable := s.Daily(march.AddDate(0, -6, 0)), site.Mail("mx1", "1A2B3C4D5E6", march)
	s.ES(http.MethodPut, "/"+old, nil, nil)
	s.ES(http.MethodPost, "/"+old+"/_close", nil, nil)
	nameless := s.Daily(march.AddDate(0, -3, 0))
	s.Index([]site.Raw{{Index: nameless, Source: []byte(`{"@timestamp":"2025-12-20T00:00:00.000Z","message":"no host, no program"}`)}})
	s.Index(s.Shipped(loggen.LayoutSyslog, usable...))
	// No index can be made that is older than now, so the answer about it is made older.
	p := newProxy(t, s)
	p.alter = func(r *http.Request, answer []byte) []byte {
		var indices map[string]any
		if !strings.HasSuffix(r.URL.Path, "/_settings") || json.Unmarshal(answer, &indices) != nil {
			return answer
		}
		eachObject(indices[old], func(o map[string]any) {
			if _, ok := o["creation_date"]; ok {
				o["creation_date"] = strconv.FormatInt(march.AddDate(0, -6, 0).UnixMilli(), 10)
			}
		})
		answer, err := json.Marshal(indices)
		if err != nil {
			t.Error(err)
		}
		return answer
	}
	r := s.Through(p.url).Run()
	if r.Created != 1 {
		t.Errorf("%+v", r)
	}
	for _, index := range []string{old, nameless} {
		if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, index) {
			t.Errorf("no note of %s: %s", index, notes)
		}
	}
}
