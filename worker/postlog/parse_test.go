package postlog

import (
	"strings"
	"testing"
)

// line is a program's text after "QUEUEID: " and what it must say.
type line struct {
	text string
	want Event
}

const testID = "4F2A31B2C"

// check parses each line and compares the whole event.
func check(t *testing.T, program string, lines []line) {
	t.Helper()
	daemon := Parse(program, "").Daemon
	for _, l := range lines {
		want := l.want
		want.Service, want.Daemon, want.QueueID, want.Text = program, daemon, testID, l.text
		if got := Parse(program, testID+": "+l.text); got != want {
			t.Errorf("%s: %s\n got %+v\nwant %+v", program, l.text, got, want)
		}
	}
}

// checkNoQueue is check for lines that begin with "NOQUEUE: ".
func checkNoQueue(t *testing.T, program string, lines []line) {
	t.Helper()
	daemon := Parse(program, "").Daemon
	for _, l := range lines {
		want := l.want
		want.Service, want.Daemon, want.NoQueue, want.Text = program, daemon, true, l.text
		if got := Parse(program, "NOQUEUE: "+l.text); got != want {
			t.Errorf("%s: %s\n got %+v\nwant %+v", program, l.text, got, want)
		}
	}
}

// checkWarning is check for lines that begin with "warning: ".
func checkWarning(t *testing.T, program string, lines []line) {
	t.Helper()
	for _, l := range lines {
		want := l.want
		want.Service, want.Daemon, want.QueueID, want.Text, want.Level = program, Parse(program, "").Daemon, testID, l.text, "warning"
		if got := Parse(program, "warning: "+testID+": "+l.text); got != want {
			t.Errorf("%s: %s\n got %+v\nwant %+v", program, l.text, got, want)
		}
	}
}

func TestPrograms(t *testing.T) {
	for _, tt := range []struct {
		program, daemon, instance string
		postfix                   bool
	}{
		{"postfix/smtpd", "smtpd", "postfix", true},
		{"postfix/submission/smtpd", "smtpd", "postfix", true},
		{"postfix-out/relay/smtp", "smtp", "postfix-out", true},
		{"postfix-170.55.103.23/smtpd", "smtpd", "postfix-170.55.103.23", true},
		{"outbound/qmgr", "qmgr", "outbound", true},
		{"postfix", "postfix", "", true},
		{"smtpd", "smtpd", "", false},
		{"/smtpd", "smtpd", "", false},
		{"sshd", "sshd", "", false},
		{"systemd/logind", "logind", "systemd", false},
		{"", "", "", false},
	} {
		if got := Parse(tt.program, "x").Daemon; got != tt.daemon {
			t.Errorf("%q: daemon %q", tt.program, got)
		}
		if got := Instance(tt.program); got != tt.instance {
			t.Errorf("%q: instance %q", tt.program, got)
		}
		if got := IsPostfix(tt.program); got != tt.postfix {
			t.Errorf("%q: IsPostfix %v", tt.program, got)
		}
	}
}

// One daemon's words mean nothing in another's mouth.
func TestDaemonsDoNotMix(t *testing.T) {
	for _, tt := range []struct{ program, text string }{
		{"postfix/smtpd", "removed"},
		{"postfix/smtp", "removed"},
		{"postfix/bounce", "removed"},
		{"postfix/postscreen", "client=x[192.0.2.1]"},
		{"postfix/postscreen", "lost connection after DATA from x[192.0.2.1]"},
		{"postfix/qmqpd", "reject: RCPT from x[192.0.2.1]: 550 no"},
		{"postfix/smtpd", "x[192.0.2.1]: lost connection while receiving message content"},
		{"postfix/smtpd", "warning: header Subject: x"},
		{"postfix/smtp", "reject: header Subject: x"},
		{"postfix/smtp", "hold: header Subject: x from local; from=<>"},
		{"postfix/local", "warning: header Subject: x"},
		{"postfix/local", "host x[192.0.2.1] said: 450 later"},
		{"postfix/cleanup", "reject: RCPT from x[192.0.2.1]: 550 no"},
		{"postfix/cleanup", "lost connection after DATA from x[192.0.2.1]"},
		{"postfix/bounce", "placed on hold"},
		{"postfix/smtpd", "DKIM verification successful"},
		{"postfix/pickup", "client=x[192.0.2.1]"},
		{"cron", "removed"},
		{"pmg-smtp-filter", "removed"},
		{"postfix/anvil", "to=<a@b>, relay=none, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (x)"},
		{"postfix/qmgr", "client=x[192.0.2.1]"},
		{"postfix/cleanup", "client=x[192.0.2.1]"},
		{"postfix/smtpd", "uid=0 from=<a@b>"},
		{"postfix/smtp", "message-id=<a@b>"},
		{"postfix/cleanup", "from=<a@b>, size=1, nrcpt=1 (queue active)"},
		{"postfix/qmgr", "sender non-delivery notification: 4F2A31B2D"},
		{"postfix/qmgr", "placed on hold"},
	} {
		if e := Parse(tt.program, testID+": "+tt.text); e.Kind != Unknown || e.QueueID != testID {
			t.Errorf("%s: %q is %v of %q", tt.program, tt.text, e.Kind, e.QueueID)
		}
	}
}

func TestKindNames(t *testing.T) {
	seen := map[string]bool{}
	for k := Unknown; k <= Filtered; k++ {
		if name := k.String(); name == "invalid" || seen[name] {
			t.Errorf("kind %d is called %q", k, name)
		} else {
			seen[name] = true
		}
	}
	if got := Kind(200).String(); got != "invalid" {
		t.Errorf("Kind(200) is called %q", got)
	}
}

func TestShape(t *testing.T) {
	for text, want := range map[string]string{
		"odd " + strings.Repeat("secret", 1<<17):                      "odd …",
		"connect from mail.example[192.0.2.1]":                        "connect from …",
		"unable to look up host partner.example: Name unknown":        "unable to look up host … Name unknown",
		"deferred (lost connection...) and /etc.":                     "deferred (lost connection...) and /etc.",
		"warning: header Subject: Invoice of the week from local; x":  "warning: header …",
		"body Dear all from local;":                                   "body …",
		"reply SUBJECT: see you tonight":                              "reply SUBJECT: …",
		"to=<a>, subject=see you, size=big":                           "to=… subject=… …",
		"not a header":                                                "not a header",
		"to=<a b@c>, relay=none, status=sent (ok)":                    "to=… … relay=none, status=sent (ok)",
		`sender "jane" x@y said 日本 <secret words here> and went away`: "sender … … said … … … … and went away",
		"": "",
	} {
		if got := Shape(text); got != want {
			t.Errorf("Shape(%q) = %q, want %q", text, got, want)
		}
	}
}
