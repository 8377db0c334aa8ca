//go:build linux

package faults

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/postweave/postweave/test/esnode"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

const (
	// loadVariable says how long the load test lasts, as a duration.
	loadVariable = "POSTWEAVE_FAULTS_LOAD"
	usualLoad    = 10 * time.Minute
	// loadRate is lines a second of all servers together: some eight messages a second.
	loadRate = 80
)

// Lines of three servers are indexed at a steady rate, some late, some twice,
// beside a daemon of the same node and now and then a backfill. At the end nothing is missing, and the daemon
// has not grown.
func TestLoad(t *testing.T) {
	lasts := usualLoad
	if text := os.Getenv(loadVariable); text != "" {
		var err error
		if lasts, err = time.ParseDuration(text); err != nil || lasts < 20*time.Second {
			t.Fatalf("%s: %q, want a duration from 20s", loadVariable, text)
		}
	}
	node, err := esnode.Start(t.Context(), esnode.Options{Heap: "1g"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Stop(); err != nil {
			t.Error(err)
		}
	})
	s := site.On(t, node.URL)
	s.SetUp()
	log := newLoad(t, s, int(lasts.Seconds()*loadRate))
	log.upTo(loadRate) // without an index there is no source
	d := startService(s, "daemon", "--json", "--schedule", "@every 2s")
	d.out.await(t, 1, time.Minute)
	begin := time.Now()
	watch := watched(d.c.Process.Pid, max(time.Second, min(10*time.Second, lasts/60)), log)
	backfills, nextBackfill, backfilling := 0, lasts/5, make(chan site.Outcome, 1)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for ; ; <-tick.C {
		at := time.Since(begin)
		if at >= lasts {
			break
		}
		d.alive(t)
		log.upTo(int(at.Seconds() * loadRate))
		select {
		case o := <-backfilling:
			if o.Code != 0 {
				t.Errorf("a backfill: exit %d\n%s", o.Code, o.Stderr)
			}
			backfills, nextBackfill = backfills+1, at+lasts/5
		default:
		}
		if nextBackfill > 0 && at >= nextBackfill {
			nextBackfill = 0 // until it is done
			go func() { backfilling <- s.Call("backfill", "--json", "--from", log.from(), "--to", log.to()) }()
		}
	}
	if nextBackfill == 0 {
		if o := <-backfilling; o.Code != 0 {
			t.Errorf("a backfill: exit %d\n%s", o.Code, o.Stderr)
		}
		backfills++
	}
	log.upTo(len(log.lines))
	log.rest()
	d.passed(t, 2)
	samples := watch(t)
	log.log(t, samples, d, backfills, lasts)
	if err := d.c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	d.ends(t)
	if d.failed() {
		t.Errorf("a pass failed:\n%s", d.stderr)
	}
	if log.late == 0 || log.doubled == 0 || backfills == 0 {
		t.Errorf("%d late lines, %d doubled ones, %d backfills: the test shows nothing", log.late, log.doubled, backfills)
	}
	grows(t, samples)
	if open := openContexts(s); open != 0 {
		t.Errorf("%d points in time are left open", open)
	}
	if o := s.Call("verify", "--json", "--from", log.from(), "--to", log.to()); o.Code != 0 {
		t.Errorf("verify: exit %d\n%s%s", o.Code, o.Stdout, o.Stderr)
	}
	site.Same(t, "daemon and merge", site.Sources(s.Documents()), site.Merged(t, log.file, "--year", strconv.Itoa(log.lines[0].Time.Year())))
	settled(t, s)
}

// load is a log on its way to the source.
type load struct {
	t       *testing.T
	s       *site.Site
	lines   []loggen.Line
	file    string // all of them, in order
	r       *rand.Rand
	given   atomic.Int64 // delivered in their turn
	held    map[int][]loggen.Line
	sent    int
	late    int
	doubled int
}

func newLoad(t *testing.T, s *site.Site, want int) *load {
	t.Helper()
	l := &load{t: t, s: s, r: rand.New(rand.NewPCG(1, 7)), held: map[int][]loggen.Line{}, file: filepath.Join(t.TempDir(), "mail.log")}
	// Thirteen lines a message, over two days and the midnights between them; what
	// is in the queue at the end stays there.
	l.lines = saidBy(t, loggen.Config{Seed: 99, Messages: want/10 + 50, Servers: 3, Span: 48 * time.Hour, Start: spring, QueueLife: 12 * time.Hour, ReuseIDs: 0.05})
	l.lines = l.lines[:min(want, len(l.lines))]
	var text []byte
	for _, x := range l.lines {
		text = x.AppendRFC3164(text)
	}
	if err := os.WriteFile(l.file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *load) from() string { return l.lines[0].Time.Format(time.DateOnly) }
func (l *load) to() string   { return l.lines[len(l.lines)-1].Time.Format(time.DateOnly) }

// upTo delivers the lines before n: one in twenty some time later, one in thirty
// twice.
func (l *load) upTo(n int) {
	l.t.Helper()
	var now []loggen.Line
	for ; l.sent < min(n, len(l.lines)); l.sent++ {
		x := l.lines[l.sent]
		now = append(now, l.held[l.sent]...)
		delete(l.held, l.sent)
		if l.r.IntN(20) == 0 {
			l.late++
			l.hold(x)
			continue
		}
		now = append(now, x)
		l.given.Add(1)
		if l.r.IntN(30) == 0 {
			l.doubled++
			l.hold(x)
		}
	}
	if len(now) > 0 {
		l.s.Index(l.s.Shipped(loggen.LayoutSyslog, now...))
	}
}

// hold keeps a line back, for up to two minutes.
func (l *load) hold(x loggen.Line) {
	at := l.sent + 1 + l.r.IntN(120*loadRate)
	l.held[at] = append(l.held[at], x)
}

// rest delivers what is still held.
func (l *load) rest() {
	l.t.Helper()
	var now []loggen.Line
	for _, x := range l.held {
		now = append(now, x...)
	}
	if len(now) > 0 {
		l.s.Index(l.s.Shipped(loggen.LayoutSyslog, now...))
	}
}

// sample is what the daemon takes at a moment.
type sample struct {
	at       time.Duration
	resident int64 // bytes
	lines    int64 // delivered so far
}

// watched takes a sample of a process at each interval until the function that
// it returns is called, which returns all of them.
func watched(pid int, every time.Duration, l *load) func(testing.TB) []sample {
	var samples []sample
	var failed error
	enough, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for begin := time.Now(); ; {
			select {
			case <-enough:
				return
			case <-tick.C:
			}
			resident, err := residentOf(pid)
			if err != nil {
				failed = err
				return
			}
			samples = append(samples, sample{time.Since(begin), resident, l.given.Load()})
		}
	}()
	return func(t testing.TB) []sample {
		t.Helper()
		close(enough)
		<-ended
		if failed != nil || len(samples) < 16 {
			t.Fatalf("%d samples of the daemon's memory: %v", len(samples), failed)
		}
		return samples
	}
}

// residentOf is the memory that a process holds, in bytes.
func residentOf(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	kb, err := strconv.ParseInt(strings.Fields(after + " ?")[0], 10, 64)
	return kb << 10, err
}

// quarters are the medians of the first and the last quarter after a fifth of
// the time, in which a process comes to its size.
func quarters(samples []sample) (first, last int64) {
	warm := samples[len(samples)/5:]
	n := max(len(warm)/4, 1)
	return median(warm[:n]), median(warm[len(warm)-n:])
}

func median(samples []sample) int64 {
	var sizes []int64
	for _, s := range samples {
		sizes = append(sizes, s.resident)
	}
	slices.Sort(sizes)
	return sizes[len(sizes)/2]
}

// grows fails the test where the daemon does: its last quarter may be a tenth
// above its first, and four megabytes, which is what a garbage collector plays with.
func grows(t testing.TB, samples []sample) {
	t.Helper()
	if first, last := quarters(samples); last > first*11/10+4<<20 {
		t.Errorf("the daemon grew from %.1f to %.1f MiB", mib(first), mib(last))
	}
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// openContexts is how many points in time and scrolls the node holds.
func openContexts(s *site.Site) (open int) {
	s.T.Helper()
	var answer struct {
		Nodes map[string]struct {
			Indices struct {
				Search struct {
					Open int `json:"open_contexts"`
				}
			}
		}
	}
	s.ES(http.MethodGet, "/_nodes/stats/indices/search", nil, &answer)
	for _, n := range answer.Nodes {
		open += n.Indices.Search.Open
	}
	return open
}

// log prints the figures as a table for the documentation.
func (l *load) log(t testing.TB, samples []sample, d *service, backfills int, lasts time.Duration) {
	t.Helper()
	first, last := quarters(samples)
	var most int64
	for _, s := range samples {
		most = max(most, s.resident)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n| figure | value |\n|---|---|\n")
	fmt.Fprintf(&b, "| duration, rate | %v, %d lines a second |\n", lasts, loadRate)
	fmt.Fprintf(&b, "| lines, late, doubled | %d, %d, %d |\n", len(l.lines), l.late, l.doubled)
	fmt.Fprintf(&b, "| messages and rejects | %d |\n", len(l.s.Documents()))
	fmt.Fprintf(&b, "| passes of the daemon, backfills beside it | %d, %d |\n", d.out.so(), backfills)
	fmt.Fprintf(&b, "| memory of the daemon: first quarter, last quarter, most | %.1f, %.1f, %.1f MiB |\n", mib(first), mib(last), mib(most))
	b.WriteString("\n| at | memory (MiB) | lines delivered |\n|---|---|---|\n")
	for i, s := range samples {
		if i%max(len(samples)/20, 1) == 0 {
			fmt.Fprintf(&b, "| %v | %.1f | %d |\n", s.at.Round(time.Second), mib(s.resident), s.lines)
		}
	}
	t.Log(b.String())
}

// service is a command that goes on.
type service struct {
	c      *exec.Cmd
	out    *passes
	stderr *sharedText
	ended  chan struct{}
	err    error
}

// startService starts a command that is killed at the end of the test at the
// latest.
func startService(s *site.Site, args ...string) *service {
	s.T.Helper()
	w := &service{out: newPasses(), stderr: &sharedText{}, ended: make(chan struct{})}
	w.c, _, _ = s.Command(args...)
	w.c.Stdout, w.c.Stderr = w.out, w.stderr
	if err := w.c.Start(); err != nil {
		s.T.Fatal(err)
	}
	go func() { w.err = w.c.Wait(); close(w.ended) }()
	s.T.Cleanup(func() { _ = w.c.Process.Kill(); <-w.ended })
	return w
}

// passed waits for so many further passes that began after the call.
func (w *service) passed(t testing.TB, many int) {
	t.Helper()
	w.out.await(t, w.out.so()+many+1, 3*time.Minute) // one may be under way
}

func (w *service) alive(t testing.TB) {
	t.Helper()
	select {
	case <-w.ended:
		t.Fatalf("the daemon ended: %v\n%s", w.err, w.stderr)
	default:
	}
}

// ends waits for a clean end.
func (w *service) ends(t testing.TB) {
	t.Helper()
	select {
	case <-w.ended:
	case <-time.After(time.Minute):
		t.Fatalf("the daemon does not end\n%s", w.stderr)
	}
	if code := site.ExitCodeOf(t, w.err); code != 0 {
		t.Errorf("the daemon: exit %d\n%s", code, w.stderr)
	}
}

// failed tells of a pass that did not end well.
func (w *service) failed() bool {
	for line := range strings.Lines(w.stderr.String()) {
		var entry struct{ Level string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Level == "error" {
			return true
		}
	}
	return false
}
