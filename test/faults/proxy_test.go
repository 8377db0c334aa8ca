package faults

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
)

// proxy stands between the command and a node. It writes down each request, and
// a rule may spoil any of them.
type proxy struct {
	URL string

	mu   sync.Mutex
	node *url.URL
	seen []*request
	rule func(*request) fault
	open sync.WaitGroup // requests that are not answered yet
}

// request is one that the command made.
type request struct {
	N      int // counted from 1
	At     time.Time
	Method string
	Path   string
	Query  url.Values
	Body   []byte
	Status int // of the answer that the command got; 0 for none
	Fault  string
}

// fault is what happens to one request. The zero value is none.
type fault struct {
	Name string // for the log of what did happen; empty is no fault
	// Before is called before the node gets the request, After when the node has carried it out and the command has heard nothing yet.
	Before, After func()
	// Body is what the node gets instead of what the command sent.
	Body []byte
	// Answer is sent instead of asking the node.
	Answer *answer
	// Alter changes the node's answer.
	Alter func(*answer)
	// Drop closes the connection without an answer; the node has carried the request out.
	Drop bool
}

// answer is one of the node or of a fault.
type answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// newProxy begins to pass requests on to a node.
func newProxy(t testing.TB, node string) *proxy {
	t.Helper()
	p := &proxy{}
	p.lead(t, node)
	server := httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(server.Close)
	p.URL = server.URL
	return p
}

// lead sets the node: one that was started again has another address.
func (p *proxy) lead(t testing.TB, node string) {
	t.Helper()
	at, err := url.Parse(node)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.node = at
}

// on sets the rule for the requests from now on. Nil is none.
func (p *proxy) on(rule func(*request) fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rule = rule
}

// quiet returns when the node has carried out, or has dropped, all that it was asked. A
// command that was killed may leave requests behind; no other may be under way.
func (p *proxy) quiet() { p.open.Wait() }

func (p *proxy) serve(w http.ResponseWriter, r *http.Request) {
	p.open.Add(1)
	defer p.open.Done()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the command is gone
	}
	q := &request{At: time.Now(), Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Body: body}
	p.mu.Lock()
	p.seen = append(p.seen, q)
	q.N = len(p.seen)
	rule, node := p.rule, p.node
	p.mu.Unlock()
	var f fault
	if rule != nil {
		f = rule(q)
	}
	p.mu.Lock()
	q.Fault = f.Name
	p.mu.Unlock()
	if f.Before != nil {
		f.Before()
	}
	got := f.Answer
	if got == nil {
		if f.Body != nil {
			body = f.Body
		}
		got = ask(r, body, node)
	}
	if f.After != nil {
		f.After()
	}
	if f.Alter != nil {
		f.Alter(got)
	}
	if f.Drop {
		panic(http.ErrAbortHandler)
	}
	p.mu.Lock()
	q.Status = got.Status
	p.mu.Unlock()
	for name, values := range got.Header {
		w.Header()[name] = values
	}
	w.Header().Del("Content-Length")
	w.WriteHeader(got.Status)
	_, _ = w.Write(got.Body) // the command may be gone
}

// ask passes a request on. The answer comes unpacked, so that rules can read it.
func ask(r *http.Request, body []byte, node *url.URL) *answer {
	record := httptest.NewRecorder()
	forward := &httputil.ReverseProxy{
		Rewrite: func(x *httputil.ProxyRequest) {
			x.SetURL(node)
			x.Out.Header.Del("Accept-Encoding")
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	in := r.Clone(r.Context())
	in.Body, in.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	forward.ServeHTTP(record, in)
	return &answer{Status: record.Code, Header: record.Header(), Body: record.Body.Bytes()}
}

// requests are all so far.
func (p *proxy) requests() []request {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]request, len(p.seen))
	for i, q := range p.seen {
		out[i] = *q
	}
	return out
}

// faults counts the faults that did happen, by name.
func (p *proxy) faults() map[string]int {
	out := map[string]int{}
	for _, q := range p.requests() {
		if q.Fault != "" {
			out[q.Fault]++
		}
	}
	return out
}

// happened fails the test where the fault of that name never did.
func (p *proxy) happened(t testing.TB, name string) {
	t.Helper()
	if p.faults()[name] == 0 {
		t.Fatalf("the fault %q never happened, the test shows nothing; requests:\n%s", name, p)
	}
}

// String lists the requests.
func (p *proxy) String() string {
	var b strings.Builder
	for _, q := range p.requests() {
		fmt.Fprintf(&b, "%d %s %s %d %s\n", q.N, q.Method, q.Path, q.Status, q.Fault)
	}
	return b.String()
}

// jsonAnswer is one of Elasticsearch.
func jsonAnswer(status int, body string) *answer {
	return &answer{Status: status, Header: http.Header{"Content-Type": {"application/json"}, "X-Elastic-Product": {"Elasticsearch"}}, Body: []byte(body)}
}
