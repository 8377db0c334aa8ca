package simulation

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postweave/postweave/test/hard"
	"github.com/postweave/postweave/worker/message"
)

// blow is what happens to a step's first run at one of its requests.
type blow int

const (
	killedBefore blow = iota // kill -9 before the server acts
	killedAfter              // and after it acted
	heldUp                   // it stands still while the others run, and then goes on
)

func (b blow) String() string {
	return [...]string{"killed before", "killed after", "held up at"}[b]
}

// TestHardMerges plays each scenario with a kill before and after every write of the runs that come first in their
// steps, and with a pause at every request to the target.
func TestHardMerges(t *testing.T) {
	for _, s := range hard.Scenarios() {
		for _, options := range []message.Options{{}, {MaxLogLines: 2}} {
			blows := []blow{killedBefore, killedAfter, heldUp}
			if options.MaxLogLines > 0 { // the longer way, with logs in parts
				blows = blows[1:2]
			}
			t.Run(fmt.Sprintf("%s/%d lines in a document", s.Name, options.MaxLogLines), func(t *testing.T) {
				t.Parallel()
				writes := 0
				for _, b := range blows {
					for k := 1; ; k++ {
						p := &play{scenario: s, blow: b, at: k, options: options}
						synctest.Test(t, func(t *testing.T) { p.run(t.Context()) })
						if p.world.failure != "" {
							t.Fatalf("%s its request %d: %s\n%s", b, k, p.world.failure, strings.Join(p.world.trace, "\n"))
						}
						if !p.struck {
							break
						}
						writes += p.struckWrite
					}
				}
				if writes == 0 {
					t.Error("no write was ever struck")
				}
			})
		}
	}
}

// play is one performance of a scenario.
type play struct {
	scenario hard.Scenario
	blow     blow
	at       int // the request that is struck, counted over all steps
	options  message.Options

	world       *world
	seen        int // requests of first runs so far that may be struck
	struck      bool
	struckWrite int
}

func (p *play) run(ctx context.Context) {
	p.world = newWorld(ctx, 1)
	w := p.world
	defer w.end()
	for i := range p.scenario.Steps {
		p.step(&p.scenario.Steps[i])
		if w.failure != "" {
			return
		}
	}
	var commands []command
	for _, feed := range p.scenario.Feeds() {
		commands = append(commands, p.command(hard.Run{Feed: feed}))
	}
	w.judge(commands, p.options)
}

func (p *play) command(r hard.Run) command {
	c := command{
		patterns: []string{r.Feed + "-*"}, reset: r.Reset, fields: "syslog", concurrency: 1, width: 2, options: p.options, address: "http://127.0.0.1:9200",
	}
	if r.From != "" {
		c.from, _ = time.Parse(time.DateOnly, r.From)
		c.to, _ = time.Parse(time.DateOnly, r.To)
		c.to = c.to.AddDate(0, 0, 1)
	}
	return c
}

func (p *play) step(s *hard.Step) {
	w := p.world
	for _, index := range s.Drop {
		shards, err := w.cluster.Shards(index)
		if err != nil || !w.oracle.confirmed(shards[0].UUID) {
			w.fail("%s is dropped with lines that nobody confirmed: %v", index, err)
			return
		}
		if err := w.cluster.Delete(index); err != nil {
			w.fail("drop %s: %v", index, err)
		}
	}
	for _, l := range s.Arrive {
		id, _, _ := strings.Cut(l.Text, ":")
		w.ship(l.Index(), 1, sourceDoc{Time: l.Time, Host: l.Host, Program: l.Program, PID: l.PID, Text: l.Text, ID: id}, false)
	}
	if s.DeleteDocuments {
		w.oracle.byHand()
		if err := w.cluster.DeleteDocuments(target); err != nil {
			w.fail("delete the documents: %v", err)
		}
	}
	others := func() {
		for _, r := range s.Runs[1:] {
			w.whole(r.Feed, p.command(r))
		}
	}
	first := p.command(s.Runs[0])
	proc := w.start("first "+s.Runs[0].Feed, first)
	if !p.advance(proc) { // it came to its end
		if report, err, _ := proc.ended(); err != nil || report.More {
			w.fail("the first run: %v", err)
		}
		others()
		return
	}
	p.struck = true
	if p.blow == heldUp {
		others()
		if _, err := w.finish(proc); err != nil {
			w.note("the run that was held up: %v", err)
		} else {
			return
		}
	} else {
		others()
	}
	w.whole("again "+s.Runs[0].Feed, first)
}

// within tells the requests that are struck in turn: writes; and where a run is held up, those that look at the
// target too, since what it saw may be no longer true when it goes on.
func (p *play) within(c *call) bool {
	return isWrite(c) || p.blow == heldUp && strings.HasPrefix(c.req.URL.Path, "/"+target)
}

// advance lets a process go on until it is struck or has ended.
func (p *play) advance(proc *process) (struck bool) {
	w := p.world
	for w.failure == "" {
		calls := w.settled()
		if _, _, done := proc.ended(); done {
			return false
		}
		if len(calls) == 0 {
			time.Sleep(grid)
			continue
		}
		c := calls[0]
		if p.struck || !p.within(c) {
			w.serve(c, none)
			continue
		}
		if p.seen++; p.seen != p.at {
			w.serve(c, none)
			continue
		}
		if isWrite(c) {
			p.struckWrite = 1
		}
		switch p.blow {
		case killedBefore:
			w.serve(c, killBefore)
		case killedAfter:
			w.serve(c, killAfter)
		case heldUp:
			w.note("%s is held up before %s %s", proc.name, c.req.Method, c.req.URL.Path)
		}
		return true
	}
	return false
}
