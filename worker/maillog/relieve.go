package maillog

import (
	"context"

	"github.com/postweave/postweave/worker/message"
)

// relieve brings what is held down to half the bound, so that it need not be
// done again soon. Records go first where they take a quarter; then groups that have no end in sight,
// the oldest first; then any, the oldest first.
func (m *merger) relieve() error {
	if m.records*pastCost > m.MaxMemory/4 {
		if err := m.spillRecords(); err != nil {
			return err
		}
	}
	for _, any := range [...]bool{false, true} {
		for g := m.groups.first; g != nil && m.held > m.MaxMemory/2; {
			after := g.after
			if any || !g.queued {
				if err := m.spillGroup(g); err != nil {
					return err
				}
			}
			g = after
		}
	}
	for name, h := range m.hosts {
		if h.idle() && h != m.current {
			delete(m.hosts, name)
			m.held -= hostCost
		}
	}
	return nil
}

func (m *merger) spillGroup(g *group) error {
	h := g.host
	if g.past != (message.Past{}) {
		if err := m.spill.addPast(h.name, g.id, g.past); err != nil {
			return err
		}
	}
	for _, l := range g.lines {
		if err := m.spill.addLine(h.name, g.id, l); err != nil {
			return err
		}
	}
	m.spill.mark(h.name, g.id)
	m.drop(g)
	g.lines = nil
	return nil
}

// spillRecords writes out what is remembered of the messages written. A key
// whose record is in the file may come back; its lines then go there too. An open group keeps the record that
// it was begun with.
func (m *merger) spillRecords() error {
	for _, h := range m.hosts {
		for _, r := range []*records{&h.written, &h.before} {
			for id, p := range r.all() {
				if h.open[id] != nil {
					continue // it has it
				}
				if err := m.spill.addPast(h.name, id, p); err != nil {
					return err
				}
				m.spill.mark(h.name, id)
			}
		}
		m.recordsForgotten(h.written.len() + h.before.len())
		h.written, h.before = records{}, records{}
	}
	return nil
}

// unite merges what lies in the temporary file.
func (m *merger) unite(ctx context.Context) error {
	err := m.spill.each(m.MaxMemory/2, func(k message.Key, lines []message.Line, past message.Past) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if len(lines) == 0 {
			return nil // a record only
		}
		g := &group{host: &host{name: k.Host}, id: k.QueueID, lines: lines, past: past}
		m.flow.add(job{group: g, final: true, spilled: true}, len(lines))
		return m.keepBound()
	})
	if err != nil {
		return err
	}
	return m.landAll()
}

// settleDownAfter is how much is read, in bytes of text, between two times at which what is held is settled down.
const settleDownAfter = 32 << 20

// settleAllDown settles down what was held already the last time. It bounds what lines keep of the blocks that they were read in. Clocks do not: that of a server that says
// nothing more stands still, and between two lines of a server there may be any number of others.
func (m *merger) settleAllDown() {
	for g := m.groups.first; g != nil && g.serial <= m.mark; g = g.after {
		if !g.flying {
			g.settleDown()
		}
	}
	for _, h := range m.hosts {
		h.sessions.SettleDown(h.mark)
		h.mark = h.clock
	}
	m.passed, m.mark = 0, m.born
}
