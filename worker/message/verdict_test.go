package message

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// What each verdict makes of a message that has not reached the queue, and of
// one that was delivered all the same. Verdicts that only add, log or divert change no status.
func TestVerdictActions(t *testing.T) {
	for _, tt := range []struct {
		line          string // of which VERB is replaced
		verbs, before string
		counts        Counts
	}{
		{"smtpd: VERB: RCPT" + env, "reject milter-reject", Receiving, Counts{Rejected: 1, Total: 1}},
		{"smtpd: VERB: RCPT" + env, "hangup abort", Rejected, Counts{Rejected: 1, Total: 1}},
		{"smtpd: VERB: RCPT" + env, "discard milter-discard", Discarded, Counts{Discarded: 1, Total: 1}},
		{"smtpd: VERB: RCPT" + env, "hold milter-hold", HeldStatus, Counts{Held: 1, Total: 1}},
		{"smtpd: VERB: RCPT" + env, "reject_warning filter redirect bcc delay info warn permit prepend milter-accept", Receiving, Counts{Queued: 1, Total: 1}},
		{"smtpd: VERB: DATA" + env, "reject hangup abort milter-reject", Rejected, Counts{Rejected: 1, Total: 1}},
		{"smtpd: VERB: END-OF-MESSAGE" + env, "milter-discard", Discarded, Counts{Discarded: 1, Total: 1}},
		{"smtpd: VERB: VRFY" + env, "reject", Receiving, Counts{}},
		{"smtpd: VERB: ETRN" + env, "reject", Receiving, Counts{}},
		{"cleanup: VERB: END-OF-MESSAGE" + env, "milter-reject", Rejected, Counts{Rejected: 1, Total: 1}},
		{"cleanup: VERB: RCPT" + env, "milter-reject", Rejected, Counts{Rejected: 1, Total: 1}}, // of mail that pickup brought
		{"cleanup: VERB: END-OF-MESSAGE" + env, "milter-discard", Discarded, Counts{Discarded: 1, Total: 1}},
		{"cleanup: VERB: END-OF-MESSAGE" + env, "milter-hold", HeldStatus, Counts{Held: 1, Total: 1}},
		{"cleanup: VERB: header X: y" + env, "reject milter-header-reject milter-body-reject", Rejected, Counts{Rejected: 1, Total: 1}},
		{"cleanup: VERB: mime-error nesting exceeds safety limit: x" + env, "reject", Rejected, Counts{Rejected: 1, Total: 1}},
		{"cleanup: VERB: body y" + env, "discard milter-header-discard milter-body-discard", Discarded, Counts{Discarded: 1, Total: 1}},
		{"cleanup: VERB: header X: y" + env, "hold milter-header-hold milter-body-hold", HeldStatus, Counts{Held: 1, Total: 1}},
		{
			"cleanup: VERB: header X: y" + env + ": q@d",
			"warning info filter pass delay prepend replace redirect bcc strip milter-header-filter milter-header-redirect milter-header-bcc", Queued,
			Counts{Queued: 1, Total: 1},
		},
		{"smtp: VERB: header X: y", "warning info prepend replace strip pass", Receiving, Counts{}}, // of the origin line
	} {
		for verb := range strings.FieldsSeq(tt.verbs) {
			line := "\n01:00:00 " + strings.Replace(tt.line, "VERB", verb, 1)
			d := one(t, client+line)
			if d.Status != tt.before || d.Counts != tt.counts || d.Unparsed != 0 {
				t.Errorf("%s\n%s %+v, %d not understood; want %s %+v", line, d.Status, d.Counts, d.Unparsed, tt.before, tt.counts)
			}
			if len(d.Checks) != 1 || d.Checks[0].Action != verb {
				t.Errorf("%s\nchecks %+v", line, d.Checks)
			}
			if d = one(t, accepted+line+sent); d.Status != Sent || fmt.Sprint(d.To) != "[c@d]" || len(d.Checks) != 1 {
				t.Errorf("%s\nthen delivered: %s to %v, checks %+v", line, d.Status, d.To, d.Checks)
			}
		}
	}
}

// A message on its way that a redirect sends to one address shows no
// recipients that are none any more, whatever qmgr counted.
func TestRedirectTakesAll(t *testing.T) {
	d := one(t, client+"\n01:00:00 cleanup: redirect: header X: y"+env+": q@d"+
		"\n01:00:01 qmgr: from=<a@b>, size=1, nrcpt=3 (queue active)"+
		"\n01:00:02 smtp: to=<q@d>, relay=none, delay=2, delays=0/0/0/2, dsn=4.2.0, status=deferred (later)")
	if fmt.Sprint(d.To) != "[q@d]" || d.Status != Deferred {
		t.Errorf("%s to %v", d.Status, d.To)
	}
}

// A subject that a milter set is cut earlier, and what is left of an encoded
// word is read.
func TestMilterSubject(t *testing.T) {
	d := one(t, client+"\n01:00:00 cleanup: milter-header-hold: header Subject: =?utf-8?Q?"+strings.Repeat("gr=C3=BC", 4)+"=C3=BC=C"+env)
	if d.Subject != "grügrügrügrüü" || fmt.Sprint(d.Warnings) != "["+WarnSubjectCut+"]" {
		t.Errorf("%q %v", d.Subject, d.Warnings)
	}
}

// A filter that runs on another server than Postfix leaves lines there that
// are no word of a queue.
func TestOnlyAFilter(t *testing.T) {
	l := Line{Time: at(t, "01:00:00"), Program: "opendkim", PID: "9", Text: shortID + ": DKIM verification successful"}
	d := Merge(shortKey, []Line{l}, Options{})[0]
	if d.Status != Receiving || d.Origin != "unknown" || !d.Open || len(d.Checks) != 1 {
		t.Errorf("%s from %s, open %t, checks %+v", d.Status, d.Origin, d.Open, d.Checks)
	}
	l.Program = "postfix/smtp"
	l.Text = shortID + ": warning: header X: y"
	if d = Merge(shortKey, []Line{l}, Options{})[0]; d.Status != Queued {
		t.Errorf("%s of a mail that is being sent", d.Status)
	}
}

// Whatever filters say, only the checks and the lines are others: no status,
// no recipient, no subject.
func TestFiltersDecideNothing(t *testing.T) {
	says := []string{
		"reject", "discard", "removed", "placed on hold", "reject: RCPT from x.example[192.0.2.1]: 550 no; from=<e@f> to=<g@h>",
		"to=<g@h>, relay=none, delay=9, delays=0/0/0/9, dsn=5.0.0, status=bounced (x)", "client=y[192.0.2.9]", "lost connection after DATA from y[192.0.2.9]",
		"from=<e@f>, size=9, nrcpt=9 (queue active)", "message-id=<9@9>", "warning: header Subject: x from local; from=<e@f> to=<g@h>",
		"sender non-delivery notification: 4F2A31B2C9", "uid=0 from=<e@f>",
	}
	programs := []string{"opendkim", "opendmarc", "policyd-spf", "milter-greylist", "mimedefang.pl", "dovecot"}
	for _, block := range []string{client, accepted, accepted + deferred, accepted + sent, accepted + sent + gone, client + hold, client + reject, refused} {
		want := one(t, block)
		for _, s := range says {
			lines := logLines(t, shortID, block)
			for i, program := range programs {
				lines = append(lines, Line{Time: at(t, "01:00:01").Add(time.Duration(i) * time.Second), Program: program, PID: "9", Text: shortID + ": " + s})
			}
			lines = append(lines, Line{Time: at(t, "01:00:02"), Program: "postfix/smtp", PID: "9", Text: shortID + ": warning: header Subject: " + s})
			docs := Merge(shortKey, lines, Options{})
			if len(docs) != 1 {
				t.Fatalf("%q: %d documents of %s", s, len(docs), block)
			}
			d := &docs[0]
			if len(d.Checks) != len(want.Checks)+len(programs)+1 || d.Lines != want.Lines+len(programs)+1 || d.Unparsed != 0 {
				t.Errorf("%q: %d checks, %d lines, %d not understood, of %s", s, len(d.Checks), d.Lines, d.Unparsed, block)
			}
			d.Checks, d.Log, d.Lines, d.LastSeen = want.Checks, want.Log, want.Lines, want.LastSeen
			if got, want := fmt.Sprintf("%+v", *d), fmt.Sprintf("%+v", *want); got != want {
				t.Fatalf("%s\n%q\n got %s\nwant %s", block, s, got, want)
			}
		}
	}
}
