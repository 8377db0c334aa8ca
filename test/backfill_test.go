package test

import (
	"sync"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"

	"github.com/postweave/postweave/test/site"
)

// A backfill that is killed in the middle of a slice, three times, and started
// again leaves the bytes of a clean one, and no slice that was finished is read again.
func TestKilledBackfillGoesOnWhereItStood(t *testing.T) {
	s := site.New(t)
	log := generate(t, loggen.Config{Seed: 41, Messages: 800, Span: 96 * time.Hour, ShortIDs: true, ReuseIDs: 0.05})
	s.Index(s.Shipped(loggen.LayoutSyslog, log.lines...))
	const from, to = "2026-03-02", "2026-03-10"
	clean := s.Beside("clean")
	clean.Backfill(from, to)

	var finished []timeRange
	check := func(p *proxy) {
		ranges, saves := p.seen()
		for _, r := range ranges {
			for _, done := range finished {
				if r.overlaps(done) {
					t.Errorf("%v to %v is read again; %v to %v was finished", r.from, r.to, done.from, done.to)
				}
			}
		}
		finished = append(finished, ranges[:saves]...)
	}
	for _, slices := range []int{2, 1, 4} {
		p := newProxy(t, s)
		c, _, stderr := s.Through(p.url).Command("backfill", "--from", from, "--to", to)
		var once sync.Once
		dead := make(chan struct{})
		p.afterBulk = func(saves int) {
			if saves < slices {
				return
			}
			once.Do(func() { _ = c.Process.Kill() })
			<-dead // the command must not hear that it was carried out
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		err := c.Wait()
		close(dead)
		if code := site.ExitCodeOf(t, err); code != -1 {
			t.Fatalf("exit %d before the kill\n%s", code, stderr)
		}
		check(p)
		if got := len(s.Documents()); got == 0 || got >= len(clean.Documents()) {
			t.Errorf("%d documents after the kill: it was not in the middle", got)
		}
	}
	if len(finished) < 7 { // the one before may be confirmed while a slice is written
		t.Errorf("%d slices were finished before the kills, want 7 at least", len(finished))
	}
	p := newProxy(t, s)
	s.Through(p.url).Backfill(from, to)
	check(p)
	site.Same(t, "killed and clean backfill", site.Identified(s.Documents()), site.Identified(clean.Documents()))
	site.Same(t, "backfill and merge", site.Sources(s.Documents()), site.Merged(t, log.file, "--year", "2026"))

	// What was finished begins anew: the state of a broken one is gone with it.
	p = newProxy(t, s)
	if r := s.Through(p.url).Backfill(from, to); r.Lines == 0 || r.Created+r.Updated+r.Deleted != 0 {
		t.Errorf("a second backfill: %+v", r)
	}
	if ranges, _ := p.seen(); len(ranges) == 0 || ranges[0].from.Format(time.DateOnly) != from {
		t.Errorf("a second backfill begins with %v", ranges)
	}
}
