package loggen

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// mail is a queue file.
type mail struct {
	g         *Generator
	s         *server
	id        string
	created   int64 // when the queue file was made; the id says it
	arrival   int64 // what delays are counted from: older than created where the message was requeued
	order     int
	sender    string
	size      int
	rcpts     []*recipient
	addressed int // recipients as the client named them, before aliases
	messageID string
	subject   string // as logged
	filtered  bool   // goes through the content filter first
	copied    bool   // made by the filter, a hop or a forward: no such games again
	warned    bool   // of its delay
	signed    bool   // opendkim says so
	truth     Truth
}

// recipient is one of a queue file's.
type recipient struct {
	to, origTo string
	fate       fate
	patience   int // attempts until a greylisting or unreliable domain takes it
	tries      int
	done       bool
	told       int // 1 + its place in the truth; 0 before an attempt was said
}

func (g *Generator) newMail(s *server, at int64) *mail {
	id, created, n := g.newID(s, at)
	g.opened++
	m := &mail{
		g: g, s: s, id: id, created: created, arrival: created, order: g.opened,
		truth: Truth{Kind: "message", Host: s.name, QueueID: id, Incarnation: n},
	}
	g.open[m] = struct{}{}
	return m
}

func sortMail(ms []*mail) {
	slices.SortFunc(ms, func(a, b *mail) int { return cmp.Compare(a.order, b.order) })
}

// say plans a line that begins with this message's id, after a level word perhaps.
func (m *mail) say(at int64, program, pid, text string) bool {
	if !m.g.say(at, m.s, program, pid, text) {
		return false
	}
	t := &m.truth
	t.Lines++
	when := m.g.stamp(at)
	if t.First.IsZero() || when.Before(t.First) {
		t.First = when
	}
	if when.After(t.Last) {
		t.Last = when
	}
	return true
}

func (m *mail) line(at int64, program, pid, text string) bool {
	return m.say(at, program, pid, m.id+": "+text)
}

// addressees gives the message its recipients, aliases expanded.
func (m *mail) addressees(inside bool) {
	g := m.g
	n := 1
	switch {
	case g.chance(0.015):
		n = 6 + g.r.IntN(45)
	case g.chance(0.002):
		n = 50 + g.r.IntN(150)
	case g.chance(0.17):
		n = 2 + g.r.IntN(4)
	}
	n = min(n, g.cfg.MaxRecipients)
	m.addressed = n
	base := g.r.IntN(100_000)
	list := accepts
	if n > 5 { // a list is one site's or a few sites' for the most part
		list = g.fateOf(!inside)
	}
	for i := range n {
		f := list
		if n <= 5 || g.chance(0.1) {
			f = g.fateOf(!inside)
		}
		if g.chance(0.02) && len(m.rcpts) < n {
			alias := "team" + strconv.Itoa(base+i) + "@corp.test"
			for k := range 2 + g.r.IntN(3) {
				m.add(f.address(base+i*7+(k+1)*1_000_003), alias, f) // nobody else's number
			}
			continue
		}
		m.add(f.address(base+i), "", f)
	}
}

func (m *mail) add(to, origTo string, f fate) {
	r := &recipient{to: to, origTo: origTo, fate: f}
	switch f {
	case greylists:
		r.patience = 1 + m.g.r.IntN(3)
	case unreliable:
		r.patience = 1 + m.g.r.IntN(6)
	}
	m.rcpts = append(m.rcpts, r)
}

// cleanup takes the content of the message: its headers' lines, verdicts on it, and then the queue. from is the client as header
// checks name it and tail what they say of the session.
func (m *mail) cleanup(t int64, from, tail string) int64 {
	g := m.g
	t += g.between(5, 120)
	p := m.s.take("postfix/cleanup", t)
	p.busy = t + 1
	m.size = 400 + g.r.IntN(4000)
	if g.chance(0.2) {
		m.size += g.r.IntN(5_000_000)
	}
	if m.messageID == "" {
		m.messageID = fmt.Sprintf("%x.%s@%s", g.r.Uint32(), strconv.Itoa(m.order), "mua.example")
		if g.chance(0.01) {
			m.messageID = ""
		}
	}
	if m.line(t, "postfix/cleanup", p.pid, "message-id=<"+m.messageID+">") {
		m.truth.MessageID = m.messageID
	}
	act, opt := "warning", ""
	switch x := g.r.IntN(1000); {
	case m.copied:
	case x < 6:
		act, opt = "reject", ": 5.7.1 spam subject"
	case x < 8:
		act = "discard"
	case x < 13:
		act = "hold"
	case x < 43:
		m.filtered = true
	}
	if !g.cfg.NoSubjects && (!m.copied || from != "local") {
		logged, decoded, cut := m.subject, m.truth.Subject, m.truth.SubjectCut
		if logged == "" {
			logged, decoded, cut = g.subject(m.order)
		}
		m.subject = logged
		first := ""
		if len(m.rcpts) > 0 {
			first = cmp.Or(m.rcpts[0].origTo, m.rcpts[0].to)
		}
		text := act + ": header Subject: " + logged + " from " + from + "; from=<" + m.sender + "> to=<" + first + ">" + tail + opt
		if m.line(t, "postfix/cleanup", p.pid, text) {
			m.truth.Subject, m.truth.SubjectCut = decoded, cut
			m.truth.From = truthSender(m.sender)
		} else {
			m.truth.Subject, m.truth.SubjectCut = "", false
		}
	} else if act != "warning" {
		text := act + ": header X-Spam: yes from " + from + "; from=<" + m.sender + "> to=<" + m.rcpts[0].to + ">" + tail + opt
		if m.line(t, "postfix/cleanup", p.pid, text) {
			m.truth.From = truthSender(m.sender)
		}
	}
	t += g.between(1, 80)
	if m.signed && act != "reject" && act != "discard" {
		m.line(t, "opendkim", m.s.dkimPID(), "DKIM-Signature field added (s=mail, d=corp.test)")
	}
	switch act {
	case "reject": // no line ends it
		m.truth.Verdict = "rejected"
		g.tell(m)
	case "discard":
		m.truth.Verdict = "discarded"
		g.tell(m)
	case "hold":
		m.truth.Verdict = "held"
		m.held(t)
	default:
		m.activate(t)
	}
	return t
}

// held lets the operator look at a held message: released, deleted, or left for good.
func (m *mail) held(t int64) {
	g := m.g
	if g.chance(0.25) {
		g.tell(m)
		return
	}
	g.later(t+g.between(60_000, 7_200_000), func(at int64) {
		p := m.s.newPID()
		if g.chance(0.3) {
			m.deletedBy(p, at)
			return
		}
		if m.line(at, "postfix/postsuper", p, "released from hold") {
			m.truth.Verdict = ""
		}
		g.say(at+1000, m.s, "postfix/postsuper", p, "Released from hold: 1 message")
		g.later(at+g.between(500, 3000), m.activate)
	})
}

func (m *mail) deletedBy(pid string, at int64) {
	if m.line(at, "postfix/postsuper", pid, "removed") {
		m.truth.Verdict = "deleted"
		m.truth.Complete = true
	}
	m.g.say(at+1000, m.s, "postfix/postsuper", pid, "Deleted: 1 message")
	m.g.tell(m)
}

func (s *server) dkimPID() string {
	if s.dkim == "" {
		s.dkim = s.newPID()
	}
	return s.dkim
}

// activate is one round of the queue manager over the message.
func (m *mail) activate(t int64) {
	g := m.g
	qmgr := m.s.take("postfix/qmgr", 0)
	g.buf = append(g.buf[:0], m.id...)
	g.buf = append(g.buf, ": from=<"...)
	g.buf = append(g.buf, m.sender...)
	g.buf = append(g.buf, ">, size="...)
	g.buf = strconv.AppendInt(g.buf, int64(m.size), 10)
	g.buf = append(g.buf, ", nrcpt="...)
	g.buf = strconv.AppendInt(g.buf, int64(len(m.rcpts)), 10)
	g.buf = append(g.buf, " (queue active)"...)
	if m.say(t, "postfix/qmgr", qmgr.pid, string(g.buf)) {
		m.truth.From, m.truth.Size, m.truth.NRcpt = truthSender(m.sender), m.size, len(m.rcpts)
	}
	end, bounced := m.deliver(t)
	end += g.between(1, 20)

	pending := 0
	for _, r := range m.rcpts {
		if !r.done {
			pending++
		}
	}
	if pending > 0 && end-m.arrival > g.cfg.QueueLife.Microseconds() {
		if m.line(end, "postfix/qmgr", qmgr.pid, "from=<"+m.sender+">, status=expired, returned to sender") {
			for i := range m.truth.Recipients {
				if m.truth.Recipients[i].Status == "deferred" {
					m.truth.Recipients[i].Status = "expired"
				}
			}
		}
		pending, bounced = 0, true
		end += g.between(1, 20)
	}
	if bounced && m.sender != "" {
		end = m.notice(end, "sender non-delivery notification")
	}
	if pending == 0 {
		m.remove(end, qmgr)
		return
	}
	if !m.warned && m.s.warnsOfDelay && m.sender != "" && end-m.arrival > 4*3600e6 {
		m.warned = true
		end = m.notice(end, "sender delay notification")
	}
	m.retry(end)
}

func (m *mail) remove(t int64, qmgr *process) {
	if m.line(t, "postfix/qmgr", qmgr.pid, "removed") {
		m.truth.Complete = true
	}
	m.s.retire(m, t)
	m.g.tell(m)
}

// retry plans the next round: after as long as the message is old, within minimal and maximal backoff, at the next queue run.
// An operator may step in.
func (m *mail) retry(t int64) {
	g := m.g
	wait := min(max(t-m.arrival, 300e6), 4000e6)
	at := t + wait + g.between(0, 300_000)
	switch {
	case g.chance(0.0005):
		g.later(at, func(at int64) { m.deletedBy(m.s.newPID(), at) })
	case g.chance(0.0005):
		g.later(at, m.requeue)
	default:
		g.later(at, m.activate)
	}
}

// requeue is postsuper -r: the message comes in again by pickup with a new id and what recipients are left.
func (m *mail) requeue(at int64) {
	g := m.g
	pid := m.s.newPID()
	said := m.line(at, "postfix/postsuper", pid, "requeued")
	g.say(at+1000, m.s, "postfix/postsuper", pid, "Requeued: 1 message")
	t := at + g.between(200, 3000)
	n := g.newMail(m.s, t)
	n.arrival, n.sender, n.messageID, n.subject = m.arrival, m.sender, m.messageID, m.subject
	n.truth.Subject, n.truth.SubjectCut = m.truth.Subject, m.truth.SubjectCut
	n.truth.Origin = "local"
	n.warned, n.copied = m.warned, true
	for _, r := range m.rcpts {
		if !r.done {
			n.rcpts = append(n.rcpts, &recipient{to: r.to, origTo: r.origTo, fate: r.fate, patience: max(r.patience-r.tries, 0)})
		}
	}
	if n.line(n.created, "postfix/pickup", m.s.take("postfix/pickup", 0).pid, "uid=102 from=<"+m.sender+"> orig_id="+m.id) {
		n.truth.OrigID, n.truth.From = m.id, truthSender(m.sender)
	}
	if said {
		m.truth.RequeuedAs = n.id
	}
	n.cleanup(n.created, "localhost[127.0.0.1]", " proto=ESMTP helo=<localhost>")
	g.tell(m)
}

// notice sends the sender a notice about the message. Before Postfix 3.11 the notice's first line comes before the one that names it.
func (m *mail) notice(t int64, kind string) int64 {
	g := m.g
	t += g.between(1, 10)
	n := g.newMail(m.s, t)
	t = n.created
	n.truth.Origin = "internal"
	n.copied = true
	n.size = m.size + 2000
	n.messageID = time.UnixMicro(t).UTC().Format("20060102150405.") + n.id + "@" + m.s.fqdn
	p := m.s.take("postfix/cleanup", t)
	p.busy = t + 1
	if n.line(t, "postfix/cleanup", p.pid, "message-id=<"+n.messageID+">") {
		n.truth.MessageID = n.messageID
	}
	t += g.between(1, 10)
	b := m.s.take("postfix/bounce", t)
	b.busy = t + 1
	if m.line(t, "postfix/bounce", b.pid, kind+": "+n.id) {
		m.truth.Notices = append(m.truth.Notices, n.id)
	}
	f := accepts
	switch {
	case g.chance(0.05):
		f = refuses
	case len(m.sender) > 10 && m.sender[len(m.sender)-10:] == "@corp.test":
		f = dovecot
	}
	n.add(m.sender, "", f)
	n.activate(t + g.between(1, 20))
	return t
}
