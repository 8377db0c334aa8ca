package loggen

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// attempt is one delivery of some recipients by one process.
type attempt struct {
	m       *mail
	active  int64 // when the queue manager took the message up
	inQmgr  int64
	conn    int64
	end     int64
	service string
	p       *process
	relay   string
	connUse int
}

// deliver tries every recipient that is left and gives the end of the last attempt. bounced says whether any was refused.
func (m *mail) deliver(t int64) (end int64, bounced bool) {
	end = t
	if m.filtered {
		return m.filter(t), false
	}
	todo := make([]*recipient, 0, len(m.rcpts))
	for _, r := range m.rcpts {
		if !r.done {
			todo = append(todo, r)
		}
	}
	// Recipients of one domain and one fate go in one transaction, as smtp(8) sends them.
	key := func(r *recipient) string { return r.to[strings.LastIndexByte(r.to, '@')+1:] }
	slices.SortStableFunc(todo, func(a, b *recipient) int {
		return cmp.Or(cmp.Compare(a.fate, b.fate), strings.Compare(key(a), key(b)))
	})
	for len(todo) > 0 {
		n := 1
		for n < len(todo) && n < 50 && todo[n].fate == todo[0].fate && key(todo[n]) == key(todo[0]) {
			n++
		}
		e, b := m.deliverTo(t, key(todo[0]), todo[:n])
		end, bounced = max(end, e), bounced || b
		todo = todo[n:]
	}
	return end, bounced
}

func (m *mail) attempt(t int64, service string, lo, hi int) *attempt {
	g := m.g
	a := &attempt{m: m, active: t, inQmgr: g.between(0, 60), service: service}
	a.conn = g.between(lo/2, hi/2)
	a.end = t + a.inQmgr + a.conn + g.between(lo/2, hi/2)
	a.p = m.s.take(service, t)
	a.p.busy = a.end
	return a
}

// line says the outcome for one recipient and notes it in the truth.
func (a *attempt) line(r *recipient, dsn, status, text string) {
	m := a.m
	b := append(m.g.buf[:0], m.id...)
	b = append(b, ": to=<"...)
	b = append(b, r.to...)
	if r.origTo != "" {
		b = append(b, ">, orig_to=<"...)
		b = append(b, r.origTo...)
	}
	b = append(b, ">, relay="...)
	b = append(b, a.relay...)
	if a.connUse > 1 {
		b = append(b, ", conn_use="...)
		b = strconv.AppendInt(b, int64(a.connUse), 10)
	}
	b = append(b, ", delay="...)
	from := len(b)
	b = appendSeconds(b, a.end-m.arrival)
	to := len(b)
	b = append(b, ", delays="...)
	b = appendSeconds(b, a.active-m.arrival)
	b = append(b, '/')
	b = appendSeconds(b, a.inQmgr)
	b = append(b, '/')
	b = appendSeconds(b, a.conn)
	b = append(b, '/')
	b = appendSeconds(b, a.end-a.active-a.inQmgr-a.conn)
	b = append(b, ", dsn="...)
	b = append(b, dsn...)
	b = append(b, ", status="...)
	b = append(b, status...)
	b = append(b, " ("...)
	b = append(b, text...)
	b = append(b, ')')
	m.g.buf = b
	r.tries++
	r.done = status != "deferred"
	line := string(b)
	if !m.say(a.end, a.service, a.p.pid, line) {
		return
	}
	if r.told == 0 {
		m.truth.Recipients = append(m.truth.Recipients, TruthRecipient{To: r.to, OrigTo: r.origTo})
		r.told = len(m.truth.Recipients)
	}
	t := &m.truth.Recipients[r.told-1]
	t.Status, t.DSN, t.Attempts = status, dsn, t.Attempts+1
	t.Delay, _ = strconv.ParseFloat(line[from:to], 64)
	if a.service == "postfix/discard" {
		t.Status = "discarded"
	}
	if i := strings.LastIndex(text, "queued as "); i >= 0 {
		t.Queued = text[i+len("queued as "):]
	}
	if id, ok := strings.CutPrefix(text, "forwarded as "); ok {
		m.truth.Forwarded = append(m.truth.Forwarded, id)
	}
}

// appendSeconds writes a delay as Postfix does: two significant digits, hundredths at most, no trailing zeros.
func appendSeconds(b []byte, us int64) []byte {
	s := float64(us) / 1e6
	switch {
	case s >= 9.95:
		return strconv.AppendInt(b, int64(math.Round(s)), 10)
	case s >= 0.995:
		s = math.Round(s*10) / 10
	default:
		s = math.Round(s*100) / 100
	}
	return strconv.AppendFloat(b, s, 'f', -1, 64)
}

// deliverTo is one transaction with one destination.
func (m *mail) deliverTo(t int64, domain string, rs []*recipient) (end int64, bounced bool) {
	switch f := rs[0].fate; f {
	case accepts, greylists, unreliable, refuses, defers, ourHop:
		return m.deliverSMTP(t, domain, f, rs)
	case unreachable:
		return m.deliverNowhere(t, domain, rs), false
	default:
		for _, r := range rs { // these daemons take one recipient at a time
			end = max(end, m.deliverHere(t, r))
		}
		return end, rs[0].fate == erroneous
	}
}

func (m *mail) deliverSMTP(t int64, domain string, f fate, rs []*recipient) (end int64, bounced bool) {
	g := m.g
	service := "postfix/smtp"
	if f == ourHop {
		service = "postfix/relay/smtp"
	}
	a := m.attempt(t, service, 100, 1500)
	a.relay = relayOf(domain)
	if f == ourHop {
		other := g.servers[0]
		if m.s == other {
			other = g.servers[1]
		}
		a.relay = other.fqdn + "[" + other.ip + "]:25"
		if m.copied { // what another server gave us is not sent back to it
			f = accepts
			a.relay = relayOf(domain)
		} else {
			id, taken := m.copyTo(other, t+a.inQmgr+a.conn/2, "postfix/smtpd", client{m.s.fqdn, m.s.ip, m.s.fqdn}, rs, accepts)
			a.end = max(taken, t+a.inQmgr+a.conn) + g.between(1, 20)
			a.p.busy = a.end
			a.tls(g)
			for _, r := range rs {
				a.line(r, "2.0.0", "sent", "250 2.0.0 Ok: queued as "+id)
			}
			return a.end, false
		}
	}
	if f == unreliable && rs[0].tries < rs[0].patience {
		a.conn = 30e6
		a.end = t + a.inQmgr + a.conn
		a.p.busy = a.end
		why := "connect to " + a.relay + ": Connection timed out"
		g.say(a.end, m.s, service, a.p.pid, why)
		a.relay = "none"
		for _, r := range rs {
			a.line(r, "4.4.1", "deferred", why)
		}
		return a.end, false
	}
	if g.chance(0.6) {
		a.tls(g)
	}
	if g.chance(0.15) {
		a.connUse = 2 + g.r.IntN(5)
	}
	host := a.relay[:strings.LastIndexByte(a.relay, ':')]
	queued := strconv.FormatUint(0x100000000000+g.r.Uint64N(0xefffffffffff), 16)
	if g.chance(0.5) {
		queued = strings.ToUpper(queued[1:])
	}
	for _, r := range rs {
		switch {
		case f == refuses:
			a.line(r, "5.1.1", "bounced", "host "+host+" said: 550 5.1.1 <"+r.to+">: Recipient address rejected: User unknown (in reply to RCPT TO command)")
			bounced = true
		case f == defers:
			a.line(r, "4.2.0", "deferred", "host "+host+" said: 450 4.2.0 <"+r.to+">: Recipient address rejected: try again later (in reply to RCPT TO command)")
		case f == greylists && r.tries < r.patience:
			a.line(r, "4.7.1", "deferred", "host "+host+" said: 451 4.7.1 Greylisting in action, please come back later (in reply to RCPT TO command)")
		default:
			a.line(r, "2.0.0", "sent", "250 2.0.0 Ok: queued as "+queued)
		}
	}
	return a.end, bounced
}

func (a *attempt) tls(g *Generator) {
	g.say(a.active+a.inQmgr+a.conn/2, a.m.s, a.service, a.p.pid, "Trusted TLS connection established to "+a.relay+": "+tlsCiphers[g.r.IntN(len(tlsCiphers))])
}

// deliverNowhere meets a host that refuses every connection: smtp tries it now and then, the retry service answers in between.
func (m *mail) deliverNowhere(t int64, domain string, rs []*recipient) int64 {
	g := m.g
	why := "connect to " + relayOf(domain) + ": Connection refused"
	if rs[0].tries > 0 && g.chance(0.5) {
		a := m.attempt(t, "postfix/error", 1, 20)
		a.relay = "none"
		for _, r := range rs {
			a.line(r, "4.4.1", "deferred", "delivery temporarily suspended: "+why)
		}
		return a.end
	}
	a := m.attempt(t, "postfix/smtp", 10, 200)
	g.say(a.end, m.s, a.service, a.p.pid, why)
	a.relay = "none"
	for _, r := range rs {
		a.line(r, "4.4.1", "deferred", why)
	}
	return a.end
}

// deliverHere is a delivery by a daemon other than smtp.
func (m *mail) deliverHere(t int64, r *recipient) int64 {
	g := m.g
	var a *attempt
	dsn, status, text := "2.0.0", "sent", ""
	switch r.fate {
	case mailbox:
		a = m.attempt(t, "postfix/local", 5, 100)
		a.relay, text = "local", "delivered to mailbox"
	case forwards:
		a = m.attempt(t, "postfix/local", 5, 100)
		a.relay = "local"
		if m.copied {
			text = "delivered to mailbox"
			break
		}
		text = "forwarded as " + m.forward(t+a.inQmgr+a.conn, r)
	case maildir:
		a = m.attempt(t, "postfix/virtual", 5, 100)
		a.relay, text = "virtual", "delivered to maildir"
	case dovecot:
		a = m.attempt(t, "postfix/lmtp", 10, 200)
		a.relay = m.s.fqdn + "[private/dovecot-lmtp]"
		text = "250 2.0.0 <" + r.to + "> " + strconv.FormatUint(g.r.Uint64(), 36) + " Saved"
	case command:
		a = m.attempt(t, "postfix/pipe", 10, 300)
		a.relay, text = "tickets", "delivered via tickets service"
	case blackhole:
		a = m.attempt(t, "postfix/discard", 0, 4)
		a.relay, text = "none", "silently"
	default:
		a = m.attempt(t, "postfix/error", 0, 10)
		a.relay = "none"
		dsn, status, text = "5.1.2", "bounced", "no such domain here"
	}
	a.line(r, dsn, status, text)
	return a.end
}

// filter hands the message to a content filter, which hands it back as a new one.
func (m *mail) filter(t int64) int64 {
	g := m.g
	m.filtered = false
	a := m.attempt(t, "postfix/filter/smtp", 300, 3000)
	a.relay = "127.0.0.1[127.0.0.1]:10024"
	id, taken := m.copyTo(m.s, a.end-g.between(10, 50), "postfix/reinject/smtpd", client{"localhost", "127.0.0.1", "localhost"}, m.rcpts, ourHop)
	a.end = max(a.end, taken+g.between(1, 10))
	a.p.busy = a.end
	for _, r := range m.rcpts {
		a.line(r, "2.0.0", "sent", "250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as "+id)
	}
	return a.end
}

// copyTo is the session in which this message's recipients reach a server of ours again. It gives the new id and when it was given.
// The recipients keep their fates, save that a fate of hop becomes what last says, since no message is sent on for ever.
func (m *mail) copyTo(s *server, t int64, service string, c client, rs []*recipient, last fate) (id string, taken int64) {
	g := m.g
	x := g.connect(s, t, c, service)
	x.t += g.between(1, 20)
	n := g.newMail(s, x.t)
	x.t = n.created
	n.sender, n.messageID, n.copied, n.subject = m.sender, m.messageID, true, m.subject
	n.truth.Subject, n.truth.SubjectCut = m.truth.Subject, m.truth.SubjectCut
	n.truth.Origin, n.truth.ClientIP = "smtp", c.ip
	n.line(x.t, service, x.p.pid, "client="+c.String())
	for _, r := range rs {
		f := r.fate
		if f == ourHop {
			f = last
		}
		n.add(r.to, "", f)
	}
	x.mails, x.rcpts = 1, len(rs)
	x.t = n.cleanup(x.t, c.String(), " proto=ESMTP helo=<"+c.helo+">")
	taken = x.t
	x.disconnect()
	return n.id, taken
}

// forward is local(8) sending a copy to where an alias points: a new message with no origin line.
func (m *mail) forward(t int64, r *recipient) string {
	n := m.g.newMail(m.s, t)
	n.truth.Origin = "internal"
	n.sender, n.messageID, n.copied = m.sender, m.messageID, true
	to := accepts.address(1_000_000 + m.g.r.IntN(1000))
	n.add(to, r.to, accepts)
	n.cleanup(n.created, "local", "")
	return n.id
}
