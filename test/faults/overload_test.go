package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postweave/postweave/test/esnode"
	"github.com/postweave/postweave/test/site"
)

// tooMany is the answer of a node or of a proxy that wants fewer requests.
func tooMany(kind, after string) *answer {
	a := jsonAnswer(http.StatusTooManyRequests, fmt.Sprintf(`{"error":{"root_cause":[],"type":%q,"reason":"rejected alice@corp.test"},"status":429}`, kind))
	if after != "" {
		a.Header.Set("Retry-After", after)
	}
	return a
}

// storm answers every request with 429 for some time from the first one on.
func storm(p *proxy, lasts time.Duration, kind, after string) {
	var once sync.Once
	var ends time.Time
	p.on(func(*request) fault {
		once.Do(func() { ends = time.Now().Add(lasts) })
		if time.Now().After(ends) {
			return fault{}
		}
		return fault{Name: "429", Answer: tooMany(kind, after)}
	})
}

// While a cluster answers 429 to everything it is asked less and less, and after
// it the run does its work as if nothing had been.
func TestF07RequestLevel429Storm(t *testing.T) {
	t.Run("for a while", func(t *testing.T) {
		s := site.New(t)
		indexMails(s, 20)
		p := newProxy(t, s.Node)
		storm(p, 3*time.Second, "es_rejected_execution_exception", "")
		s.Through(p.URL).Run()
		p.happened(t, "429")
		// Full jitter over 200, 400, 800 … ms: some five requests in three seconds, and rarely three times that.
		if n := p.faults()["429"]; n > 30 {
			t.Errorf("%d requests in a storm of 3 s", n)
		}
		settled(t, s)
	})
	t.Run("with Retry-After", func(t *testing.T) {
		s := site.New(t)
		indexMails(s, 20)
		p := newProxy(t, s.Node)
		storm(p, 3*time.Second, "es_rejected_execution_exception", "2")
		s.Through(p.URL).Run()
		p.happened(t, "429")
		var last time.Time
		for _, q := range p.requests() { // one after the other until the first is answered
			if !last.IsZero() && q.At.Sub(last) < 2*time.Second {
				t.Errorf("request %d came %v after a 429 that asked for 2 s", q.N, q.At.Sub(last))
			}
			last = time.Time{}
			if q.Fault != "" {
				last = q.At
			}
		}
		settled(t, s)
	})
	t.Run("longer than the budget", func(t *testing.T) {
		s := site.New(t)
		indexMails(s, 20)
		s.Run()
		p := newProxy(t, s.Node)
		storm(p, time.Hour, "es_rejected_execution_exception", "")
		indexMails(s, 5)
		begin := time.Now()
		lasting(hasty(s, "3s").Through(p.URL), 3, []string{"429 es_rejected_execution_exception", p.URL, "overloaded"}, "run")
		if took := time.Since(begin); took > 30*time.Second {
			t.Errorf("it took %v with a budget of 3 s", took)
		}
		if n := p.faults()["429"]; n == 0 || n > 30 {
			t.Errorf("%d requests", n)
		}
		settled(t, s)
	})
	// A bulk that is refused as a whole is halved until it is taken.
	t.Run("of writes that are too many at once", func(t *testing.T) {
		s := site.New(t)
		n := len(indexMails(s, 100))
		p := newProxy(t, s.Node)
		p.on(func(q *request) fault {
			if isBulk(q) && len(bulkActions(t, q.Body)) > 30 {
				return fault{Name: "429", Answer: tooMany("es_rejected_execution_exception", "")}
			}
			return fault{}
		})
		s.Through(p.URL).Run()
		if got := p.faults()["429"]; got != 2 { // one for each index: 50 documents, then twice 25
			t.Errorf("%d refused writes\n%s", got, p)
		}
		writtenOnce(s, n)
		settled(t, s)
	})
}

// Of a bulk whose items are refused in part only those are sent again, with the
// bytes that they had.
func TestF08ItemLevel429(t *testing.T) {
	s := site.New(t)
	n := len(indexMails(s, 60))
	p := newProxy(t, s.Node)
	var mu sync.Mutex
	tries := map[string]int{}
	p.on(func(q *request) fault {
		if !isBulk(q) {
			return fault{}
		}
		mu.Lock()
		defer mu.Unlock()
		return holding(t, q, "429", func(a bulkAction) (int, string) {
			tries[a.ID]++
			if a.ID[0]%3 == 0 && tries[a.ID] < 3 {
				return http.StatusTooManyRequests, "es_rejected_execution_exception"
			}
			return 0, ""
		})
	})
	s.Through(p.URL).Run()
	p.happened(t, "429")
	sent := map[string][]bulkAction{}
	for _, q := range p.requests() {
		if isBulk(&q) {
			for _, a := range bulkActions(t, q.Body) {
				sent[a.ID] = append(sent[a.ID], a)
			}
		}
	}
	again := 0
	for id, all := range sent {
		want := 1
		if id[0]%3 == 0 {
			want = 3
			again++
		}
		if len(all) != want {
			t.Errorf("%s was sent %d times, want %d", id, len(all), want)
		}
		for _, a := range all {
			if !bytes.Equal(a.Text, all[0].Text) {
				t.Errorf("%s was sent in two forms:\n%s%s", id, all[0].Text, a.Text)
			}
		}
	}
	if again == 0 || again == n {
		t.Fatalf("%d of %d documents were refused, the test shows nothing", again, n)
	}
	writtenOnce(s, n)
	settled(t, s)
}

// The same by a node that has next to no room, while others write to it too.
func TestF08NodeWithoutRoom(t *testing.T) {
	node := startNode(t, esnode.Options{Settings: map[string]string{
		"indexing_pressure.memory.limit": "1mb", "thread_pool.write.size": "1", "thread_pool.write.queue_size": "1",
	}})
	s := site.On(t, node.URL)
	s.SetUp()
	s.AtOnce = 100
	const n = 40 // of 45 kB each: more than the node takes at once
	for i := range n {
		id, _ := mailAt(i)
		bigMail(s, id, 100)
	}
	p := newProxy(t, s.Node)
	var mu sync.Mutex
	whole, items := 0, 0
	enough := make(chan struct{})
	p.on(func(q *request) fault {
		if !isBulk(q) {
			return fault{}
		}
		return fault{Alter: func(a *answer) {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case !bytes.Contains(a.Body, []byte("es_rejected_execution_exception")):
			case a.Status == http.StatusTooManyRequests:
				whole++
			default:
				if items++; items == 1 {
					close(enough)
				}
			}
		}}
	})
	// The others keep its one write thread and its queue of one busy, until it has refused documents of ours.
	var others sync.WaitGroup
	for range 4 {
		others.Go(func() {
			body := []byte(strings.Repeat("{\"index\":{\"_index\":\"others\"}}\n{\"a\":1}\n", 300))
			for end := time.After(time.Minute); ; {
				select {
				case <-enough:
					return
				case <-end:
					return
				default:
					_ = esnode.Call(t.Context(), http.MethodPost, s.Node+"/_bulk", body, nil) // some are refused
				}
			}
		})
	}
	s.Through(p.URL).Run()
	others.Wait()
	if whole == 0 || items == 0 {
		t.Errorf("the node refused %d requests as a whole and documents in %d; want both", whole, items)
	}
	writtenOnce(s, n)
	settled(t, s)
}

// breakerOn answers searches that ask for more than most at once as a node
// whose circuit breaker tripped.
func breakerOn(q *request, most int) fault {
	if !strings.HasSuffix(q.Path, "/_search") {
		return fault{}
	}
	var search struct {
		Size int
		Aggs map[string]struct{ Composite struct{ Size int } }
	}
	if json.Unmarshal(q.Body, &search) != nil || max(search.Size, search.Aggs["touched"].Composite.Size) <= most {
		return fault{}
	}
	return fault{Name: "429", Answer: tooMany("circuit_breaking_exception", "")}
}

// A search that trips a circuit breaker is made with smaller pages.
func TestF09CircuitBreaker(t *testing.T) {
	t.Run("pages shrink", func(t *testing.T) {
		s := site.New(t)
		indexMails(s, 60)
		p := newProxy(t, s.Node)
		p.on(func(q *request) fault {
			if q.Path != "/_search" { // those of the source have a point in time
				return fault{}
			}
			return breakerOn(q, 25)
		})
		r := s.Through(p.URL).Run()
		p.happened(t, "429")
		if r.Created != 60 || r.Lines != 360 {
			t.Errorf("%+v", r)
		}
		settled(t, s)
	})
	t.Run("and end at the floor", func(t *testing.T) {
		s := site.New(t)
		indexMails(s, 60)
		p := newProxy(t, s.Node)
		p.on(func(q *request) fault {
			if q.Path != "/_search" {
				return fault{}
			}
			return breakerOn(q, -1)
		})
		lasting(hasty(s, "3s").Through(p.URL), 3, []string{"429 circuit_breaking_exception", p.URL, "overloaded"}, "run")
		p.happened(t, "429")
		if n := p.faults()["429"]; n > 60 {
			t.Errorf("%d searches", n)
		}
		settled(t, s)
	})
	t.Run("a node with a tiny breaker", func(t *testing.T) {
		node := startNode(t, esnode.Options{})
		s := site.On(t, node.URL)
		s.SetUp()
		indexMails(s, 300)
		limit := func(to any) {
			s.ES(http.MethodPut, "/_cluster/settings", map[string]any{"persistent": map[string]any{"indices.breaker.request.limit": to}}, nil)
		}
		p := newProxy(t, s.Node)
		tripped := 0
		p.on(func(*request) fault {
			return fault{Alter: func(a *answer) {
				if a.Status == http.StatusTooManyRequests && bytes.Contains(a.Body, []byte("circuit_breaking_exception")) {
					tripped++
				}
			}}
		})
		limit("1b")
		lasting(hasty(s, "3s").Through(p.URL), 3, []string{"429 circuit_breaking_exception"}, "run")
		if tripped == 0 {
			t.Error("the breaker did not trip")
		}
		tripped = 0
		tripped = 0
		limit("20kb")
		s.Through(p.URL).Run()
		if tripped == 0 {
			t.Error("the breaker did not trip")
		}
		limit(nil)
		settled(t, s)
	})
}
