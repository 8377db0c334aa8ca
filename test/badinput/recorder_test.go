package badinput

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/postweave/postweave/test/site"
)

// asked is one request as it came: the path is the one on the wire.
type asked struct {
	method, uri string
	body        []byte
}

// recorder stands between the command and the node and keeps what is asked for.
type recorder struct {
	url string

	mu  sync.Mutex
	all []asked
}

func record(t *testing.T, s *site.Site) *recorder {
	t.Helper()
	node, err := url.Parse(s.Node)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{}
	forward := httputil.NewSingleHostReverseProxy(node)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return // the command is gone
		}
		r.mu.Lock()
		r.all = append(r.all, asked{req.Method, req.RequestURI, body})
		r.mu.Unlock()
		req.Body = io.NopCloser(bytes.NewReader(body))
		forward.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// take returns what was asked for since the last call.
func (r *recorder) take() []asked {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all
	r.all = nil
	return all
}

// path is that of the first request of a method with such a part in it.
func (r *recorder) path(method, part string) string {
	for _, a := range r.take() {
		if path, _, _ := strings.Cut(a.uri, "?"); a.method == method && strings.Contains(path, part) {
			return path
		}
	}
	return ""
}
