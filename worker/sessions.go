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
}

const (
	// maxSessionHosts bounds the servers of which lines are kept from one batch to
	// the next.
	maxSessionHosts = 1000
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
	return found
}
