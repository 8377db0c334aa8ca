package test

import (
	"bytes"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
)

// Three runs at the same time, over several rounds of arriving lines, leave what
// one run leaves, and each of them exits 0.
func TestRunsAtTheSameTime(t *testing.T) {
	s := newSite(t)
	log := generate(t, loggen.Config{Seed: 61, Messages: 500, Span: 30 * time.Hour, ShortIDs: true, ReuseIDs: 0.15})
	docs := s.shipped(loggen.LayoutSyslog, log.lines...)
	const rounds = 5
	for round := range rounds {
		var some []raw
		for i, d := range docs {
			if (i*7919+i/7)%rounds == round {
				some = append(some, d)
			}
		}
		s.index(some)
		var wait [3]func() (int, *bytes.Buffer)
		for i := range wait {
			c, _, stderr := s.command("run", "--json")
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			wait[i] = func() (int, *bytes.Buffer) { return exitCodeOf(t, c.Wait()), stderr }
		}
		for _, w := range wait {
			if code, stderr := w(); code != 0 {
				t.Errorf("round %d: exit %d\n%s", round, code, stderr)
			}
		}
	}
	if r := s.run(); r.Lines != 0 {
		t.Errorf("three runs at once left %d lines to a fourth", r.Lines)
	}
	clean := s.beside("clean")
	clean.run()
	same(t, "runs at the same time and one run", identified(s.documents()), identified(clean.documents()))
	same(t, "runs at the same time and merge", sources(s.documents()), merged(t, log.file, "--year", "2026"))
}
