package faults

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// worker is one of several, with delays drawn by chance before and after each
// of its requests, that is killed now and then.
type worker struct {
	s     *site.Site
	r     *rand.Rand
	p     *proxy // to be struck at
	kills int    // still to come
	args  []string
}

// newWorker makes one that is to work beside others. watch sees each request
// with its answer, and may be nil.
func newWorker(s *site.Site, r *rand.Rand, watch func(*request, *answer), args ...string) *worker {
	s.T.Helper()
	w := &worker{s: s, r: rand.New(rand.NewPCG(r.Uint64(), 2)), args: args}
	slow := newProxy(s.T, s.Node)
	var mu sync.Mutex
	delay := func() {
		mu.Lock()
		d := time.Duration(w.r.IntN(15)) * time.Millisecond
		mu.Unlock()
		time.Sleep(d)
	}
	slow.on(func(q *request) fault {
		f := fault{Name: "delay", Before: delay, After: delay}
		if watch != nil {
			f.Alter = func(a *answer) { watch(q, a) }
		}
		return f
	})
	w.p = newProxy(s.T, slow.URL)
	return w
}

// work runs until one run has ended with 0 and left nothing to do, and is killed
// on the way as often as is due.
func (w *worker) work() {
	for range 100 {
		x, k := killedAfter, 1+w.r.IntN(25)
		if w.r.IntN(2) == 0 {
			x = killedBefore
		}
		if w.kills == 0 {
			k = 1_000_000
		}
		o, hit := x.at(w.s, w.p, k, everyRequest, nil, append(w.args, "--json")...)
		if hit {
			w.kills--
			continue
		}
		if o.Code != 0 {
			w.s.T.Errorf("%v beside others: exit %d\n%s", w.args, o.Code, o.Stderr)
			return
		}
		if !w.s.Report(o).More {
			return
		}
	}
	w.s.T.Errorf("%v never gets to an end", w.args)
}

// together lets workers work at the same time.
func together(workers ...*worker) {
	var all sync.WaitGroup
	for _, w := range workers {
		all.Go(w.work)
	}
	all.Wait()
}

// mixedLog is mail with short and long queue ids, in random order.
func mixedLog(t testing.TB, r *rand.Rand, messages int) []loggen.Line {
	t.Helper()
	var lines []loggen.Line
	err := loggen.New(loggen.Config{Seed: r.Uint64(), Messages: messages, Span: 30 * time.Hour, ReuseIDs: 0.2}).
		Run(func(l loggen.Line) error { lines = append(lines, l); return nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	return lines
}

// asOneRun compares with what one run over all lines leaves.
func asOneRun(s *site.Site, what string) {
	s.T.Helper()
	clean := s.Beside("clean")
	clean.Env = nil
	clean.Run()
	site.Same(s.T, what+", and one run", site.Identified(s.Documents()), site.Identified(clean.Documents()))
}

// Two to four workers at once, each of which sees other lines of the same mail,
// with delays and kills by chance, leave what one run over all lines leaves.
func TestF24WorkersThatSeeOtherLines(t *testing.T) {
	r := drawn(t)
	for n := 2; n <= 4; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			s := site.New(t)
			var workers []*worker
			for i := range n {
				own := *s
				own.Env = append(own.Env, fmt.Sprintf("POSTWEAVE_SOURCE=%s%d-*", s.Source, i))
				if i%2 == 1 { // with a state of its own
					own.State = fmt.Sprintf("%s-%d", s.State, i)
					own.Must("setup")
				}
				workers = append(workers, newWorker(&own, r, nil, "run"))
			}
			lines := mixedLog(t, r, 120)
			for part := range slices.Chunk(lines, len(lines)/2+1) { // the second has late lines of what the first left
				var docs []site.Raw
				for _, d := range s.Shipped(loggen.LayoutSyslog, part...) {
					d.Index = fmt.Sprintf("%s%d-%s", s.Source, r.IntN(n), d.Index[len(s.Source):])
					docs = append(docs, d)
				}
				s.Index(docs)
				for _, w := range workers {
					w.kills = r.IntN(3)
				}
				together(workers...)
			}
			asOneRun(s, fmt.Sprintf("%d workers", n))
			met(s, workers)
			settled(t, s)
		})
	}
}

// met wants workers to have got in each other's way: else nothing is shown.
func met(s *site.Site, workers []*worker) {
	s.T.Helper()
	killed, updated := 0, 0
	for _, w := range workers {
		killed += w.p.faults()[killedAfter.what] + w.p.faults()[killedBefore.what]
	}
	for _, d := range s.Documents() {
		if d.Version > 1 {
			updated++
		}
	}
	if updated == 0 {
		s.T.Error("no document was written more than once: the workers never met")
	}
	s.T.Logf("killed %d times, %d documents of more than one hand", killed, updated)
}

// history is what became of a cursor, in the order in which the node has taken it.
type history struct {
	mu    sync.Mutex
	saves []saved
	lost  int // saves that the node refused
}

type saved struct {
	revision int64
	place    map[string]int64 // of shards
}

// watch notes the saves of the site's cursor.
func (h *history) watch(s *site.Site) func(*request, *answer) {
	saves := cursorWrites(s)
	return func(q *request, a *answer) {
		if !saves(q) {
			return
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if a.Status == http.StatusConflict {
			h.lost++
		}
		if a.Status/100 != 2 {
			return
		}
		var state struct {
			Payload struct {
				Shards []struct {
					UUID  string
					Shard int
					SeqNo int64 `json:"seq_no"`
				}
			}
		}
		var taken struct {
			SeqNo int64 `json:"_seq_no"`
		}
		if json.Unmarshal(q.Body, &state) != nil || json.Unmarshal(a.Body, &taken) != nil {
			s.T.Errorf("a cursor that cannot be read: %s", q.Body)
			return
		}
		v := saved{taken.SeqNo, map[string]int64{}}
		for _, shard := range state.Payload.Shards {
			v.place[fmt.Sprint(shard.UUID, shard.Shard)] = shard.SeqNo
		}
		h.saves = append(h.saves, v)
	}
}

// monotone wants no shard's place to have gone back, ever.
func (h *history) monotone(t testing.TB) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	slices.SortFunc(h.saves, func(a, b saved) int { return cmp.Compare(a.revision, b.revision) })
	for i := 1; i < len(h.saves); i++ {
		for shard, at := range h.saves[i-1].place {
			if now, ok := h.saves[i].place[shard]; !ok || now < at {
				t.Errorf("save %d of the cursor: shard %s goes from %d back to %d", i, shard, at, now)
			}
		}
	}
	if len(h.saves) < 2 || h.lost == 0 {
		t.Errorf("%d saves, %d of them refused: no two runs wanted the cursor at once", len(h.saves)+h.lost, h.lost)
	}
	t.Logf("%d saves of the cursor, %d refused", len(h.saves)+h.lost, h.lost)
}

// A run that stands still at any save of its cursor while another one goes further
// does not move it back: its save is refused, it ends with 0, and says that there was another. No lease keeps the two apart.
func TestF25CursorNeverGoesBack(t *testing.T) {
	s := site.New(t)
	lines := mixedLog(t, rand.New(rand.NewPCG(1, 1)), 60)
	docs := s.Shipped(loggen.LayoutSyslog, lines...) // of some daily indices, each a slice
	s.Index(docs[:len(docs)/2])
	s.Run()
	begin := imageOf(s)
	s.Index(docs[len(docs)/2:])
	other, more := s.Shipped(loggen.LayoutPlain, site.Mail("mx9", "1A2B3C4D5E6", lines[0].Time)...), 0

	var h history
	watching := newProxy(t, s.Node)
	watching.on(func(q *request) fault {
		return fault{Name: "watch", Alter: func(a *answer) { h.watch(s)(q, a) }}
	})
	p := newProxy(t, watching.URL)
	end, saves := begin, 0
	for _, x := range []strike{frozenBefore, frozenAfter} {
		for k := 1; ; k++ {
			begin.restore(s)
			h.saves = nil // what was put back is another history
			o, hit := x.at(s, p, k, cursorWrites(s), func() {
				expireLeases(s)
				s.Index(other[more%len(other) : more%len(other)+1]) // something to go further for
				more++
				s.Through(watching.URL).Run()
				end = imageOf(s)
			}, "run", "--json")
			if !hit {
				if k < 3 {
					t.Errorf("a run saves its cursor %d times: not enough to lose one on the way", k-1)
				}
				saves = k - 1
				break
			}
			what := fmt.Sprintf("%s, save %d of the cursor", x.what, k)
			if x.carried && k == saves { // all of its work was done by then
				if o.Code != 0 {
					t.Errorf("%s: exit %d\n%s", what, o.Code, o.Stderr)
				}
			} else if r := s.Report(o); o.Code != 0 || !r.More || !strings.Contains(strings.Join(r.Notes, " "), "another postweave") {
				t.Errorf("%s: exit %d, %+v\n%s", what, o.Code, r, o.Stderr)
			}
			end.equal(s, what)
			h.monotone(t)
		}
	}
	settled(t, s)
}

// Three workers at once over the same source with one cursor, and none sees the
// others' lease: the same bytes, and a cursor that never goes back.
func TestF25WorkersWithoutALease(t *testing.T) {
	r := drawn(t)
	s := site.New(t)
	var h history
	var workers []*worker
	for range 3 {
		w := newWorker(s, r, h.watch(s), "run")
		blind := newProxy(t, w.p.node.String())
		blind.on(func(q *request) fault {
			if !strings.HasPrefix(q.Path, "/"+s.State+"/_doc/lease-") {
				return fault{}
			}
			f := fault{Name: "no lease", Answer: jsonAnswer(http.StatusNotFound, `{"found":false}`)}
			switch q.Method {
			case http.MethodPut:
				f.Answer = jsonAnswer(http.StatusCreated, `{"_seq_no":1,"_primary_term":1}`)
			case http.MethodDelete:
				f.Answer = jsonAnswer(http.StatusOK, `{"_seq_no":2,"_primary_term":1}`)
			}
			return f
		})
		w.p.lead(t, blind.URL)
		workers = append(workers, w)
	}
	lines := mixedLog(t, r, 150)
	for part := range slices.Chunk(lines, len(lines)/4+1) {
		s.Index(s.Shipped(loggen.LayoutPlain, part...))
		for _, w := range workers {
			w.kills = r.IntN(2)
		}
		together(workers...)
	}
	h.monotone(t)
	asOneRun(s, "workers without a lease")
	settled(t, s)
}

// A backfill, live runs and a daemon over the same days at once, each of them
// killed now and then, while lines arrive: the same bytes as of one run.
func TestF47BackfillBesideRunAndDaemon(t *testing.T) {
	r := drawn(t)
	s := site.New(t)
	live := newWorker(s, r, nil, "run")
	past := newWorker(s, r, nil, "backfill", "--from", "2026-03-02", "--to", "2026-03-04")
	beside := newWorker(s, r, nil)
	lines := mixedLog(t, r, 150)
	for part := range slices.Chunk(lines, len(lines)/3+1) {
		s.Index(s.Shipped(loggen.LayoutSyslog, part...))
		live.kills, past.kills = 1+r.IntN(2), 1+r.IntN(2)
		daemon, stdout, stderr := s.Through(beside.p.URL).Command("daemon", "--json", "--schedule", "@every 1s")
		if err := daemon.Start(); err != nil {
			t.Fatal(err)
		}
		together(live, past)
		// Killed wherever it stands.
		if err := daemon.Process.Kill(); err != nil {
			t.Errorf("the daemon is gone: %v\n%s%s", err, stdout, stderr)
		}
		_ = daemon.Wait() // it was killed
		beside.p.quiet()
	}
	live.work()
	if len(beside.p.requests()) == 0 {
		t.Error("the daemon never asked for anything")
	}
	asOneRun(s, "backfill beside run and daemon")
	met(s, []*worker{live, past})
	settled(t, s)
}
