package faults

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postweave/postweave/test/esnode"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// halved are the lines of n messages, a day apart, in two arrivals.
func halved(s *site.Site, n int) (first, second []site.Raw) {
	s.T.Helper()
	for i := range n {
		docs := s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", string('1'+rune(i))+"A2B3C4D5E6", march.AddDate(0, 0, i))...)
		first, second = append(first, docs[:3]...), append(second, docs[3:]...)
	}
	return first, second
}

// refusedFor wants the node to refuse a search with an error of that type, as
// long as the fault lasts.
func refusedFor(s *site.Site, path string, body any, kind string) {
	s.T.Helper()
	err := esnode.Call(s.T.Context(), http.MethodPost, s.Node+path, body, nil)
	if err == nil || !strings.Contains(err.Error(), kind) {
		s.T.Fatalf("the fault is not there, the test shows nothing: %v", err)
	}
}

// Daily indices whose mappings contradict each other fail a search over all of
// them. Each is read by its own fields; one that cannot be read at all ends the run and is named.
func TestF12MappingConflict(t *testing.T) {
	s := site.New(t)
	mapped := func(day int, fields map[string]any) {
		s.ES(http.MethodPut, "/"+s.Daily(march.AddDate(0, 0, day)), map[string]any{"mappings": map[string]any{"properties": fields}}, nil)
	}
	kind := func(k string) map[string]any { return map[string]any{"type": k} }
	mapped(0, map[string]any{"postfix_queueid": kind("keyword"), "syslog_hostname": kind("keyword")})
	mapped(1, map[string]any{"postfix_queueid": kind("text"), "syslog_hostname": kind("keyword")})
	mapped(2, map[string]any{"postfix_queueid": kind("keyword"), "syslog_hostname": kind("text")})
	mapped(3, map[string]any{"postfix_queueid": kind("text"), "syslog_program": kind("keyword"), "syslog_message": kind("keyword")})
	first, second := halved(s, 5) // the fifth day has what Elasticsearch guesses
	s.Index(append(first, second...))
	s.ES(http.MethodPost, "/"+s.Source+"*/_refresh", nil, nil)
	refusedFor(s, "/"+s.Source+"*/_search?allow_partial_search_results=false", map[string]any{"size": 0, "aggs": map[string]any{
		"ids": map[string]any{"terms": map[string]any{"field": "postfix_queueid"}},
	}}, "illegal_argument_exception")
	if r := s.Run(); r.Created != 5 || r.Lines != 30 {
		t.Errorf("%+v", r)
	}
	// Here there is nothing to go by: the time is not a date.
	mapped(5, map[string]any{"@timestamp": kind("keyword")})
	s.Index(s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "7A2B3C4D5E6", march.AddDate(0, 0, 5))...))
	bad := s.Daily(march.AddDate(0, 0, 5))
	words := []string{bad, "time as a date", "POSTWEAVE_FIELDS", "POSTWEAVE_SOURCE"}
	lasting(s, 5, words, "run")
	lasting(s, 5, words, "backfill", "--from", "2026-03-20", "--to", "2026-03-26")
	s.ES(http.MethodDelete, "/"+bad, nil, nil)
	s.Index(s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "7A2B3C4D5E6", march.AddDate(0, 0, 5))...))
	settled(t, s)
}

func TestF13RedSourceIndex(t *testing.T) {
	s := site.New(t)
	first, second := halved(s, 2)
	s.Index(first[:3])
	s.Run()
	s.Index(second[:3])
	red := s.Daily(march.AddDate(0, 0, 1))
	makeRed(s, red, map[string]any{})
	lasting(hasty(s, "2s"), 5, []string{red, "no started primary", "cluster's health"}, "run")
	lasting(hasty(s, "2s"), 5, []string{red, "did not answer", "cluster's health"}, "backfill", "--from", "2026-03-20", "--to", "2026-03-21")
	makeGreen(s, red)
	s.Index(append(first[3:], second[3:]...))
	settled(t, s)
}

// makeRed makes an index whose shard no node may have. One that has data is taken
// by the node that has them, whatever the settings say.
func makeRed(s *site.Site, index string, body map[string]any) {
	s.T.Helper()
	body["settings"] = map[string]any{"index.routing.allocation.include._name": "nope"}
	s.ES(http.MethodPut, "/"+index+"?wait_for_active_shards=0", body, nil)
	if is := health(s, index); is != "red" {
		s.T.Fatalf("index %s is %s, the test shows nothing", index, is)
	}
}

// makeGreen gives it a place.
func makeGreen(s *site.Site, index string) {
	s.T.Helper()
	s.ES(http.MethodPut, "/"+index+"/_settings", map[string]any{"index.routing.allocation.include._name": nil}, nil)
	for range 300 {
		if health(s, index) != "red" {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.T.Fatalf("index %s stays red", index)
}

func health(s *site.Site, index string) string {
	s.T.Helper()
	var health struct{ Status string }
	s.ES(http.MethodGet, "/_cluster/health/"+index, nil, &health)
	return health.Status
}

// An answer that says of itself that it is not whole is never used, whichever
// search it belongs to.
func TestF15TimedOut(t *testing.T) {
	s := site.New(t)
	first, second := halved(s, 2)
	s.Index(first)
	s.Run()
	s.Index(second)
	p := newProxy(t, s.Node)
	searches := 0
	for k := 1; ; k++ {
		n := 0
		p.on(func(q *request) fault {
			if q.Path != "/_search" { // those of the point in time are of the source
				return fault{}
			}
			if n++; n != k {
				return fault{}
			}
			searches++
			return fault{Name: "timed out", Alter: func(a *answer) {
				a.Body = []byte(strings.Replace(string(a.Body), `"timed_out":false`, `"timed_out":true`, 1))
			}}
		})
		// Each slice before the one that is spoiled is confirmed, so the cursor may have moved up to there.
		o := s.Through(p.URL).Call("run")
		if searches < k {
			if o.Code != 0 {
				t.Fatalf("exit %d without a fault\n%s", o.Code, o.Stderr)
			}
			break
		}
		refused(t, o, 5, "timed out on a shard", "not whole")
		silent(t, o)
	}
	p.happened(t, "timed out")
	settled(t, s)
}

// A point in time that is lost while it is read is opened again, and the slice
// read from its beginning: the result is the same.
func TestF16PointInTimeLost(t *testing.T) {
	for name, lose := range map[string]func(s *site.Site, q *request){
		"closed": func(s *site.Site, q *request) {
			s.ES(http.MethodDelete, "/_pit", map[string]any{"id": pitOf(s.T, q)}, nil)
		},
		// The shard that kept it is gone for a moment.
		"its index closed and opened": func(s *site.Site, _ *request) {
			index := s.Daily(march)
			s.ES(http.MethodPost, "/"+index+"/_close", nil, nil)
			s.ES(http.MethodPost, "/"+index+"/_open?wait_for_active_shards=1", nil, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := site.New(t)
			indexMails(s, 40)
			p := newProxy(t, s.Node)
			var mu sync.Mutex
			n := 0
			missing := 0
			p.on(func(q *request) fault {
				if q.Path != "/_search" {
					return fault{}
				}
				mu.Lock()
				defer mu.Unlock()
				n++
				f := fault{Alter: func(a *answer) {
					if a.Status == http.StatusNotFound && strings.Contains(string(a.Body), "search_context_missing_exception") {
						mu.Lock()
						defer mu.Unlock()
						missing++
					}
				}}
				if n == 2 || n == 5 { // between the discovery and the lines, and before the discovery
					f.Name, f.Before = name, func() { lose(s, q) }
				}
				return f
			})
			if r := s.Through(p.URL).Run(); r.Lines != 240 || r.Created != 40 {
				t.Errorf("%+v", r)
			}
			p.happened(t, name)
			if missing == 0 {
				t.Errorf("no search missed its point in time, the test shows nothing\n%s", p)
			}
			settled(t, s)
		})
	}
}

// An index that is deleted while it is read is left out with a note, and what
// was read of it before stays.
func TestF17IndexDeletedWhileItIsRead(t *testing.T) {
	s := site.New(t)
	first, second := halved(s, 3)
	s.Index(first)
	s.Run()
	before := s.Documents()
	s.Index(second)
	gone := s.Daily(march.AddDate(0, 0, 1))
	// Others have to have the lines too, or there is nothing to compare with afterwards.
	for at := range 12 {
		p := newProxy(t, s.Node)
		p.on(func(q *request) fault {
			if q.N == at+9 && !isBulk(q) {
				return fault{Name: "deleted", Before: func() {
					_ = esnode.Call(t.Context(), http.MethodDelete, s.Node+"/"+gone, nil, nil)
				}}
			}
			return fault{}
		})
		r := s.Through(p.URL).Run()
		p.happened(t, "deleted")
		if at == 0 {
			t.Logf("%+v", r)
		}
		if len(s.Documents()) < len(before) {
			t.Fatalf("documents are lost")
		}
		s.Index(second) // the index is made anew, with the same lines once more
	}
	s.Index(first)
	settled(t, s)
}

// A closed index hides from every wildcard. It is missed, not passed over.
func TestF18ClosedSourceIndex(t *testing.T) {
	s := site.New(t)
	first, second := halved(s, 2)
	s.Index(first)
	s.Run()
	s.Index(second)
	young := s.Daily(march.AddDate(0, 0, 1))
	s.ES(http.MethodPost, "/"+young+"/_close", nil, nil)
	lasting(s, 5, []string{young, "closed", "open it, or leave it out of POSTWEAVE_SOURCE"}, "run")
	lasting(s, 5, []string{young, "closed"}, "backfill", "--from", "2026-03-20", "--to", "2026-03-21")
	s.ES(http.MethodPost, "/"+young+"/_open?wait_for_active_shards=1", nil, nil)
	settled(t, s)
}

func TestF19NoIndexMatches(t *testing.T) {
	s := site.New(t)
	words := []string{"no index matches " + s.Source + "*", "POSTWEAVE_SOURCE"}
	lasting(s, 1, words, "run")
	lasting(s, 1, words, "backfill", "--days", "1")
	first, second := halved(s, 1)
	s.Index(append(first, second...))
	s.Run()
	// All of them are gone at once: that is no source with nothing new.
	s.ES(http.MethodDelete, "/"+s.Daily(march), nil, nil)
	lasting(s, 1, words, "run")
	s.Index(append(first, second...))
	settled(t, s)
}
