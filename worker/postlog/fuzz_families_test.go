package postlog

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// checkEvent fails where an event cannot be of its line: a string that is no part
// of the text, a number out of its range, another kind at a second look.
func checkEvent(t *testing.T, program, text string) {
	t.Helper()
	e := Parse(program, text)
	for _, s := range e.parts() {
		if !strings.Contains(text, s) {
			t.Errorf("%q is no part of the text", s)
		}
	}
	if e.QueueID != "" && !ValidQueueID(e.QueueID) || e.QueueID != "" && e.NoQueue || e.QueueID == "" && !e.NoQueue && e.Kind != Unknown {
		t.Errorf("%+v", e)
	}
	if id, noqueue := LeadingQueueID(text); id != e.QueueID || noqueue != e.NoQueue {
		t.Errorf("LeadingQueueID gives %q, %v; Parse %q, %v", id, noqueue, e.QueueID, e.NoQueue)
	}
	if d := &e.Delivered; d.Delay < 0 || d.Delay > maxDelay || !d.HasDelays && d.Delays != [4]float64{} {
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
	if e.Kind == Delivery && !e.HasTo || !e.HasTo && e.To != "" || !e.HasFrom && e.From != "" {
		t.Errorf("%+v", e)
	}
	if again := Parse(program, text); again != e {
		t.Errorf("%+v\nagain %+v", e, again)
	}
}

// fuzzFamily fuzzes what some daemons say about a queue file, or about none.
func fuzzFamily(f *testing.F, programs []string, seeds ...string) {
	for i, s := range seeds {
		f.Add(byte(i), s)
	}
	f.Fuzz(func(t *testing.T, which byte, said string) {
		program := programs[int(which)%len(programs)]
		for _, head := range []string{testID + ": ", "warning: " + testID + ": ", "NOQUEUE: ", ""} {
			checkEvent(t, program, head+said)
		}
	})
}

func FuzzServer(f *testing.F) {
	fuzzFamily(f, []string{"postfix/smtpd", "postfix/qmqpd", "postfix/postscreen", "postfix/submission/smtpd"},
		"client=x[192.0.2.1]:25, sasl_method=PLAIN, sasl_username=a, b, orig_queue_id=4F2A32",
		"reject: RCPT from x[192.0.2.1]: 550 5.1.1 <a@b>: no; from=<> to=<a@b> proto=ESMTP helo=<h> sasl_method=PLAIN sasl_username=u")
}

func FuzzCleanup(f *testing.F) {
	fuzzFamily(f, []string{"postfix/cleanup"}, "message-id=<1@x>", "warning: header Subject: a from b[192.0.2.1]; from=<\"c> to=<\"@d> to=<e@f> proto=ESMTP helo=<g>: h")
}

func FuzzQueue(f *testing.F) {
	fuzzFamily(f, []string{"postfix/qmgr", "postfix/pickup", "postfix/postsuper", "postfix/bounce", "postfix/trace"},
		"from=<a@b>, size=1, nrcpt=1 (queue active)", "uid=0 from=<a@b> orig_id=4F2A32", "placed on hold", "sender delay notification: 4F2A32")
}

func FuzzDelivery(f *testing.F) {
	fuzzFamily(f, []string{"postfix/smtp", "postfix/lmtp", "postfix/local", "postfix/virtual", "postfix/pipe", "postfix/error", "postfix/discard", "postfix/relay/smtp"},
		"to=<\"a b\"@c.d>, orig_to=<e@f>, relay=h[192.0.2.1]:25, conn_use=2, delay=1.2, delays=0/0/1/0.2, tls=may, dsn=2.0.0, status=sent (250 queued as 4F2A31B2)")
}

func FuzzFilter(f *testing.F) {
	fuzzFamily(f, []string{"opendkim", "opendmarc", "milter-greylist", "policyd-spf", "mimedefang", "dovecot", "amavis", "rspamd", "clamav-milter"},
		"DKIM-Signature field added (s=s, d=a)", "a.example fail")
}

// FuzzContext reads lines that no queue id begins.
func FuzzMailbox(f *testing.F) {
	f.Add(`a@b>, relay=x`)
	f.Add(`"a> to=<b"@c>, relay=x`)
	f.Add(`"a\\\"b"@c>`)
	follows := func(rest string) bool { return rest == "" || strings.HasPrefix(rest, ", ") }
	f.Fuzz(func(t *testing.T, s string) {
		addr, rest, ok := mailbox(s, follows)
		switch {
		case !ok && (addr != "" || rest != s):
			t.Errorf("%q and %q of what is no mailbox", addr, rest)
		case ok && (addr+">"+rest != s || !follows(rest)):
			t.Errorf("%q and %q", addr, rest)
		}
		if q, _, strict := quotedMailbox(s, follows); strict && (!ok || q != addr) {
			t.Errorf("%q by the book, but %q", q, addr)
		}
	})
}

func FuzzQueueID(f *testing.F) {
	for _, s := range []string{testID, "4jXBLW1S2Pz1SGX8", "000000", "NOQUEUE", "4jXBLW1S2Pz", "zzzzzzzzzzzzzzzz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, long := LongQueueIDTime(s)
		if long && (at.Year() < 1970 || at.Year() > 9999 || !ValidQueueID(s) || !IsLongQueueID(s)) || !long && !at.IsZero() {
			t.Errorf("%v, %v", at, long)
		}
		id, noqueue := LeadingQueueID(s + ": x")
		if ValidQueueID(s) && (id != s || noqueue) {
			t.Errorf("not found at the start of a text: %q", id)
		}
		if id != "" && !ValidQueueID(id) {
			t.Errorf("%q is found and none", id)
		}
	})
}

// FuzzShape wants nothing of the mail in a shape.
func FuzzShape(f *testing.F) {
	f.Add("to=<a@b>, relay=none, status=sent (250 ok)")
	f.Add("header Subject: <<>> < a b > 'c'")
	f.Fuzz(func(t *testing.T, text string) {
		shape := Shape(text)
		if strings.ContainsAny(shape, "@0123456789[\"'") || len(shape) > maxShape+2*maxWord || utf8.ValidString(text) && !utf8.ValidString(shape) {
			t.Errorf("%q", shape)
		}
	})
}
