package main

import (
	"errors"
	"strings"
)

func rejects(s *Site, name string) error {
	if err := s.each(name, s.MX,
		mailTo(name, "Refused", "refused@example.org"),
		mailTo(name, "Greylisted", "greylisted@example.org"),
		Mail{From: "bad.sender@sender.example", To: []string{"ok.reject@example.org"}, Subject: "From somebody bad"},
		Mail{From: name + "@sender.example", To: []string{"ok.reject@example.org"}, Params: "SIZE=1000000"},
		mailTo(name, "One is refused", "ok.reject.a@example.org", "refused@example.org", "ok.reject.b@direct.example", "greylisted@example.org"),
		mailTo(name, "The first is refused", "other.refused@example.org", "ok.reject.c@example.org"),
		mailTo(name, "An at sign too many", `"user@"@example.org`, "ok.reject.d@example.org"),
	); err != nil {
		return err
	}
	if err := s.each(name, s.Strict, mailTo(name, "Relaying", "ok.relaying@example.org"), mailTo(name, "Ours", "bin@mx.example")); err != nil {
		return err
	}
	v, err := s.connect(s.MX, "bad.helo.example")
	if err != nil {
		return err
	}
	if _, err := v.send(name, mailTo(name, "Bad name", "ok.helo@example.org")); err != nil {
		return err
	}
	return v.quit()
}

// access is mail that an access table does something with. Where the first recipient is
// concerned, there is no queue id yet, and Postfix's line about it begins with NOQUEUE.
func access(s *Site, name string) error {
	for _, first := range []string{"", "ok.access@example.org"} {
		for _, to := range []string{"warned@example.org", "held@example.org", "discarded@example.org", "redirected@example.org"} {
			m := mailTo(name, "Access to "+to, to)
			if first != "" {
				m.To = []string{first, to}
			}
			v, err := s.connect(s.MX, "client.example")
			if err != nil {
				return err
			}
			v.vanishes = strings.HasPrefix(to, "discarded")
			v.redirected = strings.HasPrefix(to, "redirected")
			sent, err := v.send(name, m)
			if err := errors.Join(err, v.quit()); err != nil {
				return err
			}
			switch {
			case strings.HasPrefix(to, "redirected"):
				s.want(sent, "postfix-mx", "recipients.to", "target.of.access@example.org")
			case first == "": // the line about it names no queue id
			case strings.HasPrefix(to, "held"):
				s.want(sent, "postfix-mx", "status", "held")
			case strings.HasPrefix(to, "discarded"):
				s.want(sent, "postfix-mx", "status", "discarded")
			}
		}
	}
	return nil
}

func headerChecks(s *Site, name string) error {
	for _, c := range []struct {
		check, path string
		values      []string
	}{
		{"reject", "status", []string{"rejected"}},
		{"discard", "status", []string{"discarded"}},
		{"hold", "status", []string{"held"}},
		{"redirect", "recipients.to", []string{"target.of.check@example.org"}},
		{"filter", "checks.action", []string{"filter"}},
		{"prepend", "checks.action", []string{"prepend"}},
		{"replace", "checks.action", []string{"replace"}},
		{"bcc", "checks.action", []string{"bcc"}},
		{"info", "status", []string{"sent"}},
	} {
		sent, err := s.smtp(s.MX, name, mailTo(name, "check-"+c.check, "ok."+c.check+"@direct.example"))
		if err != nil {
			return err
		}
		s.want(sent, "postfix-mx", c.path, c.values...)
	}
	m := mailTo(name, "With a header that goes", "ok.strip@direct.example")
	m.More = "X-Strip: yes\r\n"
	_, err := s.smtp(s.MX, name, m)
	return err
}

func bodyChecks(s *Site, name string) error {
	for _, c := range []struct{ check, status string }{{"reject", "rejected"}, {"hold", "held"}, {"warn", "sent"}} {
		m := mailTo(name, "Read to the end", "ok.body-"+c.check+"@direct.example")
		m.Body = "some words\r\nbody-" + c.check + " some more\r\n"
		sent, err := s.smtp(s.MX, name, m)
		if err != nil {
			return err
		}
		s.want(sent, "postfix-mx", "status", c.status)
		s.want(sent, "postfix-mx", "checks.stage", "body")
	}
	return nil
}

// screened is mail that postscreen(8) looks at first.
func screened(s *Site, name string) error {
	if err := s.each(name, s.Screen, mailTo(name, "From somebody patient", "ok.patient@example.org")); err != nil {
		return err
	}
	// The second is on the list of those who are not wanted.
	return s.each(name, s.Deny, mailTo(name, "From somebody unwanted", "ok.unwanted@example.org"))
}

func milter(s *Site, name string) error {
	for _, c := range [][2]string{
		{"milter-reject", "rejected"}, {"milter-defer", "rejected"}, {"milter-discard", "discarded"}, {"milter-hold", "held"}, {"milter-pass", "sent"},
	} {
		sender, status := c[0], c[1]
		sent, err := s.smtp(s.Milter, name, Mail{From: sender + "@sender.example", To: []string{"ok." + sender + "@direct.example"}, Subject: "For the filter"})
		if err != nil {
			return err
		}
		s.want(sent, "postfix-mx", "status", status)
	}
	return s.each(name, s.Milter,
		mailTo(name, "Refused by the filter", "milter-no.a@direct.example"),
		mailTo(name, "One refused by the filter", "ok.milter-a@direct.example", "milter-no.b@direct.example"),
	)
}

// contentFilter is mail that passes a filter after the queue, and one before it.
func contentFilter(s *Site, name string) error {
	after, err := s.smtp(s.Filtered, name, mailTo(name, "Filtered after the queue", "ok.after@example.org", "no.after@direct.example"))
	if err != nil {
		return err
	}
	s.want(after, "postfix-mx", "status", "sent") // to the filter
	return s.each(name, s.Proxied,
		mailTo(name, "Filtered before the queue", "ok.before@example.org"),
		mailTo(name, "Refused behind the filter: check-reject", "ok.before@direct.example"),
	)
}
