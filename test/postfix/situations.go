package main

// situation is one thing that happens to mail, or a few that belong together.
type situation struct {
	name string
	play func(s *Site, name string) error
}

// situations are played in this order, and none waits for the mail of another: those that
// need time come first.
var situations = []situation{
	{"retry", retries},
	{"relays", relays},
	{"plain", plain},
	{"recipients", recipients},
	{"local", local},
	{"aliases", aliases},
	{"transports", transports},
	{"tls", encrypted},
	{"login", login},
	{"notices", notices},
	{"rejects", rejects},
	{"access", access},
	{"header-checks", headerChecks},
	{"body-checks", bodyChecks},
	{"milter", milter},
	{"postscreen", screened},
	{"qmqp", qmqp},
	{"filter", contentFilter},
	{"aborted", aborted},
	{"size", size},
	{"writing", writing},
	{"probes", probes},
	{"operator", operator},
}

// each sends the mails, each in a session of its own.
func (s *Site) each(name string, port int, mails ...Mail) error {
	for _, m := range mails {
		if _, err := s.smtp(port, name, m); err != nil {
			return err
		}
	}
	return nil
}

// mailTo is a mail with nothing special, from a sender of the situation's own.
func mailTo(name, subject string, to ...string) Mail {
	return Mail{From: name + "@sender.example", To: to, Subject: subject}
}
