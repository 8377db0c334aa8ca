package maillog

import (
	"strings"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// What the things that are held take, in bytes, beside their text. The figures
// are rough: they are there to bound memory, not to account for it.
const (
	lineCost  = 96
	groupCost = 256
	pastCost  = 80
	hostCost  = 1 << 10
)

// afterEnd is how much longer than the window a message is held after its last
// line: lines go on for a few seconds after the one that says the end.
const afterEnd = 10 * time.Second

// maxLooks bounds the work of vain looks at a group, in merges of each of its
// lines: a message may stay in the queue for long, and any line that is not understood may be its end.
const maxLooks = 32

// group is the lines of one key that are held.
type group struct {
	host  *host
	id    string
	lines []message.Line
	past  message.Past      // of the messages with this key that were written before
	last  time.Time         // of the latest line
	size  int64             // bytes it counts for
	found []message.Finding // of its sessions

	serial int64 // tells it from others that had its memory
	looked int   // lines merged in vain, over all looks
	mayEnd bool  // a line was added that may be an end, since the group was last looked at
	queued bool  // it is in the host's queue
	gone   bool  // it was written or spilled
	flying bool  // it is being merged: nothing of it may be changed, save what is for later
	down   bool  // its texts are copies, see settleDown

	later []message.Finding // that came meanwhile

	prev, after *group // in order of creation, over all hosts
}

func (g *group) key() message.Key { return message.Key{Host: g.host.name, QueueID: g.id} }

func (g *group) add(l *message.Line) (grown int64) {
	g.lines = append(g.lines, *l)
	if g.down {
		copyTexts(g.lines[len(g.lines)-1:])
	}
	if l.Time.After(g.last) {
		g.last = l.Time
	}
	g.mayEnd = g.mayEnd || mayEnd(g.id, l.Text)
	grown = int64(len(l.Program)+len(l.PID)+len(l.Text)) + lineCost
	g.size += grown
	return grown
}

// settleDown copies the texts of a message that may be held for days. They are parts of the blocks that they were
// read in, each of which is kept as long as any line of it is.
func (g *group) settleDown() {
	if g.down {
		return
	}
	g.down = true
	g.lines = append(make([]message.Line, 0, len(g.lines)+2), g.lines...)
	copyTexts(g.lines)
	for i := range g.found {
		g.found[i] = g.found[i].Clone()
	}
}

// copyTexts copies the texts of lines into a place of their own.
func copyTexts(lines []message.Line) {
	size := 0
	for i := range lines {
		size += len(lines[i].Program) + len(lines[i].PID) + len(lines[i].Text)
	}
	var b strings.Builder
	b.Grow(size) // it does not move while it grows up to this
	put := func(s string) string {
		from := b.Len()
		b.WriteString(s)
		return b.String()[from:]
	}
	for i := range lines {
		l := &lines[i]
		l.Program, l.PID, l.Text = put(l.Program), put(l.PID), put(l.Text)
	}
}

// mayEnd tells whether a line may say the end of its message. It only saves
// vain looks: whether a message has ended, its document says (Document.Open). Left out is
// what a message that stays in the queue for days repeats.
func mayEnd(id, text string) bool {
	if n := len(id) + len(": "); len(text) > n && text[:len(id)] == id {
		text = text[n:]
	} else {
		_, text, _ = strings.Cut(text, ": ")
	}
	if text == "" {
		return true
	}
	switch text[0] {
	case 't', 'f', 'c', 'm', 'u', 'h', 'l':
		for _, p := range [...]string{"to=<", "from=<", "client=", "message-id=", "uid=", "host ", "conversation with ", "lost connection with "} {
			if strings.HasPrefix(text, p) {
				return false
			}
		}
	}
	return true
}

// list is groups in order of creation.
type list struct {
	first, last *group
	unused      []*group // their memory is used again
}

// Bounds on what is kept of groups that are done with.
const (
	fewLines   = 16
	mostUnused = 4096
)

// spare returns an empty group that is in no list.
func (l *list) spare() *group {
	n := len(l.unused)
	if n == 0 {
		return &group{lines: make([]message.Line, 0, fewLines)}
	}
	g := l.unused[n-1]
	l.unused = l.unused[:n-1]
	return g
}

// spared takes a group that nothing refers to any more.
func (l *list) spared(g *group) {
	if cap(g.lines) > 2*fewLines || len(l.unused) == mostUnused {
		return
	}
	clear(g.lines)
	clear(g.found)
	*g = group{lines: g.lines[:0], found: g.found[:0]}
	l.unused = append(l.unused, g)
}

func (l *list) add(g *group) {
	g.prev = l.last
	if l.last == nil {
		l.first = g
	} else {
		l.last.after = g
	}
	l.last = g
}

func (l *list) remove(g *group) {
	if g.prev == nil {
		l.first = g.after
	} else {
		g.prev.after = g.after
	}
	if g.after == nil {
		l.last = g.prev
	} else {
		g.after.prev = g.prev
	}
	g.prev, g.after = nil, nil
}
