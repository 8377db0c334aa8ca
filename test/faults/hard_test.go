package faults

import (
	"fmt"
	"strings"
	"testing"

	"github.com/postweave/postweave/test/hard"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// The hard merges, each broken off or held up at every write of the first run of
// each step: before the node gets it and after it has carried it out, while the other workers go on. What the runs
// that follow leave is, byte for byte, what undisturbed ones leave, and at the end what one clean run over every line
// ever read leaves.
func TestF01HardMerges(t *testing.T) {
	for _, scenario := range hard.Scenarios() {
		t.Run(strings.ReplaceAll(scenario.Name, " ", "-"), func(t *testing.T) {
			t.Parallel() // the node writes to its disk most of the time
			s := site.New(t)
			// A first run leaves nothing out.
			s.Env = append(s.Env, "POSTWEAVE_HORIZON=20000h")
			play := play{t: t, s: s, p: newProxy(t, s.Node), ship: loggen.NewShipper(loggen.LayoutSyslog, 1)}
			for i, step := range scenario.Steps {
				play.step(fmt.Sprintf("step %d", i+1), step)
			}
			clean := site.New(t)
			clean.Env = s.Env
			for _, l := range scenario.Lines() {
				clean.Index([]site.Raw{{Index: clean.Source + l.Index(), Source: play.ship.AppendDocument(nil, l.Line)}})
			}
			clean.Run()
			site.Same(t, "the scenario, and one clean run over all lines", site.Identified(s.Documents()), site.Identified(clean.Documents()))
			t.Logf("%v", play.p.faults())
		})
	}
}

// play is a scenario on the way.
type play struct {
	t    *testing.T
	s    *site.Site
	p    *proxy
	ship *loggen.Shipper
}

// feed is the site of a worker that sees one feed alone.
func (p *play) feed(name string) *site.Site {
	f := *p.s
	f.Env = append(f.Env[:len(f.Env):len(f.Env)], "POSTWEAVE_SOURCE="+p.s.Source+name+"-*")
	return &f
}

func (p *play) step(name string, step hard.Step) {
	p.t.Helper()
	for _, index := range step.Drop {
		p.s.ES("DELETE", "/"+p.s.Source+index, nil, nil)
	}
	for _, l := range step.Arrive {
		p.s.Index([]site.Raw{{Index: p.s.Source + l.Index(), Source: p.ship.AppendDocument(nil, l.Line)}})
	}
	begin := imageOf(p.s)
	if step.DeleteDocuments {
		begin[p.s.Target], begin[p.s.Target+"-log"] = nil, nil
	}

	begin.restore(p.s)
	for _, r := range step.Runs {
		p.feed(r.Feed).Must(r.Args()...)
	}
	end := imageOf(p.s)

	for _, x := range []strike{killedBefore, killedAfter, killedLate, frozenBefore, frozenAfter} {
		if len(step.Runs) == 1 && x.what != killedBefore.what && x.what != killedAfter.what {
			continue // nobody goes on meanwhile
		}
		k := 1
		for ; p.struck(x, k, begin, step.Runs); k++ {
			end.equal(p.s, fmt.Sprintf("%s, %s, write %d", name, x.what, k))
		}
		if k < 3 { // documents and the cursor
			p.t.Errorf("%s, %s: the first run has %d writes, want 2 at least", name, x.what, k-1)
		}
	}
	end.restore(p.s) // the last of them was not struck, and alone
}

// struck plays the runs of a step, the first of which is struck at its k-th
// write. It returns false where that has fewer.
func (p *play) struck(x strike, k int, begin image, runs []hard.Run) bool {
	p.t.Helper()
	begin.restore(p.s)
	first := p.feed(runs[0].Feed)
	again := make([]bool, len(runs))
	o, hit := x.at(first, p.p, k, withoutLease(writes(p.s)), func() {
		expireLeases(p.s)
		for i, r := range runs[1:] {
			again[i+1] = p.feed(r.Feed).Call(r.Args()...).Code != 0
		}
	}, runs[0].Args()...)
	if !hit {
		return false
	}
	again[0] = o.Code != 0
	for i, r := range runs {
		if again[i] {
			p.feed(r.Feed).Must(r.Args()...)
		}
	}
	return true
}
