package test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postweave/postweave/test/site"
)

// proxy stands between the command and the node, and counts.
type proxy struct {
	url string

	mu     sync.Mutex
	ranges []timeRange // of @timestamp, in the order in which they were first asked for
	saves  int         // times that the node took a new state
	// afterBulk is called when the node has carried out a bulk request and before the command hears of it.
	afterBulk func(saves int)
	// alter changes an answer. It may be nil.
	alter func(r *http.Request, answer []byte) []byte
}

type timeRange struct{ from, to time.Time }

func (r timeRange) overlaps(o timeRange) bool { return r.from.Before(o.to) && o.from.Before(r.to) }

func newProxy(t *testing.T, s *site.Site) *proxy {
	t.Helper()
	node, err := url.Parse(s.Node)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(node)
			r.Out.Header.Del("Accept-Encoding") // answers are looked at
		},
		ModifyResponse: func(r *http.Response) error { return p.answered(r, s.State) },
		ErrorHandler:   func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the command is gone
		}
		p.asked(r, body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// asked notes the ranges of time in a search.
func (p *proxy) asked(r *http.Request, body []byte) {
	if !strings.HasSuffix(r.URL.Path, "/_search") {
		return
	}
	var search any
	if json.Unmarshal(body, &search) != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	eachObject(search, func(o map[string]any) {
		stamp, ok := o["@timestamp"].(map[string]any)
		if !ok {
			return
		}
		from, err := time.Parse(time.RFC3339Nano, text(stamp["gte"]))
		to, err2 := time.Parse(time.RFC3339Nano, text(stamp["lt"]))
		if x := (timeRange{from, to}); err == nil && err2 == nil && !slices.Contains(p.ranges, x) {
			p.ranges = append(p.ranges, x)
		}
	})
}

func text(v any) string { s, _ := v.(string); return s }

// eachObject visits the objects of a JSON value.
func eachObject(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(v)
		for _, inner := range v {
			eachObject(inner, visit)
		}
	case []any:
		for _, inner := range v {
			eachObject(inner, visit)
		}
	}
}

func (p *proxy) answered(r *http.Response, state string) error {
	path := r.Request.URL.Path
	if r.Request.Method == http.MethodPut && strings.HasPrefix(path, "/"+state+"/") && r.StatusCode/100 == 2 {
		p.mu.Lock()
		p.saves++
		p.mu.Unlock()
	}
	if strings.HasSuffix(path, "/_bulk") && p.afterBulk != nil {
		p.mu.Lock()
		saves := p.saves
		p.mu.Unlock()
		p.afterBulk(saves)
	}
	if p.alter == nil {
		return nil
	}
	answer, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	answer = p.alter(r.Request, answer)
	r.Body = io.NopCloser(bytes.NewReader(answer))
	r.ContentLength = int64(len(answer))
	r.Header.Set("Content-Length", strconv.Itoa(len(answer)))
	return nil
}

// seen returns what was asked for and how often the state was saved.
func (p *proxy) seen() (ranges []timeRange, saves int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.ranges), p.saves
}
