package loggen

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// server is one Postfix host.
type server struct {
	name, fqdn, ip string
	long           bool
	inode          uint64
	pid            int
	pools          map[string]*pool
	retired        [64]retiredID // ids of messages that left the queue, for ReuseIDs
	retiredN       int
	warnsOfDelay   bool
	dkim           string
}

type retiredID struct {
	id          string
	micros      int64 // of the arrival's second
	removed     int64
	incarnation int
}

// pool is the processes of one service. A process does one thing at a time and is replaced after a hundred (max_use).
type pool struct {
	procs []*process
	next  int
}

type process struct {
	pid  string
	busy int64 // until when
	uses int
}

func newServer(r *rand.Rand, n int, long bool) *server {
	return &server{
		name: fmt.Sprintf("mx%d", n), fqdn: fmt.Sprintf("mx%d.corp.test", n), ip: fmt.Sprintf("192.0.2.%d", 100+n%100),
		long: long, inode: 0x20000 + r.Uint64N(1<<20), pid: 1000 + r.IntN(20000),
		pools: map[string]*pool{}, warnsOfDelay: n%2 == 0,
	}
}

// take gives a process of a service that is free at that time. The caller sets until when it is busy.
func (s *server) take(service string, at int64) *process {
	p := s.pools[service]
	if p == nil {
		p = &pool{}
		s.pools[service] = p
	}
	for i := range p.procs {
		c := p.procs[(p.next+i)%len(p.procs)]
		if c.busy > at {
			continue
		}
		p.next = (p.next + i) % len(p.procs)
		if c.uses++; c.uses > 100 && service != "postfix/qmgr" && service != "postfix/pickup" {
			c.pid, c.uses = s.newPID(), 1
		}
		return c
	}
	c := &process{pid: s.newPID(), uses: 1}
	p.procs = append(p.procs, c)
	return c
}

func (s *server) newPID() string {
	if s.pid += 1 + s.pid%7; s.pid > 99999 {
		s.pid = 300 + s.pid%7
	}
	return strconv.Itoa(s.pid)
}

// newID gives the id of a queue file made at that time, and the exact time: a reused short id needs the microseconds of the first.
// Inodes only grow, so that no id comes twice unless reuse asks for it.
func (g *Generator) newID(s *server, at int64) (id string, arrival int64, incarnation int) {
	if !s.long && s.retiredN > 0 && g.cfg.ReuseIDs > 0 && g.chance(g.cfg.ReuseIDs) {
		k := g.r.IntN(min(s.retiredN, len(s.retired)))
		old := &s.retired[k]
		arrival := at - at%1e6 + old.micros
		if arrival < at {
			arrival += 1e6
		}
		if old.id != "" && arrival > old.removed+2e6 {
			id, n := old.id, old.incarnation+1
			old.id = "" // until it is retired again
			return id, arrival, n
		}
	}
	s.inode += 1 + g.r.Uint64N(3)
	if t := time.UnixMicro(at); s.long {
		id = LongID(t, s.inode)
	} else {
		id = ShortID(t, s.inode)
	}
	return id, at, 1
}

func (s *server) retire(m *mail, removed int64) {
	if s.long {
		return
	}
	s.retired[s.retiredN%len(s.retired)] = retiredID{m.id, m.created % 1e6, removed, m.truth.Incarnation}
	s.retiredN++
}
