package worker

import (
	"time"

	"github.com/postweave/postweave/worker/message"
)

// sessions joins the lines without a queue id with the messages of the same
// batch, server by server. What has not found its message yet is kept for the next batch of the run,
// since a session may lie across two.
type sessions struct {
	hosts  map[string]*message.Sessions
	newest time.Time // line so far
	// dropped is how many lines were let go without a look because there were too
	// many of them.
	dropped int
	most    int // of lines kept; 0 is maxSessionLines
}

const (
	// maxSessionHosts bounds the servers of which lines are kept from one batch to
	// the next.
	maxSessionHosts = 1000
	// maxSessionLines bounds the lines of all servers that are kept.
	maxSessionLines = 200_000
	// keptSessions is how long before the newest line they are kept.
	keptSessions = 10 * time.Minute
	// settledAfter makes all lines of a batch old enough to be settled: they are
	// written now.
	settledAfter = 5 * time.Second
)

// join returns what is found about the batch's keys.
func (s *sessions) join(b *message.Batch) map[message.Key][]message.Finding {
	if len(b.Context) == 0 && len(s.hosts) == 0 {
		return nil
	}
	if s.hosts == nil || len(s.hosts) > maxSessionHosts {
		s.hosts = make(map[string]*message.Sessions)
	}
	for _, l := range b.Context {
		h := s.hosts[l.Host]
		if h == nil {
			h = new(message.Sessions)
			s.hosts[l.Host] = h
		}
		h.Add(l.Line)
		if l.Time.After(s.newest) {
			s.newest = l.Time
		}
	}
	for k, lines := range b.Lines {
		h := s.hosts[k.Host]
		for _, l := range lines {
			if h != nil {
				h.Claim(k.QueueID, l)
			}
			if l.Time.After(s.newest) {
				s.newest = l.Time
			}
		}
	}
	found := make(map[message.Key][]message.Finding)
	for host, h := range s.hosts {
		h.Settle(s.newest.Add(settledAfter), s.newest.Add(-keptSessions), func(id string, f message.Finding) {
			if k := (message.Key{Host: host, QueueID: id}); b.Lines[k] != nil {
				found[k] = append(found[k], f)
			}
		})
	}
	s.bound()
	return found
}

// bound lets go of all where too much is kept: with a part of the lines a wrong
// session might seem to be the only one.
func (s *sessions) bound() {
	held := 0
	for _, h := range s.hosts {
		held += h.Held()
		s.dropped += h.Dropped
		h.Dropped = 0
	}
	most := s.most
	if most == 0 {
		most = maxSessionLines
	}
	if held > most {
		s.dropped += held
		s.hosts = nil
	}
}
