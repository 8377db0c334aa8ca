package maillog

import (
	"context"
	"errors"
	"strings"

	"github.com/postweave/postweave/worker/message"
	"github.com/postweave/postweave/worker/postlog"
)

// Merge reads the inputs and hands each document to emit as soon as it is
// settled, in an order that depends on nothing but the input and the options; where a pipe is one of several inputs, on
// how it was filled too. A document may be kept.
//
// Where an input cannot be opened or is no log, nothing is merged ([ErrNotLog]). Where one
// breaks off in the middle ([ErrDamaged]), what was read is merged and emitted like
// the other inputs, and the error returned at the end. An error of emit or of the context ends
// the merge at once. The report counts what was done in each case.
//
// Inputs are read, and documents merged, by goroutines; emit is called from one alone. After an early return one of
// them may still wait for the input that it reads.
func Merge(ctx context.Context, o Options, emit func(*message.Document) error) (Report, error) {
	return merge(ctx, o, func(o Options) *merger { return newMerger(o, emit) })
}

// MergeJSON is [Merge] with documents written as JSON, in the order of Merge and on all cores: write takes some of
// them, each with a line feed behind it. They are write's until it returns.
func MergeJSON(ctx context.Context, o Options, write func(documents []byte) error) (Report, error) {
	return merge(ctx, o, func(o Options) *merger {
		m := newMerger(o, nil)
		m.write, m.flow.render = write, true
		return m
	})
}

func merge(ctx context.Context, o Options, begin func(Options) *merger) (Report, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Report{}, err
	}
	m := begin(o)
	in, err := newSequence(&o)
	if err != nil {
		return Report{}, err
	}
	defer in.close()
	defer m.spill.close()
	defer m.flow.close()
	err = m.run(ctx, in)
	in.count(&m.report)
	if o.Explain {
		m.report.Shapes = m.shapes.sorted()
	}
	return m.report, errors.Join(err, in.err())
}

// merger is a merge under way.
type merger struct {
	Options
	emit    func(*message.Document) error
	write   func([]byte) error
	flow    *flow
	hosts   map[string]*host
	current *host // of the line before
	groups  list
	held    int64 // bytes of lines and records
	born    int64 // groups, ever
	mark    int64 // of these, when what is held was last settled down
	passed  int64 // bytes of lines since all was settled down
	records int64 // of these, of what is remembered
	spill   spill
	rejects rejects
	shapes  shapes
	report  Report
}

func newMerger(o Options, emit func(*message.Document) error) *merger {
	return &merger{
		Options: o, emit: emit, flow: newFlow(&o, false), hosts: map[string]*host{}, shapes: shapes{},
		spill: newSpill(o.SpillDir, o.MaxMemory), rejects: newRejects(o.Window, o.MaxMemory),
	}
}

// checkEvery is how many lines are read between two looks at the context.
const checkEvery = 1024

func (m *merger) run(ctx context.Context, in *sequence) error {
	n := 0
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	in.meanwhile = func() <-chan struct{} { // nothing is to wait for an input that is silent
		if ctx.Err() != nil {
			return nil
		}
		ready, err := m.landReady()
		if err != nil {
			fail(err) // nor is the error
		}
		return ready
	}
	err := in.each(ctx, func(l *postlog.Line) error {
		if n++; n%checkEvery == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return m.take(l)
	})
	if err != nil {
		return err
	}
	if err := m.landAll(); err != nil { // before the last findings
		return err
	}
	for _, h := range m.hosts {
		end := h.clock.Add(m.Window + afterEnd)
		h.sessions.Settle(end, end, h.found)
		m.report.Unjoined += int64(h.sessions.Dropped)
	}
	for g := m.groups.first; g != nil; {
		if n++; n%checkEvery == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		after := g.after
		if err := m.send(g, true); err != nil {
			return err
		}
		g = after
	}
	if err := m.landAll(); err != nil {
		return err
	}
	clear(m.hosts)
	return m.unite(ctx)
}

// take sorts one line in.
func (m *merger) take(l *postlog.Line) error {
	if m.passed += int64(len(l.Text)); m.passed > settleDownAfter {
		m.settleAllDown()
	}
	h := m.host(l.Host)
	if l.Time.After(h.clock) {
		h.clock = l.Time
		if err := m.pass(h); err != nil {
			return err
		}
	}
	if !postlog.NamesQueueIDs(l.Program) {
		m.report.Foreign++
		return nil
	}
	id, noqueue := postlog.LeadingQueueID(l.Text)
	switch {
	case h.name == "":
	case id != "":
		return m.hold(h, id, l)
	case noqueue:
		return m.takeReject(h, l)
	default:
		h.sessions.Add(lineOf(l))
	}
	m.report.NoQueueID++
	return nil
}

// lineOf is a line without its server.
func lineOf(l *postlog.Line) message.Line {
	return message.Line{Time: l.Time, Program: l.Program, PID: l.PID, Text: l.Text}
}

func (m *merger) host(name string) *host {
	if h := m.current; h != nil && h.name == name {
		return h
	}
	name = message.CleanHost(name)
	h := m.hosts[name]
	if h == nil {
		h = newHost(strings.Clone(name), m.MaxMemory)
		m.hosts[h.name] = h
		m.held += hostCost
	}
	m.current = h
	return h
}

// takeReject makes a document of a reject without a queue id. What else begins
// with NOQUEUE is a remark.
func (m *merger) takeReject(h *host, l *postlog.Line) error {
	m.flow.add(job{host: h.name, reject: lineOf(l)}, 1)
	return m.keepBound()
}

// hold adds a line to the group of its key.
func (m *merger) hold(h *host, id string, l *postlog.Line) error {
	line := lineOf(l)
	g := h.open[id]
	if g != nil && g.flying {
		if err := m.landGroup(g); err != nil {
			return err
		}
		g = h.open[id]
	}
	if g == nil {
		if m.spill.has(h.name, id) {
			h.sessions.Claim(strings.Clone(id), line)
			return m.spill.addLine(h.name, id, line)
		}
		g = m.open(h, strings.Clone(id))
	}
	h.sessions.Claim(g.id, line)
	m.held += g.add(&line)
	if g.mayEnd && !g.queued {
		h.enqueue(g, m.Window)
	}
	if m.held <= m.MaxMemory {
		return nil
	}
	if err := m.landAll(); err != nil || m.held <= m.MaxMemory {
		return err
	}
	return m.relieve()
}

func (m *merger) open(h *host, id string) *group {
	g := m.groups.spare()
	g.host, g.id, g.size = h, id, groupCost
	m.born++
	g.serial = m.born
	h.young.add(look{g, h.clock.Add(m.Window + 2*afterEnd), g.serial})
	g.past, _ = h.recall(id)
	h.open[id] = g
	m.groups.add(g)
	m.held += groupCost
	return g
}

// pass writes what is due now that the host's clock has moved on.
func (m *merger) pass(h *host) error {
	if h.dayTurns() {
		if err := m.landAll(); err != nil {
			return err
		}
		m.recordsForgotten(h.turnDay())
	}
	h.settleSessions(m.Window)
	for g := h.due(); g != nil; g = h.due() {
		switch {
		case g.gone:
		case !h.clock.After(g.last.Add(m.Window + afterEnd)):
			g.settleDown() // lines came after what may be its end
			h.enqueue(g, m.Window)
		case g.mayEnd:
			if err := m.sendEnded(g); err != nil {
				return err
			}
		}
	}
	h.settleYoung()
	return nil
}

// sendEnded has the group written where the last of its messages has ended. An
// earlier one without an end had its id taken from it: it has no file in the
// queue any more.
//
// A look merges all lines, so a group that was looked at in vain too often for its
// size waits until it has grown, is spilled, or the log ends. The documents are the same then.
func (m *merger) sendEnded(g *group) error {
	g.mayEnd = false
	if g.looked > maxLooks*len(g.lines) {
		return nil
	}
	return m.send(g, false)
}

// settle lets go of a group that was written.
func (m *merger) settle(g *group, now message.Past) {
	h, id := g.host, g.id
	known := false
	if g.past != (message.Past{}) { // it was remembered, and may be still
		_, known = h.recall(id)
		h.before.remove(id)
	}
	if !known {
		m.held += pastCost
		m.records++
	}
	h.written.put(id, now)
	m.drop(g)
	if !g.queued {
		m.groups.spared(g)
	}
}

// drop lets go of a group's lines.
func (m *merger) drop(g *group) {
	g.gone, g.flying = true, false
	m.held -= g.size
	delete(g.host.open, g.id)
	m.groups.remove(g)
}

func (m *merger) recordsForgotten(n int) {
	m.records -= int64(n)
	m.held -= int64(n) * pastCost
}
