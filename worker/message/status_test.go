package message

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// statusLines are the lines that the rows of the truth table are built from.
const (
	client   = "\n01:00:00 smtpd: client=x.example[192.0.2.1]"
	mid      = "\n01:00:00 cleanup: message-id=<1@x>"
	active   = "\n01:00:01 qmgr: from=<a@b>, size=1, nrcpt=1 (queue active)"
	accepted = client + mid + active
	env      = " from x.example[192.0.2.1]; from=<a@b> to=<c@d> proto=SMTP helo=<h>"
	refused  = "\n01:00:00 smtpd: reject: RCPT from x.example[192.0.2.1]: 550 5.1.1 <no@d>: unknown; from=<a@b> to=<no@d> proto=SMTP helo=<h>"
	hold     = "\n01:00:00 cleanup: hold: header X: y" + env
	reject   = "\n01:00:00 cleanup: reject: header X: y" + env + ": 5.7.1 no"
	discard  = "\n01:00:00 cleanup: discard: body X" + env
	lost     = "\n01:00:02 smtpd: lost connection after DATA from x.example[192.0.2.1]"
	tooBig   = "\n01:00:02 cleanup: warning: queue file size limit exceeded"
	deferred = "\n01:00:02 smtp: to=<c@d>, relay=none, delay=2, delays=0/0/0/2, dsn=4.2.0, status=deferred (later)"
	sent     = "\n01:00:03 smtp: to=<c@d>, relay=none, delay=3, delays=0/0/0/3, dsn=2.0.0, status=sent (ok)"
	bounced  = "\n01:00:03 smtp: to=<c@d>, relay=none, delay=3, delays=0/0/0/3, dsn=5.0.0, status=bounced (no)"
	sentE    = "\n01:00:03 smtp: to=<e@d>, relay=none, delay=3, delays=0/0/0/3, dsn=2.0.0, status=sent (ok)"
	expired  = "\n01:00:04 qmgr: from=<a@b>, status=expired, returned to sender"
	held     = "\n01:00:04 postsuper: placed on hold"
	released = "\n01:00:05 postsuper: released from hold"
	requeued = "\n01:00:05 postsuper: requeued"
	deleted  = "\n01:00:06 postsuper: removed"
	gone     = "\n01:00:06 qmgr: removed"
)

// The recipient's half of the truth table: what becomes of c@d.
func TestRecipientStatus(t *testing.T) {
	discarded := "\n01:00:03 discard: to=<c@d>, relay=none, delay=3, delays=0/0/0/3, dsn=2.0.0, status=sent (silently)"
	status := func(word string) string {
		return "\n01:00:03 smtp: to=<c@d>, relay=none, delay=3, delays=0/0/0/3, dsn=4.0.0, status=" + word + " (x)"
	}
	for _, tt := range []struct {
		name, lines, want string
		counts            Counts
	}{
		{"sent by discard", accepted + discarded, Discarded, Counts{Discarded: 1, Total: 1}},
		{"sent", accepted + sent, Sent, Counts{Sent: 1, Total: 1}},
		{"bounced", accepted + bounced, Bounced, Counts{Bounced: 1, Total: 1}},
		{"deliverable", accepted + status("deliverable"), Deliverable, Counts{Sent: 1, Total: 1}},
		{"deliverable, not cached", accepted + status("deliverable-but-not-cached"), Deliverable, Counts{Sent: 1, Total: 1}},
		{"undeliverable", accepted + status("undeliverable"), Undeliverable, Counts{Bounced: 1, Total: 1}},
		{"undeliverable, not cached", accepted + status("undeliverable-but-not-cached"), Undeliverable, Counts{Bounced: 1, Total: 1}},
		{"refused", "\n01:00:00 smtpd: reject: RCPT" + env, Rejected, Counts{Rejected: 1, Total: 1}},
		{"refused, then accepted", "\n01:00:00 smtpd: reject: RCPT" + env + accepted + sent, Sent, Counts{Sent: 1, Total: 1}},
		{"deferred, expired", accepted + deferred + expired, ExpiredStatus, Counts{Expired: 1, Total: 1}},
		{"never tried, expired", client + hold + active + expired, ExpiredStatus, Counts{Expired: 1, Total: 1}},
		{"sent, expired", accepted + sent + expired, Sent, Counts{Sent: 1, Total: 1}},
		{"bounced, expired", accepted + bounced + expired, Bounced, Counts{Bounced: 1, Total: 1}},
		{"deferred, deleted", accepted + deferred + deleted, Deleted, Counts{Deleted: 1, Total: 1}},
		{"never tried, deleted", client + hold + deleted, Deleted, Counts{Deleted: 1, Total: 1}},
		{"sent, deleted", accepted + sent + deleted, Sent, Counts{Sent: 1, Total: 1}},
		{"deferred, expired, deleted", accepted + deferred + expired + deleted, ExpiredStatus, Counts{Expired: 1, Total: 1}},
		{"rejected message", client + mid + reject, Rejected, Counts{Rejected: 1, Total: 1}},
		{"discarded message", client + mid + discard, Discarded, Counts{Discarded: 1, Total: 1}},
		{"rejected and held", client + mid + hold + reject, Rejected, Counts{Rejected: 1, Total: 1}},
		{"aborted message", client + mid + "\n01:00:00 cleanup: redirect: header X: y" + env + ": q@d" + lost, Rejected, Counts{Rejected: 1, Total: 1}},
		{"deferred, then a late word of reject", accepted + deferred + reject, Deferred, Counts{Deferred: 1, Total: 1}},
		{"held before any attempt", client + mid + hold, HeldStatus, Counts{Held: 1, Total: 1}},
		{"held after an attempt", accepted + deferred + held, HeldStatus, Counts{Held: 1, Total: 1}},
		{"held and released", accepted + deferred + held + released, Deferred, Counts{Deferred: 1, Total: 1}},
		{"held and active again", client + mid + hold + active, Queued, Counts{Queued: 1, Total: 1}},
		{"sent, then held", accepted + sent + held, Sent, Counts{Sent: 1, Total: 1}},
		{"announced, not tried", client + mid + "\n01:00:00 cleanup: redirect: header X: y" + env + ": q@d" + active, Queued, Counts{Queued: 1, Total: 1}},
		{"deferred", accepted + deferred, Deferred, Counts{Deferred: 1, Total: 1}},
		{"soft bounce", accepted + status("SOFTBOUNCE"), Deferred, Counts{Deferred: 1, Total: 1}},
		{"unknown word", accepted + status("weird"), Deferred, Counts{Deferred: 1, Total: 1}},
		{"deferred, then sent", accepted + deferred + sent, Sent, Counts{Sent: 1, Total: 1}},
		{
			"sent, then a later deferred", accepted + sent + "\n01:00:09 smtp: to=<c@d>, relay=none, delay=9, delays=0/0/0/9, dsn=4.0.0, status=deferred (x)",
			Sent,
			Counts{Sent: 1, Total: 1},
		},
		{"two in one second, the longer delay counts", accepted +
			"\n01:00:03 smtp: to=<c@d>, relay=none, delay=2.9, delays=0/0/0/2.9, dsn=2.0.0, status=sent (zzz)" +
			"\n01:00:03 smtp: to=<c@d>, relay=none, delay=3, delays=0/0/0/3, dsn=5.0.0, status=bounced (aaa)", Bounced, Counts{Bounced: 1, Total: 1}},
		{"the longest delay wins over a clock that went back", accepted +
			"\n01:00:08 smtp: to=<c@d>, relay=none, delay=2, delays=0/0/0/2, dsn=2.0.0, status=sent (x)" +
			"\n01:00:03 smtp: to=<c@d>, relay=none, delay=7, delays=0/0/0/7, dsn=5.0.0, status=bounced (x)", Bounced, Counts{Bounced: 1, Total: 1}},
	} {
		d := one(t, tt.lines)
		if len(d.Recipients) != 1 || d.Recipients[0].To != "c@d" || d.Recipients[0].Status != tt.want || d.Counts != tt.counts {
			t.Errorf("%s: %+v, %+v; want %s", tt.name, d.Recipients, d.Counts, tt.want)
		}
		probe := d.Kind == KindProbe
		if probe != (tt.want == Deliverable || tt.want == Undeliverable) {
			t.Errorf("%s: kind %s", tt.name, d.Kind)
		}
		if unknown := fmt.Sprint(d.Warnings) == "["+WarnUnknownStatus+"]"; unknown != (tt.name == "unknown word") {
			t.Errorf("%s: warnings %v", tt.name, d.Warnings)
		}
	}
}

// The message's half.
func TestMessageStatus(t *testing.T) {
	for _, tt := range []struct {
		name, lines, want string
		complete, open    bool
	}{
		{"rejected by a check", client + mid + reject, Rejected, false, false},
		{"rejected by a milter", client + mid + "\n01:00:00 cleanup: milter-reject: END-OF-MESSAGE" + env, Rejected, false, false},
		{"rejected at DATA", client + "\n01:00:00 smtpd: reject: DATA" + env, Rejected, false, false},
		{"rejected, 3.10", client + mid + reject + "\n01:00:00 cleanup: removed (canceled)", Rejected, true, false},
		{"discarded by a check", client + mid + discard, Discarded, false, false},
		{"discarded by a milter", client + mid + "\n01:00:00 cleanup: milter-discard: END-OF-MESSAGE" + env, Discarded, false, false},
		{"discarded at RCPT", client + "\n01:00:00 smtpd: discard: RCPT" + env, Discarded, false, false},
		{"discarded, 3.10", client + mid + "\n01:00:00 cleanup: removed (discarded)", Discarded, true, false},
		{"lost connection", client + mid + lost, AbortedStatus, false, false},
		{"too big", client + mid + tooBig, AbortedStatus, false, false},
		{"canceled, 3.10", client + mid + "\n01:00:00 cleanup: removed (canceled)", AbortedStatus, true, false},
		{"aborted after a refused recipient", client + refused + lost, AbortedStatus, false, false},
		{"one status", accepted + sent + sentE + gone, Sent, true, false},
		{"one status, others refused", client + refused + mid + active + sent + gone, Sent, true, false},
		{"different statuses", accepted + bounced + sentE + gone, Mixed, true, false},
		{"different statuses, not all tried", accepted + deferred + sentE, Mixed, false, true},
		{"bounced", accepted + bounced + gone, Bounced, true, false},
		{"expired", accepted + deferred + expired + gone, ExpiredStatus, true, false},
		{"all refused, no origin line", refused, Rejected, false, true},
		{"all refused, aborted", refused + lost, AbortedStatus, false, false},
		{"no recipient, expired", active + expired, ExpiredStatus, false, true},
		{"no recipient, deleted", active + deleted, Deleted, true, false},
		{"no recipient, held", client + mid + held, HeldStatus, false, true},
		{"only an origin line", client, Receiving, false, true},
		{"only an origin line, pickup", "01:00:00 pickup: uid=0 from=<a@b>", Receiving, false, true},
		{"origin and a refused recipient", client + refused, Receiving, false, true},
		{"origin and a warned recipient", client + "\n01:00:00 smtpd: reject_warning: RCPT" + env, Receiving, false, true},
		{"cleanup has it", client + mid, Queued, false, true},
		{"active", accepted, Queued, false, true},
		{"requeued", client + mid + requeued, Queued, false, false},
		{"only removed", gone, Queued, true, false},
		{"deferred", accepted + deferred, Deferred, false, true},
		{"deferred, active again", accepted + deferred + "\n01:10:00 qmgr: from=<a@b>, size=1, nrcpt=1 (queue active)", Deferred, false, true},
		{"last line missing", accepted + sent, Sent, false, true},
		{"first lines missing", sent + gone, Sent, true, false},
		{"removed before the delivery, by the clock", accepted + "\n01:00:02 qmgr: removed" + sent, Sent, true, false},
	} {
		d := one(t, tt.lines)
		if d.Status != tt.want || d.Complete != tt.complete || d.Open != tt.open {
			t.Errorf("%s: %s complete %v open %v; want %s %v %v", tt.name, d.Status, d.Complete, d.Open, tt.want, tt.complete, tt.open)
		}
	}
}

// What is gone does not wait: where the last word is one of waiting, a warning
// says that the last lines are missing, and only there.
func TestOutcomeUnknown(t *testing.T) {
	redirect := "\n01:00:00 cleanup: redirect: header X: y" + env + ": q@d"
	for _, tt := range []struct {
		name, lines string
		want        bool
	}{
		{"deferred and gone", accepted + deferred + gone, true},
		{"one of two deferred", accepted + deferred + sentE + gone, true},
		{"an unknown word and gone", accepted + strings.Replace(deferred, "status=deferred", "status=weird", 1) + gone, true},
		{"announced, not tried, gone", client + mid + redirect + active + gone, true},
		{"held and gone", client + mid + hold + gone, true},
		{"no recipient, held and gone", client + mid + held + gone, true},
		{"no recipient", accepted + gone, true},
		{"only refused recipients", client + refused + mid + active + gone, true},
		{"only removed", gone, true},
		{"not gone", accepted + deferred, false},
		{"nothing but accepted", accepted, false},
		{"deferred, then sent", accepted + deferred + sent + gone, false},
		{"others refused", client + refused + mid + active + sent + gone, false},
		{"bounced", accepted + bounced + sentE + gone, false},
		{"expired", accepted + deferred + expired + gone, false},
		{"no recipient, expired", active + expired + gone, false},
		{"deleted", accepted + deferred + deleted, false},
		{"no recipient, deleted", active + deleted, false},
		{"rejected", client + mid + reject + "\n01:00:00 cleanup: removed (canceled)", false},
		{"discarded", client + mid + "\n01:00:00 cleanup: removed (discarded)", false},
		{"aborted", client + mid + "\n01:00:00 cleanup: removed (canceled)", false},
	} {
		if d := one(t, tt.lines); slices.Contains(d.Warnings, WarnOutcome) != tt.want {
			t.Errorf("%s: %s, complete %v, warnings %v", tt.name, d.Status, d.Complete, d.Warnings)
		}
	}
}

func TestRecipientsWorstFirst(t *testing.T) {
	d := one(t, accepted+refused+"\n01:00:04 qmgr: from=<a@b>, size=1, nrcpt=5 (queue active)"+sent+
		"\n01:00:04 smtp: to=<z@d>, relay=none, delay=4, delays=0/0/0/4, dsn=5.0.0, status=bounced (x)"+
		"\n01:00:04 smtp: to=<b@d>, relay=none, delay=4, delays=0/0/0/4, dsn=2.0.0, status=sent (x)"+
		"\n01:00:04 discard: to=<a@d>, relay=none, delay=4, delays=0/0/0/4, dsn=2.0.0, status=sent (x)"+
		"\n01:00:04 smtp: to=<y@d>, relay=none, delay=4, delays=0/0/0/4, dsn=4.0.0, status=deferred (x)")
	var got []string
	for _, r := range d.Recipients {
		got = append(got, r.To+" "+r.Status)
	}
	if want := "[z@d bounced no@d rejected a@d discarded y@d deferred b@d sent c@d sent]"; fmt.Sprint(got) != want {
		t.Errorf("%v", got)
	}
	if d.Status != Mixed || d.Counts != (Counts{Bounced: 1, Rejected: 1, Discarded: 1, Deferred: 1, Sent: 2, Total: 6}) {
		t.Errorf("%s %+v", d.Status, d.Counts)
	}
}

func TestAttempts(t *testing.T) {
	d := one(t, accepted+deferred+
		"\n01:05:00 smtp: to=<c@d>, relay=mx1.d[192.0.2.9]:25, delay=300, delays=0/0/0/300, dsn=4.3.0, status=deferred (second)"+
		"\n01:20:00 smtp: to=<c@d>, relay=mx2.d[192.0.2.9]:25, delay=1200, delays=0/0/0/1200, dsn=2.0.0, status=sent (third)")
	r := d.Recipients[0]
	if r.Attempts != 3 || r.FirstAttempt != at(t, "01:00:02") || r.LastAttempt != at(t, "01:20:00") || r.Response != "third" || r.Delay != 1200 {
		t.Errorf("%+v", r)
	}
	want := []Attempt{
		{at(t, "01:00:02"), Deferred, "4.2.0", "none", "later"},
		{at(t, "01:05:00"), Deferred, "4.3.0", "mx1.d", "second"},
	}
	if fmt.Sprint(r.History) != fmt.Sprint(want) {
		t.Errorf("history %v", r.History)
	}
}

// Once the message is gone, an announced address that nothing was tried for was
// redirected or rewritten.
func TestAnnounced(t *testing.T) {
	redirect := "\n01:00:00 cleanup: redirect: header X: y" + env + ": q@d"
	quarantine := "\n01:00:03 smtp: to=<q@d>, relay=none, delay=3, delays=0/0/0/3, dsn=2.0.0, status=sent (ok)"
	alias := "\n01:00:03 smtp: to=<real@d>, orig_to=<C@d>, relay=none, delay=3, delays=0/0/0/3, dsn=4.0.0, status=deferred (x)"
	for _, tt := range []struct{ name, lines, want string }{
		{"nothing tried yet", client + redirect + active, "[c@d]"},
		{"tried and gone", client + redirect + active + quarantine + gone, "[q@d]"},
		{"all that qmgr counted were tried", client + redirect + active + quarantine, "[q@d]"},
		{"expanded by an alias", client + redirect + alias, "[real@d]"},
		{"expanded by an alias, more to come", client + redirect + alias + "\n01:00:01 qmgr: from=<a@b>, size=1, nrcpt=3 (queue active)", "[real@d]"},
		{"redirected, which takes all recipients", client + redirect + quarantine, "[q@d]"},
		{"others to come", client + strings.Replace(redirect, "redirect:", "bcc:", 1) + quarantine, "[c@d q@d]"},
	} {
		if d := one(t, tt.lines); fmt.Sprint(d.To) != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, d.To, tt.want)
		}
	}
}
