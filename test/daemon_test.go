package test

import (
	"bytes"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"

	"github.com/postweave/postweave/test/site"
)

// drainLimit is how long a daemon may take to end after SIGTERM.
const drainLimit = 10 * time.Second

// daemon is one at work.
type daemon struct {
	t      testing.TB
	c      *exec.Cmd
	stdout output
	stderr output
	ended  chan struct{}
	err    error
}

// output may be read while it is written to.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func startDaemon(s *site.Site) *daemon {
	s.T.Helper()
	d := &daemon{t: s.T, ended: make(chan struct{})}
	d.c, _, _ = s.Command("daemon", "--json", "--schedule", "@every 2s")
	d.c.Stdout, d.c.Stderr = &d.stdout, &d.stderr
	if err := d.c.Start(); err != nil {
		s.T.Fatal(err)
	}
	go func() { d.err = d.c.Wait(); close(d.ended) }()
	s.T.Cleanup(func() { _ = d.c.Process.Kill(); <-d.ended })
	return d
}

// passes is how many reports there are.
func (d *daemon) passes() int { return strings.Count(d.stdout.String(), "\n") }

// settle waits until a pass has ended that began after the call.
func (d *daemon) settle() {
	d.t.Helper()
	enough := d.passes() + 2 // the next one may be under way
	for deadline := time.Now().Add(2 * time.Minute); d.passes() < enough; time.Sleep(50 * time.Millisecond) {
		select {
		case <-d.ended:
			d.t.Fatalf("the daemon ended: %v\n%s", d.err, &d.stderr)
		default:
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("the daemon makes no passes\n%s%s", &d.stdout, &d.stderr)
		}
	}
}

func (d *daemon) terminate() {
	d.t.Helper()
	if err := d.c.Process.Signal(syscall.SIGTERM); err != nil {
		d.t.Fatal(err)
	}
}

// drained waits for the end and wants it clean and in time.
func (d *daemon) drained() {
	d.t.Helper()
	begin := time.Now()
	select {
	case <-d.ended:
	case <-time.After(3 * drainLimit):
		d.t.Fatalf("the daemon does not end on SIGTERM\n%s", &d.stderr)
	}
	if took := time.Since(begin); took > drainLimit {
		d.t.Errorf("the daemon took %v to end, want at most %v", took, drainLimit)
	}
	if code := site.ExitCodeOf(d.t, d.err); code != 0 {
		d.t.Errorf("the daemon exits %d\n%s", code, &d.stderr)
	}
}

// A daemon that merges what arrives, and backfills of the same days beside it,
// end in the bytes of one run over everything.
func TestDaemonAndBackfillBesideIt(t *testing.T) {
	s := site.New(t)
	log := generate(t, loggen.Config{Seed: 51, Messages: 500, Span: 40 * time.Hour, ReuseIDs: 0.1})
	docs := s.Shipped(loggen.LayoutPlain, log.lines...)
	parts := inRounds(docs, 4)
	s.Index(parts[0])
	d := startDaemon(s)
	for _, part := range parts[1:] {
		s.Index(part)
		s.Backfill("2026-03-02", "2026-03-10")
	}
	d.settle()
	d.terminate()
	d.drained()
	if strings.Contains(d.stderr.String(), "failed") {
		t.Errorf("a pass failed:\n%s", &d.stderr)
	}
	clean := s.Beside("clean")
	clean.Run()
	site.Same(t, "daemon with backfill, and one run", site.Identified(s.Documents()), site.Identified(clean.Documents()))
	site.Same(t, "daemon and merge", site.Sources(s.Documents()), site.Merged(t, log.file, "--year", "2026"))
	if r := s.Run(); r.Lines != 0 {
		t.Errorf("a run after the daemon still finds %d lines", r.Lines)
	}
}

// SIGTERM in the middle of a pass ends the daemon in time and with 0, also where
// the node does not answer; what it left undone the next run does.
func TestDaemonDrains(t *testing.T) {
	t.Parallel() // most of it is waiting
	for name, hold := range map[string]bool{"the slice is finished": false, "the node does not answer": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := site.New(t)
			log := generate(t, loggen.Config{Seed: 52, Messages: 150, Span: 2 * time.Hour})
			s.Index(s.Shipped(loggen.LayoutSyslog, log.lines...))
			p := newProxy(t, s)
			reached, let := make(chan struct{}), make(chan struct{})
			reach, release := sync.OnceFunc(func() { close(reached) }), sync.OnceFunc(func() { close(let) })
			t.Cleanup(release)
			p.afterBulk = func(int) {
				reach()
				<-let
			}
			d := startDaemon(s.Through(p.url))
			select {
			case <-reached:
			case <-d.ended:
				t.Fatalf("the daemon ended: %v\n%s", d.err, &d.stderr)
			}
			d.terminate()
			if !hold {
				release()
			}
			d.drained()
			release()
			if !hold {
				if r := s.Run(); r.Created+r.Updated != 0 {
					t.Errorf("the slice under way was not finished: %+v", r)
				}
			}
			s.Run()
			site.Same(t, "drained daemon with a run, and merge", site.Sources(s.Documents()), site.Merged(t, log.file, "--year", "2026"))
		})
	}
}
