package main

import (
	"fmt"
	"strconv"
)

func recipients(s *Site, name string) error {
	many := mailTo(name, "To many")
	for i := range 60 { // more than smtp_destination_recipient_limit
		many.To = append(many.To, fmt.Sprintf("ok.many%d@example.org", i))
	}
	return s.each(name, s.MX,
		mailTo(name, "To three", "ok.a@example.org", "ok.b@example.org", "ok.c@direct.example"),
		mailTo(name, "With three ends", "ok.mixed@direct.example", "no.mixed@direct.example", "later.mixed@direct.example"),
		mailTo(name, "With three ends, one server on", "ok.mixed@example.org", "no.mixed@example.org", "later.mixed@example.org"),
		mailTo(name, "Refused whole", "refuse.whole@direct.example"),
		mailTo(name, "Twice the same", "ok.same@direct.example", "OK.same@direct.example"),
		many,
	)
}

// retries is mail that is not delivered at once.
func retries(s *Site, name string) error {
	expired, err := s.smtp(s.MX, name, mailTo(name, "Never", "never.expired@direct.example"))
	if err != nil {
		return err
	}
	s.want(expired, "postfix-mx", "status", "expired")
	s.want(expired, "postfix-mx", "links.rel", "bounce", "delay_notice")
	late, err := s.smtp(s.MX, name, mailTo(name, "Late enough for a delay notice", "late.notice@direct.example"))
	if err != nil {
		return err
	}
	s.want(late, "postfix-mx", "status", "sent")
	dead, err := s.smtp(s.MX, name, mailTo(name, "Nobody listens", "ok.dead@dead.example", "ok.dead2@dead.example"))
	if err != nil {
		return err
	}
	s.want(dead, "postfix-mx", "status", "expired")
	s.want(dead, "postfix-mx", "recipients.response_has", "Connection refused")
	soft, err := s.smtp(s.MX, name, mailTo(name, "soft_bounce", "no.soft@soft.example"))
	if err != nil {
		return err
	}
	s.want(soft, "postfix-mx", "status", "expired")
	return s.each(name, s.MX,
		mailTo(name, "Later", "later.once@direct.example"),
		mailTo(name, "Later, one server on", "later.once@example.org"),
		mailTo(name, "The connection breaks", "hangup.data@direct.example"),
		mailTo(name, "The connection breaks, one server on", "hangup.data@example.org"),
	)
}

// relays is mail whose first server is out of order.
func relays(s *Site, name string) error {
	refused, err := s.smtp(s.MX, name, mailTo(name, "The first refuses the connection", "ok.refused@two.example"))
	if err != nil {
		return err
	}
	s.want(refused, "postfix-mx", "session.relays_tried.port", strconv.Itoa(s.Closed))
	s.want(refused, "postfix-mx", "session.relays_tried.text", "Connection refused")
	return s.each(name, s.MX,
		mailTo(name, "The first says nothing", "ok.mute@slow.example"),
		mailTo(name, "The first is busy", "ok.busy@busy.example"),
	)
}

// aliases is mail whose recipients are others than were named.
func aliases(s *Site, name string) error {
	for _, c := range []struct {
		to, path string
		values   []string
	}{
		{"all@lists.example", "recipients.to", []string{"a.list@example.org", "b.list@direct.example", "c.list@example.org"}},
		{"one@lists.example", "recipients.to", []string{"d.list@example.org"}},
		{"Mixed.Case@lists.example", "recipients.to", []string{"e.list@example.org"}},
		{"team@mx.example", "links.rel", []string{"forwarded_as"}},
		{"nobody@mx.example", "links.rel", []string{"forwarded_as"}},
		{"bin@mx.example", "recipients.response", []string{"delivered to file: /dev/null"}},
		{"program@mx.example", "recipients.response", []string{"delivered to command: /bin/true"}},
		{"games@mx.example", "recipients.response", []string{"delivered to maildir"}},
		{"stranger@mx.example", "status", []string{"bounced"}},
	} {
		sent, err := s.smtp(s.MX, name, mailTo(name, "To "+c.to, c.to))
		if err != nil {
			return err
		}
		s.want(sent, "postfix-mx", c.path, c.values...)
		s.want(sent, "postfix-mx", "complete", "true")
	}
	return s.each(name, s.MX, mailTo(name, "To an alias of an alias", "nested@mx.example"))
}

// transports is mail that other agents than smtp(8) deliver.
func transports(s *Site, name string) error {
	for _, c := range []struct{ to, transport, status string }{
		{"ok.lmtp@store.example", "lmtp", "sent"},
		{"no.lmtp@store.example", "lmtp", "bounced"},
		{"anyone@discard.example", "discard", "discarded"},
		{"anyone@gone.example", "error", "bounced"},
		{"anyone@later.example", "error", "expired"},
		{"anyone@archive.example", "pipe", "sent"},
		{"anyone@broken.example", "pipe", "bounced"},
		{"anna@boxes.example", "virtual", "sent"},
		{"bert@boxes.example", "virtual", "sent"},
		{"stranger@boxes.example", "virtual", "bounced"},
		{"ok.anyone@example.org", "smtp", "sent"},
	} {
		// Not by SMTP: smtpd(8) refuses itself what it knows to be undeliverable.
		sent, err := s.sendmail(name, mailTo(name, "By "+c.transport, c.to))
		if err != nil {
			return err
		}
		s.want(sent, "postfix-mx", "recipients.transport", c.transport)
		s.want(sent, "postfix-mx", "recipients.status", c.status)
		s.want(sent, "postfix-mx", "status", c.status)
	}
	return s.each(name, s.MX, mailTo(name, "To each agent, one refused at once",
		"ok.each@store.example", "no.each@store.example", "each@discard.example", "each@gone.example", "each@archive.example", "ok.each@example.org"))
}
