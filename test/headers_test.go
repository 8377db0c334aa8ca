package test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// Elasticsearch 9 keeps version 8's manners for whoever asks for them in both headers. Each request of each command
// does, those included that esapi has built, that close a point in time or that carry no JSON.
func TestEveryRequestAsksForVersion8(t *testing.T) {
	t.Parallel()
	s := site.Bare(t)
	s.Index(s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "1A2B3C4D5E6", march)...))
	p := newProxy(t, s)
	var mu sync.Mutex
	kinds := map[string]int{}
	p.alter = func(r *http.Request, answer []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		kinds[kindOf(s, r)]++
		if got := r.Header.Get("Accept"); got != "application/vnd.elasticsearch+json; compatible-with=8" {
			t.Errorf("%s %s accepts %q", r.Method, r.URL.Path, got)
		}
		want := ""
		switch {
		case r.ContentLength == 0:
		case strings.HasSuffix(r.URL.Path, "/_bulk"), strings.HasSuffix(r.URL.Path, "/_msearch"):
			want = "application/vnd.elasticsearch+x-ndjson; compatible-with=8"
		default:
			want = "application/vnd.elasticsearch+json; compatible-with=8"
		}
		if got := r.Header.Get("Content-Type"); got != want {
			t.Errorf("%s %s has a body of type %q, want %q", r.Method, r.URL.Path, got, want)
		}
		return answer
	}
	via := s.Through(p.url)
	via.SetUp()
	days := []string{"--from", "2026-03-19", "--to", "2026-03-21"}
	via.Must("run")
	via.Must("run", "--reset-cursor")
	via.Must(append([]string{"backfill"}, days...)...)
	via.Must(append([]string{"verify", "--heal"}, days...)...)
	via.Must("rebuild", "--all")
	via.Must("trace", "--from", "alice@corp.test", "--follow-links")
	mu.Lock()
	defer mu.Unlock()
	for _, kind := range []string{"POST target _bulk", "DELETE  _pit", "GET source _stats", "POST source _pit", "PUT  _index_template"} {
		if kinds[kind] == 0 {
			t.Errorf("there was no %s: %v", kind, kinds)
		}
	}
}
