package faults

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// network is a bad one between the command and a node: Toxiproxy for what
// happens to bytes, and behind it a proxy that writes down which requests did get through.
type network struct {
	*proxy

	t    testing.TB
	wire *toxiproxy.Proxy
}

func newNetwork(t testing.TB, node string) *network {
	t.Helper()
	zerolog.SetGlobalLevel(zerolog.Disabled) // the toxics write to the global logger
	n := &network{proxy: newProxy(t, node), t: t}
	at, err := url.Parse(n.URL)
	if err != nil {
		t.Fatal(err)
	}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	n.wire = toxiproxy.NewProxy(server, "wire", "127.0.0.1:0", at.Host)
	if err := n.wire.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.wire.Stop)
	return n
}

// remote is a site whose command takes the node for one of another machine, and
// so asks for packed answers and packs its requests: it reaches it under a name by an HTTP proxy, the bad
// network. What the test itself asks goes straight to the node.
func (n *network) remote(s *site.Site) *site.Site {
	r := s.Through("http://elasticsearch.test:9200")
	r.Env = append([]string{"HTTP_PROXY=http://" + n.wire.Listen}, s.Env...)
	return r
}

// local is the same without packing.
func (n *network) local(s *site.Site) *site.Site { return s.Through("http://" + n.wire.Listen) }

// turns lays a toxic on the network. Stream is "downstream", to the command, or
// "upstream".
func (n *network) turns(kind, stream string, attributes map[string]any) {
	body, err := json.Marshal(map[string]any{"type": kind, "stream": stream, "attributes": attributes})
	if err == nil {
		_, err = n.wire.Toxics.AddToxicJson(bytes.NewReader(body))
	}
	if err != nil {
		n.t.Errorf("lay %s on the network: %v", kind, err)
	}
}

// heals takes all toxics away.
func (n *network) heals() { n.wire.Toxics.ResetToxics(context.Background()) }

// breaks closes all connections; new ones are taken at once.
func (n *network) breaks() {
	n.wire.Stop()
	if err := n.wire.Start(); err != nil {
		n.t.Errorf("take connections again: %v", err)
	}
}

// kinds tells requests apart by what they are for ("POST target _bulk", "PUT
// state _doc"), and counts each kind.
type kinds struct {
	mu   sync.Mutex
	seen map[string]int
}

// of counts a request and returns the how-manieth of its kind it is, from 1.
func (k *kinds) of(q *request) int {
	of, what, below := strings.Cut(q.Path[1:], "/")
	switch {
	case strings.Contains(of, "-syslog-"):
		of = "source"
	case strings.HasSuffix(of, "-state"):
		of = "state"
	case below:
		of = "target"
	}
	what, _, _ = strings.Cut(what, "/")
	name := q.Method + " " + of + " " + what
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.seen == nil {
		k.seen = map[string]int{}
	}
	k.seen[name]++
	return k.seen[name]
}

func (k *kinds) all() map[string]int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.seen)
}

// logged indexes a generated log, and returns its lines.
func logged(t testing.TB, s *site.Site, cfg loggen.Config) []loggen.Line {
	t.Helper()
	lines := saidBy(t, cfg)
	s.Index(s.Shipped(loggen.LayoutSyslog, lines...))
	return lines
}

func saidBy(t testing.TB, cfg loggen.Config) (lines []loggen.Line) {
	t.Helper()
	if err := loggen.New(cfg).Each(func(l loggen.Line) error { lines = append(lines, l); return nil }); err != nil {
		t.Fatal(err)
	}
	return lines
}

// said wants the command to have told of a failed request and its cause.
func said(t testing.TB, o site.Outcome, causes ...string) {
	t.Helper()
	for _, cause := range causes {
		found := false
		for line := range strings.Lines(o.Stderr) {
			found = found || strings.Contains(line, "trying again") && strings.Contains(line, cause)
		}
		if !found {
			t.Errorf("the command met no %q, the test shows nothing:\n%s", cause, o.Stderr)
		}
	}
}

// neverRewritten wants no document to have been written a second time.
func neverRewritten(t testing.TB, s *site.Site) {
	t.Helper()
	for _, d := range s.Documents() {
		if d.Version != 1 {
			t.Errorf("document %s was written %d times", d.ID, d.Version)
		}
	}
}

func unscathed(t testing.TB, o site.Outcome) {
	t.Helper()
	if o.Code != 0 {
		t.Fatalf("exit %d\n%s%s", o.Code, o.Stdout, o.Stderr)
	}
}

func packed(q *request) bool { return bytes.HasPrefix(q.Body, []byte{0x1f, 0x8b}) }

// headers is about what an answer has before its body, in bytes.
const headers = 250

// pack makes a packed answer, of which so many bytes are missing at the end.
func pack(missing int) func(*answer) {
	return func(a *answer) {
		if len(a.Body) == 0 {
			return
		}
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write(a.Body)
		_ = w.Close()
		a.Body = b.Bytes()[:max(b.Len()-missing, 1)]
		a.Header.Set("Content-Encoding", "gzip")
	}
}

// The connection ends in the middle of an answer, packed and not: of each kind of
// request the first one's, the bulk's included. A cut answer is never taken for one.
func TestF32TruncatedBody(t *testing.T) {
	for name, remote := range map[string]bool{"plain": false, "packed": true} {
		t.Run(name, func(t *testing.T) {
			s := site.New(t)
			logged(t, s, loggen.Config{Seed: 321, Messages: 60, Span: time.Hour})
			n := newNetwork(t, s.Node)
			seen, bodies := kinds{}, 0
			n.on(func(q *request) fault {
				var f fault
				if remote {
					f.Alter = pack(0)
				}
				if seen.of(q) > 1 {
					f.Before = n.heals
					return f
				}
				if packed(q) {
					bodies++
				}
				f.Name = "cut"
				f.Alter = func(a *answer) {
					if remote {
						pack(0)(a)
					}
					n.heals()
					n.turns("limit_data", "downstream", map[string]any{"bytes": headers + len(a.Body)/2})
				}
				return f
			})
			via := n.local(s)
			if remote {
				via = n.remote(s)
			}
			o := via.Call("run", "--json")
			unscathed(t, o)
			n.happened(t, "cut")
			said(t, o, "EOF")
			if remote != (bodies > 0) {
				t.Errorf("%d requests were packed", bodies)
			}
			if k := seen.all(); k["POST target _bulk"] < 2 || n.faults()["cut"] != len(k) {
				t.Errorf("not every kind of request was cut and repeated: %v", k)
			}
			n.on(nil)
			n.heals()
			settled(t, s)
			neverRewritten(t, s)
		})
	}
}

// The packed body itself ends too early, within an answer that is whole for
// HTTP; and it is damaged in its midst.
func TestF32TruncatedGzip(t *testing.T) {
	for name, spoil := range map[string]func(*answer){
		"cut": pack(20),
		"damaged": func(a *answer) {
			pack(0)(a)
			if len(a.Body) > 40 {
				a.Body[len(a.Body)/2] ^= 0xff
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := site.New(t)
			logged(t, s, loggen.Config{Seed: 322, Messages: 60, Span: time.Hour})
			n := newNetwork(t, s.Node)
			seen := kinds{}
			n.on(func(q *request) fault {
				if seen.of(q) == 1 && q.Method != http.MethodHead {
					return fault{Name: "spoiled", Alter: spoil}
				}
				return fault{Alter: pack(0)}
			})
			o := n.remote(s).Call("run", "--json")
			unscathed(t, o)
			n.happened(t, "spoiled")
			if strings.Count(o.Stderr, "trying again") < n.faults()["spoiled"]/2 {
				t.Errorf("%d answers were spoiled, the command tells of fewer:\n%s", n.faults()["spoiled"], o.Stderr)
			}
			settled(t, s)
			neverRewritten(t, s)
		})
	}
}

// Every answer is cut: the run ends with 3 when its budget is over, and the
// cursor is where it was.
func TestF32NoAnswerIsWhole(t *testing.T) {
	s := site.New(t)
	logged(t, s, loggen.Config{Seed: 323, Messages: 30, Span: time.Hour})
	before := s.Cursor()
	n := newNetwork(t, s.Node)
	n.turns("limit_data", "downstream", map[string]any{"bytes": 150})
	via := n.remote(s)
	via.Env = append(via.Env, "POSTWEAVE_RETRY_BUDGET=3s")
	o := via.Call("run", "--json")
	refused(t, o, 3, "elasticsearch.test:9200", "EOF", "check that Elasticsearch is up")
	if len(n.requests()) < 2 || n.requests()[0].Status != http.StatusOK {
		t.Errorf("the node never answered:\n%s", n)
	}
	if s.Cursor() != before || len(s.Documents()) != 0 {
		t.Error("something was taken from answers that were not whole")
	}
	settled(t, s)
}

// The connection is lost after the node has carried a request out, of every kind
// of request: once closed, once reset.
func TestF34ConnectionResetAfterItWasApplied(t *testing.T) {
	s := site.New(t)
	logged(t, s, loggen.Config{Seed: 341, Messages: 60, Span: time.Hour})
	n := newNetwork(t, s.Node)
	seen := kinds{}
	n.on(func(q *request) fault {
		switch seen.of(q) {
		case 1:
			return fault{Name: "closed", After: func() {
				n.heals()
				// It is there before the next connection is, whose end is then a reset.
				n.turns("reset_peer", "downstream", map[string]any{"timeout": 0})
				n.breaks()
			}}
		case 2:
			return fault{Name: "reset"}
		}
		return fault{Before: n.heals}
	})
	o := n.local(s).Call("run", "--json")
	unscathed(t, o)
	n.happened(t, "closed")
	n.happened(t, "reset")
	said(t, o, "connection reset by peer")
	if k := seen.all(); k["POST target _bulk"] < 3 {
		t.Errorf("the bulk was not sent three times: %v", k)
	}
	n.on(nil)
	n.heals()
	settled(t, s)
	neverRewritten(t, s)
}

// The connection is reset while the request is on its way: the node never sees
// it. At the beginning, and between finding the queue ids and writing.
func TestF34ConnectionResetMidRequest(t *testing.T) {
	s := site.New(t)
	logged(t, s, loggen.Config{Seed: 342, Messages: 60, Span: time.Hour})
	n := newNetwork(t, s.Node)
	const outage = 1500 * time.Millisecond
	begin := time.Now()
	fail := func() {
		n.turns("reset_peer", "upstream", map[string]any{"timeout": 0})
		n.breaks()
		time.AfterFunc(outage, n.heals)
	}
	seen := kinds{}
	var first time.Duration
	n.on(func(q *request) fault {
		if q.N == 1 {
			first = time.Since(begin)
		}
		if seen.of(q) == 1 && strings.HasSuffix(q.Path, "/_search") {
			return fault{Name: "reset", After: fail}
		}
		return fault{}
	})
	fail()
	o := n.local(s).Call("run", "--json")
	unscathed(t, o)
	n.happened(t, "reset")
	said(t, o, "connection reset by peer")
	if first < outage {
		t.Errorf("a request came through after %v, while all were reset", first)
	}
	n.on(nil)
	settled(t, s)
	neverRewritten(t, s)
}

// The node carries out a request, and no answer comes: of every kind of request,
// and of one after the other.
func TestF34AnswerLost(t *testing.T) {
	s := site.New(t)
	logged(t, s, loggen.Config{Seed: 343, Messages: 60, Span: time.Hour})
	p := newProxy(t, s.Node)
	p.on(func(q *request) fault {
		if q.N%2 == 0 {
			return fault{}
		}
		return fault{Name: "lost", Drop: true}
	})
	o := s.Through(p.URL).Call("run", "--json")
	unscathed(t, o)
	p.happened(t, "lost")
	said(t, o, "closed the connection without an answer")
	bulks := 0
	for _, q := range p.requests() {
		if strings.HasSuffix(q.Path, "/_bulk") {
			bulks++
		}
	}
	if bulks < 2 {
		t.Errorf("the bulk was sent %d times:\n%s", bulks, p)
	}
	settled(t, s)
	neverRewritten(t, s)
}
