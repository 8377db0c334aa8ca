//go:build faults && unix

package faults

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// clockVariable names the file that says by how many seconds the clock of the
// command is wrong.
const clockVariable = "POSTWEAVE_TEST_CLOCK"

// wrongNow is put before the first statement of time.Now. Only what a clock on
// the wall shows is moved, as when somebody sets it: the monotonic one runs on.
const wrongNow = `
	defer func() { result = moved(result) }()
`

// wrongClock is the rest of what the standard library gets. The file is memory
// that the test writes to: time.Now is called where no file may be read.
const wrongClock = `
var wrongBy = func() *int64 {
	path, ok := syscall.Getenv("` + clockVariable + `")
	if !ok {
		return new(int64)
	}
	fd, err := syscall.Open(path, syscall.O_RDONLY, 0)
	if err != nil {
		panic(err)
	}
	defer syscall.Close(fd)
	memory, err := syscall.Mmap(fd, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	return (*int64)(unsafe.Pointer(&memory[0]))
}()

func moved(t Time) Time {
	if wrongBy == nil { // not yet
		return t
	}
	if by := *wrongBy; t.wall&hasMonotonic != 0 {
		t.wall += uint64(by) << nsecShift
	} else {
		t.ext += by
	}
	return t
}
`

// clocked builds the command with a time.Now that can be wrong. A Go program
// asks the kernel for the time without a call that a library could stand before, so neither faketime nor a
// time namespace, which has no wall clock, can move it; all else of the command is as it is shipped.
var clocked = sync.OnceValues(func() (string, error) {
	shipped, err := site.Binary()
	if err != nil {
		return "", err
	}
	dir := filepath.Dir(shipped) // is removed after the tests
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	original := filepath.Join(strings.TrimSpace(string(out)), "src", "time", "time.go")
	source, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	text := string(source)
	for _, change := range [][2]string{
		{"func Now() Time {\n", "func Now() (result Time) {" + wrongNow},
		{"\t\"math/bits\"\n", "\t\"math/bits\"\n\t\"syscall\"\n"},
		{"_ \"unsafe\"", "\"unsafe\""},
	} {
		if strings.Count(text, change[0]) != 1 {
			return "", fmt.Errorf("time.go of this Go has not %q once", change[0])
		}
		text = strings.Replace(text, change[0], change[1], 1)
	}
	replaced, list, command := filepath.Join(dir, "time.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "postweave-clock")
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{original: replaced}})
	if err != nil {
		return "", err
	}
	for name, content := range map[string][]byte{replaced: []byte(text + wrongClock), list: overlay} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			return "", err
		}
	}
	build := exec.Command("go", "build", "-overlay", list, "-o", command, "github.com/postweave/postweave/cmd/postweave")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the command with a clock that can be wrong: %w\n%s", err, out)
	}
	return command, nil
})

// clock is the one on the wall of one worker: a file of eight bytes.
type clock struct {
	t    testing.TB
	file *os.File
}

func newClock(t testing.TB) *clock {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "clock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	c := &clock{t, file}
	c.set(0)
	return c
}

// set puts the clock so far ahead, or behind, whole seconds.
func (c *clock) set(by time.Duration) {
	var b [8]byte
	binary.NativeEndian.PutUint64(b[:], uint64(by/time.Second))
	if _, err := c.file.WriteAt(b[:], 0); err != nil {
		c.t.Error(err)
	}
}

// command prepares a call under this clock.
func (c *clock) command(s *site.Site, args ...string) *exec.Cmd {
	c.t.Helper()
	path, err := clocked()
	if err != nil {
		c.t.Fatal(err)
	}
	cmd, _, _ := s.Command(args...)
	cmd.Path, cmd.Args[0] = path, path
	cmd.Env = append(cmd.Env, clockVariable+"="+c.file.Name(), "POSTWEAVE_LOG_LEVEL=debug")
	return cmd
}

// call makes one under this clock.
func (c *clock) call(s *site.Site, args ...string) site.Outcome {
	c.t.Helper()
	cmd := c.command(s, args...)
	stdout, stderr := &strings.Builder{}, &strings.Builder{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	code := site.ExitCodeOf(c.t, cmd.Run())
	return site.Outcome{Code: code, Stdout: stdout.String(), Stderr: stderr.String()}
}

// clockErrors are how wrong the clock was in a log's own stamps: the first and
// the last one, to the hour.
func clockErrors(t testing.TB, o site.Outcome) (first, last time.Duration) {
	t.Helper()
	begun := false
	for line := range strings.Lines(o.Stderr) {
		var entry struct{ Time time.Time }
		if json.Unmarshal([]byte(line), &entry) != nil || entry.Time.IsZero() {
			continue
		}
		last = time.Until(entry.Time).Round(time.Hour)
		if !begun {
			first, begun = last, true
		}
	}
	return first, last
}

// The worker's clock is a day ahead, a day behind, and is set back and forth
// while a run is at work and while one waits to try again. What arrives in between is read each time.
func TestF38WrongClock(t *testing.T) {
	const day = 24 * time.Hour
	s := site.New(t)
	lines := saidBy(t, loggen.Config{Seed: 381, Messages: 120, Span: 30 * time.Hour, Start: spring, ReuseIDs: 0.1})
	docs := s.Shipped(loggen.LayoutSyslog, lines...)
	arrive := func(n int) (some int) {
		var part []site.Raw
		for i, d := range docs {
			if (i*7919+i/3)%6 == n {
				part = append(part, d)
			}
		}
		s.Index(part)
		return len(part)
	}
	p := newProxy(t, s.Node)
	via := s.Through(p.URL)
	c := newClock(t)
	for n, x := range []struct {
		name                string
		at, first, then     time.Duration // the clock when the run begins, and from its first bulk on
		unavailableThenFine bool
	}{
		{name: "a day ahead", at: day, then: day},
		{name: "a day behind", at: -day, then: -day},
		{name: "set back two days in the run", at: day, then: -day},
		{name: "set ahead two days in the run", at: -day, then: day},
		{name: "set ahead while it waits to try again", at: 0, then: day, unavailableThenFine: true},
		{name: "set back while it waits to try again", at: day, then: 0, unavailableThenFine: true},
	} {
		want := arrive(n)
		c.set(x.at)
		var once sync.Once
		p.on(func(q *request) (f fault) {
			if !strings.HasSuffix(q.Path, "/_bulk") {
				return fault{}
			}
			once.Do(func() {
				f.Name, f.After = x.name, func() { c.set(x.then) }
				if x.unavailableThenFine {
					f.Answer = jsonAnswer(http.StatusServiceUnavailable, `{"error":{"type":"node_closed_exception"},"status":503}`)
				}
			})
			return f
		})
		o := c.call(via, "run", "--json")
		unscathed(t, o)
		p.happened(t, x.name)
		if first, last := clockErrors(t, o); first != x.at || last != x.then {
			t.Errorf("%s: the command's own log is wrong by %v and then %v, want %v and %v", x.name, first, last, x.at, x.then)
		}
		if r := s.Report(o); r.Lines != want || r.More {
			t.Errorf("%s: %d lines read, want %d; more: %v", x.name, r.Lines, want, r.More)
		}
	}
	p.on(nil)
	settled(t, s)
}

// Two workers at once, whose clocks are two days apart.
func TestF38TwoWorkersTwoClocks(t *testing.T) {
	s := site.New(t)
	lines := saidBy(t, loggen.Config{Seed: 382, Messages: 120, Span: 30 * time.Hour, Start: spring})
	docs := s.Shipped(loggen.LayoutSyslog, lines...)
	for part := range 2 {
		s.Index(docs[part*len(docs)/2 : (part+1)*len(docs)/2])
		var both sync.WaitGroup
		for _, by := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
			c := newClock(t)
			c.set(by)
			both.Go(func() {
				o := c.call(s, "run", "--json")
				if o.Code != 0 {
					t.Errorf("the worker whose clock is wrong by %v: exit %d\n%s", by, o.Code, o.Stderr)
				}
				if first, _ := clockErrors(t, o); first != by {
					t.Errorf("the clock is wrong by %v, want %v", first, by)
				}
			})
		}
		both.Wait()
	}
	settled(t, s)
}

// The clock of a daemon is set back by a day. Its next pass comes when the
// schedule says so by the new time, and not a day later.
func TestF38DaemonWhoseClockIsSetBack(t *testing.T) {
	t.Parallel() // it waits
	s := site.New(t)
	logged(t, s, loggen.Config{Seed: 383, Messages: 20, Span: time.Hour, Start: spring})
	c := newClock(t)
	cmd := c.command(s, "daemon", "--json", "--schedule", "* * * * *")
	out := newPasses()
	cmd.Stdout, cmd.Stderr = out, nil
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	out.await(t, 1, time.Minute)
	time.Sleep(time.Second) // the wait for the next minute has begun
	c.set(-24 * time.Hour)
	s.Index(s.Shipped(loggen.LayoutSyslog, site.Mail("mx9", "9A2B3C4D5E6", spring)...))
	// The next minute, and one more.
	out.await(t, 3, 4*time.Minute)
	if len(documentsOf(t, s, "9A2B3C4D5E6")) != 1 {
		t.Error("what arrived after the clock was set is not there")
	}
	settled(t, s)
}

// passes counts the lines that a daemon prints, one a pass.
type passes struct {
	mu    sync.Mutex
	count int
	more  chan struct{}
}

func newPasses() *passes { return &passes{more: make(chan struct{}, 1)} }

func (p *passes) Write(b []byte) (int, error) {
	p.mu.Lock()
	p.count += strings.Count(string(b), "\n")
	p.mu.Unlock()
	select {
	case p.more <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (p *passes) so() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// await waits until there are so many.
func (p *passes) await(t testing.TB, many int, most time.Duration) {
	t.Helper()
	end := time.After(most)
	for p.so() < many {
		select {
		case <-p.more:
		case <-end:
			t.Fatalf("the daemon made %d passes within %v, want %d", p.so(), most, many)
		}
	}
}
