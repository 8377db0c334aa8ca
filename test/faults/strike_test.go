package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/postweave/postweave/test/site"
)

// seedVariable replays a test that drew its moments by chance.
const seedVariable = "POSTWEAVE_FAULTS_SEED"

// drawn is the chance of one test. A failed test's output names the seed.
func drawn(t testing.TB) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv(seedVariable); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatalf("%s: %v", seedVariable, err)
		}
	}
	t.Logf("replay with %s=%d", seedVariable, seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// strike is how a command is hit at one of its requests.
type strike struct {
	what    string
	carried bool // the node has carried the request out by then; the command never hears of it in time
	late    bool // the node gets the request afterwards
	kill    bool // the command is killed, else it is frozen meanwhile
}

var (
	killedBefore = strike{what: "killed before the node gets the request", kill: true}
	killedAfter  = strike{what: "killed when the node has carried out the request", carried: true, kill: true}
	killedLate   = strike{what: "killed, and the node gets the request later", late: true, kill: true}
	frozenBefore = strike{what: "frozen before the node gets the request", late: true}
	frozenAfter  = strike{what: "frozen when the node has carried out the request", carried: true}
)

// at runs a command through the proxy and strikes at its k-th request, counted from 1, of
// those that count selects. While the command stands there meanwhile is called, which may be nil. hit is false where the
// command ended before, of itself.
//
// When it returns the command has ended, and nothing of it is on its way to the node any more.
func (x strike) at(s *site.Site, p *proxy, k int, count func(*request) bool, meanwhile func(), args ...string) (o site.Outcome, hit bool) {
	s.T.Helper()
	c, stdout, stderr := s.Through(p.URL).Command(args...)
	reached, goOn, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var mu sync.Mutex
	n := 0
	p.on(func(q *request) fault {
		mu.Lock()
		defer mu.Unlock()
		if count(q) {
			n++
		}
		if n != k || !count(q) {
			return fault{}
		}
		stand := func() { close(reached); <-goOn }
		f := fault{Name: x.what, Drop: x.kill}
		if x.carried {
			f.After = stand
		} else {
			f.Before = stand
		}
		if !x.carried && !x.late {
			f.Answer = jsonAnswer(http.StatusServiceUnavailable, "{}") // which nobody hears
		}
		return f
	})
	if err := c.Start(); err != nil {
		s.T.Fatal(err)
	}
	var err error
	go func() { err = c.Wait(); close(ended) }()
	select {
	case <-reached:
		hit = true
		if !x.kill {
			signal(s.T, c.Process, syscall.SIGSTOP)
		}
		if meanwhile != nil {
			meanwhile()
		}
		if x.kill {
			signal(s.T, c.Process, syscall.SIGKILL)
			<-ended
			close(goOn)
		} else {
			close(goOn)
			signal(s.T, c.Process, syscall.SIGCONT)
		}
	case <-ended:
	}
	<-ended
	p.quiet()
	p.on(nil)
	o = site.Outcome{Code: site.ExitCodeOf(s.T, err), Stdout: stdout.String(), Stderr: stderr.String()}
	if x.kill && hit && o.Code != -1 {
		s.T.Fatalf("exit %d of a command that was killed\n%s", o.Code, o.Stderr)
	}
	return o, hit
}

func signal(t testing.TB, p *os.Process, s os.Signal) {
	t.Helper()
	if err := p.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func everyRequest(*request) bool { return true }

// writes selects the requests that change a target or its state.
func writes(s *site.Site) func(*request) bool {
	return func(q *request) bool {
		return strings.HasSuffix(q.Path, "/_bulk") || strings.HasPrefix(q.Path, "/"+s.State+"/_doc/") && q.Method != http.MethodGet
	}
}

// withoutLease leaves the lease's documents out of a selection.
func withoutLease(which func(*request) bool) func(*request) bool {
	return func(q *request) bool { return which(q) && !strings.Contains(q.Path, "/_doc/lease-") }
}

// cursorWrites selects those that move the cursor, or the place of a backfill.
func cursorWrites(s *site.Site) func(*request) bool {
	return func(q *request) bool {
		return q.Method == http.MethodPut && (strings.HasPrefix(q.Path, "/"+s.State+"/_doc/cursor-") || strings.HasPrefix(q.Path, "/"+s.State+"/_doc/backfill-"))
	}
}

// expireLeases takes the leases away from whoever stands frozen: to wait until they
// are known to be lost takes 15 s, and TestF26 does.
func expireLeases(s *site.Site) {
	s.T.Helper()
	for _, d := range s.Search(s.State) {
		if strings.HasPrefix(d.ID, "lease-") {
			s.ES(http.MethodDelete, "/"+s.State+"/_doc/"+d.ID, nil, nil)
		}
	}
}

// image is what a target and its state hold at one time. To put it back takes a
// fraction of the time of another target, and the source need not be indexed again.
type image map[string][]site.Stored

func imageOf(s *site.Site) image {
	s.T.Helper()
	m := image{s.Target: s.Documents(), s.Target + "-log": s.Search(s.Target + "-log"), s.State: nil}
	for _, d := range s.Search(s.State) { // other targets may have theirs there
		if bytes.Contains(d.Source, []byte(`"target":"`+s.Target+`"`)) {
			m[s.State] = append(m[s.State], d)
		}
	}
	return m
}

// restore puts it back. Documents keep their bytes and get other revisions.
func (m image) restore(s *site.Site) {
	s.T.Helper()
	for index, docs := range imageOf(s) {
		var body bytes.Buffer
		for _, d := range docs {
			fmt.Fprintf(&body, "{\"delete\":{\"_id\":%q}}\n", d.ID)
		}
		for _, d := range m[index] {
			fmt.Fprintf(&body, "{\"index\":{\"_id\":%q}}\n%s\n", d.ID, d.Source)
		}
		if body.Len() == 0 {
			continue
		}
		var answer struct{ Errors bool }
		if s.ES(http.MethodPost, "/"+index+"/_bulk?refresh=true", body.Bytes(), &answer); answer.Errors {
			s.T.Fatalf("%s cannot be put back", index)
		}
	}
}

// place is where reading goes on: all cursors and places of backfills.
func (m image) place(s *site.Site) []string {
	var out []string
	for _, d := range m[s.State] {
		if strings.HasPrefix(d.ID, "cursor-") || strings.HasPrefix(d.ID, "backfill-") {
			out = append(out, d.ID+" "+string(d.Source))
		}
	}
	return out
}

// revisions are the documents with their revisions.
func revisions(docs []site.Stored) []string {
	out := make([]string, len(docs))
	for i, d := range docs {
		out[i] = fmt.Sprintf("%s version %d, revision %d", d.ID, d.Version, d.SeqNo)
	}
	return out
}

// equal wants a target to hold what another image says, and its cursor to stand
// where that one's stands.
func (m image) equal(s *site.Site, what string) {
	s.T.Helper()
	got := imageOf(s)
	site.Same(s.T, what, site.Identified(got[s.Target]), site.Identified(m[s.Target]))
	if !slices.Equal(got.place(s), m.place(s)) {
		s.T.Errorf("%s: the cursor is\n%q, want\n%q", what, got.place(s), m.place(s))
	}
	united(s.T, what, got[s.Target+"-log"], m[s.Target+"-log"])
}

// united wants the pieces of long logs to hold the same lines.
func united(t testing.TB, what string, got, want []site.Stored) {
	t.Helper()
	lines := func(docs []site.Stored) map[string]int {
		n := map[string]int{}
		for _, d := range docs {
			var piece struct {
				Log []json.RawMessage `json:"log"`
			}
			if err := json.Unmarshal(d.Source, &piece); err != nil {
				t.Fatal(err)
			}
			for _, l := range piece.Log {
				n[string(l)] = 1
			}
		}
		return n
	}
	g, w := lines(got), lines(want)
	for l := range w {
		if g[l] == 0 {
			t.Errorf("%s: %d lines in pieces of long logs, want %d", what, len(g), len(w))
			return
		}
	}
}
