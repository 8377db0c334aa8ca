package postlog

import (
	"strings"
	"testing"
	"time"
)

// real is what Postfix knew when it wrote a verdict line.
type real struct {
	header      string // header or body line, cut at 200 bytes
	client      string // "name[address]", or "local"
	from, to    string // as an address in quoted form
	proto, helo string
	reason      string
	noProto     bool
}

// text writes the line as cleanup does (cleanup_act_log).
func (r *real) text() string {
	var b strings.Builder
	b.WriteString(testID + ": warning: header " + r.header + " from " + r.client + "; from=<" + r.from + "> to=<" + r.to + ">")
	if !r.noProto {
		b.WriteString(" proto=" + r.proto + " helo=<" + r.helo + ">")
	}
	if r.reason != "" {
		b.WriteString(": " + r.reason)
	}
	return b.String()
}

func (r *real) check(t *testing.T) {
	t.Helper()
	e := Parse("postfix/cleanup", r.text())
	client := e.Client.Name + "[" + e.Client.IP + "]"
	if r.client == "local" {
		client = "local"
	}
	if e.Kind != Verdict || e.Check.Header != r.header || client != r.client || e.From != r.from || e.To != r.to || !e.HasFrom || !e.HasTo ||
		e.Check.Text != r.reason || !r.noProto && (e.Proto != r.proto || e.HELO != r.helo) || e.Check.Local != (r.client == "local") {
		t.Errorf("%s\n got %+v", r.text(), e)
	}
}

// hostileSubjects imitate the rest of the line that they stand in.
var hostileSubjects = []string{
	"hi from x[6.6.6.6]; from=<ceo@corp> to=<cfo@corp> proto=ESMTP helo=<x>",
	"hi from x[6.6.6.6]; from=<ceo@corp> to=<cfo@corp> proto=ESMTP helo=<x>: forged reason",
	"hi from x[6.6.6.6]; from=<ceo@corp> to=<cfo@corp> proto=ESMTP helo=<x>: a from y[7.7.7.7]; from=<b@c> to=<d@e> proto=ESMTP helo=<y>: ",
	`hi from x[6.6.6.6]; from=<"`,
	`hi from x[6.6.6.6]; from=<"ceo`,
	`hi from x[6.6.6.6]; from=<ceo@corp> to=<"`,
	`hi from x[6.6.6.6]; from=<"a" `,
	`hi from x[6.6.6.6]; from=<\`,
	`hi from x[6.6.6.6]; from=<`,
	`hi from local; from=<root@corp> to=<root@corp>`,
	`hi from local; from=<root@corp>: `,
	`hi from local; from=<"`,
	`" from "; from=<">`,
	"status=sent (250 fake)",
	"to=<x@y>, relay=none, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 fake)",
	"4F2A31: removed",
	"removed", "warning: header Subject: other", "x: header From: ceo@corp", "reject: body z",
	"late from Hamburg", "from", " from ", "; from=<", "a from b[1.2.3.4];", "from=<a@b> to=<c@d> proto=ESMTP helo=<e>",
	strings.Repeat("; from=<", 25), strings.Repeat(`; from=<"`, 22), strings.Repeat(" from a[1.2.3.4]; from=<>", 8), strings.Repeat("from <", 33),
	"日本語の件名", "a\u202efdp.exe", "?", "",
}

// hostileAddresses imitate it from within a quoted local part.
var hostileAddresses = []string{
	"", "a@b", "o'brien@drop.test", `"john doe"@b`, `"a> to=<b"@evil`, `"@x> to=<ceo@corp> proto=ESMTP helo=<h>: "@evil`,
	`" from x[6.6.6.6]; from=<ceo@corp> to=<cfo@corp> proto=ESMTP helo=<x>"@evil`,
	`" from x[6.6.6.6]; from=<ceo@corp> to=<cfo@corp> proto=ESMTP helo=<x>: "@evil`,
	`"; from=<ceo@corp"@evil`, `"; from=<\"a\"@b"@evil`, `"@x."@evil`, `"@x.\".\"."@evil`, `"@x> to=<abc."@evil`, `"@x> to=<abc"@evil`, `"@x>: "@evil`,
	`"@v> proto=ESMTP helo=<q>: "@y`, `"` + strings.Repeat("; from=<", 75) + `"@evil`, `"` + strings.Repeat("; from=<a@b> to=<c@d>: ", 60) + `"@evil`,
	`"\\"@evil`, `"\""@evil`, `"\"> to=<x@y>: \""@evil`,
}

func TestHostileHeaders(t *testing.T) {
	for _, subject := range hostileSubjects {
		for _, from := range hostileAddresses {
			for _, to := range hostileAddresses {
				r := real{header: "Subject: " + subject, client: "mail.partner.example[198.51.100.7]", from: from, to: to, proto: "ESMTP", helo: "helo.example"}
				r.check(t)
				r.reason = "5.7.1 spam: from=<x> (see; there)"
				r.check(t)
				r.noProto, r.client = true, "local"
				r.check(t)
				r.reason = ""
				r.check(t)
				if t.Failed() {
					t.Fatalf("subject %q, from %q, to %q", subject, from, to)
				}
			}
		}
	}
}

// In a reject the stranger writes the recipient twice: in the reply and in the
// envelope.
func TestHostileRejects(t *testing.T) {
	for _, from := range hostileAddresses {
		for _, to := range hostileAddresses {
			for _, login := range []string{"", " sasl_method=PLAIN sasl_username=jane doe sasl_sender=x@y"} {
				reply := "550 5.1.1 <" + to + ">: Recipient address rejected: User unknown"
				e := Parse("postfix/smtpd", testID+": reject: RCPT from real.example[198.51.100.7]: "+reply+"; from=<"+from+"> to=<"+to+"> proto=ESMTP helo=<h>"+login)
				want := Event{
					Kind: Verdict, Daemon: "smtpd", Service: "postfix/smtpd", QueueID: testID, Text: e.Text, Client: Host{"real.example", "198.51.100.7", 0},
					From: from, HasFrom: true, To: to, HasTo: true, Proto: "ESMTP", HELO: "h",
					Check: Check{Action: "reject", Stage: "RCPT", Code: "550", DSN: "5.1.1", Text: reply},
				}
				if login != "" {
					want.SASL = SASL{"PLAIN", "jane doe", "x@y"}
				}
				if e != want {
					t.Fatalf("from %q, to %q\n got %+v\nwant %+v", from, to, e, want)
				}
			}
		}
	}
}

// Before Postfix 3.5 addresses were logged without their quotes.
func TestUnquotedEnvelopes(t *testing.T) {
	for _, addr := range []string{"john doe@x", "a>b@x", `a"b@x`, `"b@x`, `a"b@"x`} {
		r := real{header: "Subject: s", client: "mail.example[192.0.2.1]", from: addr, to: addr, proto: "ESMTP", helo: "h"}
		r.check(t)
	}
}

// What Postfix cut in the envelope is no envelope, and nothing is guessed.
func TestCutEnvelope(t *testing.T) {
	r := real{header: "Subject: s", client: "mail.example[192.0.2.1]", from: `"a> b"@c`, to: "d@e", proto: "ESMTP", helo: "h"}
	text := r.text()
	for n := strings.Index(text, "Subject:"); n < len(text); n++ {
		e := Parse("postfix/cleanup", text[:n])
		if e.Kind != Verdict || e.HasFrom && e.From != r.from || e.HasTo && e.To != r.to || e.HELO != "" {
			t.Errorf("cut at %d: %+v", n, e)
		}
	}
}

// A line of nothing but marks costs no more than others do.
func TestHostileCost(t *testing.T) {
	const size = 32 << 10
	for _, piece := range []string{"; from=<", `; from=<"`, " from a[1.1.1.1]; from=<a@b>", "<>\"\\", " from "} {
		text := testID + ": warning: header Subject: " + strings.Repeat(piece, size/len(piece))
		began := time.Now()
		Parse("postfix/cleanup", text)
		if took := time.Since(began); took > time.Second {
			t.Errorf("%q repeated: %v", piece, took)
		}
	}
}
