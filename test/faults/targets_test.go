package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postweave/postweave/test/esnode"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// once makes the fault of one request of a kind, the first.
func once(name string, is func(*request) bool, do func()) func(*request) fault {
	var first sync.Once
	return func(q *request) (f fault) {
		if is(q) {
			first.Do(func() { f = fault{Name: name, Before: do} })
		}
		return f
	}
}

// The target has lost its shard when a run is about to write.
func TestF14RedTarget(t *testing.T) {
	s := site.New(t)
	index := s.Target + "-000001"
	indexMails(s, 12)
	p := newProxy(t, s.Node)
	var mu sync.Mutex
	unavailable := 0
	red := once("red", isBulk, func() {
		s.ES(http.MethodDelete, "/"+index, nil, nil)
		makeRed(s, index, map[string]any{"aliases": map[string]any{s.Target: map[string]any{"is_write_index": true}}})
	})
	p.on(func(q *request) fault {
		f := red(q)
		if isBulk(q) {
			f.Alter = func(a *answer) {
				mu.Lock()
				defer mu.Unlock()
				if bytes.Contains(a.Body, []byte("unavailable_shards_exception")) {
					unavailable++
				}
			}
		}
		return f
	})
	lasting(hasty(s, "3s").Through(p.URL), 3, []string{"503 unavailable_shards_exception", s.Target, "cluster's health"}, "run")
	p.happened(t, "red")
	if unavailable == 0 {
		t.Error("no write met the missing shard")
	}
	p.on(nil)
	lasting(hasty(s, "2s"), 3, []string{"503"}, "run") // from its beginning on, too
	makeGreen(s, index)
	settled(t, s)
}

// A target that is deleted under a run is not made anew by a write, with a
// mapping that Elasticsearch guesses.
func TestF20TargetDeleted(t *testing.T) {
	s := site.New(t)
	indexMails(s, 6)
	p := newProxy(t, s.Node)
	p.on(once("deleted", isBulk, func() { s.ES(http.MethodDelete, "/"+s.Target+"-000001", nil, nil) }))
	lasting(s.Through(p.URL), 1, []string{s.Target, "index_not_found_exception", "run `postweave setup`"}, "run")
	p.happened(t, "deleted")
	if made := indicesOf(s, s.Target+"*"); !slices.Equal(made, []string{s.Target + "-log"}) {
		t.Errorf("the run has made indices: %v", made)
	}
	lasting(s, 1, []string{s.Target, "run `postweave setup`"}, "run")
	s.Must("setup")
	settled(t, s)
}

// indicesOf lists the indices of a pattern.
func indicesOf(s *site.Site, pattern string) (names []string) {
	s.T.Helper()
	var all []struct{ Index string }
	s.ES(http.MethodGet, "/_cat/indices/"+pattern+"?format=json&h=index&expand_wildcards=all&s=index", nil, &all)
	for _, x := range all {
		names = append(names, x.Index)
	}
	return names
}

// A bulk request that is refused as a whole because of one action is halved until
// that one stands alone. Its neighbours are written; it is kept as a stub.
func TestF21WholeBulkRefused(t *testing.T) {
	s := site.New(t)
	ids := indexMails(s, 40)
	bad := ids[12]
	p := newProxy(t, s.Node)
	p.on(func(q *request) fault {
		if !isBulk(q) {
			return fault{}
		}
		var body []byte
		hit := false
		for _, a := range bulkActions(t, q.Body) {
			if bytes.Contains(a.Text, []byte(bad)) && !bytes.Contains(a.Text, []byte("quarantined")) {
				hit = true
				a.Text = bytes.Replace(a.Text, []byte(`{"create"`), []byte(`{"crate"`), 1)
			}
			body = append(body, a.Text...)
		}
		if !hit {
			return fault{}
		}
		return fault{Name: "bad action", Body: body}
	})
	o := s.Through(p.URL).Call("run", "--json")
	refused(t, o, 6, "refused by the target", "kept as stubs", "warnings: quarantined")
	silent(t, o)
	p.happened(t, "bad action")
	for _, q := range p.requests() {
		if q.Fault != "" && q.Status != http.StatusBadRequest {
			t.Errorf("request %d: status %d", q.N, q.Status)
		}
	}
	// 20 documents, 10, 5, 2 or 3, 1 or 2, 1.
	if n := p.faults()["bad action"]; n > 6 {
		t.Errorf("%d refused requests to find one of 20", n)
	}
	stubs(t, s, len(ids), bad)
	indexLate(s, len(ids), 1)
	settled(t, s)
	stubs(t, s, len(ids))
}

// stubs wants the target to hold n documents, those of the ids as stubs that
// carry their lines.
func stubs(t *testing.T, s *site.Site, n int, ids ...string) {
	t.Helper()
	docs := s.Documents()
	if len(docs) != n {
		t.Errorf("%d documents, want %d", len(docs), n)
	}
	var found struct{ Hits struct{ Hits []site.Stored } }
	s.ES(http.MethodPost, "/"+s.Target+"/_search?size=1000", map[string]any{"query": map[string]any{"term": map[string]any{"warnings": "quarantined"}}}, &found)
	var got []string
	for _, h := range found.Hits.Hits {
		var doc struct {
			QueueID string `json:"queue_id"`
			Lines   int
			Log     []json.RawMessage
			Subject string
		}
		if err := json.Unmarshal(h.Source, &doc); err != nil {
			t.Fatal(err)
		}
		if doc.Lines < 6 || doc.Subject != "" {
			t.Errorf("stub %.300s", h.Source)
		}
		got = append(got, doc.QueueID)
	}
	slices.Sort(got)
	slices.Sort(ids)
	if !slices.Equal(got, ids) {
		t.Errorf("stubs of %v, want %v", got, ids)
	}
}

// A target with a mapping of somebody's own refuses single documents. They are kept
// as stubs that can be found, nothing of the reason is repeated, and later lines heal them.
func TestF22DocumentRefused(t *testing.T) {
	s := site.New(t)
	index := s.Target + "-000001"
	var installed struct {
		Templates []struct {
			Template map[string]any `json:"index_template"`
		} `json:"index_templates"`
	}
	s.ES(http.MethodGet, "/_index_template/"+s.Target, nil, &installed)
	own := installed.Templates[0].Template
	wrong := clone(t, own)
	fields := wrong["template"].(map[string]any)["mappings"].(map[string]any)["properties"].(map[string]any)
	if fields["subject"] == nil {
		t.Fatal("the mapping has no subject")
	}
	fields["subject"] = map[string]any{"type": "integer", "fields": map[string]any{"keyword": map[string]any{"type": "keyword"}}}
	install := func(template map[string]any) {
		s.ES(http.MethodPut, "/_index_template/"+s.Target, template, nil)
		s.ES(http.MethodDelete, "/"+index, nil, nil)
		s.ES(http.MethodPut, "/"+index, map[string]any{"aliases": map[string]any{s.Target: map[string]any{"is_write_index": true}}}, nil)
	}
	install(wrong)
	ids := indexMails(s, 10)
	p := newProxy(t, s.Node)
	o := s.Through(p.URL).Call("run")
	refused(t, o, 6, "refused by the target", "kept as stubs", "warnings: quarantined")
	silent(t, o)
	if n := strings.Count(p.String(), "/_bulk"); n > 2+len(ids) {
		t.Errorf("%d writes", n)
	}
	stubs(t, s, len(ids), ids...)
	// Refused again, it stays as it is: lines are never lost, and it is not news each time.
	indexLate(s, len(ids), 1)
	refused(t, s.Call("run"), 6, "kept as stubs")
	stubs(t, s, len(ids), ids...)
	// The mapping is mended, the documents kept.
	kept := s.Documents()
	install(own)
	for _, d := range kept {
		s.ES(http.MethodPut, "/"+s.Target+"/_create/"+d.ID, d.Source, nil)
	}
	indexLate(s, len(ids), 2)
	settled(t, s)
	stubs(t, s, len(ids))
}

func clone(t *testing.T, v map[string]any) (out map[string]any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// bigMail indexes a message of n lines, each of a recipient of its own: some 400
// bytes a line in its document, half of that in a stub.
func bigMail(s *site.Site, id string, n int) {
	s.T.Helper()
	var pairs []string
	for i := range n {
		pairs = append(pairs, "smtp", fmt.Sprintf("%s: to=<user%05d@ok.test>, relay=far.ok.test[198.51.100.1]:25, delay=4, delays=3/0/0.5/0.5, dsn=4.2.2, "+
			"status=deferred (host far.ok.test[198.51.100.1] said: 452 4.2.2 mailbox %05d is full (in reply to RCPT TO command))", id, i, i))
	}
	lines := site.TextLines("mx1", march.Add(4*time.Second), pairs...)
	for i := range lines {
		lines[i].Time = lines[0].Time // with the delay that they tell, they are of one mail
	}
	for part := range slices.Chunk(s.Shipped(loggen.LayoutSyslog, lines...), 1000) {
		s.Index(part)
	}
}

// What is too large for a limit is sent in parts. A single document whose lines
// alone are too large ends the run, with the name of the limit.
func TestF23RequestTooLarge(t *testing.T) {
	tooLarge := []string{"stub", "http_413", "http.max_content_length", "proxy", "raise it"}
	count := func(p *proxy) (n int) {
		for _, q := range p.requests() {
			if q.Status == http.StatusRequestEntityTooLarge {
				n++
			}
		}
		return n
	}
	t.Run("for a node", func(t *testing.T) {
		node := startNode(t, esnode.Options{Settings: map[string]string{"http.max_content_length": "1mb"}})
		s := site.On(t, node.URL)
		s.SetUp()
		s.AtOnce = 100
		for i := range 40 {
			bigMail(s, fmt.Sprintf("%X", 0x1A2B3C40000+16*i), 100)
		}
		p := newProxy(t, s.Node)
		s.Through(p.URL).Run()
		if n := count(p); n == 0 || n > 3 {
			t.Errorf("%d requests were too large, want one and its halves\n%s", n, p)
		}
		writtenOnce(s, 40)
		settled(t, s)
		bigMail(s, "7A2B3C4D5E6", 6000)
		lasting(s, 1, tooLarge, "run") // without the proxy: the node may close the connection before it has read all
	})
	t.Run("for a proxy", func(t *testing.T) {
		s := site.New(t)
		bigMail(s, "7A2B3C4D5E6", 2000)
		bigMail(s, "8A2B3C4D5E6", 10)
		p := newProxy(t, s.Node)
		p.on(func(q *request) fault {
			if len(q.Body) < 300<<10 {
				return fault{}
			}
			return fault{Name: "413", Answer: &answer{
				Status: http.StatusRequestEntityTooLarge, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte("<html><h1>413 Request Entity Too Large</h1></html>"),
			}}
		})
		lasting(s.Through(p.URL), 1, tooLarge, "run")
		p.happened(t, "413")
		settled(t, s)
	})
}
