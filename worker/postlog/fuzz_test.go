package postlog

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// parts lists the strings of an event that must be parts of the text.
func (e *Event) parts() []string {
	action := e.Check.Action
	if e.Kind == Filtered && (action == note || action == "sign" || action == "greylist" || verdictWord(action) == action) {
		action = "" // a word of ours
	}
	return []string{
		e.Text, e.Level, e.QueueID, e.From, e.To, e.OrigTo, e.Proto, e.HELO, e.Client.Name, e.Client.IP, e.SASL.Method, e.SASL.Username, e.SASL.Sender,
		e.OrigID, e.OrigQueueID, e.ID, e.Delivered.Relay.Name, e.Delivered.Relay.IP, e.Delivered.Relay.Other, e.Delivered.TLS, e.Delivered.DSN,
		e.Delivered.Status, e.Delivered.Response, e.Delivered.QueuedAs, e.Delivered.ForwardAs, action, e.Check.Stage, e.Check.Code,
		e.Check.DSN, e.Check.Text, e.Check.Header, e.LinkID, e.RemovedAs,
	}
}

var fuzzSeeds = []string{
	"Nov 22 01:29:04 mx1 postfix/qmgr[17]: 4F2A31: removed",
	"<22>2026-11-02T13:29:04.123456+02:00 mx1 postfix/smtp[17]: 4jXBLW1S2Pz1SGX8: to=<\"a b\"@c.d>, orig_to=<e@f>, relay=h[192.0.2.1]:25, conn_use=2, delay=1.2, delays=0/0/1/0.2, tls=may, dsn=2.0.0, status=sent (250 queued as 4F2A31B2)",
	"Nov 22 01:29:04 mx1 postfix/cleanup[17]: 4F2A31: warning: header Subject: a from b[192.0.2.1]; from=<\"c> to=<\"@d> to=<e@f> proto=ESMTP helo=<g>: h",
	"Nov 22 01:29:04 mx1 postfix/smtpd[17]: NOQUEUE: reject: RCPT from x[192.0.2.1]: 550 5.1.1 <a@b>: no; from=<> to=<a@b> proto=ESMTP helo=<h> sasl_method=PLAIN sasl_username=u",
	"Nov 22 01:29:04 mx1 postfix/postscreen[17]: NOQUEUE: reject: RCPT from [192.0.2.1]:25: 550 no; from=<>, to=<a@b>, proto=ESMTP, helo=<h>",
	"Nov 22 01:29:04 mx1 postfix/smtpd[17]: 4F2A31: client=x[192.0.2.1]:25, sasl_method=PLAIN, sasl_username=a, b, orig_queue_id=4F2A32",
	"Nov 22 01:29:04 mx1 postfix/pickup[17]: 4F2A31: uid=0 from=<a@b> orig_id=4F2A32",
	"Nov 22 01:29:04 mx1 postfix/qmgr[17]: 4F2A31: from=<a@b>, size=1, nrcpt=1 (queue active)",
	"Nov 22 01:29:04 mx1 postfix/bounce[17]: 4F2A31: sender delay notification: 4F2A32",
	"Nov 22 01:29:04 mx1 postfix/smtpd[17]: 4F2A31: lost connection after DATA (12 bytes) from x[192.0.2.1]",
	"Nov 22 01:29:04 mx1 postfix/qmqpd[17]: warning: 4F2A31: x[192.0.2.1]: Error: message too large",
	"Nov 22 01:29:04 mx1 postfix/cleanup[17]: 4F2A31: milter-header-hold: header X: y from x[192.0.2.1]; from=<> to=<a@b> proto=ESMTP helo=<h>: ",
	"Nov 22 01:29:04 mx1 postfix/cleanup[17]: 4F2A31: milter-hold: END-OF-MESSAGE from x[192.0.2.1]: why; from=<> to=<a@b> proto=ESMTP helo=<h>",
	"Nov 22 01:29:04 mx1 postfix/cleanup[17]: 4F2A31: reject: mime-error nesting exceeds safety limit: x from local; from=<> to=<unknown>",
	"Nov 22 01:29:04 mx1 postfix/cleanup[17]: warning: 4F2A31: a map lookup problem for b -- message not accepted, try again later",
	"Nov 22 01:29:04 mx1 postfix/smtp[17]: 4F2A31: replace: header Subject: x: y",
	"Nov 22 01:29:04 mx1 postfix/bounce[17]: warning: 4F2A31: sender notification failed to a@b: why",
	"Nov 22 01:29:04 mx1 postfix/postsuper[17]: 4F2A31: expired",
	"Nov 22 01:29:04 mx1 opendkim[17]: 4F2A31: DKIM-Signature field added (s=a, d=b)",
	"Nov 22 01:29:04 mx1 opendmarc[17]: 4F2A31: SPF(mailfrom): a@b softfail",
	"Nov 22 01:29:04 mx1 milter-greylist[17]: 4F2A31: addr x[192.0.2.1] from <a> to <b> delayed for 00:05:00 (ACL 1)",
	"Nov 22 01:29:04 mx1 policyd-spf[17]: 4F2A31: prepend Received-SPF: Pass (mailfrom) identity=mailfrom",
	"Feb 30 01:29:04 mx1 x: \xff\x00",
}

func FuzzParseLine(f *testing.F) {
	for _, s := range fuzzSeeds {
		f.Add(s, 2026)
	}
	zone := time.FixedZone("", -5*3600)
	f.Fuzz(func(t *testing.T, raw string, year int) {
		if year < 1971 || year > 9998 {
			return
		}
		l, err := ParseLine(raw, year, zone)
		if err != nil {
			if l != (Line{}) {
				t.Errorf("an error and %+v", l)
			}
			return
		}
		if l.Host == "" || l.Program == "" || l.Time.Location() != time.UTC || l.Time.IsZero() {
			t.Errorf("%+v", l)
		}
		for _, s := range []string{l.Host, l.Program, l.PID} {
			if !strings.Contains(raw, s) {
				t.Errorf("%q is no part of the line", s)
			}
		}
		if !strings.HasSuffix(raw, l.Text) {
			t.Errorf("the text is not the line's end: %q", l.Text)
		}
		// The same line in its other form is the same line.
		pid := ""
		if l.PID != "" {
			pid = "[" + l.PID + "]"
		}
		again, err := ParseLine(l.Time.Format(time.RFC3339Nano)+" "+l.Host+" "+l.Program+pid+": "+l.Text, year, zone)
		if err != nil || again != l {
			t.Errorf("%+v\nagain %+v, %v", l, again, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range fuzzSeeds {
		if l, err := ParseLine(s, 2026, nil); err == nil {
			f.Add(l.Program, l.Text)
		}
	}
	for _, s := range hostileSubjects {
		f.Add("postfix/cleanup", testID+": info: header Subject: "+s+" from x[192.0.2.1]; from=<> to=<a@b> proto=ESMTP helo=<h>")
	}
	f.Fuzz(func(t *testing.T, program, text string) {
		e := Parse(program, text)
		for _, s := range e.parts() {
			if !strings.Contains(text, s) {
				t.Errorf("%q is no part of the text", s)
			}
		}
		if e.QueueID != "" && !ValidQueueID(e.QueueID) || e.QueueID != "" && e.NoQueue || e.QueueID == "" && !e.NoQueue && e.Kind != Unknown {
			t.Errorf("%+v", e)
		}
		if !strings.HasSuffix(program, e.Daemon) || e.Service != program {
			t.Errorf("daemon %q of %q", e.Daemon, program)
		}
		if d := &e.Delivered; d.Delay < 0 || d.Delay > maxDelay || d.HasDelays != (d.Delays != [4]float64{}) && !d.HasDelays {
			t.Errorf("%+v", d)
		}
		for _, p := range []int64{e.Client.Port, e.Delivered.Relay.Port} {
			if p < 0 || p > 65535 {
				t.Errorf("port %d", p)
			}
		}
		if e.Size < 0 || e.NRcpt < 0 || e.UID < 0 {
			t.Errorf("%+v", e)
		}
		// A filter's words reach the checks and nothing else.
		if e.Kind == Filtered {
			bare := Event{Kind: Filtered, Daemon: e.Daemon, Service: e.Service, Level: e.Level, QueueID: e.QueueID, NoQueue: e.NoQueue, Text: e.Text, Check: e.Check}
			if e != bare || e.Check.Action == "" {
				t.Errorf("%+v", e)
			}
		}
		// The parts put together are the line again.
		if e.QueueID != "" {
			level := ""
			if e.Level != "" {
				level = e.Level + ": "
			}
			again := Parse(program, level+e.QueueID+": "+e.Text)
			if again != e {
				t.Errorf("%+v\nagain %+v", e, again)
			}
		}
		_ = Shape(text)
	})
}

// quoted writes an address as Postfix 3.5 and later log it
// (info_log_address_format = external; quote_822_local).
func quoted(local, domain string) string {
	if local == "" && domain == "" {
		return ""
	}
	plain := local != "" && local[0] != '.' && local[len(local)-1] != '.' && !strings.Contains(local, "..")
	for i := range len(local) {
		if c := local[i]; c <= ' ' || c == 0x7f || strings.IndexByte(`()<>@,;:\"[]`, c) >= 0 {
			plain = false
		}
	}
	if !plain {
		local = `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(local) + `"`
	}
	if domain == "" {
		return local
	}
	return local + "@" + domain
}

// printable does what Postfix does to all it logs (src/util/printable.c).
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
}

// domain keeps what a domain may hold.
func domain(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' || r == '_' || r > 0x80 && r != utf8.RuneError {
			return r
		}
		return -1
	}, s)
}

// neutered does what smtpd does to a HELO name (NEUTER_CHARACTERS).
func neutered(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(` <>()\";@`, r) {
			return '?'
		}
		return r
	}, printable(s))
}

// FuzzAddress logs recipients under Postfix's own rules and reads them back.
func FuzzAddress(f *testing.F) {
	f.Add("a", "b.c", "", "", "250 ok")
	f.Add("a> to=<b", "evil", "x>, relay=none, status=sent (", "y", "250 ok) status=bounced (550")
	f.Add(`\">, relay=`, "e", `"`, "", "")
	f.Add(">, orig_to=<x", "e", "", "", "(")
	f.Fuzz(func(t *testing.T, local, dom, origLocal, origDom, response string) {
		to, orig := quoted(printable(local), domain(dom)), quoted(printable(origLocal), domain(origDom))
		response = printable(response)
		text := testID + ": to=<" + to + ">"
		if orig != "" {
			text += ", orig_to=<" + orig + ">"
		}
		text += ", relay=mx.example[192.0.2.1]:25, delay=1.5, delays=0/0/1/0.5, dsn=4.0.0, status=deferred (" + response + ")"
		want := Event{
			Kind: Delivery, Daemon: "smtp", Service: "postfix/smtp", QueueID: testID, Text: text[len(testID)+2:], To: to, HasTo: true, OrigTo: orig,
			Delivered: Attempt{
				Relay: Relay{Host: Host{"mx.example", "192.0.2.1", 25}}, Delay: 1.5, HasDelay: true, Delays: [4]float64{0, 0, 1, .5}, HasDelays: true,
				DSN: "4.0.0", Status: "deferred", Response: response,
			},
		}
		if got := Parse("postfix/smtp", text); got != want {
			t.Errorf("%s\n got %+v\nwant %+v", text, got, want)
		}
	})
}

// FuzzEnvelope logs a header under Postfix's own rules and reads it back.
func FuzzEnvelope(f *testing.F) {
	for _, s := range hostileSubjects {
		f.Add(s, "ceo", "corp", "x", "y", "h", "", false)
		f.Add(s, `@x> to=<ceo@corp> proto=ESMTP helo=<h>: `, "evil", `@v> to=<"`, "y", ">", "5.7.1 no", false)
		f.Add(s, "; from=<", "evil", "@x>: ", "y", "", "", true)
	}
	f.Fuzz(func(t *testing.T, subject, fromLocal, fromDomain, toLocal, toDomain, helo, reason string, local bool) {
		r := real{
			header: strings.ToValidUTF8(printable("Subject: "+subject), "?"), client: "mail.partner.example[198.51.100.7]", proto: "ESMTP", helo: neutered(helo),
			from: quoted(printable(fromLocal), domain(fromDomain)), to: quoted(printable(toLocal), domain(toDomain)),
		}
		if len(r.header) > 200 {
			r.header = r.header[:200]
		}
		if local {
			r.client, r.noProto = "local", true
		}
		// The reason is the postmaster's. It may hold anything but another envelope.
		r.reason = strings.NewReplacer(";", "", "=<", "").Replace(printable(reason))
		if len(r.text()) > 2000 { // Postfix would cut it
			return
		}
		r.check(t)
	})
}
