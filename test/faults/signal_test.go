package faults

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// endsWithin is the promise: how long a command may take to end after SIGTERM.
const endsWithin = 10 * time.Second

// terminated starts a command and sends it SIGTERM when the rule says so: before the
// node gets the k-th request, which it then does, and after delay each. A silent node never answers from then on.
// The time is that from the signal to the end; -1 where the command ended before.
func terminated(s *site.Site, p *proxy, k int, delay time.Duration, silent bool, args ...string) (o site.Outcome, took time.Duration) {
	s.T.Helper()
	c, stdout, stderr := s.Through(p.URL).Command(args...)
	ended := make(chan struct{})
	var mu sync.Mutex
	var sent time.Time
	n := 0
	p.on(func(*request) fault {
		mu.Lock()
		defer mu.Unlock()
		if n++; n < k {
			return fault{}
		}
		f := fault{Name: "slow"}
		if n == k {
			f.Name = "SIGTERM"
			sent = time.Now()
			if err := c.Process.Signal(syscall.SIGTERM); err != nil {
				s.T.Error(err)
			}
		}
		switch {
		case silent:
			f.Before, f.Answer = func() { <-ended }, jsonAnswer(503, "{}")
		case delay > 0:
			f.After = func() { time.Sleep(delay) }
		}
		return f
	})
	if err := c.Start(); err != nil {
		s.T.Fatal(err)
	}
	code := site.ExitCodeOf(s.T, c.Wait())
	mu.Lock()
	took = -1
	if !sent.IsZero() {
		took = time.Since(sent)
	}
	mu.Unlock()
	close(ended)
	p.quiet()
	p.on(nil)
	return site.Outcome{Code: code, Stdout: stdout.String(), Stderr: stderr.String()}, took
}

// SIGTERM at every request of a run: it ends in time with 143, or with 0 where all
// was done, and the cursor is not past anything that is not confirmed: the next run leaves what one clean run leaves.
func TestF03TerminatedAtEveryRequest(t *testing.T) {
	s := site.New(t)
	first, second := smallCorpus(s)
	s.Index(first)
	s.Run()
	begin := imageOf(s)
	s.Index(second)
	s.Run()
	end := imageOf(s)
	p := newProxy(t, s.Node)
	codes := map[int]int{}
	for k := 1; ; k++ {
		begin.restore(s)
		o, took := terminated(s, p, k, 0, false, "run")
		if took < 0 {
			break
		}
		what := fmt.Sprintf("SIGTERM at request %d", k)
		if took > endsWithin {
			t.Errorf("%s: it took %v to end, want %v at most", what, took, endsWithin)
		}
		switch codes[o.Code]++; o.Code {
		case 0:
			end.equal(s, what+", exit 0")
		case 143:
			refused(t, o, 143, "stopped by a signal", "next run")
		default:
			t.Errorf("%s: exit %d, want 143\n%s", what, o.Code, o.Stderr)
		}
		s.Must("run")
		end.equal(s, what)
	}
	p.happened(t, "SIGTERM")
	if codes[143] < 10 {
		t.Errorf("exit codes %v: most requests are before the end", codes)
	}
	t.Logf("exit codes %v", codes)
	settled(t, s)
}

// The same where the node has stopped to answer, or answers slowly, for a run, a
// backfill and the daemon, which exits 0.
func TestF03TerminatedWhileTheNodeDoesNotAnswer(t *testing.T) {
	t.Parallel() // most of it is waiting
	r := drawn(t)
	for name, args := range map[string][]string{
		"run":      {"run"},
		"backfill": {"backfill", "--from", "2026-03-20T12:00:00Z", "--to", "2026-03-20T13:30:00Z"}, // its first slice is not empty
		"daemon":   {"daemon", "--schedule", "@every 1s"},
	} {
		want := 143
		if name == "daemon" {
			want = 0
		}
		for _, silent := range []bool{true, false} {
			ks := []int{1 + r.IntN(5), 6 + r.IntN(8), 14 + r.IntN(6)}
			t.Run(fmt.Sprintf("%s/silent %v", name, silent), func(t *testing.T) {
				t.Parallel()
				s := site.New(t)
				first, _ := smallCorpus(s)
				s.Index(first)
				p := newProxy(t, s.Node)
				begin := imageOf(s)
				for _, k := range ks {
					begin.restore(s)
					cursor, from := imageOf(s).place(s), len(p.requests())
					o, took := terminated(s, p, k, 700*time.Millisecond, silent, args...)
					what := fmt.Sprintf("SIGTERM at request %d", k)
					if took < 0 {
						t.Errorf("%s: it ended before\n%s", what, p)
						continue
					}
					if took > endsWithin {
						t.Errorf("%s: it took %v to end, want %v at most", what, took, endsWithin)
					}
					if o.Code != want && (silent || o.Code != 0) {
						t.Errorf("%s: exit %d, want %d\n%s", what, o.Code, want, o.Stderr)
					}
					confirmed := slices.ContainsFunc(p.requests()[from:], func(q request) bool { return q.Status == http.StatusOK && strings.HasSuffix(q.Path, "/_bulk") })
					if got := imageOf(s).place(s); !confirmed && !slices.Equal(got, cursor) {
						t.Errorf("%s: the cursor moved, and no document was confirmed: %q, want %q", what, got, cursor)
					}
				}
				settled(t, s)
			})
		}
	}
}

// The soft limit on the time ends a run between two slices, with 0 and "more"; the
// runs after it go on there, and the last one says that there is no more.
func TestF03MaxRuntimeEndsSoftly(t *testing.T) {
	s := site.New(t)
	var all []site.Raw
	for day := range 4 { // each an index, and so a slice
		all = append(all, s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", fmt.Sprintf("%dA2B3C4D5E6", day+1), march.AddDate(0, 0, day))...)...)
	}
	s.Index(all)
	short := *s
	short.Env = append(short.Env, "POSTWEAVE_MAX_RUNTIME=1ms")
	total, runs := 0, 0
	for ; ; runs++ {
		r := short.Report(short.Must("run", "--json"))
		total += r.Created
		if r.Slices > 1 || r.Created != r.Slices || runs > 10 {
			t.Fatalf("run %d: %+v, want one slice at most", runs+1, r)
		}
		if !r.More {
			break
		}
		if r.Slices == 0 {
			t.Fatalf("run %d gets nowhere: %+v", runs+1, r)
		}
	}
	if total != 4 || runs < 3 {
		t.Errorf("%d documents in %d runs, want 4 in 4", total, runs+1)
	}
	settled(t, s)
}
