package test

import (
	"sync"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"

	"github.com/postweave/postweave/test/site"
)

// Three runs at the same time, over several rounds of arriving lines, leave what
// one run leaves, and each of them exits 0.
func TestRunsAtTheSameTime(t *testing.T) {
	s := site.New(t)
	log := generate(t, loggen.Config{Seed: 61, Messages: 500, Span: 30 * time.Hour, ShortIDs: true, ReuseIDs: 0.15})
	docs := s.Shipped(loggen.LayoutSyslog, log.lines...)
	for _, some := range inRounds(docs, 5) {
		s.Index(some)
		atOnce(s, []string{"run"}, []string{"run"}, []string{"run"})
	}
	if r := s.Run(); r.Lines != 0 {
		t.Errorf("three runs at once left %d lines to a fourth", r.Lines)
	}
	clean := s.Beside("clean")
	clean.Run()
	site.Same(t, "runs at the same time and one run", site.Identified(s.Documents()), site.Identified(clean.Documents()))
	site.Same(t, "runs at the same time and merge", site.Sources(s.Documents()), site.Merged(t, log.file, "--year", "2026"))
}

// inRounds deals out documents so that each message's lines come in several of n
// rounds.
func inRounds(docs []site.Raw, n int) [][]site.Raw {
	rounds := make([][]site.Raw, n)
	for i, d := range docs {
		round := (i*7919 + i/7) % n
		rounds[round] = append(rounds[round], d)
	}
	return rounds
}

// atOnce runs commands at the same time and wants each to exit 0.
func atOnce(s *site.Site, commands ...[]string) {
	s.T.Helper()
	var wg sync.WaitGroup
	for _, args := range commands {
		c, _, stderr := s.Command(args...)
		if err := c.Start(); err != nil {
			s.T.Fatal(err)
		}
		wg.Go(func() {
			if code := site.ExitCodeOf(s.T, c.Wait()); code != 0 {
				s.T.Errorf("postweave %q beside others: exit %d\n%s", args, code, stderr)
			}
		})
	}
	wg.Wait()
}
