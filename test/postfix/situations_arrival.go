package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

func plain(s *Site, name string) error {
	if err := s.each(name, s.MX,
		mailTo(name, "A plain mail", "ok.plain@example.org"),
		mailTo(name, "Delivered without a detour", "ok.plain@direct.example"),
	); err != nil {
		return err
	}
	v, err := s.connect(s.MX, "several.client.example")
	if err != nil {
		return err
	}
	for i := range 3 {
		if _, err := v.send(name, mailTo(name, fmt.Sprintf("Number %d of a session", i), fmt.Sprintf("ok.session%d@example.org", i))); err != nil {
			return err
		}
	}
	return v.quit()
}

// local is mail that the sendmail command submits.
func local(s *Site, name string) error {
	for _, m := range []Mail{
		mailTo(name, "From a user of the machine", "ok.pickup@example.org"),
		{From: "", To: []string{"ok.pickup.null@example.org"}, Subject: "From nobody"},
		mailTo(name, "To two", "ok.pickup.a@direct.example", "no.pickup.b@direct.example"),
	} {
		sent, err := s.sendmail(name, m)
		if err != nil {
			return err
		}
		s.want(sent, "postfix-mx", "origin", "local")
		s.want(sent, "postfix-mx", "uid", "0")
	}
	return nil
}

// encrypted is mail over TLS, on its way in and on its way out: first among other
// sessions, then with seconds to itself, since Postfix's log has no fractions.
func encrypted(s *Site, name string) error {
	for i, version := range []uint16{tls.VersionTLS13, tls.VersionTLS12, tls.VersionTLS13, tls.VersionTLS12} {
		port := s.MX
		if i > 1 {
			port = s.Alone
			time.Sleep(1100 * time.Millisecond)
		}
		v, err := s.connect(port, "secure.client.example")
		if err != nil {
			return err
		}
		if err := v.startTLS(version); err != nil {
			return err
		}
		for n := range 2 {
			sent, err := v.send(name, mailTo(name, "Encrypted", fmt.Sprintf("ok.%d.%d@secure.example", i, n)))
			if err != nil {
				return err
			}
			if port == s.Alone {
				s.want(sent, "postfix-mx", "session.disconnect.starttls", "1")
				s.want(sent, "postfix-mx", "session.disconnect.mail", "2")
				s.want(sent, "postfix-mx", "session.delivery_tls.version", "TLSv1.3")
			}
		}
		if err := v.quit(); err != nil {
			return err
		}
	}
	return s.each(name, s.MX, mailTo(name, "Encrypted on the last step", "ok.secure@secure.example.org"))
}

func login(s *Site, name string) error {
	time.Sleep(1100 * time.Millisecond)
	v, err := s.connect(s.Alone, "roaming.client.example")
	if err != nil {
		return err
	}
	if err := v.startTLS(tls.VersionTLS13); err != nil {
		return err
	}
	if err := v.login("user@client.example"); err != nil {
		return err
	}
	sent, err := v.send(name, mailTo(name, "From somebody logged in", "ok.login@example.org"))
	if err != nil {
		return err
	}
	s.want(sent, "postfix-mx", "sasl.method", "PLAIN")
	s.want(sent, "postfix-mx", "session.disconnect.auth", "1")
	if err := v.quit(); err != nil {
		return err
	}
	time.Sleep(1100 * time.Millisecond)
	clear, err := s.smtp(s.Alone, name, mailTo(name, "In the clear, from nobody in particular", "ok.clear@example.org"))
	if err != nil {
		return err
	}
	s.want(clear, "postfix-mx", "tls.version")
	v, err = s.connect(s.MX, "guessing.client.example")
	if err != nil {
		return err
	}
	if _, err := v.must(535, "AUTH PLAIN %s", "AGEAYgBj"); err != nil { // "a", password "bc"
		return err
	}
	return v.quit()
}

// qmqp is mail by the Quick Mail Queueing Protocol (src/qmqpd/qmqpd.c).
func qmqp(s *Site, name string) error {
	m := mailTo(name, "By another protocol", "ok.qmqp@direct.example", "no.qmqp@direct.example")
	sent := s.note(name, m)
	sent.To = m.To
	text := netstring(strings.ReplaceAll(written(sent, m), "\r\n", "\n")) + netstring(m.From)
	for _, to := range m.To {
		text += netstring(to)
	}
	var d net.Dialer
	c, err := d.DialContext(s.ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.QMQP)))
	if err != nil {
		return err
	}
	defer c.Close() // all is said
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Write([]byte(netstring(text))); err != nil {
		return err
	}
	reply, err := io.ReadAll(c)
	if err != nil {
		return err
	}
	if !strings.Contains(string(reply), ":K") {
		return fmt.Errorf("unexpected reply: %q", reply)
	}
	s.journal.sent(*sent)
	s.want(sent, "postfix-mx", "origin", "qmqp")
	s.want(sent, "postfix-mx", "status", "mixed")
	return nil
}

func netstring(s string) string { return fmt.Sprintf("%d:%s,", len(s), s) }

// aborted is mail that its client does not finish.
func aborted(s *Site, name string) error {
	for _, how := range []string{"hang up in DATA", "RSET", "QUIT", "hang up"} {
		v, err := s.connect(s.MX, "hasty.client.example")
		if err != nil {
			return err
		}
		m := mailTo(name, "Never finished: "+how, "ok.aborted@example.org")
		m.NoID = how != "hang up in DATA"
		sent := v.begin(name, m)
		if ok, err := v.envelope(sent, m); !ok || err != nil {
			return errors.Join(errors.New("the envelope was refused"), err)
		}
		sent.To = nil
		switch how {
		case "hang up in DATA":
			if _, err := v.must(354, "DATA"); err != nil {
				return err
			}
			if err := v.text.PrintfLine("%s%s", written(sent, m), strings.Repeat("half a line\r\n", 500)); err != nil {
				return err
			}
			time.Sleep(200 * time.Millisecond) // so that it is read before the connection is closed
		case "RSET":
			if _, err := v.must(250, "RSET"); err != nil {
				return err
			}
		case "QUIT":
			if err := v.quit(); err != nil {
				return err
			}
		}
		_ = v.conn.Close()
		s.journal.sent(*sent)
		if m.NoID {
			s.journal.Fragments++
			continue
		}
		s.want(sent, "postfix-mx", "complete", "false")
	}
	return nil
}

// size is mail over message_size_limit that was not announced.
func size(s *Site, name string) error {
	m := mailTo(name, "Too big", "ok.big@example.org")
	m.Body = strings.Repeat("Far too much of the same.\r\n", 8000)
	sent, err := s.smtp(s.MX, name, m)
	if err == nil {
		s.want(sent, "postfix-mx", "status", "aborted")
	}
	return err
}

// writing is mail with unusual addresses and subjects.
func writing(s *Site, name string) error {
	// Of a folded header, Postfix logs the line end as "?", which may as well be one.
	long := strings.Repeat("a subject longer than two hundred bytes ", 8)
	return s.each(name, s.MX,
		Mail{From: "", To: []string{"ok.null@example.org"}, Subject: "From nobody"},
		mailTo(name, "Quoted", `"ok. with blank"@direct.example`, `"ok.a,b"@direct.example`),
		Mail{From: `"quoted sender"@sender.example`, To: []string{"ok.quoted@example.org"}, Subject: "Quoted sender"},
		Mail{From: "jürgen@sender.example", To: []string{"ok.größe@direct.example", "ok.名前@direct.example"}, Subject: "SMTPUTF8", Params: "SMTPUTF8"},
		Mail{From: name + "@sender.example", To: []string{"ok.b@example.org"}, Subject: "Grüße aus Köln", Header: "=?UTF-8?B?R3LDvMOfZSBhdXMgS8O2bG4=?="},
		Mail{From: name + "@sender.example", To: []string{"ok.q@example.org"}, Subject: "Grüße, latin-1", Header: "=?iso-8859-1?Q?Gr=FC=DFe,_latin-1?="},
		Mail{From: name + "@sender.example", To: []string{"ok.raw@example.org"}, Subject: "Grüße, roh", Header: "Grüße, roh", Params: "BODY=8BITMIME"},
		mailTo(name, "Sent from here; from=<x@y> to=<z@y> proto=ESMTP helo=<h>", "ok.from@example.org"),
		Mail{From: name + "@sender.example", To: []string{"ok.long@example.org"}, Subject: "*", Header: long},
		Mail{From: name + "@sender.example", To: []string{"ok.folded@example.org"}, Subject: "Folded once? and twice", Header: "Folded once\r\n and twice"},
		Mail{From: name + "@sender.example", To: []string{"ok.nosubject@example.org"}},
		Mail{From: name + "@sender.example", To: []string{"ok.noid@example.org"}, Subject: "No Message-ID", NoID: true},
		Mail{From: name + "+tag=ok.example@sender.example", To: []string{"ok.verp+a=b@direct.example", "ok.percent%x@direct.example"}, Subject: "VERP"},
		Mail{From: "MiXed.Case@Sender.Example", To: []string{"ok.UPPER@Direct.Example"}, Subject: "Upper case"},
	)
}
