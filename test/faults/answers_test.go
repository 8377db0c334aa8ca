package faults

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/postweave/postweave/test/site"
)

func page(status int, contentType, body string) *answer {
	return &answer{Status: status, Header: http.Header{"Content-Type": {contentType}}, Body: []byte(body)}
}

const badGateway = "<html>\n<head><title>Bad Gateway</title></head>\n<body><h1>alice@corp.test</h1></body></html>"

// A proxy in front of Elasticsearch answers in its place. That is tried again, and
// told in words that are no decoder's.
func TestF30ProxyPages(t *testing.T) {
	for _, status := range []int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			s := site.New(t)
			indexMails(s, 6)
			p := newProxy(t, s.Node)
			seen := map[string]int{}
			p.on(func(q *request) fault { // each kind of request fails once
				kind := q.Method + q.Path
				if seen[kind]++; seen[kind] == 1 {
					return fault{Name: "page", Answer: page(status, "text/html", badGateway)}
				}
				return fault{}
			})
			s.Through(p.URL).Run()
			if n := p.faults()["page"]; n < 10 {
				t.Errorf("%d pages", n)
			}
			indexMails(s, 12)
			from := len(p.requests()) + 12
			p.on(func(q *request) fault {
				if q.N < from {
					return fault{}
				}
				return fault{Name: "page", Answer: page(status, "text/html", badGateway)}
			})
			o := lasting(hasty(s, "2s").Through(p.URL), 3, []string{"status " + strconv.Itoa(status), p.URL, "a proxy answered in place of Elasticsearch"}, "run")
			for _, noise := range []string{"invalid character", "unmarshal", "<html", "\n\n"} {
				if strings.Contains(o.Stderr, noise) {
					t.Errorf("%q in the message:\n%s", noise, o.Stderr)
				}
			}
			settled(t, s)
		})
	}
}

// An answer with status 200 that is none of Elasticsearch's is no success,
// whichever request it belongs to.
func TestF31AnswersOfAnotherKind(t *testing.T) {
	s := site.New(t)
	for day := range 2 { // no aggregation over a text: here a search without hits is one that found nothing
		s.ES(http.MethodPut, "/"+s.Daily(march.AddDate(0, 0, day)), map[string]any{"mappings": map[string]any{"properties": map[string]any{"postfix_queueid": map[string]any{"type": "text"}}}}, nil)
	}
	n := len(indexMails(s, 6))
	s.Run()
	for i, c := range []struct {
		name  string
		alter func(a *answer)
	}{
		{"an empty object", func(a *answer) { a.Body = []byte("{}") }},
		{"a page", func(a *answer) { *a = *page(200, "text/html", badGateway) }},
		{"nothing", func(a *answer) { a.Body = nil }},
		{"nothing of a proxy", func(a *answer) { *a = *page(200, "application/json", "") }},
		{"another type", func(a *answer) { a.Header = http.Header{"Content-Type": {"text/plain"}}; a.Body = []byte("ok") }},
		{"half", func(a *answer) { a.Body = a.Body[:len(a.Body)/2] }},
		{"an empty list", func(a *answer) { a.Body = []byte("[]") }},
	} {
		name := c.name
		t.Run(name, func(t *testing.T) {
			s := *s
			s.T = t
			indexLate(&s, n, i)
			// From the k-th request on, every answer is spoiled. An empty object, the only one that is JSON of the right kind,
			// goes over all k; the others share them.
			step := 1
			if i > 0 {
				step = 6
			}
			for k := 1 + (i-1+step)%step; ; k += step {
				cursor := confirmed(&s)
				p := newProxy(t, s.Node)
				p.on(func(q *request) fault {
					if q.N < k || q.Method == http.MethodDelete {
						return fault{}
					}
					return fault{Name: name, Alter: c.alter}
				})
				o := hasty(&s, "50ms").Through(p.URL).Call("run")
				if p.faults()[name] == 0 {
					break
				}
				if o.Code != 1 && o.Code != 3 && o.Code != 5 {
					t.Errorf("from request %d on: exit %d\n%s\n%s", k, o.Code, o.Stderr, p)
				}
				silent(t, o)
				if after := confirmed(&s); after != cursor && !savedCursor(p, k) {
					t.Errorf("from request %d on: the cursor moved\n%s", k, p)
				}
				if k > 100 {
					t.Fatal("the run never gets to its end")
				}
			}
		})
	}
	settled(t, s)
}

// savedCursor tells whether the node got a new cursor by one of the first k requests.
func savedCursor(p *proxy, k int) bool {
	return slices.ContainsFunc(p.requests(), func(q request) bool {
		return q.N <= k && q.Method == http.MethodPut && strings.Contains(q.Path, "/_doc/cursor-")
	})
}

// The outcome of a write is known where the answer tells it item by item. Where not,
// the same is sent again, and the documents end up right whatever became of the first time.
func TestF33BulkAnswers(t *testing.T) {
	type items = []json.RawMessage
	for name, alter := range map[string]func(answer map[string]json.RawMessage, all items) items{
		"fewer":      func(_ map[string]json.RawMessage, all items) items { return all[1:] },
		"more":       func(_ map[string]json.RawMessage, all items) items { return append(all, all[0]) },
		"none":       func(_ map[string]json.RawMessage, _ items) items { return items{} },
		"reordered":  func(_ map[string]json.RawMessage, all items) items { slices.Reverse(all); return all },
		"no errors":  func(a map[string]json.RawMessage, all items) items { delete(a, "errors"); return all },
		"no outcome": func(_ map[string]json.RawMessage, all items) items { all[0] = json.RawMessage("{}"); return all },
		"no revision": func(_ map[string]json.RawMessage, all items) items {
			all[0] = regexp.MustCompile(`"_(seq_no|primary_term)":[0-9]+,`).ReplaceAll(all[0], nil)
			return all
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := site.New(t)
			n := len(indexMails(s, 12))
			p := newProxy(t, s.Node)
			spoil := func(times int) {
				p.on(func(q *request) fault {
					if !isBulk(q) || times == 0 {
						return fault{}
					}
					times--
					return fault{Name: name, Alter: func(a *answer) {
						var whole map[string]json.RawMessage
						var all items
						if json.Unmarshal(a.Body, &whole) != nil || json.Unmarshal(whole["items"], &all) != nil {
							t.Errorf("the node answers %.300s", a.Body)
							return
						}
						var err error
						if whole["items"], err = json.Marshal(alter(whole, all)); err != nil {
							t.Error(err)
						}
						if a.Body, err = json.Marshal(whole); err != nil {
							t.Error(err)
						}
					}}
				})
			}
			spoil(1 << 30)
			if name == "no revision" { // sent again, they are there already: that is an answer, and tells the revision
				s.Through(p.URL).Run()
				p.happened(t, name)
				writtenOnce(s, n)
				settled(t, s)
				return
			}
			lasting(hasty(s, "1s").Through(p.URL), 3, []string{"write documents", s.Target, "proxy that alters answers"}, "run")
			p.happened(t, name)
			if got := p.faults()[name]; got < 2 || got > 30 {
				t.Errorf("%d writes in the budget of 1 s", got)
			}
			spoil(1)
			r := s.Through(p.URL).Run()
			if r.Documents != n || r.Unchanged+r.Created != n {
				t.Errorf("%+v", r)
			}
			writtenOnce(s, n)
			settled(t, s)
		})
	}
}

// What a newer postweave made is left alone, index or document.
func TestF48NewerSchema(t *testing.T) {
	s := site.New(t)
	ids := indexMails(s, 6)
	s.Run()
	p := newProxy(t, s.Node)
	nothing := func() {
		t.Helper()
		for _, q := range p.requests() {
			lease := strings.Contains(q.Path, "/_doc/lease-")
			if !lease && (isBulk(&q) || q.Method == http.MethodPut || q.Method == http.MethodDelete && q.Path != "/_pit") {
				t.Errorf("it writes: %s %s", q.Method, q.Path)
			}
		}
	}
	mark := func(index string, schema any) {
		s.ES(http.MethodPut, "/"+index+"/_mapping", map[string]any{"_meta": map[string]any{"product": "postweave", "schema": schema}}, nil)
	}
	var have map[string]struct {
		Mappings struct {
			Meta struct{ Schema int } `json:"_meta"`
		}
	}
	for _, index := range []string{s.Target + "-000001", s.State} {
		s.ES(http.MethodGet, "/"+index+"/_mapping", nil, &have)
		mark(index, 99)
		lasting(s.Through(p.URL), 8, []string{index, "schema 99", "use the newer postweave"}, "run")
		nothing()
		mark(index, have[index].Mappings.Meta.Schema)
	}
	// The mapping is ours, a document is not.
	docs := s.Documents()
	newer := regexp.MustCompile(`"schema":[0-9]+}$`).ReplaceAll(docs[0].Source, []byte(`"schema":99}`))
	s.ES(http.MethodPut, "/"+s.Target+"/_doc/"+docs[0].ID+"?refresh=true", json.RawMessage(newer), nil)
	indexLate(s, len(ids), 1)
	lasting(s.Through(p.URL), 8, []string{"newer postweave"}, "run")
	nothing()
	s.ES(http.MethodPut, "/"+s.Target+"/_doc/"+docs[0].ID+"?refresh=true", docs[0].Source, nil)
	settled(t, s)
}

// The cursor's own requests are spoiled: what cannot be read is not taken for a
// first run, what may not be saved is not taken for saved.
func TestCursorAnswers(t *testing.T) {
	isCursor := func(method string) func(q *request) bool {
		return func(q *request) bool { return q.Method == method && strings.Contains(q.Path, "/_doc/cursor-") }
	}
	get, put := isCursor(http.MethodGet), isCursor(http.MethodPut)
	for name, c := range map[string]struct {
		is    func(*request) bool
		with  *answer
		code  int
		words []string
	}{
		"index missing on read":    {get, jsonAnswer(404, `{"error":{"type":"index_not_found_exception","reason":"no such index"},"status":404}`), 1, []string{"read the cursor", "run `postweave setup`"}},
		"nothing said on read":     {get, jsonAnswer(200, `{}`), 3, []string{"read the cursor", "whether there is one"}},
		"missing, with a 200":      {get, jsonAnswer(200, `{"_id":"x","found":false}`), 3, []string{"read the cursor", "whether there is one"}},
		"missing, said by another": {get, page(404, "application/json", `{"message":"no Route matched"}`), 3, []string{"read the cursor", "in place of Elasticsearch"}},
		"damaged":                  {get, jsonAnswer(200, `{"found":true,"_seq_no":1,"_primary_term":1,"_source":{"payload":"?"}}`), 1, []string{"read the cursor", "damaged", "--reset-cursor"}},
		"index missing on write":   {put, jsonAnswer(404, `{"error":{"type":"index_not_found_exception","reason":"no such index"},"status":404}`), 1, []string{"write the cursor", "run `postweave setup`"}},
		"nothing said on write":    {put, jsonAnswer(200, `{}`), 3, []string{"write the cursor", "what was written"}},
		"blocked on write":         {put, jsonAnswer(403, `{"error":{"type":"cluster_block_exception","reason":"blocked"},"status":403}`), 7, []string{"write the cursor", "cluster_block_exception"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := site.New(t)
			indexMails(s, 4)
			s.Run()
			indexMails(s, 8)
			p := newProxy(t, s.Node)
			p.on(func(q *request) fault {
				if !c.is(q) {
					return fault{}
				}
				return fault{Name: name, Answer: c.with}
			})
			lasting(hasty(s, "1s").Through(p.URL), c.code, c.words, "run")
			p.happened(t, name)
			settled(t, s)
		})
	}
	// Another run was faster: this one ends early, well, and without moving the cursor back.
	t.Run("conflict on write", func(t *testing.T) {
		s := site.New(t)
		indexMails(s, 4)
		s.Run()
		indexMails(s, 8)
		p := newProxy(t, s.Node)
		p.on(once("conflict", put, func() { // its lease has run out, and the other one saves
			for _, d := range s.Search(s.State) {
				if strings.HasPrefix(d.ID, "cursor-") {
					s.ES(http.MethodPut, "/"+s.State+"/_doc/"+d.ID, d.Source, nil)
				}
			}
		}))
		r := s.Report(s.Through(p.URL).Must("run", "--json"))
		p.happened(t, "conflict")
		if !r.More {
			t.Errorf("a run that lost the cursor's race says that it is complete: %+v", r)
		}
		settled(t, s)
	})
	// The state index is deleted under a run. It is not said to be complete.
	t.Run("index deleted", func(t *testing.T) {
		s := site.New(t)
		indexMails(s, 4)
		s.Run()
		indexMails(s, 8)
		p := newProxy(t, s.Node)
		p.on(once("deleted", put, func() { s.ES(http.MethodDelete, "/"+s.State, nil, nil) }))
		o := s.Through(p.URL).Call("run", "--json")
		p.happened(t, "deleted")
		if o.Code == 0 && !s.Report(o).More {
			t.Errorf("exit 0 and complete\n%s%s", o.Stdout, o.Stderr)
		}
		// Elasticsearch makes a missing index for whoever writes into it, save where a template forbids that. One
		// that was made so is not taken for ours.
		if made := indicesOf(s, s.State); len(made) != 0 {
			refused(t, s.Call("run"), 1, s.State, "move away what is there")
			s.ES(http.MethodDelete, "/"+s.State, nil, nil)
		}
		s.Must("setup")
		settled(t, s)
	})
}
