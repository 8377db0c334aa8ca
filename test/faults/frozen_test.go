package faults

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// The holder of the lease is frozen at each of its writes. Another run waits until
// it is sure that the holder shows no sign of life, goes on in its place, and brings lines that came later. Then the first one
// wakes up, and what it still writes does no harm.
func TestF26FrozenHolderOfTheLease(t *testing.T) {
	for _, x := range []strike{frozenBefore, frozenAfter} {
		for k := 1; k <= 3; k++ { // rejects, documents, cursor
			t.Run(fmt.Sprintf("%s/write %d", x.what, k), func(t *testing.T) {
				t.Parallel() // most of it is waiting
				s := site.New(t)
				first, second := smallCorpus(s)
				s.Index(first)
				p := newProxy(t, s.Node)
				o, hit := x.at(s, p, k, withoutLease(writes(s)), func() {
					s.Index(second)
					begin := time.Now()
					o := s.Must("run", "--json")
					if !strings.Contains(o.Stderr, "no sign of life") {
						t.Errorf("the other run did not wait for the lease; it took %v\n%s", time.Since(begin), o.Stderr)
					}
					if r := s.Report(o); r.More || r.Created == 0 {
						t.Errorf("the other run: %+v", r)
					}
				}, "run", "--json")
				if !hit {
					t.Fatalf("a run has no write %d\n%s", k, p)
				}
				if o.Code != 0 {
					t.Errorf("the run that woke up: exit %d\n%s", o.Code, o.Stderr)
				}
				settled(t, s)
			})
		}
	}
}

// A holder that is slow and alive is left alone: the other run ends early, with 0,
// and says so.
func TestF26HolderAtWorkIsLeftAlone(t *testing.T) {
	t.Parallel() // most of it is waiting
	s := site.New(t)
	s.Index(s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "1A2B3C4D5E6", march)...))
	p := newProxy(t, s.Node)
	held, let := make(chan struct{}), make(chan struct{})
	p.on(func(q *request) fault {
		if !strings.HasSuffix(q.Path, "/_bulk") {
			return fault{}
		}
		return fault{Name: "held up", Before: func() { close(held); <-let }}
	})
	c, stdout, stderr := s.Through(p.URL).Command("run", "--json")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	<-held
	r := s.Report(s.Must("run", "--json"))
	if !r.More || r.Lines+r.Created != 0 || !strings.Contains(strings.Join(r.Notes, " "), "another postweave") {
		t.Errorf("the run beside it: %+v", r)
	}
	close(let)
	if code := site.ExitCodeOf(t, c.Wait()); code != 0 {
		t.Errorf("the holder: exit %d\n%s%s", code, stdout, stderr)
	}
	p.happened(t, "held up")
	settled(t, s)
}
