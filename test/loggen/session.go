package loggen

import (
	"fmt"
	"strconv"
	"strings"
)

// arrive starts one arrival: a program on the server, or a client.
func (g *Generator) arrive(at int64) {
	s := g.servers[g.r.IntN(len(g.servers))]
	switch {
	case g.chance(0.06):
		g.pickup(s, at)
	case g.chance(0.03): // asked to come back, and does
		c := g.client()
		to := accepts.address(g.r.IntN(100000))
		from := g.sender(false)
		g.refusedSession(s, at, c, from, []refusal{{to, "450", "4.2.0", "Recipient address rejected: Greylisted, please try again later"}})
		g.later(at+g.between(300_000, 1_800_000), func(at int64) { g.session(s, at, c) })
	default:
		if g.chance(0.2) {
			g.refusedSession(s, at, g.client(), g.sender(false), g.refusals(1+g.r.IntN(3)))
		}
		g.session(s, at, g.client())
	}
}

// smtpd is one SMTP session of a client, line by line.
type smtpd struct {
	g       *Generator
	s       *server
	p       *process
	service string
	c       client
	t       int64
	inside  bool // the client is one of ours and logs in
	login   string
	mails   int
	rcpts   int
	refused int
	tls     bool
	quit    bool
}

func (g *Generator) connect(s *server, at int64, c client, service string) *smtpd {
	x := &smtpd{g: g, s: s, p: s.take(service, at), service: service, c: c, t: at, quit: true}
	x.p.busy = at + 3600e6 // until disconnect says when
	x.line("connect from " + c.String())
	return x
}

func (x *smtpd) line(text string) { x.g.say(x.t, x.s, x.service, x.p.pid, text) }

func (x *smtpd) starttls() {
	x.t += x.g.between(5, 60)
	x.tls = true
	x.line("Anonymous TLS connection established from " + x.c.String() + ": " + tlsCiphers[x.g.r.IntN(len(tlsCiphers))])
}

func (x *smtpd) disconnect() {
	x.t += x.g.between(1, 200)
	b := append(x.g.buf[:0], "disconnect from "+x.c.String()+" ehlo="...)
	n := 1
	count := func(name string, ok, all int) {
		if all == 0 {
			return
		}
		b = append(b, ' ')
		b = append(b, name...)
		b = append(b, '=')
		b = strconv.AppendInt(b, int64(ok), 10)
		if ok != all {
			b = append(b, '/')
			b = strconv.AppendInt(b, int64(all), 10)
		}
		n += all
	}
	if x.tls {
		b = append(b, '2')
		n++
		count("starttls", 1, 1)
	} else {
		b = append(b, '1')
	}
	if x.login != "" {
		count("auth", 1, 1)
	}
	count("mail", x.mails, x.mails)
	count("rcpt", x.rcpts-x.refused, x.rcpts)
	count("data", x.mails, x.mails)
	if x.quit {
		count("quit", 1, 1)
	}
	b = append(b, " commands="...)
	if x.refused > 0 {
		b = strconv.AppendInt(b, int64(n-x.refused), 10)
		b = append(b, '/')
	}
	b = strconv.AppendInt(b, int64(n), 10)
	x.g.buf = b
	x.line(string(b))
	x.p.busy = x.t
}

// refusal is a reply to RCPT TO that is no.
type refusal struct{ to, code, dsn, text string }

func (g *Generator) refusals(n int) []refusal {
	out := make([]refusal, n)
	for i := range out {
		to := accepts.address(g.r.IntN(1_000_000))
		out[i] = [...]refusal{
			{to, "554", "5.7.1", "Relay access denied"},
			{to, "550", "5.1.1", "Recipient address rejected: User unknown in virtual mailbox table"},
			{to, "450", "4.1.8", "Sender address rejected: Domain not found"},
			{to, "554", "5.7.1", "Recipient address rejected: mailbox blocked"},
		}[g.r.IntN(4)]
	}
	return out
}

func refusalText(id string, c client, r refusal, from string) string {
	return id + ": reject: RCPT from " + c.String() + ": " + r.code + " " + r.dsn + " <" + r.to + ">: " + r.text +
		"; from=<" + from + "> to=<" + r.to + "> proto=ESMTP helo=<" + c.helo + ">"
}

// refusedSession is one where nothing was accepted: each refusal is a message of its own to a reader.
func (g *Generator) refusedSession(s *server, at int64, c client, from string, rs []refusal) {
	x := g.connect(s, at, c, "postfix/smtpd")
	if g.chance(0.1) {
		x.t += g.between(20, 400)
		x.line("warning: hostname bad.example does not resolve to address " + c.ip + ": Name or service not known")
	}
	for _, r := range rs {
		x.t += g.between(20, 500)
		if g.say(x.t, s, x.service, x.p.pid, refusalText("NOQUEUE", c, r, from)) {
			at := g.stamp(x.t)
			g.tellTruth(Truth{
				Kind: "reject", Host: s.name, From: truthSender(from), ClientIP: c.ip, Lines: 1, First: at, Last: at,
				Recipients: []TruthRecipient{{To: r.to, Status: "rejected", DSN: r.dsn}},
			})
		}
		x.rcpts++
		x.refused++
	}
	x.disconnect()
}

// session is one client that hands in a message or a few.
func (g *Generator) session(s *server, at int64, c client) {
	service := "postfix/smtpd"
	inside := g.chance(0.45)
	if inside {
		service = "postfix/submission/smtpd"
	}
	x := g.connect(s, at, c, service)
	x.inside = inside
	if inside || g.chance(0.7) {
		x.starttls()
	}
	if inside {
		if g.chance(0.02) {
			x.t += g.between(1000, 2000)
			x.line("warning: " + c.String() + ": SASL PLAIN authentication failed: (reason unavailable), sasl_username=nobody@corp.test")
		}
		x.login = "user" + strconv.Itoa(g.r.IntN(3000)) + "@corp.test"
	}
	for {
		x.transaction()
		if !x.quit || g.begun >= g.cfg.Messages || !g.chance(0.06) {
			break
		}
		g.begun++
	}
	x.disconnect()
}

// transaction is one message of the session.
func (x *smtpd) transaction() {
	g := x.g
	x.t += g.between(20, 300)
	m := g.newMail(x.s, x.t)
	x.t = m.created
	m.sender = g.sender(x.inside)
	m.truth.Origin, m.truth.ClientIP, m.truth.SASL = "smtp", x.c.ip, x.login
	text := "client=" + x.c.String()
	if x.login != "" {
		text += ", sasl_method=PLAIN, sasl_username=" + x.login
	}
	m.line(x.t, x.service, x.p.pid, text)
	x.mails++
	m.addressees(x.inside)
	x.rcpts += m.addressed
	if g.chance(0.02) { // some recipients of an accepted message are refused
		for _, r := range g.refusals(1 + g.r.IntN(2)) {
			x.t += g.between(5, 50)
			x.rcpts++
			x.refused++
			if m.say(x.t, x.service, x.p.pid, refusalText(m.id, x.c, r, m.sender)) {
				m.truth.Recipients = append(m.truth.Recipients, TruthRecipient{To: r.to, Status: "rejected", DSN: r.dsn})
				m.truth.From = truthSender(m.sender)
			}
		}
	}
	if g.chance(0.004) { // Postfix before 3.10 says no id when the client goes away, and none of its lines ends the message
		x.t += g.between(1000, 30000)
		x.line("lost connection after DATA (" + strconv.Itoa(g.r.IntN(20000)) + " bytes) from " + x.c.String())
		x.quit = false
		g.tell(m)
		return
	}
	m.signed = x.inside && g.cfg.Milters
	x.t = m.cleanup(x.t, x.c.String(), fmt.Sprintf(" proto=ESMTP helo=<%s>", x.c.helo))
}

// pickup is mail from a program on the server.
func (g *Generator) pickup(s *server, at int64) {
	m := g.newMail(s, at)
	m.truth.Origin = "local"
	m.sender = []string{"root@" + s.fqdn, "www-data@" + s.fqdn, "", "monitor@corp.test"}[g.r.IntN(4)]
	p := s.take("postfix/pickup", m.created)
	m.line(m.created, "postfix/pickup", p.pid, "uid="+strconv.Itoa(g.r.IntN(3)*33)+" from=<"+m.sender+">")
	m.truth.From = truthSender(m.sender)
	m.addressees(true)
	m.cleanup(m.created+g.between(1, 20), "local", "")
}

func truthSender(s string) string {
	if s == "" {
		return "<>"
	}
	return strings.ToLower(s)
}
