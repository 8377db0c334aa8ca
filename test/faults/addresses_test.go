package faults

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// closedAddress is one that nobody listens at.
func closedAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

// Of two addresses the first one leads nowhere: the other one is used, at once
// and for the rest of the run.
func TestF43OneAddressIsDead(t *testing.T) {
	closed := closedAddress(t)
	for name, first := range map[string]string{"closed": closed, "unresolvable": "http://no-such-host.invalid:9200"} {
		t.Run(name, func(t *testing.T) {
			s := site.New(t)
			logged(t, s, loggen.Config{Seed: 431, Messages: 60, Span: time.Hour})
			p := newProxy(t, s.Node)
			o := s.Through(first+","+p.URL).Call("run", "--json")
			unscathed(t, o)
			said(t, o, first)
			if n := strings.Count(o.Stderr, "trying again"); n != 1 {
				t.Errorf("the dead address was tried %d times, want once:\n%s", n, o.Stderr)
			}
			settled(t, s)
			neverRewritten(t, s)
		})
	}
}

// The address in use dies in the middle of the run, on the answer to its first bulk:
// the next one takes over, and nothing is written twice.
func TestF43AddressDiesMidRun(t *testing.T) {
	s := site.New(t)
	logged(t, s, loggen.Config{Seed: 432, Messages: 60, Span: time.Hour})
	first, second := newNetwork(t, s.Node), newProxy(t, s.Node)
	first.on(func(q *request) fault {
		if !strings.HasSuffix(q.Path, "/_bulk") {
			return fault{}
		}
		return fault{Name: "dead", After: first.wire.Stop}
	})
	o := s.Through("http://"+first.wire.Listen+","+second.URL).Call("run", "--json")
	unscathed(t, o)
	first.happened(t, "dead")
	said(t, o, first.wire.Listen)
	if len(second.requests()) == 0 {
		t.Error("the second address was never used")
	}
	settled(t, s)
	neverRewritten(t, s)
}

// Both are dead: exit 3 within the budget, and the message names the address.
func TestF43AllAddressesAreDead(t *testing.T) {
	s := site.New(t)
	logged(t, s, loggen.Config{Seed: 433, Messages: 20, Span: time.Hour})
	before := s.Cursor()
	one, other := closedAddress(t), closedAddress(t)
	via := s.Through(one + "," + other)
	via.Env = []string{"POSTWEAVE_RETRY_BUDGET=3s"}
	o := via.Call("run", "--json")
	refused(t, o, 3, "connection refused", "check that Elasticsearch is up and that POSTWEAVE_ES_URL is right")
	said(t, o, one, other)
	if s.Cursor() != before {
		t.Error("the cursor moved")
	}
	settled(t, s)
}
