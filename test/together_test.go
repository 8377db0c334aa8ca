package test

import (
	"bytes"
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
	const rounds = 5
	for round := range rounds {
		var some []site.Raw
		for i, d := range docs {
			if (i*7919+i/7)%rounds == round {
				some = append(some, d)
			}
		}
		s.Index(some)
		var wait [3]func() (int, *bytes.Buffer)
		for i := range wait {
			c, _, stderr := s.Command("run", "--json")
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			wait[i] = func() (int, *bytes.Buffer) { return site.ExitCodeOf(t, c.Wait()), stderr }
		}
		for _, w := range wait {
			if code, stderr := w(); code != 0 {
				t.Errorf("round %d: exit %d\n%s", round, code, stderr)
			}
		}
	}
	if r := s.Run(); r.Lines != 0 {
		t.Errorf("three runs at once left %d lines to a fourth", r.Lines)
	}
	clean := s.Beside("clean")
	clean.Run()
	site.Same(t, "runs at the same time and one run", site.Identified(s.Documents()), site.Identified(clean.Documents()))
	site.Same(t, "runs at the same time and merge", site.Sources(s.Documents()), site.Merged(t, log.file, "--year", "2026"))
}
