package message

import (
	"slices"
	"strings"

	"github.com/postweave/postweave/worker/postlog"
)

// served is one client's session with smtpd, or several that one client began
// within one time stamp and that cannot be told apart.
type served struct {
	text       string // of its "connect" line, which names the client
	start, end int64
	open       bool // no end is known
	connects   int
	tls        gathered
	counters   gathered
	over       bool // only there so that its neighbours know of it
}

// gathered is the lines of one kind in a session.
type gathered struct {
	text  string
	n     int
	mixed bool // they do not all say the same
}

func (g *gathered) add(text string) {
	g.mixed = g.mixed || g.n > 0 && g.text != text
	g.text = text
	g.n++
}

// of returns the text that holds for each of so many sessions.
func (g *gathered) of(sessions int) (text string, ok bool) {
	return g.text, !g.mixed && g.n == sessions
}

func isConnect(e *event) bool    { return e.id == "" && e.text[0] == 'c' }
func isDisconnect(e *event) bool { return e.id == "" && e.text[0] == 'd' }

// settleServer joins smtpd's sessions with the messages that came in them.
func (p *processLog) settleServer(before, keep int64, scratch *[]served, found func(string, Finding)) {
	events := p.reach(before)
	sessions := p.sessions(events, (*scratch)[:0])
	*scratch = sessions
	if asked(events, before) {
		p.gather(sessions, events)
	}
	for i := range events {
		e := &events[i]
		if e.at >= before {
			break
		}
		if e.id == "" || e.id == told {
			continue
		}
		if v := p.choose(sessions, e); v != nil {
			v.tell(e, p.program, found)
		}
		e.id = told
	}
	p.forget(sessions, events, keep)
}

// reach returns the events up to the first "connect" after a moment, and all of
// its time stamp: by then, sessions that were under way have ended. What comes later has its turn
// later, so that no event is looked at again and again.
func (p *processLog) reach(before int64) []event {
	events := p.live()
	for i := range events {
		if at := events[i].at; at > before && isConnect(&events[i]) {
			for i < len(events) && events[i].at == at {
				i++
			}
			return events[:i]
		}
	}
	return events
}

// tell hands over what is known of the session in which a message came, where
// the line says it of the message's own client: with lines missing between, two sessions may seem one.
func (v *served) tell(e *event, program string, found func(string, Finding)) {
	client := namedHost(e.text, "client=")
	var s Session
	if text, ok := v.tls.of(v.connects); ok && namedHost(text, " from ") == client {
		c := postlog.ParseContext(program, text)
		s.TLS = c.TLS
	}
	if text, ok := v.counters.of(v.connects); ok && namedHost(text, " from ") == client {
		s.Disconnect = cleanCounters(postlog.Counters(text))
	}
	if s.TLS != (postlog.TLS{}) || s.Disconnect != "" {
		found(e.id, Finding{own: e.text, at: timeOf(e.at), session: &s})
	}
}

// namedHost returns "name[address]" behind a word.
func namedHost(text, word string) string {
	_, host, _ := strings.Cut(text, word)
	host, _, _ = strings.Cut(host, "]")
	return host
}

// sessions finds the sessions in what a process said.
//
// Within one time stamp the order of lines is not known. So a session's end is the first moment
// after which no client is connected, which the numbers of "connect" and "disconnect" tell, or
// the next "connect".
func (p *processLog) sessions(events []event, sessions []served) []served {
	sessions = append(sessions, p.past...)
	busy := p.busy
	for from, to := 0, 0; from < len(events); from = to {
		at := events[from].at
		for to = from; to < len(events) && events[to].at == at; to++ {
			if isConnect(&events[to]) {
				sessions = connect(sessions, &events[to])
			}
		}
		if busy = stillBusy(busy, events[from:to]); busy {
			continue
		}
		for i := len(sessions) - 1; i >= 0 && sessions[i].open; i-- {
			sessions[i].end, sessions[i].open = at, false
		}
	}
	return sessions
}

// asked tells whether a message asks for its session.
func asked(events []event, before int64) bool {
	for i := range events {
		if events[i].at >= before {
			return false
		}
		if id := events[i].id; id != "" && id != told {
			return true
		}
	}
	return false
}

// gather gives the sessions what was said in them.
func (p *processLog) gather(sessions []served, events []event) {
	for i := range events {
		e := &events[i]
		if e.id != "" || isConnect(e) {
			continue
		}
		v := p.choose(sessions, e)
		switch {
		case v == nil || v.over:
		case isDisconnect(e):
			v.counters.add(e.text)
		default:
			v.tls.add(e.text)
		}
	}
}

// connect begins a session and ends those before. Which of several that began
// within one time stamp was the last is not known: they all go on.
func connect(sessions []served, e *event) []served {
	for i := len(sessions) - 1; i >= 0 && (sessions[i].open || sessions[i].start == e.at); i-- {
		v := &sessions[i]
		if v.text == e.text && v.start == e.at && !v.over {
			v.connects++
			return sessions
		}
		if v.open && v.start < e.at {
			v.end, v.open = e.at, false
		}
	}
	return append(sessions, served{text: e.text, start: e.at, open: true, connects: 1})
}

// stillBusy tells whether a client is connected after the lines of one time
// stamp. There is one at most; repeated lines are repeated on both sides.
func stillBusy(busy bool, events []event) bool {
	n := 0
	if busy {
		n = 1
	}
	for i := range events {
		switch {
		case isConnect(&events[i]):
			n++
		case isDisconnect(&events[i]):
			n--
		}
	}
	return n > 0
}

// forget lets go of what no message to come can need: all before the first
// session that goes on, or that ended after keep. Sessions that reach beyond that moment
// stay as neighbours.
func (p *processLog) forget(sessions []served, events []event, keep int64) {
	from := keep
	for i := range sessions {
		v := &sessions[i]
		if v.open && v.start > keep-longest.Microseconds() || !v.open && v.end >= keep {
			from = min(v.start, keep)
			break
		}
	}
	gone := 0
	for to := 0; gone < len(events) && events[gone].at < from; gone = to {
		for to = gone; to < len(events) && events[to].at == events[gone].at; to++ {
		}
		p.busy = stillBusy(p.busy, events[gone:to])
	}
	p.past = p.past[:0]
	for _, v := range sessions {
		if v.start < from && !v.open && v.end >= from {
			if !v.over {
				v.text = strings.Clone(v.text) // it stays for long
			}
			p.past = append(p.past, served{text: v.text, start: v.start, end: v.end, over: true})
		}
	}
	p.forgetUpTo(gone)
}

// choose returns the session that was under way when a line was written, nil
// where none or several fit. The client decides only among several: a proxy in front of smtpd may have
// given it another name in between (XCLIENT).
func (p *processLog) choose(sessions []served, e *event) *served {
	// Sessions are in order of their start, and no two overlap by more than a time stamp.
	next, _ := slices.BinarySearchFunc(sessions, e.at, func(v served, at int64) int {
		if v.start > at {
			return 1
		}
		return -1
	})
	var fits [maxRivals]*served
	n := 0
	for i := next - 1; i >= 0 && (sessions[i].open || sessions[i].end >= e.at); i-- {
		if n == len(fits) {
			return nil
		}
		fits[n] = &sessions[i]
		n++
	}
	if n < 2 {
		return fits[0]
	}
	var named *served
	client := p.clientOf(e.id, e.text)
	for _, v := range fits[:n] {
		if p.clientOf("", v.text) != client {
			continue
		}
		if named != nil {
			return nil
		}
		named = v
	}
	return named
}

// clientOf returns the client that a line names.
func (p *processLog) clientOf(id, text string) postlog.Host {
	if id != "" {
		var e postlog.Event
		postlog.ParseInto(&e, p.program, text)
		return e.Client
	}
	c := postlog.ParseContext(p.program, text)
	return c.Peer.Host
}
