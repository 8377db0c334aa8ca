package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/mail"
	"net/textproto"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Sink is the world that mail goes to: an SMTP or LMTP server that answers by the
// recipient's local part up to its first dot, and notes what it was offered and what
// it said.
//
//	no       550 at RCPT
//	never    450 at RCPT
//	later    450 at RCPT the first time
//	late     the same, two seconds after that still
//	refuse   554 at the end of the message
//	hangup   the connection is closed at DATA, the first time
//
// All else is taken.
type Sink struct {
	journal *Journal
	tls     *tls.Config // offered with STARTTLS; nil is not
	lmtp    bool
	memory  *memory
}

// memory is what all sinks together remember of recipients.
type memory struct {
	first sync.Map // recipient → time.Time of its first attempt
	ids   atomic.Int64
}

// age tells how long ago the recipient was first heard of; 0 is now.
func (m *memory) age(recipient string) time.Duration {
	at, known := m.first.LoadOrStore(recipient, time.Now())
	if !known {
		return 0
	}
	return max(time.Since(at.(time.Time)), 1)
}

// queueID makes an id in the shape of Postfix's short ones: one that looks like
// ours and is not.
func (m *memory) queueID() string {
	return fmt.Sprintf("%05X%06X", 0x10000+m.ids.Add(1), 0xABC000)
}

// serve answers until the listener is closed.
func (s *Sink) serve(l net.Listener) { accept(l, s.converse) }

// accept hands each connection to a goroutine until the listener is closed.
func accept(l net.Listener, converse func(net.Conn)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()                                    // the peer is gone
			_ = c.SetDeadline(time.Now().Add(2 * time.Minute)) // no connection outlives the test
			converse(c)
		}()
	}
}

// converse is one session.
func (s *Sink) converse(c net.Conn) {
	v := &visit{Sink: s, conn: c, r: bufio.NewReader(c), port: c.LocalAddr().(*net.TCPAddr).Port}
	v.say("220 sink.example ESMTP")
	for {
		line, err := v.r.ReadString('\n')
		if err != nil || !v.command(strings.TrimRight(line, "\r\n")) {
			return
		}
	}
}

// visit is a session under way.
type visit struct {
	*Sink
	conn    net.Conn
	r       *bufio.Reader
	port    int
	version string // of TLS
	helo    string
	now     *Arrived
	to      []string // taken at RCPT
}

func (v *visit) say(format string, args ...any) {
	fmt.Fprintf(v.conn, format+"\r\n", args...) // the next read fails too
}

// command answers one command. It returns false where the session is over.
func (v *visit) command(line string) bool {
	verb, rest, _ := strings.Cut(line, " ")
	switch strings.ToUpper(verb) {
	case "EHLO", "LHLO", "HELO":
		v.helo = rest
		v.say("250-sink.example")
		if v.tls != nil && v.version == "" {
			v.say("250-STARTTLS")
		}
		v.say("250-SIZE 10240000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES")
	case "STARTTLS":
		return v.startTLS()
	case "MAIL":
		v.now, v.to = &Arrived{Port: v.port, HELO: v.helo, TLS: v.version, From: path(rest)}, nil
		fmt.Sscanf(parameter(rest, "SIZE="), "%d", &v.now.Size) //nolint:errcheck // 0 then
		v.say("250 2.1.0 Ok")
	case "RCPT":
		v.recipient(path(rest))
	case "DATA":
		return v.data()
	case "QUIT":
		v.end()
		v.say("221 2.0.0 Bye")
		return false
	case "RSET":
		v.end()
		v.say("250 2.0.0 Ok")
	default:
		v.say("502 5.5.2 what is that")
	}
	return true
}

// end notes a transaction, and that recipients of none were taken: a probe.
func (v *visit) end() {
	for _, to := range v.to {
		v.answer("RCPT", to, "250 2.1.5 Ok")
	}
	v.to = nil
	if v.now != nil && len(v.now.Answers) > 0 {
		v.journal.arrived(*v.now)
	}
	v.now = nil
}

func (v *visit) startTLS() bool {
	v.say("220 2.0.0 go ahead")
	c := tls.Server(v.conn, v.tls)
	if c.HandshakeContext(context.Background()) != nil { // the connection has a deadline
		return false
	}
	v.conn, v.r, v.version = c, bufio.NewReader(c), tlsName(c.ConnectionState().Version)
	return true
}

func (v *visit) answer(stage, to, reply string) {
	v.now.Answers = append(v.now.Answers, Answer{At: time.Now(), Stage: stage, From: v.now.From, To: to, Reply: reply})
}

func (v *visit) recipient(to string) {
	reply := ""
	age := v.memory.age(to)
	switch word(to) {
	case "no":
		reply = "550 5.1.1 nobody of that name"
	case "never":
		reply = "450 4.2.0 not in this life"
	case "later":
		if age == 0 {
			reply = "450 4.2.1 not now"
		}
	case "late":
		if age < 4*time.Second {
			reply = "450 4.2.1 not yet"
		}
	}
	if reply == "" {
		v.to = append(v.to, to)
		v.say("250 2.1.5 Ok")
		return
	}
	v.answer("RCPT", to, reply)
	v.say("%s", reply)
}

// data takes the message.
func (v *visit) data() bool {
	if len(v.to) == 0 {
		v.say("554 5.5.1 no valid recipients")
		return true
	}
	for _, to := range v.to {
		if word(to) == "hangup" && v.memory.age(to+" at DATA") == 0 {
			v.answer("DATA", to, "closed")
			v.to = nil
			v.end()
			return false
		}
	}
	v.say("354 go ahead")
	m, err := mail.ReadMessage(textproto.NewReader(v.r).DotReader())
	if err != nil {
		return false
	}
	if _, err := io.Copy(io.Discard, m.Body); err != nil {
		return false
	}
	v.now.MessageID = strings.Trim(m.Header.Get("Message-Id"), "<>")
	v.now.Subject = m.Header.Get("Subject")
	v.now.Hops = hops(m.Header["Received"])
	v.now.QueueID = v.memory.queueID()
	replies := []string{}
	for _, to := range v.to {
		reply := "250 2.0.0 Ok: queued as " + v.now.QueueID
		if word(to) == "refuse" {
			reply = "554 5.6.0 not such a message"
		}
		replies = append(replies, reply)
	}
	for i, to := range v.to {
		reply := replies[0]
		if v.lmtp {
			reply = replies[i]
			v.say("%s", reply)
		}
		v.answer("END-OF-MESSAGE", to, reply)
	}
	v.to = nil
	v.end()
	if !v.lmtp {
		v.say("%s", replies[0])
	}
	return true
}

// hops reads the Received headers that Postfix writes (src/smtpd/smtpd.c,
// src/pickup/pickup.c): "… by HOST (Postfix[, from userid N]) [with X] id ID …".
func hops(received []string) []Hop {
	list := []Hop{}
	for _, header := range received {
		words := strings.Fields(header)
		h := Hop{}
		for i := 0; i+1 < len(words); i++ {
			switch {
			case words[i] == "by" && h.By == "":
				h.By = words[i+1]
			case words[i] == "id" && h.QueueID == "":
				h.QueueID = strings.TrimSuffix(words[i+1], ";")
			}
		}
		list = append(list, h)
	}
	return list
}

// word is what the sink goes by.
func word(address string) string {
	w, _, _ := strings.Cut(strings.Trim(address, `"`), ".")
	return w
}

// path takes the address out of "FROM:<a@b> SIZE=1".
func path(s string) string {
	_, s, _ = strings.Cut(s, "<")
	if i := strings.LastIndexByte(s, '>'); i >= 0 {
		s = s[:i]
	}
	return s
}

func parameter(s, name string) string {
	_, s, _ = strings.Cut(s, name)
	return s
}

// tlsName spells a version as Postfix does.
func tlsName(version uint16) string {
	switch version {
	case tls.VersionTLS13:
		return "TLSv1.3"
	case tls.VersionTLS12:
		return "TLSv1.2"
	}
	return tls.VersionName(version)
}
