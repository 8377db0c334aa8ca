package maillog

import (
	"time"

	"github.com/postweave/postweave/worker/message"
)

// host is what is held of one server.
type host struct {
	name  string
	clock time.Time // latest stamp seen
	open  map[string]*group

	// queue holds groups that may have ended, in the order in which they are
	// to be looked at. Lines come nearly in order of time, so a plain queue does: in a heap
	// a group would leave sooner by the disorder of the log, at best.
	queue looks
	young looks // all groups, once, some time after their first line

	// written remembers the messages written while the clock showed one UTC day, and
	// those of the day before. An id has its day from its arrival, so what is
	// older cannot meet a new one in a day.
	day             int64 // days since 1970
	written, before records

	sessions message.Sessions
	settled  time.Time // the clock when the sessions were last settled
	mark     time.Time // the clock when what is held was last settled down
}

// look is a group and when it is to be looked at.
type look struct {
	group  *group
	due    time.Time
	serial int64
}

// looks is a queue.
type looks struct {
	list []look
	head int
}

func (q *looks) add(l look) {
	if q.head > 64 && q.head*2 > len(q.list) {
		n := copy(q.list, q.list[q.head:])
		clear(q.list[n:])
		q.list, q.head = q.list[:n], 0
	}
	q.list = append(q.list, l)
}

// due takes the next look that is due; its group is nil where there is none.
func (q *looks) due(clock time.Time) (l look) {
	if q.head == len(q.list) || !clock.After(q.list[q.head].due) {
		return l
	}
	l = q.list[q.head]
	q.list[q.head] = look{}
	q.head++
	return l
}

// eventCost is about what a line takes that [message.Sessions] holds, beside the block that it was read in.
const eventCost = 100

func newHost(name string, memory int64) *host {
	h := &host{name: name, open: make(map[string]*group)}
	h.sessions.Max = int(max(memory/8/eventCost, 16))
	return h
}

// settleEvery is how far the clock moves between two looks at the sessions. It
// is shorter than afterEnd: a message is written once its session was looked at.
const settleEvery = afterEnd / 2

// settleSessions gives the groups what is known of their sessions, up to the
// window.
func (h *host) settleSessions(window time.Duration) {
	if h.clock.Sub(h.settled) < settleEvery {
		return
	}
	h.settled = h.clock
	settled := h.clock.Add(-window)
	h.sessions.Settle(settled, settled, h.found)
}

// found keeps a finding for the document of its message. One about a message
// that was written or spilled is let go.
func (h *host) found(id string, f message.Finding) {
	switch g := h.open[id]; {
	case g == nil:
	case g.flying:
		g.later = append(g.later, f)
	default:
		if cap(g.found) == 0 {
			g.found = make([]message.Finding, 0, 2) // as it comes and as it goes
		}
		if g.down {
			f = f.Clone()
		}
		g.found = append(g.found, f)
	}
}

// enqueue plans a look at the group once the window has passed its last line.
func (h *host) enqueue(g *group, window time.Duration) {
	g.queued = true
	h.queue.add(look{g, g.last.Add(window + afterEnd), g.serial})
}

// due takes the next group that is to be looked at, or returns nil.
func (h *host) due() *group {
	l := h.queue.due(h.clock)
	if l.group != nil {
		l.group.queued = false
	}
	return l.group
}

// settleYoung settles the groups down that were not written soon after their first lines, save those that are about to
// be.
func (h *host) settleYoung() {
	for l := h.young.due(h.clock); l.group != nil; l = h.young.due(h.clock) {
		if g := l.group; g.serial == l.serial && !g.gone && !g.flying && !g.queued {
			g.settleDown()
		}
	}
}

// recall takes what is remembered of a queue id.
func (h *host) recall(id string) (message.Past, bool) {
	if p, ok := h.written.get(id); ok {
		return p, true
	}
	return h.before.get(id)
}

const daySeconds = 24 * 60 * 60

// dayTurns tells that the clock shows another day than before.
func (h *host) dayTurns() bool { return h.clock.Unix()/daySeconds != h.day }

// turnDay forgets what was written two days ago. It returns how many that were.
func (h *host) turnDay() (forgotten int) {
	day := h.clock.Unix() / daySeconds
	forgotten = h.before.len()
	h.before = h.written
	if day > h.day+1 {
		forgotten += h.before.len()
		h.before = records{}
	}
	h.written, h.day = records{}, day
	return forgotten
}

func (h *host) idle() bool { return len(h.open) == 0 && h.written.len() == 0 && h.before.len() == 0 }
