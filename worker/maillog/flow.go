package maillog

import (
	"runtime"

	"github.com/postweave/postweave/worker/message"
	"github.com/postweave/postweave/worker/postlog"
)

// flow merges what is due on all cores, and hands the results back in the order in which it was given: a merge
// of one key asks nothing of another.
//
// What is on its way is as good as written for whoever looks from outside: before anything is done that depends on a
// result, the result is landed. So the documents, their order and every count are those of a merge step by step, on
// any number of cores.
type flow struct {
	render bool // documents are written as JSON lines, by who merged them
	opts   message.Options
	shapes bool

	filling *batch
	flying  []*batch // in order; the first from head on
	head    int
	lines   int // in what flies
	free    []*batch
	work    chan *batch
}

// Bounds on what is on its way.
const (
	batchLines  = 1024
	batchJobs   = 256
	mostBatches = 16
	mostKept    = 4 << 20 // bytes of a batch's buffer that are kept for the next one
)

// batch is what one goroutine merges at a time.
type batch struct {
	jobs   []job
	lines  int
	out    []byte        // of render
	shapes []Shape       // of lines that were not understood, with Explain
	done   chan struct{} // closed once all is merged
}

// job is the lines of one key, or a reject.
type job struct {
	group   *group
	final   bool // it is written even where it is open
	spilled bool // it comes from the temporary file and is not held
	host    string
	reject  message.Line

	// What came of it.
	id       string // of a reject's document
	given    int    // lines that were merged, repeated ones included
	open     bool   // it has not ended and is to be held on
	none     bool   // it is no reject
	docs     []message.Document
	count    int // documents
	lines    int // in them
	unparsed int
	past     message.Past
	late     int
	out      int // end of its documents in the batch's
}

func newFlow(o *Options, render bool) *flow {
	return &flow{opts: o.Message, shapes: o.Explain, render: render}
}

// add sends a job on its way.
func (f *flow) add(j job, lines int) {
	b := f.filling
	if b == nil {
		b = f.batch()
		f.filling = b
	}
	b.jobs = append(b.jobs, j)
	if b.lines += lines; b.lines >= batchLines || len(b.jobs) >= batchJobs {
		f.send()
	}
}

func (f *flow) batch() *batch {
	if n := len(f.free); n > 0 {
		b := f.free[n-1]
		f.free = f.free[:n-1]
		return b
	}
	return &batch{done: make(chan struct{})}
}

// send gives the batch that is being filled to a goroutine.
func (f *flow) send() {
	if f.filling == nil {
		return
	}
	if f.work == nil {
		f.work = make(chan *batch, mostBatches)
		for range runtime.GOMAXPROCS(0) {
			go f.merge(f.work)
		}
	}
	f.flying = append(f.flying, f.filling)
	f.lines += f.filling.lines
	f.work <- f.filling // there is room for all
	f.filling = nil
}

// full tells that something must land before more is sent. A key may have any number of lines.
func (f *flow) full() bool {
	n := len(f.flying) - f.head
	return n >= mostBatches || n > 1 && f.lines > mostBatches*batchLines
}

// oldest is the batch that was sent first. What is being filled is sent where nothing else is on its way.
func (f *flow) oldest() *batch {
	if f.head == len(f.flying) {
		f.send()
	}
	if f.head == len(f.flying) {
		return nil
	}
	return f.flying[f.head]
}

// first waits for the batch that was sent first, nil where there is none.
func (f *flow) first() *batch {
	if f.head == len(f.flying) {
		f.flying, f.head = f.flying[:0], 0
		return nil
	}
	b := f.flying[f.head]
	f.flying[f.head] = nil
	f.head++
	f.lines -= b.lines
	<-b.done
	return b
}

// landed takes a batch back.
func (f *flow) landed(b *batch) {
	clear(b.jobs)
	if cap(b.out) > mostKept {
		b.out = nil
	}
	*b = batch{jobs: b.jobs[:0], out: b.out[:0], shapes: b.shapes[:0], done: make(chan struct{})}
	f.free = append(f.free, b)
}

// close ends the goroutines.
func (f *flow) close() {
	if f.work != nil {
		close(f.work)
		f.work = nil
	}
}

// merge is the work of one goroutine.
func (f *flow) merge(work <-chan *batch) {
	var scratch *message.Scratch
	if f.render { // documents are done with once they are written
		scratch = new(message.Scratch)
	}
	for b := range work {
		for i := range b.jobs {
			f.do(b, &b.jobs[i], scratch)
		}
		close(b.done)
	}
}

func (f *flow) do(b *batch, j *job, scratch *message.Scratch) {
	if j.group == nil {
		f.doReject(b, j)
	} else {
		g := j.group
		j.given = len(g.lines)
		if scratch != nil {
			j.docs, j.past, j.late = scratch.MergeAfter(g.key(), g.lines, g.past, &f.opts)
		} else {
			j.docs, j.past, j.late = message.MergeAfter(g.key(), g.lines, g.past, f.opts)
		}
		j.open = !j.final && j.docs[len(j.docs)-1].Open
		if j.open {
			j.docs = nil
		}
		message.Attach(j.docs, g.found)
	}
	j.count = len(j.docs)
	for i := range j.docs {
		d := &j.docs[i]
		j.lines += d.Lines
		j.unparsed += d.Unparsed
		if f.shapes {
			b.shapes = appendShapes(b.shapes, d)
		}
		if f.render {
			b.out = append(d.AppendJSON(b.out), '\n')
		}
	}
	if f.render {
		j.docs = nil
	}
	j.out = len(b.out)
}

func (f *flow) doReject(b *batch, j *job) {
	d, ok := message.RejectOf(j.host, j.reject, f.opts)
	if j.none = !ok; j.none {
		if f.shapes {
			b.shapes = appendShape(b.shapes, postlog.Parse(j.reject.Program, j.reject.Text))
		}
		return
	}
	j.id, j.docs = d.ID, []message.Document{d}
}
