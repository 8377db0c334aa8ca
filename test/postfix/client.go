package main

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// Mail is a message to be sent.
type Mail struct {
	From    string   // without angle brackets; "" is the null sender
	To      []string // as in RCPT TO; parameters may follow the address after a space
	Subject string   // decoded; sent raw where Header is empty
	Header  string   // the Subject header's value as it is to stand in the message
	More    string   // further header lines, each with its CRLF
	Body    string
	Params  string // of MAIL FROM: "SMTPUTF8", "SIZE=1000000"
	NoID    bool   // without a Message-ID
}

// session is a client's connection to postfix-mx.
type session struct {
	site *Site
	conn net.Conn
	text *textproto.Conn
	port int
	helo string
	tls  tls.ConnectionState
	user string

	vanishes   bool // what is sent next will be thrown away
	redirected bool // what is sent next will go to others
}

// connect opens a session and greets.
func (s *Site) connect(port int, helo string) (*session, error) {
	d := net.Dialer{Timeout: 5 * time.Second}
	c, err := d.DialContext(s.ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	v := &session{site: s, conn: c, text: textproto.NewConn(c), port: port, helo: helo}
	if _, _, err := v.text.ReadResponse(220); err != nil {
		return nil, err
	}
	_, err = v.must(250, "EHLO %s", helo)
	return v, err
}

// ask sends a command and returns the reply, "250 2.0.0 Ok".
func (v *session) ask(format string, args ...any) (string, error) {
	if err := v.text.PrintfLine(format, args...); err != nil {
		return "", err
	}
	return v.reply()
}

func (v *session) reply() (string, error) {
	code, text, err := v.text.ReadResponse(0)
	var refused *textproto.Error
	if errors.As(err, &refused) {
		err = nil
	}
	return strconv.Itoa(code) + " " + text, err
}

// must is ask where only one answer will do.
func (v *session) must(code int, format string, args ...any) (string, error) {
	reply, err := v.ask(format, args...)
	if err == nil && !strings.HasPrefix(reply, strconv.Itoa(code)) {
		verb, _, _ := strings.Cut(fmt.Sprintf(format, args...), " ")
		err = fmt.Errorf("%s: unexpected reply: %s", verb, reply)
	}
	return reply, err
}

// startTLS encrypts. The certificate is our own and not what is tested.
func (v *session) startTLS(version uint16) error {
	if _, err := v.must(220, "STARTTLS"); err != nil {
		return err
	}
	c := tls.Client(v.conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12, MaxVersion: version}) // self-signed
	if err := c.HandshakeContext(v.site.ctx); err != nil {
		return err
	}
	v.conn, v.text, v.tls = c, textproto.NewConn(c), c.ConnectionState()
	_, err := v.must(250, "EHLO %s", v.helo)
	return err
}

// login authenticates. The password is the name.
func (v *session) login(user string) error {
	_, err := v.must(235, "AUTH PLAIN %s", base64.StdEncoding.EncodeToString([]byte("\x00"+user+"\x00"+user)))
	v.user = user
	return err
}

// send sends one message and notes it. What is refused is noted and no error.
func (v *session) send(situation string, m Mail) (*Sent, error) {
	s := v.begin(situation, m)
	defer func() { v.site.journal.sent(*s) }()
	if ok, err := v.envelope(s, m); !ok || err != nil {
		return s, err
	}
	if _, err := v.must(354, "DATA"); err != nil {
		return s, err
	}
	w := v.text.DotWriter()
	if _, err := w.Write([]byte(written(s, m))); err != nil {
		return s, err
	}
	if err := w.Close(); err != nil {
		return s, err
	}
	reply, err := v.reply()
	if err != nil {
		return s, err
	}
	return s, v.took(s, reply)
}

// begin notes what is about to be sent.
func (v *session) begin(situation string, m Mail) *Sent {
	s := v.site.note(situation, m)
	s.HELO, s.Port, s.SASLUser, s.Vanished = v.helo, v.port, v.user, v.vanishes
	s.Redirected = v.redirected
	s.Alone, s.Proxied = v.port == v.site.Alone, v.port == v.site.Proxied
	if v.tls.Version != 0 {
		s.TLS, s.Cipher = tlsName(v.tls.Version), cipherName(v.tls.CipherSuite)
	}
	return s
}

// envelope sends MAIL and RCPT. It returns false where nobody may have the message.
func (v *session) envelope(s *Sent, m Mail) (bool, error) {
	mail := "MAIL FROM:<" + m.From + ">"
	if m.Params != "" {
		mail += " " + m.Params
	}
	reply, err := v.ask("%s", mail)
	if err != nil || reply[0] != '2' {
		s.refused("MAIL", "", reply)
		return false, err
	}
	for _, to := range m.To {
		address, params, _ := strings.Cut(to, "> ")
		command := "RCPT TO:<" + address + ">"
		if params != "" {
			command += " " + params
		}
		reply, err := v.ask("%s", command)
		if err != nil {
			return false, err
		}
		if reply[0] != '2' {
			s.refused("RCPT", address, reply)
			continue
		}
		s.To = append(s.To, address)
	}
	if len(s.To) == 0 {
		_, err := v.must(250, "RSET")
		return false, err
	}
	return true, nil
}

// quit ends the session in order.
func (v *session) quit() error {
	_, err := v.must(221, "QUIT")
	return errors.Join(err, v.conn.Close())
}

func (s *Sent) refused(stage, to, reply string) {
	s.Refusals = append(s.Refusals, Answer{At: time.Now(), Stage: stage, From: s.From, To: to, Queued: len(s.To) > 0, Reply: reply})
}

// took reads the reply to the end of the message (src/smtpd/smtpd.c: "250 2.0.0 Ok:
// queued as ID").
func (v *session) took(s *Sent, reply string) error {
	if !strings.HasPrefix(reply, "250 ") {
		s.refused("END-OF-MESSAGE", "", reply)
		return nil
	}
	_, id, found := strings.Cut(reply, "queued as ")
	if !found {
		return fmt.Errorf("no queue id in the reply: %s", reply)
	}
	s.QueueID = id
	return nil
}

// written is the message with headers and body.
func written(s *Sent, m Mail) string {
	header := m.Header
	if header == "" {
		header = m.Subject
	}
	var b strings.Builder
	if !m.NoID {
		fmt.Fprintf(&b, "Message-ID: <%s>\r\n", s.MessageID)
	}
	if header != "" {
		fmt.Fprintf(&b, "Subject: %s\r\n", header)
	}
	fmt.Fprintf(&b, "From: <%s>\r\nTo: undisclosed-recipients:;\r\n%s\r\n%s\r\n", m.From, m.More, m.Body)
	return b.String()
}

// cipherName spells a cipher as OpenSSL does.
func cipherName(id uint16) string {
	name := tls.CipherSuiteName(id)
	if !strings.Contains(name, "_WITH_") {
		return name // TLS 1.3: the same everywhere
	}
	name = strings.TrimPrefix(name, "TLS_")
	name = strings.NewReplacer("_WITH_", "-", "AES_128", "AES128", "AES_256", "AES256", "_SHA256", "-SHA256", "_SHA384", "-SHA384").Replace(name)
	return strings.ReplaceAll(name, "_", "-")
}
