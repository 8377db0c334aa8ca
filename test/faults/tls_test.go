package faults

import (
	"bytes"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postweave/postweave/test/esnode"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// newAuthority makes one that the command is told to trust by its file.
func newAuthority(t testing.TB) *esnode.Authority {
	t.Helper()
	a, err := esnode.NewAuthority(filepath.Join(t.TempDir(), "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// serving is a server's certificate for 127.0.0.1, or for a name instead, that ends then.
func serving(t testing.TB, a *esnode.Authority, name string, until time.Time) tls.Certificate {
	t.Helper()
	c, err := a.Server(name, until)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// front speaks TLS before a node and writes down what happened.
type front struct {
	url string

	mu     sync.Mutex
	asked  int          // requests that came through TLS
	failed bytes.Buffer // the server's own log of handshakes
}

func (f *front) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed.Write(b)
}

// log returns how many requests came through, and what the server complained of.
func (f *front) log() (int, string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked, f.failed.String()
}

// muteListener hides from net/http that a connection is one of TLS, so that it says nothing
// to a client that speaks plain HTTP but closes, as Elasticsearch does.
type muteListener struct {
	net.Listener
	log io.Writer
}

func (l muteListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	_, err = io.WriteString(l.log, "connection taken\n")
	return struct{ net.Conn }{c}, err
}

func newFront(t testing.TB, node string, cert tls.Certificate, mute bool) *front {
	t.Helper()
	at, err := url.Parse(node)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(at) }, ErrorLog: log.New(io.Discard, "", 0)}
	server := &http.Server{
		ErrorLog: log.New(f, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			f.mu.Lock()
			f.asked++
			f.mu.Unlock()
			forward.ServeHTTP(w, r)
		}),
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	f.url = "https://" + listener.Addr().String()
	if mute {
		listener = muteListener{listener, f}
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return f
}

// A server that cannot prove who it is gets no request, and one that speaks
// something else than the address says gets no second try: exit 4, and the message names the cause.
// With the certificate mended the same command goes through.
func TestF29TLS(t *testing.T) {
	s := site.New(t)
	logged(t, s, loggen.Config{Seed: 291, Messages: 60, Span: time.Hour})
	before := s.Cursor()
	ours, theirs := newAuthority(t), newAuthority(t)
	nextYear := time.Now().AddDate(1, 0, 0)
	good := serving(t, ours, "", nextYear)
	for name, x := range map[string]struct {
		cert  tls.Certificate
		ca    string // file; empty is the system's
		says  []string
		plain bool // the command is told http
		mute  bool
		shown string // in the server's log
	}{
		"expired":                         {cert: serving(t, ours, "", time.Now().Add(-time.Hour)), ca: ours.File, says: []string{"expired", "renew it"}, shown: "bad certificate"},
		"of another name":                 {cert: serving(t, ours, "other.example.org", nextYear), ca: ours.File, says: []string{"127.0.0.1", "the name it was made for"}, shown: "bad certificate"},
		"of another authority":            {cert: serving(t, theirs, "", nextYear), ca: ours.File, says: []string{"unknown authority", "POSTWEAVE_ES_CA"}, shown: "bad certificate"},
		"of an authority nobody knows":    {cert: good, says: []string{"unknown authority", "POSTWEAVE_ES_CA"}, shown: "bad certificate"},
		"http to a server of TLS":         {cert: good, plain: true, says: []string{"speaks TLS", "write https://"}, shown: "client sent an HTTP request to an HTTPS server"},
		"http to a server that is silent": {cert: good, plain: true, mute: true, says: []string{"speaks TLS", "write https://"}, shown: "connection taken"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFront(t, s.Node, x.cert, x.mute)
			via := s.Through(f.url)
			if x.plain {
				via = s.Through("http" + strings.TrimPrefix(f.url, "https"))
			}
			if x.ca != "" {
				via.Env = []string{"POSTWEAVE_ES_CA=" + x.ca}
			}
			begin := time.Now()
			o := via.Call("run", "--json")
			refused(t, o, 4, append(x.says, strings.TrimPrefix(f.url, "https://"))...)
			asked, complaints := f.log()
			for end := time.Now().Add(5 * time.Second); !strings.Contains(complaints, x.shown) && time.Now().Before(end); {
				time.Sleep(20 * time.Millisecond) // the server writes its log when the command is gone already
				asked, complaints = f.log()
			}
			if asked != 0 {
				t.Errorf("%d requests went to a server that is not to be trusted", asked)
			}
			if !strings.Contains(complaints, x.shown) {
				t.Errorf("the server's log shows no failed handshake: %q", complaints)
			}
			if strings.Contains(o.Stderr, "trying again") || time.Since(begin) > 20*time.Second {
				t.Errorf("what cannot heal was tried again:\n%s", o.Stderr)
			}
		})
	}
	t.Run("https to a node without TLS", func(t *testing.T) {
		via := s.Through("https" + strings.TrimPrefix(s.Node, "http"))
		refused(t, via.Call("run", "--json"), 4, strings.TrimPrefix(s.Node, "http://"), "does not speak TLS", "write http://")
	})
	if s.Cursor() != before || len(s.Documents()) != 0 {
		t.Error("something was read or written without trust")
	}
	f := newFront(t, s.Node, good, false)
	via := s.Through(f.url)
	via.Env = []string{"POSTWEAVE_ES_CA=" + ours.File}
	via.Run()
	if asked, _ := f.log(); asked == 0 {
		t.Error("nothing came through TLS")
	}
	settled(t, s)
}
