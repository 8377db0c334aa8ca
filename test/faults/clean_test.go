package faults

import (
	"slices"
	"strings"
	"testing"

	"github.com/postweave/postweave/test/site"
)

// settled is the assertion that every test here ends in: after the fault has
// lifted, runs go on until one exits 0 with nothing more to do, and the target then holds, byte for
// byte, what one clean run over the same lines writes into another one.
func settled(t testing.TB, s *site.Site) {
	t.Helper()
	s.Run()
	if r := s.Run(); r.Lines != 0 || r.Created+r.Updated+r.Deleted != 0 {
		t.Errorf("a run after the last one still finds something: %+v", r)
	}
	clean := s.Beside("clean")
	clean.Run()
	site.Same(t, "after the fault, and one clean run", site.Identified(s.Documents()), site.Identified(clean.Documents()))
}

// refused wants a call to have failed with a code and one line that holds the
// words: what, where, what to do. The line is returned.
func refused(t testing.TB, o site.Outcome, code int, words ...string) string {
	t.Helper()
	if o.Code != code {
		t.Fatalf("exit %d, want %d\n%s%s", o.Code, code, o.Stdout, o.Stderr)
	}
	lines := strings.Split(strings.TrimSpace(o.Stderr), "\n")
	last := lines[len(lines)-1]
	for _, w := range words {
		if !strings.Contains(last, w) {
			t.Errorf("the message lacks %q: %s", w, last)
		}
	}
	if slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, "goroutine ") }) {
		t.Errorf("a stack trace instead of a message:\n%s", o.Stderr)
	}
	return last
}
