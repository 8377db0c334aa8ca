//go:build unix

package test

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// told is what a command says of how far it is.
type told struct {
	Message   string  `json:"message"`
	Of        string  `json:"of"`
	Percent   float64 `json:"percent"`
	UpTo      string  `json:"up_to"`
	Lines     int     `json:"lines"`
	Documents int     `json:"documents"`
	Seconds   float64 `json:"seconds"`
	NextPass  string  `json:"next_pass"`
}

// toldIn reads what a log of JSON says of progress.
func toldIn(t *testing.T, log string) (all []told) {
	t.Helper()
	for line := range strings.Lines(log) {
		var x told
		if err := json.Unmarshal([]byte(line), &x); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if x.Message == "progress" {
			all = append(all, x)
		}
	}
	return all
}

// asked runs a command that is asked again and again where it is, and returns what it answers. It may send so few requests in a
// second that there is time to ask.
func asked(t *testing.T, s *site.Site, rate string, args ...string) []told {
	t.Helper()
	c, _, _ := s.Command(append(args, "--max-requests-per-second", rate)...)
	stdout, stderr := &output{}, &output{}
	c.Stdout, c.Stderr = stdout, stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	time.Sleep(300 * time.Millisecond) // before it begins the signal would end it
	for {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("%q: %v\n%s", args, err, stderr)
			}
			if strings.Count(stdout.String(), "\n") != 1 {
				t.Errorf("%q prints %q", args, stdout)
			}
			return toldIn(t, stderr.String())
		case <-time.After(25 * time.Millisecond):
			if err := c.Process.Signal(syscall.SIGUSR1); err != nil && !strings.Contains(err.Error(), "already finished") {
				t.Fatal(err)
			}
		}
	}
}

// Whatever takes long says where it is when it is asked: it gets further, to the end and not beyond, and does what it does all the same.
func TestCommandsAnswer(t *testing.T) {
	s := site.New(t)
	log := generate(t, loggen.Config{Seed: 61, Messages: 300, Span: 96 * time.Hour})
	docs := s.Shipped(loggen.LayoutSyslog, log.lines...)
	s.Index(docs)
	clean := s.Beside("clean")
	if got := clean.Run(); got.Lines == 0 {
		t.Fatal("nothing is read")
	}
	days := []string{"--from", "2026-03-02", "--to", "2026-03-12"}
	for name, args := range map[string][]string{
		"backfill 2026-03-02 to 2026-03-12": append([]string{"backfill", "--json"}, days...),
		"run":                               {"run", "--json", "--horizon", "2400h"},
	} {
		one := s.Beside(args[0])
		mayBe := asked(t, one, "30", args...)
		further(t, name, mayBe, func(x told) int { return x.Lines })
		if args[0] == "backfill" && mayBe[len(mayBe)-1].UpTo < "2026-03-02" {
			t.Errorf("it is up to %q", mayBe[len(mayBe)-1].UpTo)
		}
		site.Same(t, name+", and a run that nobody asks", site.Identified(one.Documents()), site.Identified(clean.Documents()))
	}
	further(t, "verify 2026-03-02 to 2026-03-12", asked(t, clean, "30", append([]string{"verify", "--json"}, days...)...), func(x told) int { return x.Lines })
	further(t, "rebuild 2026-03-02 to 2026-03-12", asked(t, clean, "30", append([]string{"rebuild", "--json"}, days...)...), func(x told) int { return x.Documents })
}

// further holds answers to what they are: of one command, never less than before, some of them in the middle.
func further(t *testing.T, of string, all []told, count func(told) int) {
	t.Helper()
	middle := false
	for i, x := range all {
		if x.Of != of || x.Percent < 0 || x.Percent > 100 {
			t.Errorf("%s: it says %+v", of, x)
		}
		if i > 0 && (x.Percent < all[i-1].Percent || count(x) < count(all[i-1]) || x.Seconds < all[i-1].Seconds) {
			t.Errorf("%s: it says %+v after %+v", of, x, all[i-1])
		}
		middle = middle || x.Percent > 0 && x.Percent < 100 && count(x) > 0
	}
	if !middle {
		t.Errorf("%s: no answer is from the middle: %+v", of, all)
	}
}

// A backfill that is taken up counts what was done before it as done.
func TestBackfillThatGoesOnBeginsWhereItStood(t *testing.T) {
	s := site.New(t)
	log := generate(t, loggen.Config{Seed: 62, Messages: 300, Span: 96 * time.Hour})
	s.Index(s.Shipped(loggen.LayoutSyslog, log.lines...))
	args := []string{"backfill", "--json", "--from", "2026-03-02", "--to", "2026-03-05"}
	if first := s.Report(s.Must(append(args, "--max-runtime", "1ns")...)); !first.More {
		t.Fatalf("%+v: it is not broken off", first)
	}
	all := asked(t, s, "10", args...)
	further(t, "backfill 2026-03-02 to 2026-03-05", all, func(x told) int { return x.Lines })
	for _, x := range all {
		if x.Lines == 0 && x.Percent > 0 {
			return
		}
	}
	t.Errorf("it does not say what was done before: %+v", all)
}

// A daemon says where it is at any time, and does what it does all the same.
func TestDaemonAnswers(t *testing.T) {
	s := site.New(t)
	log := generate(t, loggen.Config{Seed: 63, Messages: 200, Span: 40 * time.Hour})
	parts := inRounds(s.Shipped(loggen.LayoutSyslog, log.lines...), 3)
	s.Index(parts[0])
	d := startDaemon(s)
	d.settle()
	for _, part := range parts[1:] {
		s.Index(part)
		for range 20 {
			if err := d.c.Process.Signal(syscall.SIGUSR1); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	d.settle()
	d.terminate()
	d.drained()
	waits := 0
	for _, x := range toldIn(t, d.stderr.String()) {
		if x.Of == "daemon" && x.NextPass != "" {
			waits++
		} else if x.Of != "daemon: pass" {
			t.Errorf("it says %+v", x)
		}
	}
	if waits == 0 {
		t.Errorf("it never says when the next pass is:\n%s", &d.stderr)
	}
	site.Same(t, "daemon and merge", site.Sources(s.Documents()), site.Merged(t, log.file, "--year", "2026"))
}
