package simulation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postweave/postweave/test/essim"
	"github.com/postweave/postweave/worker/message"
)

// game is one seed: a world, the lines that are yet to come, and the dice.
type game struct {
	*world
	r        *rand.Rand
	coming   []arrival
	commands []command // of the workers; each is called again and again
	backfill command
	shards   int // of an index of the source
	faults   int // one request in so many meets one; 0 is none
	crashes  int
	steps    int
	alone    bool             // no backfill and no reset reads anything a second time
	refresh  int              // one step in so many the target is refreshed by itself; 0 is never
	held     []func()         // release operations that are under way
	ghosts   []*call          // sent by the dead, carried out late
	working  map[int]*process // by command
	streak   map[*process]int // faults in a row
	frozen   *process         // stands still while the others go on
}

// newGame deals.
func newGame(ctx context.Context, seed uint64, keep bool) *game {
	r := rand.New(rand.NewPCG(seed, 0x5eed))
	w := newWorld(ctx, 1+r.IntN(4)/3)
	w.keep = keep
	g := &game{world: w, r: r, shards: 1 + r.IntN(3), working: map[int]*process{}, streak: map[*process]int{}, steps: 400}
	g.faults = []int{0, 40, 15, 6}[r.IntN(4)]
	g.crashes = []int{0, 200, 60, 25}[r.IntN(4)]
	g.refresh = []int{0, 40, 300}[r.IntN(3)]
	feeds := []string{"a", "b"}[:1+r.IntN(2)]
	duel := r.IntN(3) == 0
	if duel {
		feeds, g.steps = []string{"a", "b", "c"}[:2+r.IntN(2)], 200
	}
	g.coming = shipped(r, mail(r, duel), feeds, duel)
	cmd := command{
		horizon: 10_000 * 24 * time.Hour, fields: "syslog", concurrency: 1, address: "http://127.0.0.1:9200",
		options: message.Options{MaxLogLines: []int{0, 0, 2, 5}[r.IntN(4)]},
	}
	if r.IntN(8) == 0 {
		cmd.fields = "auto"
	}
	cmd.check = r.IntN(8) == 0
	if r.IntN(2) == 0 && !duel {
		cmd.width = int64(1 + r.IntN(20))
	}
	if r.IntN(8) == 0 {
		cmd.concurrency = 3
	}
	if r.IntN(8) == 0 {
		cmd.address = "http://es.example:9200" // bodies are compressed, and documents cut, on the way to another machine
	}
	g.backfill = cmd
	g.backfill.patterns = []string{"*-2026.*"}
	g.backfill.from, g.backfill.to = monday.AddDate(0, 0, -1), monday.AddDate(0, 2, 0)
	// Either all see all lines, or each feed has workers of its own, or some see all and some a part.
	workers := 1 + r.IntN(4)
	if duel {
		workers, g.alone = len(feeds), true
		g.crashes *= r.IntN(2) // who is called again reads again, and mends by that
	}
	for i := range workers {
		c := cmd
		if c.patterns = []string{feeds[i%len(feeds)] + "-*"}; r.IntN(3) == 0 && !duel {
			c.patterns = []string{"*-2026.*"}
		}
		g.commands = append(g.commands, c)
	}
	for _, f := range feeds {
		if !slices.ContainsFunc(g.commands, func(c command) bool { return c.patterns[0] == f+"-*" || c.patterns[0] == "*-2026.*" }) {
			c := cmd
			c.patterns = []string{f + "-*"}
			g.commands = append(g.commands, c)
		}
	}
	return g
}

// play lets everything happen at once, and then judges.
func (g *game) play() {
	defer g.end()
	for step := 0; g.failure == "" && (step < g.steps || len(g.coming) > 0); step++ {
		g.step()
	}
	// The storm is over. What is at work dies or comes to its end.
	for _, release := range g.held {
		release()
	}
	for _, c := range g.ghosts {
		g.carryOutLate(c)
	}
	for i := range len(g.commands) + 1 {
		p := g.working[i]
		if p == nil || g.failure != "" {
			continue
		}
		if g.r.IntN(2) == 0 {
			p.kill()
			continue
		}
		_, _ = g.finish(p)
	}
	if g.failure == "" {
		g.judge(g.commands, g.commands[0].options)
	}
}

// oneIn throws a die with n sides; one with none never hits.
func (g *game) oneIn(n int) bool { return n > 0 && g.r.IntN(n) == 0 }

// step is one thing that happens.
func (g *game) step() {
	calls := g.settled()
	for i, p := range g.working {
		if _, _, done := p.ended(); done {
			delete(g.working, i)
		}
	}
	calls = g.freeze(calls)
	switch {
	case g.oneIn(12):
		g.arrive()
	case g.oneIn(15) || len(g.working) == 0 && g.oneIn(2):
		g.call()
	case g.oneIn(g.refresh):
		g.note("      refresh")
		_ = g.cluster.Refresh("*")
	case g.oneIn(60):
		g.retention()
	case len(g.held) > 0 && g.oneIn(10):
		i := g.r.IntN(len(g.held))
		g.note("      an operation takes effect")
		g.held[i]()
		g.held = slices.Delete(g.held, i, i+1)
	case len(g.ghosts) > 0 && g.oneIn(10):
		c := g.ghosts[0]
		g.ghosts = g.ghosts[1:]
		g.carryOutLate(c)
	case g.faults > 0 && g.oneIn(400):
		g.note("      points in time are lost")
		g.cluster.ClosePITs()
	case len(calls) == 0 || g.oneIn(25):
		time.Sleep(grid)
	default:
		g.answer(calls[g.r.IntN(len(calls))])
	}
}

// freeze lets a process stand still for a while, now and then, between what it saw and what it writes. It returns the
// requests of the others.
func (g *game) freeze(calls []*call) []*call {
	switch {
	case g.frozen != nil && g.oneIn(30):
		g.frozen = nil
	case g.frozen == nil && len(calls) > 1 && g.oneIn(8):
		c := calls[g.r.IntN(len(calls))]
		if strings.HasPrefix(c.req.URL.Path, "/"+target) {
			g.frozen = c.from
			g.note("      %s stands still", c.from.name)
		}
	}
	return slices.DeleteFunc(calls, func(c *call) bool { return c.from == g.frozen })
}

// answer plays a request, or a fault, or a crash.
func (g *game) answer(c *call) {
	p := c.from
	if g.oneIn(g.crashes) {
		f := []fault{killBefore, killAfter}[g.r.IntN(2)]
		if g.oneIn(3) { // it dies, and what it sent is carried out long after
			g.floor.take(c)
			g.note("     %s KILLED, its request is under way", p.name)
			g.ghosts = append(g.ghosts, c)
			p.kill()
			return
		}
		g.serve(c, f)
		return
	}
	if g.streak[p] < 2 && g.oneIn(g.faults) {
		g.streak[p]++
		f := []fault{unsent, unheard, unheard, overloaded, unavailable, crowded}[g.r.IntN(6)]
		if f == unsent && g.oneIn(2) {
			g.ghosts = append(g.ghosts, c)
		}
		g.serve(c, f)
		return
	}
	g.streak[p] = 0
	g.serve(c, none)
}

// carryOutLate lets a request take effect that nobody waits for any more.
func (g *game) carryOutLate(c *call) {
	res, _ := c.send(g.cluster)
	g.noteCall(c, none, res)
}

// arrive indexes the next few lines.
func (g *game) arrive() {
	n := 1 + g.r.IntN(5)
	if g.alone { // nothing comes later that would mend what is left
		n *= 20
	}
	n = min(n, len(g.coming))
	for _, a := range g.coming[:n] {
		release := g.ship(a.index, g.shards, a.sourceDoc, a.hold)
		if release != nil {
			g.held = append(g.held, release)
		}
		g.note("      line into %s, hold %v: %s %s", a.index, a.hold, a.Time.Format("02 15:04:05"), a.Text[:min(60, len(a.Text))])
	}
	g.coming = g.coming[n:]
}

// call starts a worker that is idle.
func (g *game) call() {
	i := g.r.IntN(len(g.commands) + 1)
	if g.alone {
		i %= len(g.commands)
	}
	if g.working[i] != nil {
		return
	}
	cmd, what := g.backfill, "backfill"
	if i < len(g.commands) {
		cmd, what = g.commands[i], fmt.Sprintf("w%d", i)
		cmd.reset = !g.alone && g.oneIn(30)
	} else if g.r.IntN(3) > 0 {
		return
	}
	g.working[i] = g.start(what, cmd)
}

// retention deletes an index whose lines are all confirmed.
func (g *game) retention() {
	shards, err := g.cluster.Shards("*-2026.*")
	if err != nil || len(shards) == 0 || len(g.held) > 0 {
		return
	}
	s := shards[g.r.IntN(len(shards))]
	// The last index of a pattern stays: without any the source is no source.
	feed := s.Index[:1]
	if !slices.ContainsFunc(shards, func(o essim.Shard) bool { return o.Index[:1] == feed && o.Index != s.Index }) || !g.oracle.confirmed(s.UUID) {
		return
	}
	g.note("      retention deletes %s", s.Index)
	if err := g.cluster.Delete(s.Index); err != nil {
		g.fail("delete %s: %v", s.Index, err)
	}
}

// playSeed plays one seed from its beginning to its end.
func playSeed(t *testing.T, seed uint64, keep bool) (g *game) {
	synctest.Test(t, func(t *testing.T) {
		g = newGame(t.Context(), seed, keep)
		g.play()
	})
	return g
}

// TestMain lets the garbage wait: there is much of it, and little else.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// The same seed is the same game, request by request: else no failure could be
// played again.
func TestASeedIsTheSameEachTime(t *testing.T) {
	differ := map[uint64]bool{}
	for seed := range uint64(40) {
		first, second := playSeed(t, seed, true), playSeed(t, seed, true)
		if first.hash != second.hash {
			for i := range min(len(first.trace), len(second.trace)) {
				if first.trace[i] != second.trace[i] {
					t.Fatalf("seed %d, step %d:\n%s\n%s", seed, i, first.trace[i], second.trace[i])
				}
			}
			t.Fatalf("seed %d: %d and %d steps", seed, len(first.trace), len(second.trace))
		}
		differ[first.hash] = true
	}
	if len(differ) != 40 {
		t.Errorf("forty seeds are %d games", len(differ))
	}
}

// TestSeeds plays a thousand seeds.
func TestSeeds(t *testing.T) {
	if one := os.Getenv("POSTWEAVE_SIM_SEED"); one != "" {
		seed, err := strconv.ParseUint(one, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		g := playSeed(t, seed, true)
		t.Logf("seed %d, %d requests, hash %x:\n%s", seed, g.calls, g.hash, strings.Join(g.trace, "\n"))
		if g.failure != "" {
			t.Fatal(g.failure)
		}
		return
	}
	seeds := 1000
	if many := os.Getenv("POSTWEAVE_SIM_SEEDS"); many != "" {
		var err error
		if seeds, err = strconv.Atoi(many); err != nil {
			t.Fatal(err)
		}
	}
	lanes := runtime.GOMAXPROCS(0)
	for lane := range lanes {
		t.Run(fmt.Sprintf("lane %d", lane), func(t *testing.T) {
			t.Parallel()
			for seed := lane; seed < seeds; seed += lanes {
				g := playSeed(t, uint64(seed), false) //nolint:gosec // counted up from nought
				if g.failure != "" {
					t.Errorf("seed %d: %s\nplay it again: POSTWEAVE_SIM_SEED=%d go test ./test/simulation -run TestSeeds -v", seed, g.failure, seed)
				}
			}
		})
	}
}
