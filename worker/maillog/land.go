package maillog

// send gives a group on its way to be merged. Where its last message turns out to be open still, it is held on,
// save with final.
func (m *merger) send(g *group, final bool) error {
	g.flying = true
	m.flow.add(job{group: g, final: final}, len(g.lines))
	return m.keepBound()
}

// keepBound lands what is on its way for longest, where that is much.
func (m *merger) keepBound() error {
	for m.flow.full() {
		if err := m.land(m.flow.first()); err != nil {
			return err
		}
	}
	return nil
}

// landGroup waits for a group that is on its way, and so for what was sent before it.
func (m *merger) landGroup(g *group) error {
	m.flow.send()
	for g.flying {
		if err := m.land(m.flow.first()); err != nil {
			return err
		}
	}
	return nil
}

// landReady takes what is merged already. It returns what tells that more is, nil where nothing is on its way.
func (m *merger) landReady() (<-chan struct{}, error) {
	for {
		b := m.flow.oldest()
		if b == nil {
			return nil, nil
		}
		select {
		case <-b.done:
		default:
			return b.done, nil
		}
		if err := m.land(m.flow.first()); err != nil {
			return nil, err
		}
	}
}

// landAll waits for all that is on its way.
func (m *merger) landAll() error {
	m.flow.send()
	for b := m.flow.first(); b != nil; b = m.flow.first() {
		if err := m.land(b); err != nil {
			return err
		}
	}
	return nil
}

// land takes the results of a batch and emits its documents.
func (m *merger) land(b *batch) error {
	m.shapes.add(b.shapes)
	from, to := 0, 0 // of what is to be written
	for i := range b.jobs {
		j := &b.jobs[i]
		if m.keeps(j) {
			if err := m.emitAll(j); err != nil {
				return err
			}
			to = j.out
			continue
		}
		if err := m.writeOut(b.out[from:to]); err != nil {
			return err
		}
		from, to = j.out, j.out
	}
	if err := m.writeOut(b.out[from:to]); err != nil {
		return err
	}
	m.flow.landed(b)
	return nil
}

func (m *merger) writeOut(documents []byte) error {
	if len(documents) == 0 {
		return nil
	}
	return m.write(documents)
}

// keeps settles what a job was about, and tells whether its documents are to be emitted.
func (m *merger) keeps(j *job) bool {
	switch {
	case j.group == nil:
		return m.keepsReject(j)
	case j.spilled:
		m.report.Spilled++
	case j.open:
		g := j.group
		g.flying = false
		g.looked += len(g.lines)
		if g.down {
			for i := range g.later {
				g.later[i] = g.later[i].Clone()
			}
		}
		g.found, g.later = append(g.found, g.later...), nil
		g.settleDown()
		return false
	default:
		m.settle(j.group, j.past)
	}
	m.report.Late += int64(j.late)
	m.report.Messages += int64(j.count)
	m.report.Unparsed += int64(j.unparsed)
	m.report.Parsed += int64(j.lines - j.unparsed)
	m.report.Repeated += int64(j.given - j.lines)
	return true
}

func (m *merger) keepsReject(j *job) bool {
	switch {
	case j.none:
		m.report.NoQueueID++
	case !m.rejects.add(j.id, j.reject.Time):
		m.report.Repeated++
	default:
		m.report.Rejects++
		m.report.Parsed++
		return true
	}
	return false
}

// emitAll emits the documents that were not written by the way.
func (m *merger) emitAll(j *job) error {
	for i := range j.docs {
		if err := m.emit(&j.docs[i]); err != nil {
			return err
		}
	}
	return nil
}
