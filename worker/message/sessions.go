package message

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/postweave/postweave/worker/postlog"
)

// Sessions joins the lines of one server that do not begin with a queue id with
// the messages they are about: a client's TLS and counters, servers tried in vain, TLS with the next
// server, verdicts of filters that name the id further on.
//
// A line is joined only where program, process id and times leave exactly one choice:
//
//   - smtpd serves one client at a time. A session is from "connect from" to "disconnect
//     from" or the next "connect from"; a message belongs to it by its "client=" line;
//   - smtp and lmtp deliver one message at a time. What they say before a delivery line, no longer ago
//     than that delivery took by its own delays, belongs to it;
//   - a filter's verdict belongs to the message that has the id it names, at that time.
//
// Syslog often has whole seconds only. Where a process changed from one to another in the very second,
// the peer's name decides, and where that fits both, nothing is joined.
//
// The zero Sessions is empty and ready to use. It is not safe for concurrent use.
type Sessions struct {
	// Max is the most events held; 0 is 200,000. Where there are more, all are let go,
	// since with a part of them a wrong session might seem to be the only one.
	Max int
	// Dropped counts the events let go for that.
	Dropped int

	processes map[string]*processLog  // by pid, which programs seldom share
	others    map[process]*processLog // where they do
	due       []look                  // in order of time, once sorted
	next      int                     // in due
	mixed     bool                    // due has to be sorted
	mentions  []mention
	saved     map[string][]mention // by LMTP session
	held      int                  // events
	swept     int64                // when all processes were last looked at
	scratch   []served
}

type process struct{ program, pid string }

// processLog is what a process said, in order of time once sorted.
type processLog struct {
	process
	server  bool // smtpd
	sorted  bool
	events  []event
	gone    int   // of the events, let go
	settled int64 // no event before this one waits to be settled

	// Of a server, for what the events before these leave behind:
	busy bool     // a client was connected
	past []served // sessions that reach into the time of the events
}

// event is a line of a process. One with a queue id claims what belongs to it.
// A time is in microseconds since 1970: there are many events, and this is a third of a time.Time.
type event struct {
	at   int64
	text string
	id   string
	try  *postlog.Attempt // of a delivery, once it was asked for
	own  bool             // text is a copy
}

// told is the id of a line that claimed what belongs to it.
const told = "-"

// look says that a process has an event to be settled.
type look struct {
	log *processLog
	at  int64
}

func timeOf(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

// mention is a filter's verdict.
type mention struct {
	at    time.Time
	id    string
	check SessionCheck
}

// Finding is what a line tells about one message.
type Finding struct {
	// own is the text of the message's own line by which it was found. Without
	// one, at is a time at which the message must have been there.
	own     string
	at      time.Time
	session *Session
}

// Bounds of Sessions.
const (
	maxEvents  = 200_000
	longest    = 24 * time.Hour // of a session without an end
	longestTry = time.Hour      // from a server tried to the delivery line
	maxRivals  = 64             // delivery lines looked at for one line
	afterwards = time.Minute    // a filter's verdict after the message's last line
	sweepEvery = 10 * time.Minute
)

// Add takes a line without a queue id at its start. Others, and those that tell
// nothing about a session, are ignored.
func (s *Sessions) Add(l Line) {
	if !postlog.IsContext(l.Program, l.Text) {
		return
	}
	switch daemon := daemonOf(l.Program); daemon {
	case "smtpd", "smtp", "lmtp":
		s.put(s.process(&l, daemon), event{at: l.Time.UnixMicro(), text: l.Text})
	default:
		s.addMention(&l)
	}
}

func daemonOf(program string) string { return program[strings.LastIndexByte(program, '/')+1:] }

func (s *Sessions) process(l *Line, daemon string) *processLog {
	first := s.processes[l.PID]
	if first != nil && first.program == l.Program {
		return first
	}
	if p := s.others[process{l.Program, l.PID}]; p != nil {
		return p
	}
	if s.processes == nil {
		s.processes, s.others = make(map[string]*processLog), make(map[process]*processLog)
	}
	p := &processLog{process: process{strings.Clone(l.Program), strings.Clone(l.PID)}, server: daemon == "smtpd", sorted: true}
	if first == nil {
		s.processes[p.pid] = p
	} else {
		s.others[p.process] = p
	}
	return p
}

// forget lets go of a process of which nothing is held.
func (s *Sessions) forget(p *processLog) {
	if s.processes[p.pid] == p {
		delete(s.processes, p.pid)
	} else {
		delete(s.others, p.process)
	}
}

func (s *Sessions) put(p *processLog, e event) {
	if n := len(p.events); n > 0 && e.at < p.events[n-1].at {
		p.sorted = false
	}
	p.settled = min(p.settled, e.at)
	p.events = append(p.events, e)
	s.mixed = s.mixed || len(s.due) > 0 && e.at < s.due[len(s.due)-1].at
	s.due = append(s.due, look{p, e.at})
	s.count()
}

// count counts one event more, and lets go of all where there are too many.
func (s *Sessions) count() {
	s.held++
	most := s.Max
	if most == 0 {
		most = maxEvents
	}
	if s.held > most {
		*s = Sessions{Max: s.Max, Dropped: s.Dropped + s.held}
	}
}

func (s *Sessions) addMention(l *Line) {
	c := postlog.ParseContext(l.Program, strings.Clone(l.Text)) // it is held for long
	m := mention{at: l.Time, id: c.QueueID, check: SessionCheck{
		Time: l.Time, Program: strings.Clone(l.Program), Action: c.Action, Text: cutRunes(c.Text, maxValue), Score: c.Score, HasScore: c.HasScore,
	}}
	switch c.Kind {
	case postlog.Mention:
		s.mentions = append(s.mentions, m)
	case postlog.Saved:
		if s.saved == nil {
			s.saved = make(map[string][]mention)
		}
		s.saved[c.Session] = append(s.saved[c.Session], m)
	default:
		return
	}
	s.count()
}

// Claim takes a line that begins with a queue id. Those by which a process
// shows whom it works for are kept.
func (s *Sessions) Claim(id string, l Line) {
	daemon := daemonOf(l.Program)
	switch daemon {
	case "smtpd":
		if !claims(id, l.Text, "client=") {
			return
		}
	case "smtp", "lmtp":
		if !claims(id, l.Text, "to=<") {
			return
		}
		s.claimSaved(id, &l)
	default:
		return
	}
	s.put(s.process(&l, daemon), event{at: l.Time.UnixMicro(), text: l.Text, id: id})
}

func claims(id, text, what string) bool {
	if n := len(id) + len(": "); len(text) > n && text[:len(id)] == id {
		return strings.HasPrefix(text[n:], what)
	}
	_, rest, ok := strings.Cut(text, ": ")
	return ok && strings.HasPrefix(rest, what)
}

// claimSaved joins a delivery to dovecot with dovecot's own lines.
func (s *Sessions) claimSaved(id string, l *Line) {
	if len(s.saved) == 0 || !strings.HasSuffix(l.Text, " Saved)") {
		return
	}
	session, ok := postlog.SavedSession(strings.TrimSuffix(l.Text, ")"))
	if !ok {
		return
	}
	said := s.saved[session]
	for i := range said {
		switch said[i].id {
		case id:
		case "":
			said[i].id = strings.Clone(id) // a verdict is held for long, and a line with the block it was read in
		default:
			said[i].id = ambiguous
		}
	}
}

// ambiguous is no queue id: two messages claim the same.
const ambiguous = "?"

// Held is how many lines are held.
func (s *Sessions) Held() int { return s.held }

// Settle hands over what was found about messages whose own lines are older
// than before, each finding with the queue id it is about. Of the rest, what is older than
// keep is let go; keep may not lie after before.
func (s *Sessions) Settle(before, keep time.Time, found func(id string, f Finding)) {
	s.settleProcesses(before, keep, found)
	s.mentions = s.settleMentions(s.mentions, before, keep, found)
	for session, said := range s.saved {
		if said = s.settleMentions(said, before, keep, found); len(said) == 0 {
			delete(s.saved, session)
		} else {
			s.saved[session] = said
		}
	}
}

func (s *Sessions) settleProcesses(before, keep time.Time, found func(id string, f Finding)) {
	until := before.UnixMicro()
	scratch := s.scratch
	if s.mixed {
		slices.SortStableFunc(s.due[s.next:], func(a, b look) int { return cmp.Compare(a.at, b.at) })
		s.mixed = false
	}
	settle := func(p *processLog) {
		p.settled = until
		s.held -= len(p.live())
		p.sort()
		if p.server {
			p.settleServer(until, keep.UnixMicro(), &scratch, found)
		} else {
			p.settleClient(until, keep.UnixMicro(), found)
		}
		p.keep(until)
		left := len(p.live())
		if s.held += left; left == 0 && len(p.past) == 0 {
			s.forget(p)
		}
	}
	for ; s.next < len(s.due) && s.due[s.next].at < until; s.next++ {
		p := s.due[s.next].log
		s.due[s.next].log = nil
		if p.settled < until {
			settle(p)
		}
	}
	if k := keep.UnixMicro(); k-s.swept > sweepEvery.Microseconds() {
		s.swept = k
		for _, p := range s.processes { // what a process leaves that says nothing more
			settle(p)
		}
		for _, p := range s.others {
			settle(p)
		}
	}
	clear(scratch[:cap(scratch)]) // a text keeps what it was read with
	s.scratch = scratch[:0]
	if s.next > 64 && s.next*2 > len(s.due) {
		s.due = s.due[:copy(s.due, s.due[s.next:])]
		s.next = 0
	}
}

func (p *processLog) sort() {
	if !p.sorted {
		slices.SortStableFunc(p.live(), func(a, b event) int { return cmp.Compare(a.at, b.at) })
		p.sorted = true
	}
}

// settleMentions hands mentions over. They stay until keep: the message may be
// among lines that come later.
func (s *Sessions) settleMentions(all []mention, before, keep time.Time, found func(id string, f Finding)) []mention {
	n := len(all)
	all = slices.DeleteFunc(all, func(m mention) bool {
		if m.id != "" && m.id != ambiguous && m.at.Before(before) {
			found(m.id, Finding{at: m.at, session: &Session{Checks: []SessionCheck{m.check}}})
		}
		return m.at.Before(keep)
	})
	s.held -= n - len(all)
	return all
}

// live returns the events that are held.
func (p *processLog) live() []event { return p.events[p.gone:] }

// keep copies the texts of events that stay, which are parts of what was read around them.
func (p *processLog) keep(until int64) {
	events := p.live()
	for i := range events {
		e := &events[i]
		if e.at >= until {
			return
		}
		if !e.own {
			e.text, e.try, e.own = strings.Clone(e.text), nil, true
		}
	}
}

// SettleDown copies the texts of the lines held up to a time, which are parts of what was read around them. It changes
// nothing else.
func (s *Sessions) SettleDown(until time.Time) {
	if until.IsZero() {
		return
	}
	for _, p := range s.processes {
		p.keep(until.UnixMicro() + 1)
	}
	for _, p := range s.others {
		p.keep(until.UnixMicro() + 1)
	}
}

// forgetUpTo lets go of the first n events that are held. Their place is used
// again once it is worth moving the others.
func (p *processLog) forgetUpTo(n int) {
	clear(p.events[p.gone : p.gone+n])
	p.gone += n
	if p.gone*2 < len(p.events) {
		return
	}
	left := p.events[p.gone:]
	if cap(p.events) > 16 && len(left)*4 < cap(p.events) { // a process that was busy for a while
		p.events = append(make([]event, 0, 2*len(left)), left...)
	} else {
		n := copy(p.events, left)
		clear(p.events[n:]) // a text keeps what it was read with
		p.events = p.events[:n]
	}
	p.gone = 0
}

// Attach gives documents of one key what was found about them. A finding goes
// to the document that has the line by which it was found, or the only one that was there at the time.
func Attach(docs []Document, found []Finding) {
	for i := range found {
		f := &found[i]
		d := f.owner(docs)
		switch {
		case d == nil:
		case len(found) == 1:
			d.Session = f.session
			return
		default:
			if d.Session == nil {
				d.Session = new(Session) // the finding's own is not to change
			}
			d.Session.add(f.session)
		}
	}
	for i := range docs {
		docs[i].Session.settle()
	}
}

func (f *Finding) owner(docs []Document) (owner *Document) {
	if f.own != "" {
		return f.holder(docs)
	}
	for i := range docs {
		d := &docs[i]
		if f.at.Before(d.FirstSeen.Add(-softSlack)) || f.at.After(d.LastSeen.Add(afterwards)) {
			continue
		}
		if owner != nil {
			return nil // two fit
		}
		owner = d
	}
	return owner
}

// holder returns the document that has the line.
func (f *Finding) holder(docs []Document) *Document {
	if len(docs) == 1 {
		return &docs[0]
	}
	text, _ := clean(f.own)
	for i := range docs {
		for _, l := range docs[i].Log {
			if l.Time.Equal(f.at) && l.Text == text {
				return &docs[i]
			}
		}
	}
	return nil
}
