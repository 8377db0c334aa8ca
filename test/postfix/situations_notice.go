package main

// notices is mail about which Postfix writes to its sender.
func notices(s *Site, name string) error {
	bounced, err := s.smtp(s.MX, name, mailTo(name, "Comes back", "no.notice@direct.example"))
	if err != nil {
		return err
	}
	s.want(bounced, "postfix-mx", "links.rel", "bounce")
	bounced, err = s.smtp(s.MX, name, mailTo(name, "Comes back, one server on", "no.notice@example.org"))
	if err != nil {
		return err
	}
	s.want(bounced, "postfix-out", "links.rel", "bounce")
	success, err := s.smtp(s.MX, name, mailTo(name, "Confirmed", "ok.notify@direct.example> NOTIFY=SUCCESS"))
	if err != nil {
		return err
	}
	s.want(success, "postfix-mx", "links.rel", "dsn")
	success, err = s.smtp(s.MX, name, mailTo(name, "Confirmed, one server on", "ok.notify@example.org> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;first@example.org"))
	if err != nil {
		return err
	}
	s.want(success, "postfix-mx", "status", "sent")
	s.want(success, "postfix-out", "links.rel", "dsn")
	silent, err := s.smtp(s.MX, name, mailTo(name, "Does not come back", "no.silent@direct.example> NOTIFY=NEVER"))
	if err != nil {
		return err
	}
	s.want(silent, "postfix-mx", "status", "bounced")
	s.want(silent, "postfix-mx", "links.rel")
	s.journal.Fragments++ // bounce(8) began a notice for which nobody is left
	double, err := s.smtp(s.MX, name, Mail{From: "no.sender@sender.example", To: []string{"no.double@direct.example"}, Subject: "Comes back to nobody"})
	if err != nil {
		return err
	}
	s.want(double, "postfix-mx", "links.rel", "bounce")
	_, err = s.smtp(s.MX, name, Mail{From: "", To: []string{"no.null@example.org"}, Subject: "From nobody to nobody"})
	return err
}

// probes asks whether addresses exist, without mail.
func probes(s *Site, name string) error {
	s.journal.Probes += 2
	if err := s.each(name, s.Verify,
		mailTo(name, "To somebody", "ok.verified@direct.example"),
		mailTo(name, "To nobody", "no.verified@direct.example"),
	); err != nil {
		return err
	}
	_, err := s.sendmail(name, mailTo(name, "A probe by hand", "ok.bv@direct.example", "no.bv@direct.example"), "-bv")
	return err
}

// operator is mail that an operator handles with postsuper(1).
func operator(s *Site, name string) error {
	deferred := func(what string) (*Sent, error) {
		word := "never"
		if what == "requeued" {
			word = "later"
		}
		sent, err := s.smtp(s.MX, name, mailTo(name, "To be "+what, word+"."+what+"@direct.example"))
		if err != nil {
			return nil, err
		}
		return sent, s.waitQueue(sent.QueueID, "deferred")
	}
	held, err := s.smtp(s.MX, name, mailTo(name, "check-hold and release", "ok.released@direct.example"))
	if err != nil {
		return err
	}
	for _, step := range []struct {
		what, option, status string
	}{
		{"deleted", "-d", "deleted"},
		{"requeued", "-r", ""},
		{"expired", "-e", "expired"},
		{"held", "-h", "held"},
	} {
		sent, err := deferred(step.what)
		if err != nil {
			return err
		}
		if err := s.mx.postsuper(s.ctx, step.option, sent.QueueID); err != nil {
			return err
		}
		if step.status != "" {
			s.want(sent, "postfix-mx", "status", step.status)
		}
	}
	if err := s.waitQueue(held.QueueID, "hold"); err != nil {
		return err
	}
	if err := s.mx.postsuper(s.ctx, "-H", held.QueueID); err != nil {
		return err
	}
	s.want(held, "postfix-mx", "status", "sent")
	heldToo, err := s.smtp(s.MX, name, mailTo(name, "check-hold and delete", "ok.deleted@direct.example"))
	if err != nil {
		return err
	}
	if err := s.waitQueue(heldToo.QueueID, "hold"); err != nil {
		return err
	}
	s.want(heldToo, "postfix-mx", "status", "deleted")
	return s.mx.postsuper(s.ctx, "-d", heldToo.QueueID)
}
