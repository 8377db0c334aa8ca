package bench

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Recorder stands between the product and a node and counts the requests.
type Recorder struct {
	URL string

	server http.Server
	mu     sync.Mutex
	kinds  map[string]int
	all    int
	search Sent
}

// Sent is a request as it was made.
type Sent struct {
	Path string // with its parameters
	Body []byte
}

// Record starts a recorder before a node. It must be closed.
func Record(n *Node) (*Recorder, error) {
	to, err := url.Parse(n.URL)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is bound at once or not at all
	if err != nil {
		return nil, err
	}
	r := &Recorder{URL: "http://" + l.Addr().String(), kinds: map[string]int{}}
	forward := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(to) }}
	r.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if err := r.note(q); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		forward.ServeHTTP(w, q)
	})
	go r.server.Serve(l) //nolint:errcheck // it ends by Close
	return r, nil
}

// Close ends it.
func (r *Recorder) Close() error { return r.server.Shutdown(context.Background()) }

func (r *Recorder) note(q *http.Request) error {
	kind := q.Method + " index"
	if _, call, ok := strings.Cut(q.URL.Path, "/_"); ok { // without names of indices
		call, _, _ = strings.Cut(call, "/")
		kind = q.Method + " _" + call
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all++
	r.kinds[kind]++
	if !strings.HasSuffix(q.URL.Path, "/_search") {
		return nil
	}
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return err
	}
	q.Body = io.NopCloser(bytes.NewReader(body))
	if q.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return err
		}
		if body, err = io.ReadAll(z); err != nil {
			return err
		}
	}
	r.search = Sent{Path: q.URL.RequestURI(), Body: body}
	return nil
}

// Search is the last search that was asked for.
func (r *Recorder) Search() Sent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.search
}

// Taken is how many requests there have been since it was last asked, and of what kinds.
func (r *Recorder) Taken() (all int, kinds string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var said []string
	for kind, n := range r.kinds {
		said = append(said, fmt.Sprintf("%s %d", kind, n))
	}
	slices.Sort(said)
	all = r.all
	r.all, r.kinds = 0, map[string]int{}
	return all, strings.Join(said, ", ")
}
