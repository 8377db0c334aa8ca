package simulation

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"github.com/postweave/postweave/esquery"
	"github.com/postweave/postweave/mappings"
	"github.com/postweave/postweave/test/essim"
	"github.com/postweave/postweave/worker"
	"github.com/postweave/postweave/worker/message"
)

// world is one cluster with what watches it.
type world struct {
	ctx     context.Context
	cluster *essim.Cluster
	oracle  *oracle
	floor   *floor
	failure string   // the first
	trace   []string // of the requests and what came between them
	calls   int
	hash    uint64
	keep    bool // the whole trace, not only its end
	procs   []*process
}

const tracedCalls = 60

func newWorld(ctx context.Context, shards int) *world {
	w := &world{ctx: ctx, cluster: essim.New(time.Now), floor: newFloor(), hash: 1}
	w.oracle = newOracle(w.fail)
	w.cluster.Unknown = func(what string) { w.fail("a request that the simulation does not know: %s", what) }
	client, err := esquery.Connect(esquery.Config{Addresses: []string{"http://127.0.0.1:9200"}, Transport: w.cluster})
	if err != nil {
		panic(err)
	}
	if shards > 1 {
		w.manyShards(shards)
	}
	if _, err := client.Setup(ctx, esquery.SetupOptions{Target: target, State: state}); err != nil {
		w.fail("setup: %v", err)
	}
	w.cluster.Watch = w.oracle.watch
	return w
}

// manyShards makes the target with more shards than the template gives it, as a
// user may.
func (w *world) manyShards(shards int) {
	raw, err := mappings.Template(target)
	if err != nil {
		panic(err)
	}
	var t struct {
		Template struct{ Mappings json.RawMessage }
	}
	if err := json.Unmarshal(raw, &t); err != nil {
		panic(err)
	}
	body := fmt.Sprintf(`{"settings":{"index":{"number_of_shards":%d}},"mappings":%s,"aliases":{%q:{"is_write_index":true}}}`, shards, t.Template.Mappings, target)
	r, err := http.NewRequestWithContext(w.ctx, http.MethodPut, "http://127.0.0.1:9200/"+mappings.FirstIndex(target), strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	if res, err := w.cluster.RoundTrip(r); err != nil || res.StatusCode != http.StatusOK {
		w.fail("target with %d shards: %v", shards, err)
	}
}

// fail keeps the first thing that went wrong.
func (w *world) fail(format string, args ...any) {
	if w.failure == "" {
		w.failure = fmt.Sprintf(format, args...)
		w.note("FAILED: %.500s", w.failure)
	}
}

// note adds to the trace and to its hash.
func (w *world) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d %s", w.hash, text)
	w.hash = h.Sum64()
	w.trace = append(w.trace, text)
	if !w.keep && len(w.trace) > 4*tracedCalls {
		w.trace = append(w.trace[:0], w.trace[len(w.trace)-tracedCalls:]...)
	}
}

// start begins a process.
func (w *world) start(what string, cmd command) *process {
	name := fmt.Sprintf("%s#%d", what, len(w.procs)+1)
	w.note("%s starts: %s", name, cmd)
	p := w.floor.start(w.ctx, name, cmd)
	w.procs = append(w.procs, p)
	return p
}

// end kills what is left and waits until it is gone.
func (w *world) end() {
	for _, p := range w.procs {
		p.kill()
	}
	for _, p := range w.procs {
		for {
			synctest.Wait()
			if _, _, done := p.ended(); done {
				break
			}
			time.Sleep(grid)
		}
	}
}

func (c command) String() string {
	what := "run"
	switch {
	case !c.from.IsZero():
		what = "backfill " + c.from.Format(time.DateOnly) + " " + c.to.Format(time.DateOnly)
	case c.reset:
		what = "run --reset-cursor"
	}
	return what + " " + strings.Join(c.patterns, ",")
}

// settled waits until each process waits for an answer or for the clock, and
// returns the requests in an order that hangs on nothing but what they say.
func (w *world) settled() []*call {
	synctest.Wait()
	w.floor.mu.Lock()
	defer w.floor.mu.Unlock()
	calls := slices.Clone(w.floor.pending)
	slices.SortFunc(calls, func(a, b *call) int { return cmp.Compare(a.key, b.key) })
	return calls
}

// fault is what happens to a request.
type fault int

const (
	none        fault = iota
	unsent            // it never arrives
	unheard           // it is carried out, the answer is lost
	overloaded        // 429
	crowded           // 429 for some of the items of a bulk request
	unavailable       // 503
	killBefore        // the process dies before it is sent
	killAfter         // the process dies when it is carried out
)

func (f fault) String() string {
	return [...]string{"", " NOT SENT", " ANSWER LOST", " 429", " 429 IN PART", " 503", " KILLED BEFORE", " KILLED AFTER"}[f]
}

// serve answers a request, or does not.
func (w *world) serve(c *call, f fault) {
	w.floor.take(c)
	w.calls++
	switch f {
	case none:
		res, err := c.send(w.cluster)
		w.noteCall(c, f, res)
		c.reply <- reply{res, err}
	case crowded:
		n := 0
		w.cluster.Busy = func(string) bool { n++; return n%2 == 0 }
		res, err := c.send(w.cluster)
		w.cluster.Busy = nil
		w.noteCall(c, f, res)
		c.reply <- reply{res, err}
	case unsent:
		w.noteCall(c, f, nil)
		c.reply <- reply{nil, errLost}
	case unheard:
		res, _ := c.send(w.cluster)
		w.noteCall(c, f, res)
		c.reply <- reply{nil, errLost}
	case overloaded, unavailable:
		w.noteCall(c, f, nil)
		c.reply <- reply{refusal(f), nil}
	case killBefore:
		w.noteCall(c, f, nil)
		c.from.kill()
	case killAfter:
		res, _ := c.send(w.cluster)
		w.noteCall(c, f, res)
		c.from.kill()
	}
}

func refusal(f fault) *http.Response {
	status, kind := http.StatusTooManyRequests, "es_rejected_execution_exception"
	if f == unavailable {
		status, kind = http.StatusServiceUnavailable, "cluster_block_exception"
	}
	body := fmt.Sprintf(`{"error":{"type":%q},"status":%d}`, kind, status)
	return &http.Response{
		StatusCode: status, Header: http.Header{"X-Elastic-Product": {"Elasticsearch"}, "Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

func (w *world) noteCall(c *call, f fault, res *http.Response) {
	status := 0
	if res != nil {
		status = res.StatusCode
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(c.key))
	body := ""
	if w.keep && isWrite(c) {
		body = " " + string(c.body[:min(len(c.body), 400)])
	}
	w.note("%4d %-12s %-6s %s %08x %d%s%s", w.calls, c.from.name, c.req.Method, c.req.URL.Path, h.Sum32(), status, f, body)
}

// isWrite tells requests that change something from those that ask.
func isWrite(c *call) bool {
	return strings.HasSuffix(c.req.URL.Path, "/_bulk") || strings.Contains(c.req.URL.Path, "/_doc/") && c.req.Method != http.MethodGet
}

// finish lets a process go on to its end, alone.
func (w *world) finish(p *process) (worker.Report, error) {
	for range 20_000 {
		calls := w.settled()
		if report, err, done := p.ended(); done {
			w.note("%s ends: %d lines, %d created, %d updated, %d deleted, more %v, %v",
				p.name, report.Lines, report.Created, report.Updated, report.Deleted, report.More, err)
			return report, err
		}
		if w.failure != "" {
			break
		}
		calls = slices.DeleteFunc(calls, func(c *call) bool { return c.from != p })
		if len(calls) == 0 {
			time.Sleep(grid)
			continue
		}
		w.serve(calls[0], none)
	}
	p.kill()
	w.fail("%s does not come to an end", p.name)
	return worker.Report{}, errors.New("no end")
}

// whole makes a run again and again until it exits 0 with nothing more to do.
func (w *world) whole(what string, cmd command) (last worker.Report) {
	for range 20 {
		report, err := w.finish(w.start(what, cmd))
		if w.failure != "" {
			return report
		}
		if err == nil && !report.More {
			return report
		}
		cmd.reset = cmd.reset && err != nil
		time.Sleep(grid)
	}
	w.fail("%s: no complete run in twenty", cmd)
	return last
}

// judge makes quiet runs of all commands until nothing is new, and compares.
func (w *world) judge(commands []command, options message.Options) {
	for round := range 2 {
		before := w.oracle.writes
		for i, cmd := range commands {
			cmd.reset = false
			report := w.whole(fmt.Sprintf("quiet%d", i), cmd)
			if w.failure != "" {
				return
			}
			if round > 0 && report.Lines > 0 {
				w.fail("a second quiet run reads %d lines", report.Lines)
			}
		}
		if round > 0 && w.oracle.writes != before {
			w.fail("a quiet run after a whole one writes %d times", w.oracle.writes-before)
			return
		}
	}
	if d := w.oracle.difference(w.cluster, options); d != "" {
		w.fail("%s", d)
	}
}

// ship indexes one raw line. The index is made where it is missing.
func (w *world) ship(index string, shards int, d sourceDoc, hold bool) (release func()) {
	if !w.cluster.Exists(index) {
		if err := w.cluster.Create(index, shards, sourceMapping); err != nil {
			w.fail("create %s: %v", index, err)
			return nil
		}
	}
	source, err := json.Marshal(d)
	if err != nil {
		panic(err)
	}
	if hold {
		release, err = w.cluster.Hold(index, source)
	} else {
		err = w.cluster.Index(index, source)
	}
	if err != nil {
		w.fail("index into %s: %v", index, err)
	}
	return release
}

const sourceMapping = `{"dynamic":false,"properties":{
	"@timestamp":{"type":"date"},"syslog_hostname":{"type":"keyword"},"syslog_program":{"type":"keyword"},"syslog_pid":{"type":"keyword"},
	"syslog_message":{"type":"text"},"postfix_queueid":{"type":"keyword","ignore_above":1024}}}`
