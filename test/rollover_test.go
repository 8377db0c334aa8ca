package test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// before stands before the node and does something once, when the first request comes that it is for.
func before(t *testing.T, node string, is func(path, body string) bool, do func()) string {
	t.Helper()
	at, err := url.Parse(node)
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(at) }}
	var once sync.Once
	done := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if is(r.URL.Path, string(body)) {
			once.Do(func() { do(); done = true })
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		server.Close()
		if !done {
			t.Error("nothing was done: no such request came")
		}
	})
	return server.URL
}

// Somebody gives the target a new index to write to while a backfill is at work. What it reads again is not
// created a second time there, neither the rejects, of which nothing is looked up before, nor messages.
func TestTargetRolledOverMeanwhile(t *testing.T) {
	reject := func(i int, at time.Time) []loggen.Line {
		return site.TextLines("mx1", at, "smtpd", fmt.Sprintf("NOQUEUE: reject: RCPT from c.example[192.0.2.%d]: 450 4.7.1 try later; from=<a@corp.test> to=<b@ok.test> proto=ESMTP helo=<c>", i))
	}
	mail := func(i int, at time.Time) []loggen.Line {
		return site.Mail("mx1", fmt.Sprintf("4jXBLW1S2Pz1SG%02d", i), at)
	}
	for what, some := range map[string]func(int, time.Time) []loggen.Line{"rejects": reject, "mails": mail} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			const many = 40
			s := site.New(t)
			for i := range many {
				s.Index(s.Shipped(loggen.LayoutSyslog, some(i, march.Add(time.Duration(i)*time.Minute))...))
			}
			day := march.Format(time.DateOnly)
			// What nobody refreshed is not shown, and is there all the same.
			s.ES(http.MethodPut, "/"+s.Target+"-000001/_settings", map[string]any{"index.refresh_interval": -1}, nil)
			if first := s.Backfill(day, day); first.Created != many {
				t.Fatalf("%d created, want %d", first.Created, many)
			}
			via := s.Through(before(t, s.Node,
				func(path, body string) bool { return path == "/_search" && strings.Contains(body, `"pit"`) },
				func() { s.ES(http.MethodPost, "/"+s.Target+"/_rollover", nil, nil) },
			))
			if again := via.Backfill(day, day); again.Created != 0 || again.Updated != 0 || again.Unchanged == 0 {
				t.Errorf("read again: %+v", again)
			}
			clean := s.Beside("clean")
			clean.Backfill(day, day)
			site.Same(t, "after the rollover, and without one", site.Identified(s.Documents()), site.Identified(clean.Documents()))
		})
	}
}

// The names of a year's indices do not fit one URL.
func TestSourceOfManyIndices(t *testing.T) {
	t.Parallel()
	s := site.New(t)
	const many = 70
	var docs []site.Raw
	for i := range many {
		some := s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", fmt.Sprintf("4jXBLW1S2Pz1SG%02d", i), march.Add(time.Duration(i)*time.Minute))...)
		for j := range some {
			some[j].Index = fmt.Sprintf("%s%s-%03d", s.Source, strings.Repeat("of-a-server-with-a-long-name-", 2), i)
		}
		docs = append(docs, some...)
	}
	s.Index(docs)
	day := march.Format(time.DateOnly)
	if r := s.Backfill(day, day); r.Created != many {
		t.Errorf("a backfill creates %d documents, want %d", r.Created, many)
	}
	if r := s.Run(); r.Lines != len(docs) || r.Unchanged != many {
		t.Errorf("a run reads %d lines and finds %d documents unchanged, want %d and %d", r.Lines, r.Unchanged, len(docs), many)
	}
	s.Must("verify", "--from", day, "--to", day)
	if o := s.Call("check"); o.Code != 0 {
		t.Errorf("check finds\n%s", o.Stdout)
	}
}
