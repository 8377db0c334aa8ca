package maillog

import (
	"context"
	"errors"
	"strings"

	"github.com/postweave/postweave/worker/message"
	"github.com/postweave/postweave/worker/postlog"
)

// Merge reads the inputs and hands each document to emit as soon as it is
// settled, in an order that depends on nothing but the input and the options. A document may be kept.
//
// Where an input cannot be opened or is no log, nothing is merged ([ErrNotLog]). Where one
// breaks off in the middle ([ErrDamaged]), what was read is merged and emitted like
// the other inputs, and the error returned at the end. An error of emit or of the context ends
// the merge at once. The report counts what was done in each case.
func Merge(ctx context.Context, o Options, emit func(*message.Document) error) (Report, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Report{}, err
	}
	m := newMerger(o, emit)
	in, err := newSequence(&o)
	if err != nil {
		return Report{}, err
	}
	defer in.close()
	defer m.spill.close()
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
	hosts   map[string]*host
	current *host // of the line before
	groups  list
	held    int64 // bytes of lines and records
	records int64 // of these, of what is remembered
	spill   spill
	rejects rejects
	shapes  shapes
	report  Report
}

func newMerger(o Options, emit func(*message.Document) error) *merger {
	return &merger{
		Options: o, emit: emit, hosts: map[string]*host{}, shapes: shapes{},
		spill: newSpill(o.SpillDir, o.MaxMemory), rejects: newRejects(o.Window, o.MaxMemory),
	}
}

// checkEvery is how many lines are read between two looks at the context.
const checkEvery = 1024

func (m *merger) run(ctx context.Context, in *sequence) error {
	n := 0
	err := in.each(func(l *postlog.Line) error {
		if n++; n%checkEvery == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return m.take(l)
	})
	if err != nil {
		return err
	}
	for _, h := range m.hosts {
		end := h.clock.Add(m.Window + afterEnd)
		h.sessions.Settle(end, end, h.found)
		m.report.Unjoined += int64(h.sessions.Dropped)
	}
	for m.groups.first != nil {
		if n++; n%checkEvery == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := m.write(m.groups.first); err != nil {
			return err
		}
	}
	clear(m.hosts)
	return m.unite(ctx)
}

// take sorts one line in.
func (m *merger) take(l *postlog.Line) error {
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
		h.sessions.Add(message.Line{Time: l.Time, Program: l.Program, PID: l.PID, Text: l.Text})
	}
	m.report.NoQueueID++
	return nil
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
	d, ok := message.RejectOf(h.name, message.Line{Time: l.Time, Program: l.Program, PID: l.PID, Text: l.Text}, m.Message)
	if !ok {
		m.report.NoQueueID++
		if m.Explain {
			m.shapes.add(postlog.Parse(l.Program, l.Text))
		}
		return nil
	}
	if !m.rejects.add(d.ID, l.Time) {
		m.report.Repeated++
		return nil
	}
	m.report.Rejects++
	m.report.Parsed++
	return m.emit(&d)
}

// hold adds a line to the group of its key.
func (m *merger) hold(h *host, id string, l *postlog.Line) error {
	h.sessions.Claim(id, message.Line{Time: l.Time, Program: l.Program, PID: l.PID, Text: l.Text})
	g := h.open[id]
	if g == nil {
		if m.spill.has(h.name, id) {
			return m.spill.addLine(h.name, id, message.Line{Time: l.Time, Program: l.Program, PID: l.PID, Text: l.Text})
		}
		g = m.open(h, id)
	}
	m.held += g.add(l)
	if g.mayEnd && !g.queued {
		h.enqueue(g, m.Window)
	}
	if m.held > m.MaxMemory {
		return m.relieve()
	}
	return nil
}

func (m *merger) open(h *host, id string) *group {
	g := &group{host: h, id: id, size: groupCost, lines: make([]message.Line, 0, 8)}
	g.past, _ = h.recall(id)
	h.open[id] = g
	m.groups.add(g)
	m.held += groupCost
	return g
}

// pass writes what is due now that the host's clock has moved on.
func (m *merger) pass(h *host) error {
	m.recordsForgotten(h.turnDay())
	h.settleSessions(m.Window)
	for g := h.due(); g != nil; g = h.due() {
		switch {
		case g.gone:
		case !h.clock.After(g.last.Add(m.Window + afterEnd)):
			h.enqueue(g, m.Window)
		case g.mayEnd:
			if err := m.writeEnded(g); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeEnded writes the group where the last of its messages has ended. An
// earlier one without an end had its id taken from it: it has no file in the
// queue any more.
//
// A look merges all lines, so a group that was looked at in vain too often for its
// size waits until it has grown, is spilled, or the log ends. The documents are the same then.
func (m *merger) writeEnded(g *group) error {
	g.mayEnd = false
	if g.looked > maxLooks*len(g.lines) {
		return nil
	}
	docs, now, late := message.MergeAfter(g.key(), g.lines, g.past, m.Message)
	if docs[len(docs)-1].Open {
		g.looked += len(g.lines)
		return nil
	}
	return m.settle(g, docs, now, late)
}

// write writes the group as it is.
func (m *merger) write(g *group) error {
	docs, now, late := message.MergeAfter(g.key(), g.lines, g.past, m.Message)
	return m.settle(g, docs, now, late)
}

func (m *merger) settle(g *group, docs []message.Document, now message.Past, late int) error {
	lines := len(g.lines)
	message.Attach(docs, g.found)
	m.drop(g)
	h := g.host
	if _, known := h.recall(g.id); !known {
		m.held += pastCost
		m.records++
	}
	delete(h.before, g.id)
	h.written[strings.Clone(g.id)] = now
	return m.emitAll(docs, lines, late)
}

// drop lets go of a group's lines.
func (m *merger) drop(g *group) {
	g.gone = true
	m.held -= g.size
	delete(g.host.open, g.id)
	m.groups.remove(g)
	g.lines = nil
}

// emitAll emits the documents made of so many lines.
func (m *merger) emitAll(docs []message.Document, lines, late int) error {
	m.report.Late += int64(late)
	for i := range docs {
		d := &docs[i]
		lines -= d.Lines
		m.report.Messages++
		m.report.Unparsed += int64(d.Unparsed)
		m.report.Parsed += int64(d.Lines - d.Unparsed)
		if m.Explain {
			m.shapes.addDocument(d)
		}
		if err := m.emit(d); err != nil {
			return err
		}
	}
	m.report.Repeated += int64(lines)
	return nil
}

func (m *merger) recordsForgotten(n int) {
	m.records -= int64(n)
	m.held -= int64(n) * pastCost
}
