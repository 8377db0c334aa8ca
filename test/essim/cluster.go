package essim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
)

// Cluster is one cluster of one node. Its methods may be called at the same time
// and take effect one after the other.
type Cluster struct {
	// Unknown is told of requests that the simulation cannot answer. They panic where it is nil.
	Unknown func(what string)
	// Watch is told of each document that is written, under the cluster's lock: it must not call back.
	Watch func(Write)
	// Busy tells which items of a bulk request find a full queue. It may be nil, and must not call back.
	Busy func(id string) bool

	mu        sync.Mutex
	indices   map[string]*index
	templates map[string]template
	pits      map[string]*pit
	queries   map[string]predicate
	made      int // uuids and ids given out
	now       func() time.Time
}

// Write is one operation on a document that was carried out.
type Write struct {
	Index, UUID string
	Shard       int
	SeqNo       int64
	ID          string
	Old, New    []byte // sources; nothing for what was not there, or is no more
}

// New makes an empty cluster. now dates what is made in it.
func New(now func() time.Time) *Cluster {
	return &Cluster{indices: map[string]*index{}, templates: map[string]template{}, pits: map[string]*pit{}, queries: map[string]predicate{}, now: now}
}

// unique returns something that never comes twice and is the same in each run.
func (c *Cluster) unique(kind string) string {
	c.made++
	return fmt.Sprintf("%s-%06d", kind, c.made)
}

// request is one HTTP request, taken apart.
type request struct {
	method string
	path   []string // decoded segments
	query  url.Values
	body   []byte
}

// problem is an answer that is no success.
type problem struct {
	status int
	kind   string // error.type
	index  string
}

func (p *problem) Error() string { return fmt.Sprintf("%d %s %s", p.status, p.kind, p.index) }

func (p *problem) cause() map[string]any {
	cause := map[string]any{"type": p.kind}
	if p.index != "" {
		cause["index"] = p.index
	}
	return cause
}

// answer is the body of a problem. A lost point in time is one of each shard, and
// of the search around them.
func (p *problem) answer() any {
	outer := p.cause()
	outer["root_cause"] = []any{p.cause()}
	if p.kind == "search_context_missing_exception" {
		outer["type"] = "search_phase_execution_exception"
	}
	return map[string]any{"status": p.status, "error": outer}
}

// unknown is a request that the simulation has no answer for.
type unknown struct{ what string }

func (u unknown) Error() string { return u.what }

func unknownf(format string, args ...any) error { return unknown{fmt.Sprintf(format, args...)} }

// RoundTrip answers one request. The error is never set: what goes wrong on the
// way is for the caller to play.
func (c *Cluster) RoundTrip(r *http.Request) (*http.Response, error) {
	q := request{method: r.Method, query: r.URL.Query()}
	for _, segment := range strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/") {
		decoded, err := url.PathUnescape(segment)
		if err != nil {
			return nil, err
		}
		q.path = append(q.path, decoded)
	}
	if r.Body != nil {
		var from io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			unzipped, err := gzip.NewReader(r.Body)
			if err != nil {
				return nil, err
			}
			from = unzipped
		}
		var err error
		if q.body, err = io.ReadAll(from); err != nil {
			return nil, err
		}
		r.Body.Close()
	}
	status, body := c.answer(q)
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"X-Elastic-Product": {"Elasticsearch"}, "Content-Type": {"application/vnd.elasticsearch+json;compatible-with=8"}},
		Body:   io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}, nil
}

func (c *Cluster) answer(q request) (int, []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	filter := q.take("filter_path")
	status, answer, err := c.dispatch(&q)
	if err == nil {
		for name := range q.query {
			err = unknownf("parameter %s", name)
		}
	}
	switch e := err.(type) { //nolint:errorlint // made right here
	case nil:
	case *problem:
		status, answer = e.status, e.answer()
	default:
		what := fmt.Sprintf("%s /%s: %v %.300s", q.method, strings.Join(q.path, "/"), err, q.body)
		if c.Unknown == nil {
			panic("simulated Elasticsearch: " + what)
		}
		c.Unknown(what)
		return http.StatusNotImplemented, []byte(`{"error":{"type":"not_simulated"}}`)
	}
	if filter != "" && err == nil { // problems are told in full
		answer = filterPaths(answer, strings.Split(filter, ","))
	}
	body, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	return status, body
}

// take returns a parameter. Those that nobody takes are unknown.
func (q *request) take(name string) string {
	v := q.query.Get(name)
	q.query.Del(name)
	return v
}

// expect takes parameters that must have the value which the simulation knows.
func (q *request) expect(pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		if v := q.take(pairs[i]); v != "" && !slices.Contains(strings.Split(pairs[i+1], "|"), v) {
			return unknownf("%s=%s", pairs[i], v)
		}
	}
	return nil
}

func (c *Cluster) dispatch(q *request) (status int, answer any, err error) {
	last := q.path[len(q.path)-1]
	route := q.method + " " + last
	if len(q.path) == 3 {
		route = q.method + " " + q.path[1] + "/"
	}
	if len(q.path) == 2 && strings.HasPrefix(q.path[0], "_") {
		route = q.method + " " + q.path[0] + "/"
	}
	if len(q.path) == 1 && !strings.HasPrefix(last, "_") {
		route = q.method + " index"
	}
	names := q.path[0]
	switch route {
	case "GET index":
		answer, err = c.getIndex(q, names)
	case "PUT index":
		answer, err = c.putIndex(q, names)
	case "DELETE index":
		answer, err = c.deleteIndex(names)
	case "PUT _mapping":
		answer, err = c.putMapping(q, names)
	case "PUT _settings":
		answer, err = c.putSettings(q, names)
	case "GET _settings":
		answer, err = c.getSettings(q, names)
	case "GET index/":
		answer, err = c.resolveIndex(q, last)
	case "GET _stats/":
		answer, err = c.stats(q, names)
	case "GET _field_caps":
		answer, err = c.fieldCaps(q, names)
	case "POST _refresh":
		answer, err = c.refresh(names)
	case "POST _pit":
		answer, err = c.openPIT(q, names)
	case "DELETE _pit":
		return c.closePIT(q)
	case "POST _search":
		if len(q.path) == 1 {
			names = ""
		}
		answer, err = c.search(q, names)
	case "POST _bulk":
		if len(q.path) == 1 {
			names = ""
		}
		answer, err = c.bulk(q, names)
	case "GET _doc/":
		return c.getDoc(names, last)
	case "PUT _doc/":
		return c.putDoc(q, names, last)
	case "DELETE _doc/":
		return c.deleteDoc(q, names, last)
	case "GET _index_template/":
		answer, err = c.getTemplate(last)
	case "PUT _index_template/":
		answer, err = c.putTemplate(q, last)
	case "POST _simulate_index/", "POST _index_template/":
		answer, err = c.simulateTemplate(q, last)
	default:
		return 0, nil, unknownf("no such request")
	}
	return http.StatusOK, answer, err
}

// fields decodes an object whose members must all be among the known ones.
func fields(raw []byte, known ...string) (map[string]json.RawMessage, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, nil
	}
	var o map[string]json.RawMessage
	if err := json.Unmarshal(raw, &o); err != nil {
		return nil, unknownf("%v", err)
	}
	for name := range o {
		if !slices.Contains(known, name) {
			return nil, unknownf("%s", name)
		}
	}
	return o, nil
}
