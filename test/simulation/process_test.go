package simulation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/postweave/postweave/esquery"
	"github.com/postweave/postweave/worker"
	"github.com/postweave/postweave/worker/message"
)

const (
	target = "postfix-messages"
	state  = "postweave-state"
)

// command is what a process does, as the command line has it.
type command struct {
	patterns    []string
	reset       bool      // --reset-cursor
	from, to    time.Time // of a backfill; zero for a run
	horizon     time.Duration
	fields      string
	concurrency int
	options     message.Options
	address     string
	width       int64 // of the first slice
	check       bool  // look at the target first, as the command always does
}

// process is one call of the command, from its start to its end or its death.
type process struct {
	name   string
	cmd    command
	floor  *floor
	cancel context.CancelFunc

	// Under floor.mu:
	dead   bool // killed: nothing that it does reaches the server any more
	done   bool
	err    error
	report worker.Report
}

// floor is where the requests of all processes wait to be answered, one at a
// time, by the test.
type floor struct {
	mu      sync.Mutex
	pending []*call
	bell    chan struct{} // rings when a request comes or a process ends
}

// call is a request on its way.
type call struct {
	from  *process
	req   *http.Request
	body  []byte
	key   string // what it says, to put requests of one moment in an order
	reply chan reply
}

type reply struct {
	res *http.Response
	err error
}

func newFloor() *floor { return &floor{bell: make(chan struct{}, 1)} }

func (f *floor) ring() {
	select {
	case f.bell <- struct{}{}:
	default:
	}
}

var (
	errDead = errors.New("the process is dead")
	errLost = errors.New("connection reset by peer")
)

// RoundTrip puts a request down and waits until it is answered.
func (p *process) RoundTrip(r *http.Request) (*http.Response, error) {
	c := &call{from: p, req: r, reply: make(chan reply, 1)}
	if r.Body != nil {
		var err error
		if c.body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body.Close()
	}
	c.key = fmt.Sprintf("%s\x00%s %s\x00%s", p.name, r.Method, r.URL.RequestURI(), c.body)
	f := p.floor
	if err := onTheGrid(r.Context()); err != nil {
		return nil, err
	}
	f.mu.Lock()
	if p.dead {
		f.mu.Unlock()
		return nil, errDead
	}
	f.pending = append(f.pending, c)
	f.ring()
	f.mu.Unlock()
	select {
	case a := <-c.reply:
		return a.res, a.err
	case <-r.Context().Done():
		f.take(c)
		return nil, r.Context().Err()
	}
}

// grid is the unit of simulated time. The pauses of the product have jitter that no seed decides, so a request is put off
// to the next full unit, which is longer than any jitter that is played here: what is sent, and in what order, hangs on
// the seed alone.
const grid = 2 * time.Second

func onTheGrid(ctx context.Context) error {
	late := time.Duration(time.Now().UnixNano() % int64(grid))
	if late == 0 {
		return ctx.Err()
	}
	t := time.NewTimer(grid - late)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// take removes a call from those that wait.
func (f *floor) take(c *call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, x := range f.pending {
		if x == c {
			f.pending = append(f.pending[:i:i], f.pending[i+1:]...)
			return
		}
	}
}

// start begins a process.
func (f *floor) start(ctx context.Context, name string, cmd command) *process {
	ctx, cancel := context.WithCancel(ctx)
	p := &process{name: name, cmd: cmd, floor: f, cancel: cancel}
	go func() {
		defer cancel()
		report, err := p.work(ctx)
		f.mu.Lock()
		p.done, p.err, p.report = true, err, report
		f.mu.Unlock()
		f.ring()
	}()
	return p
}

// kill is kill -9: what the process has sent may still arrive, what it sends
// from now on does not.
func (p *process) kill() (sent []*call) {
	p.floor.mu.Lock()
	p.dead = true
	var left []*call
	for _, c := range p.floor.pending {
		if c.from == p {
			sent = append(sent, c)
		} else {
			left = append(left, c)
		}
	}
	p.floor.pending = left
	p.floor.mu.Unlock()
	p.cancel()
	return sent
}

// ended tells how a process ended; false while it is at work.
func (p *process) ended() (worker.Report, error, bool) {
	p.floor.mu.Lock()
	defer p.floor.mu.Unlock()
	return p.report, p.err, p.done
}

// patience is a budget that no run here uses up: what is played is faults and
// not the giving up, whose moment hangs on the jitter of the pauses.
const patience = 1000 * time.Hour

func (p *process) connect() (*esquery.Client, error) {
	return esquery.Connect(esquery.Config{Addresses: []string{p.cmd.address}, Transport: p, RetryBudget: patience, RequestTimeout: patience})
}

// work does what cmd/postweave does for run and backfill; the command itself is
// no package that could be called.
func (p *process) work(ctx context.Context) (report worker.Report, err error) {
	client, err := p.connect()
	if err != nil {
		return report, err
	}
	defer client.Close()
	source, err := client.Source(esquery.SourceOptions{
		Patterns: p.cmd.patterns, Target: target, State: state, Fields: p.cmd.fields, Horizon: p.cmd.horizon, Holder: "elsewhere/1/" + p.name, Width: p.cmd.width,
	})
	if err != nil {
		return report, err
	}
	run := &worker.Run{Target: client.Documents(target), Options: p.cmd.options, Command: "run", Concurrency: p.cmd.concurrency}
	if p.cmd.from.IsZero() {
		incoming := source.Incoming()
		if p.cmd.reset {
			if err := incoming.Reset(ctx); err != nil {
				return report, err
			}
		}
		run.Source = incoming
	} else {
		run.Command, run.Source = "backfill", source.Days(p.cmd.from, p.cmd.to)
	}
	if p.cmd.check {
		if err := client.CheckTarget(ctx, target, state); err != nil {
			return report, err
		}
	}
	report, err = run.Do(ctx)
	if errors.Is(err, esquery.ErrSuperseded) || errors.Is(err, esquery.ErrBusy) {
		report.More, err = true, nil
	}
	return report, err
}

// send carries a request to the cluster.
func (c *call) send(to http.RoundTripper) (*http.Response, error) {
	r := c.req.Clone(context.WithoutCancel(c.req.Context()))
	r.Body = io.NopCloser(bytes.NewReader(c.body))
	return to.RoundTrip(r)
}
