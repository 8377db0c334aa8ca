package faults

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/postweave/postweave/test/esnode"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// ownNode is one that the test may kill.
func ownNode(t testing.TB) *esnode.Node {
	t.Helper()
	n, err := esnode.Start(t.Context(), esnode.Options{Heap: "512m"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// crash kills a node at the k-th request that the path's end selects, which was
// handed to it a moment before. From then on connections break, until mended.
func crash(t testing.TB, n *esnode.Node, p *proxy, k int, end string) (dead chan struct{}) {
	dead = make(chan struct{})
	var mu sync.Mutex
	count := 0
	p.on(func(q *request) fault {
		mu.Lock()
		defer mu.Unlock()
		if strings.HasSuffix(q.Path, end) {
			count++
		}
		switch {
		case count < k:
			return fault{}
		case count > k || !strings.HasSuffix(q.Path, end) || isClosed(dead):
			return fault{Name: "node is down", Drop: true, Answer: jsonAnswer(502, "{}")}
		}
		count++ // no other one is the k-th
		kill := func() {
			time.Sleep(2 * time.Millisecond) // the node is at work on it
			if err := n.Kill(); err != nil {
				t.Error(err)
			}
			close(dead)
		}
		return fault{Name: "node killed", Before: func() { go kill() }, After: func() { <-dead }, Drop: true}
	})
	return dead
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// reborn brings the node back. The proxy passes requests on again.
func reborn(t testing.TB, n *esnode.Node, p *proxy) {
	t.Helper()
	if err := n.Restart(t.Context()); err != nil {
		t.Error(err)
	}
	p.on(nil)
}

// The node is killed in the middle of a bulk or a search and comes back on the
// same data. Within the budget a run waits for it and ends with 0; where the budget is too short it ends with 3 and the
// cursor where it was, and the next one does the rest.
func TestF04NodeKilledInTheMiddle(t *testing.T) {
	n := ownNode(t)
	for i, way := range []struct {
		end    string
		k      int
		budget time.Duration
	}{{"/_bulk", 1, 4 * time.Minute}, {"/_search", 3, 4 * time.Minute}, {"/_bulk", 2, time.Second}} {
		t.Run(fmt.Sprintf("%s %d, budget %v", way.end, way.k, way.budget), func(t *testing.T) {
			s := site.On(t, n.URL)
			s.SetUp()
			var lines []loggen.Line
			if err := loggen.New(loggen.Config{Seed: uint64(60 + i), Messages: 150, Span: 4 * time.Hour, ReuseIDs: 0.2}).
				Run(func(l loggen.Line) error { lines = append(lines, l); return nil }, nil); err != nil {
				t.Fatal(err)
			}
			docs := s.Shipped(loggen.LayoutSyslog, lines...)
			s.Index(docs[:len(docs)/3])
			s.Run()
			s.Index(docs[len(docs)/3:])
			cursor := imageOf(s).place(s)
			p := newProxy(t, n.URL)
			tried := s.Through(p.URL)
			tried.Env = append(tried.Env, "POSTWEAVE_RETRY_BUDGET="+way.budget.String())
			dead := crash(t, n, p, way.k, way.end)
			c, stdout, stderr := tried.Command("run", "--json")
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- c.Wait() }()
			select {
			case <-dead:
			case err := <-ended:
				t.Fatalf("the run ended before: %v\n%s%s", err, stdout, stderr)
			}
			short := way.budget < time.Minute
			var err error
			if short {
				err = <-ended
			}
			reborn(t, n, p)
			if !short {
				err = <-ended
			}
			p.happened(t, "node killed")
			p.happened(t, "node is down")
			o := site.Outcome{Code: site.ExitCodeOf(t, err), Stdout: stdout.String(), Stderr: stderr.String()}
			if short {
				refused(t, o, 3, "127.0.0.1")
				if got := imageOf(s).place(s); !slices.Equal(got, cursor) {
					t.Errorf("the cursor moved: %q, want %q", got, cursor)
				}
			} else if o.Code != 0 {
				t.Errorf("exit %d, want 0: the node came back in time\n%s", o.Code, o.Stderr)
			}
			settled(t, s)
		})
	}
}

// The source does not write every line to its disk at once, and loses the last
// ones in a crash, after which it gives out their numbers again. A run reads only what the node is sure of, and so has not
// read past the lines that come in their place.
func TestF05SourceThatLosesLinesInACrash(t *testing.T) {
	n := ownNode(t)
	s := site.On(t, n.URL)
	s.SetUp()
	index := s.Daily(march)
	s.ES(http.MethodPut, "/"+index, map[string]any{"settings": map[string]any{
		"index.translog.durability": "async", "index.translog.sync_interval": "100s", "index.refresh_interval": "-1",
	}}, nil)
	ship := func(ids ...string) {
		for _, id := range ids {
			s.Index(s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", id, march)...))
		}
	}
	ship("1A2B3C4D5E6")
	s.ES(http.MethodPost, "/"+index+"/_flush?force=true", nil, nil) // these are on the disk
	ship("2A2B3C4D5E6", "3A2B3C4D5E6")                              // these are not
	s.Run()
	if err := n.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := n.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	var count struct{ Count int }
	s.ES(http.MethodPost, "/"+index+"/_refresh", nil, nil)
	s.ES(http.MethodGet, "/"+index+"/_count", nil, &count)
	if count.Count >= 18 {
		t.Fatalf("the source still has %d lines: nothing was lost, the test shows nothing", count.Count)
	}
	// As many as were lost, and more: they have the numbers of the lost ones.
	ship("4A2B3C4D5E6", "5A2B3C4D5E6", "6A2B3C4D5E6")
	s.ES(http.MethodPost, "/"+index+"/_flush?force=true", nil, nil)
	s.Run()
	var got []string
	for _, d := range s.Documents() {
		for _, id := range []string{"1A2B3C4D5E6", "4A2B3C4D5E6", "5A2B3C4D5E6", "6A2B3C4D5E6"} {
			if strings.Contains(string(d.Source), `"queue_id":"`+id+`"`) {
				got = append(got, id[:1])
			}
		}
	}
	if slices.Sort(got); strings.Join(got, "") != "1456" {
		t.Errorf("messages %q, want all whose lines the source has: 1456", got)
	}
	settled(t, s)
}

// Nobody is there when a run begins: it tries again, less and less often, and ends
// with 3 and a line that names the address without the password in it.
func TestF06NodeDownAtStart(t *testing.T) {
	t.Parallel() // most of it is waiting
	s := site.New(t)
	s.Index(s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "1A2B3C4D5E6", march)...))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	const budget = 6 * time.Second
	down := s.Through("http://elastic:hunter2@" + address)
	down.Env = append(down.Env, "POSTWEAVE_RETRY_BUDGET="+budget.String())

	// Something takes each connection and hangs up, as a node that is going down does; so attempts can be counted.
	var mu sync.Mutex
	var attempts []time.Time
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			attempts = append(attempts, time.Now())
			mu.Unlock()
			_ = c.Close()
		}
	}()
	begin := time.Now()
	o := down.Call("run")
	took := time.Since(begin)
	if line := refused(t, o, 3, address); strings.Contains(o.Stdout+o.Stderr, "hunter2") || strings.Contains(line, "elastic:") {
		t.Errorf("the password is shown: %s", o.Stderr)
	}
	_ = listener.Close()
	<-accepting
	// Waits are drawn from nothing up to 0.2 s, 0.4 s, 0.8 s and so on: ten in six seconds are many. Each attempt may
	// look for TLS too.
	if len(attempts) < 3 || len(attempts) > 40 {
		t.Errorf("%d connections in %v, want some and few", len(attempts), took)
	}
	if half := begin.Add(took / 2); len(attempts) > 4 {
		early := slices.IndexFunc(attempts, func(at time.Time) bool { return at.After(half) })
		if early >= 0 && len(attempts)-early > early+4 {
			t.Errorf("%d connections in the first half of the time, %d in the second: it does not back off", early, len(attempts)-early)
		}
	}
	t.Logf("%d connections in %v", len(attempts), took)

	// And where nothing listens at all.
	refused(t, down.Call("run"), 3, address)
	settled(t, s)
}

// During the election of a master every request is answered with 503 for a while.
// Within the budget a run goes on; else it ends with 3 and the cursor where it was.
func TestF46MasterElection(t *testing.T) {
	t.Parallel() // most of it is waiting
	const body = `{"error":{"root_cause":[],"type":"master_not_discovered_exception","reason":"for alice@corp.test"},"status":503}`
	r := drawn(t)
	for _, enough := range []bool{true, false} {
		t.Run(fmt.Sprintf("budget long enough %v", enough), func(t *testing.T) {
			s := site.New(t)
			first, second := smallCorpus(s)
			s.Index(first)
			s.Run()
			s.Index(second)
			p := newProxy(t, s.Node)
			for range 3 {
				k := 1 + r.IntN(18)
				begin := len(p.requests())
				var mu sync.Mutex
				var since time.Time
				p.on(func(q *request) fault {
					mu.Lock()
					defer mu.Unlock()
					if q.N-begin < k || q.Method == http.MethodDelete {
						return fault{}
					}
					if since.IsZero() {
						since = time.Now()
					}
					if enough && time.Since(since) > 2*time.Second {
						return fault{}
					}
					return fault{Name: "election", Answer: jsonAnswer(http.StatusServiceUnavailable, body)}
				})
				cursor := imageOf(s).place(s)
				tried := s.Through(p.URL)
				if enough {
					tried.Env = append(tried.Env, "POSTWEAVE_RETRY_BUDGET=1m")
					tried.Must("run", "--reset-cursor")
					continue
				}
				tried.Env = append(tried.Env, "POSTWEAVE_RETRY_BUDGET=1s")
				o := tried.Call("run")
				if p.faults()["election"] == 0 { // the run before had nothing left to do
					continue
				}
				line := refused(t, o, 3, "503")
				if strings.Contains(line, "alice") {
					t.Errorf("the answer's reason is shown: %s", line)
				}
				if got := imageOf(s).place(s); !slices.Equal(got, cursor) {
					t.Errorf("request %d: the cursor moved: %q, want %q", k, got, cursor)
				}
			}
			p.happened(t, "election")
			p.on(nil)
			settled(t, s)
		})
	}
}

// The worker and the node are killed together, at a request drawn by chance. The
// next run begins while the node is still down.
func TestF50WorkerAndNodeKilled(t *testing.T) {
	r := drawn(t)
	n := ownNode(t)
	s := site.On(t, n.URL)
	s.SetUp()
	docs := s.Shipped(loggen.LayoutSyslog, mixedLog(t, r, 120)...)
	p := newProxy(t, n.URL)
	for i, part := range slices.Collect(slices.Chunk(docs, len(docs)/2+1)) {
		s.Index(part)
		c, _, stderr := s.Through(p.URL).Command("run")
		end := []string{"/_bulk", "/_search"}[i%2]
		dead := crash(t, n, p, 1+r.IntN(2), end)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		<-dead
		signal(t, c.Process, syscall.SIGKILL)
		if code := site.ExitCodeOf(t, c.Wait()); code != -1 {
			t.Fatalf("exit %d of a command that was killed\n%s", code, stderr)
		}
		p.quiet()
		again := s.Through(p.URL)
		again.Env = append(again.Env, "POSTWEAVE_RETRY_BUDGET=4m")
		c, stdout, stderr := again.Command("run", "--json")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		reborn(t, n, p)
		if code := site.ExitCodeOf(t, c.Wait()); code != 0 {
			t.Errorf("exit %d of the run that met a dead node\n%s%s", code, stdout, stderr)
		}
	}
	p.happened(t, "node killed")
	p.happened(t, "node is down")
	settled(t, s)
}
