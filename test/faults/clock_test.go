//go:build unix

package faults

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// clockErrors are how wrong the clock was in a log's own stamps: the first and
// the last one, to the hour.
func clockErrors(t testing.TB, o site.Outcome) (first, last time.Duration) {
	t.Helper()
	begun := false
	for line := range strings.Lines(o.Stderr) {
		var entry struct{ Time time.Time }
		if json.Unmarshal([]byte(line), &entry) != nil || entry.Time.IsZero() {
			continue
		}
		last = time.Until(entry.Time).Round(time.Hour)
		if !begun {
			first, begun = last, true
		}
	}
	return first, last
}

// The worker's clock is a day ahead, a day behind, and is set back and forth
// while a run is at work and while one waits to try again. What arrives in between is read each time.
func TestF38WrongClock(t *testing.T) {
	const day = 24 * time.Hour
	s := site.New(t)
	lines := saidBy(t, loggen.Config{Seed: 381, Messages: 120, Span: 30 * time.Hour, Start: spring, ReuseIDs: 0.1})
	docs := s.Shipped(loggen.LayoutSyslog, lines...)
	arrive := func(n int) (some int) {
		var part []site.Raw
		for i, d := range docs {
			if (i*7919+i/3)%6 == n {
				part = append(part, d)
			}
		}
		s.Index(part)
		return len(part)
	}
	p := newProxy(t, s.Node)
	via := s.Through(p.URL)
	c := site.NewClock(t)
	for n, x := range []struct {
		name                string
		at, first, then     time.Duration // the clock when the run begins, and from its first bulk on
		unavailableThenFine bool
	}{
		{name: "a day ahead", at: day, then: day},
		{name: "a day behind", at: -day, then: -day},
		{name: "set back two days in the run", at: day, then: -day},
		{name: "set ahead two days in the run", at: -day, then: day},
		{name: "set ahead while it waits to try again", at: 0, then: day, unavailableThenFine: true},
		{name: "set back while it waits to try again", at: day, then: 0, unavailableThenFine: true},
	} {
		want := arrive(n)
		c.Set(x.at)
		var once sync.Once
		p.on(func(q *request) (f fault) {
			if !strings.HasSuffix(q.Path, "/_bulk") {
				return fault{}
			}
			once.Do(func() {
				f.Name, f.After = x.name, func() { c.Set(x.then) }
				if x.unavailableThenFine {
					f.Answer = jsonAnswer(http.StatusServiceUnavailable, `{"error":{"type":"node_closed_exception"},"status":503}`)
				}
			})
			return f
		})
		o := c.Call(via, "run", "--json")
		unscathed(t, o)
		p.happened(t, x.name)
		if first, last := clockErrors(t, o); first != x.at || last != x.then {
			t.Errorf("%s: the command's own log is wrong by %v and then %v, want %v and %v", x.name, first, last, x.at, x.then)
		}
		if r := s.Report(o); r.Lines != want || r.More {
			t.Errorf("%s: %d lines read, want %d; more: %v", x.name, r.Lines, want, r.More)
		}
	}
	p.on(nil)
	settled(t, s)
}

// Two workers at once, whose clocks are two days apart.
func TestF38TwoWorkersTwoClocks(t *testing.T) {
	s := site.New(t)
	lines := saidBy(t, loggen.Config{Seed: 382, Messages: 120, Span: 30 * time.Hour, Start: spring})
	docs := s.Shipped(loggen.LayoutSyslog, lines...)
	for part := range 2 {
		s.Index(docs[part*len(docs)/2 : (part+1)*len(docs)/2])
		var both sync.WaitGroup
		for _, by := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
			c := site.NewClock(t)
			c.Set(by)
			both.Go(func() {
				o := c.Call(s, "run", "--json")
				if o.Code != 0 {
					t.Errorf("the worker whose clock is wrong by %v: exit %d\n%s", by, o.Code, o.Stderr)
				}
				if first, _ := clockErrors(t, o); first != by {
					t.Errorf("the clock is wrong by %v, want %v", first, by)
				}
			})
		}
		both.Wait()
	}
	settled(t, s)
}

// The clock of a daemon is set back by a day. Its next pass comes when the
// schedule says so by the new time, and not a day later.
func TestF38DaemonWhoseClockIsSetBack(t *testing.T) {
	t.Parallel() // it waits
	s := site.New(t)
	logged(t, s, loggen.Config{Seed: 383, Messages: 20, Span: time.Hour, Start: spring})
	c := site.NewClock(t)
	cmd := c.Command(s, "daemon", "--json", "--schedule", "* * * * *")
	out := newPasses()
	cmd.Stdout, cmd.Stderr = out, &sharedText{}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	out.await(t, 1, time.Minute)
	time.Sleep(time.Second) // the wait for the next minute has begun
	c.Set(-24 * time.Hour)
	s.Index(s.Shipped(loggen.LayoutSyslog, site.Mail("mx9", "9A2B3C4D5E6", spring)...))
	// The next minute, and one more.
	out.await(t, 3, 4*time.Minute)
	if len(documentsOf(t, s, "9A2B3C4D5E6")) != 1 {
		t.Error("what arrived after the clock was set is not there")
	}
	settled(t, s)
}

// passes counts the lines that a daemon prints, one a pass.
type passes struct {
	text sharedText
	more chan struct{}
}

func newPasses() *passes { return &passes{more: make(chan struct{}, 1)} }

func (p *passes) Write(b []byte) (int, error) {
	n, err := p.text.Write(b)
	select {
	case p.more <- struct{}{}:
	default:
	}
	return n, err
}

func (p *passes) String() string { return p.text.String() }

func (p *passes) so() int { return strings.Count(p.String(), "\n") }

// await waits until there are so many.
func (p *passes) await(t testing.TB, many int, most time.Duration) {
	t.Helper()
	end := time.After(most)
	for p.so() < many {
		select {
		case <-p.more:
		case <-end:
			t.Fatalf("the daemon made %d passes within %v, want %d", p.so(), most, many)
		}
	}
}
