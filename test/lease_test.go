package test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// leases lists who holds one.
func leases(s *site.Site) (holders []string) {
	s.T.Helper()
	for _, d := range s.Search(s.State) {
		if strings.HasPrefix(d.ID, "lease-") {
			holders = append(holders, string(d.Source))
		}
	}
	return holders
}

// A run that finds another one at work leaves the work to it, says so and exits 0.
// What the other one had not read, the next run reads.
func TestRunLeavesTheWorkToTheOneThatIsAtIt(t *testing.T) {
	t.Parallel() // most of it is waiting
	s := site.New(t)
	log := generate(t, loggen.Config{Seed: 81, Messages: 60, Span: time.Hour})
	s.Index(s.Shipped(loggen.LayoutSyslog, log.lines...))
	p := newProxy(t, s)
	reached, let := make(chan struct{}), make(chan struct{})
	reach, release := sync.OnceFunc(func() { close(reached) }), sync.OnceFunc(func() { close(let) })
	t.Cleanup(release)
	p.afterBulk = func(int) {
		reach()
		<-let
	}
	slow, stdout, stderr := s.Through(p.url).Command("run", "--json")
	if err := slow.Start(); err != nil {
		t.Fatal(err)
	}
	<-reached
	if held := leases(s); len(held) != 1 {
		t.Errorf("leases of a run at work: %q, want one", held)
	}
	s.Index(s.Shipped(loggen.LayoutSyslog, site.Mail("mx9", "4jXBLW1S2Pz1SGX8", march)...))
	second := s.Report(s.Must("run", "--json"))
	if !second.More || second.Lines != 0 || !strings.Contains(strings.Join(second.Notes, " "), "at work") {
		t.Errorf("a run beside another: %+v, want nothing read and more to do", second)
	}
	release()
	if code := site.ExitCodeOf(t, slow.Wait()); code != 0 {
		t.Fatalf("the first run: exit %d\n%s", code, stderr)
	}
	if first := s.Report(site.Outcome{Stdout: stdout.String()}); first.More || first.Created == 0 {
		t.Errorf("the first run: %+v", first)
	}
	if held := leases(s); len(held) != 0 {
		t.Errorf("leases after all runs: %q", held)
	}
	if third := s.Run(); third.Created != 1 || third.Lines != 6 {
		t.Errorf("the run after both: %+v, want the mail that came meanwhile", third)
	}
}

// A run that was killed leaves its lease behind. On the same machine the next run
// sees that the process is gone; the lease of another machine is waited for, until nobody has renewed it
// for some time.
func TestLeaseOfAKilledRun(t *testing.T) {
	t.Parallel() // most of it is waiting
	s := site.New(t)
	s.Index(s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "4jXBLW1S2Pz1SGX8", march)...))
	p := newProxy(t, s)
	c, _, _ := s.Through(p.url).Command("run", "--json")
	kill := sync.OnceFunc(func() { _ = c.Process.Kill() })
	p.afterBulk = func(int) { kill() }
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if code := site.ExitCodeOf(t, c.Wait()); code != -1 {
		t.Fatalf("exit %d, want a kill", code)
	}
	held := s.Search(s.State)
	if len(leases(s)) != 1 {
		t.Fatal("the killed run left no lease")
	}
	begin := time.Now()
	s.Run()
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("a dead process of this machine was waited for: %v", took)
	}

	// The same lease, as if of another machine.
	s.Index(s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "4jXBLW2S2Pz1SGX8", march)...))
	for _, d := range held {
		if !strings.HasPrefix(d.ID, "lease-") {
			continue
		}
		parts := strings.SplitN(string(d.Source), `"holder":"`, 2)
		s.ES(http.MethodPut, "/"+s.State+"/_doc/"+d.ID, rawJSON(parts[0]+`"holder":"elsewhere-`+parts[1]), nil)
	}
	if r := s.Run(); r.Created != 1 {
		t.Errorf("a run after one that died elsewhere: %+v", r)
	}
	if held := leases(s); len(held) != 0 {
		t.Errorf("leases after all: %q", held)
	}
}

// rawJSON is a body that is sent as it is.
type rawJSON string

func (r rawJSON) MarshalJSON() ([]byte, error) { return []byte(r), nil }
