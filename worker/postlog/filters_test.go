package postlog

import (
	"strings"
	"testing"
)

func TestFilters(t *testing.T) {
	for _, tt := range []struct{ program, text, action string }{
		{"opendkim", "DKIM-Signature field added (s=mail, d=corp.test)", "sign"},
		{"opendkim", "DKIM-Signature header added (s=mail, d=corp.test)", "sign"},
		{"OpenDKIM", `"DKIM-Signature" header added`, "sign"},
		{"opendkim", "DKIM verification successful", "pass"},
		{"opendkim", "bad signature data", "fail"},
		{"opendkim", "no signature data", "none"},
		{"opendkim", "not authenticated", "note"},
		{"opendkim", "mail.example [192.0.2.1] not internal", "note"},
		{"opendkim", "key retrieval failed (s=pass, d=corp.test): 'pass._domainkey.corp.test' record not found", "note"},
		{"dkimpy-milter", "DKIM-Signature field added (s=mail, d=corp.test)", "sign"},
		{"opendmarc", "corp.test pass", "pass"},
		{"opendmarc", "corp.test fail", "fail"},
		{"opendmarc", "corp.test none", "none"},
		{"opendmarc", "SPF(mailfrom): jane@corp.test softfail", "softfail"},
		{"opendmarc", "SPF(mailfrom): pass@corp.test none", "none"},
		{"opendmarc", "SPF(mailfrom): <\"a pass\"@corp.test> temperror", "temperror"},
		{"opendmarc", "evil pass fail", "note"}, // whose domain is no domain
		{"opendmarc", "pass", "note"},
		{"opendmarc", "implicit authentication service: mx.corp.test", "note"},
		{"openarc", "corp.test permerror", "permerror"},
		{"smf-spf", "SPF pass: ip=192.0.2.1, fqdn=mail.example, helo=h, from=<a@b>", "pass"},
		{"policyd-spf", "Softfail; identity=mailfrom; client-ip=192.0.2.1", "softfail"},
		{"policyd-spf", "prepend Received-SPF: None (mailfrom) identity=mailfrom", "none"},
		{"policyd-spf", "passage; identity=mailfrom", "note"},
		{"postgrey", "action=greylist, reason=new, client_name=mail.example", "greylist"},
		{"postgrey", "action=pass, reason=triplet found, client_name=mail.example", "pass"},
		{"milter-greylist", "addr mail.example[192.0.2.1] from <a@b> to <x@y> delayed for 00:05:00 (ACL 12)", "greylist"},
		{"milter-greylist", "addr mail.example[192.0.2.1] from <a@b> to <x@y> delayed for 00:05:00", "greylist"},
		{"milter-greylist", "addr x[192.0.2.1] from <a> delayed for 00:05:00 (ACL 1) to <x@y> passed", "note"}, // an address says so
		{"milter-greylist", `addr x[192.0.2.1] from <a> delayed for ever@b> to <x@y> passed`, "note"},
		{"milter-greylist", "skipping greylist because this is the default action, (from=<a@b>, rcpt=<x@y>, addr=x[192.0.2.1])", "pass"},
		{"authentication_milter", "dmarc=pass (p=none) header.from=corp.test", "pass"},
		{"milter-regex", "REJECT, HEADER", "reject"},
		{"mimedefang.pl", "quarantine: bad name", "quarantine"},
		{"mimedefang.pl", "spamd said so", "note"},
		{"clamav-milter", "infected by Test.Virus", "infected"},
		{"spamass-milter", "", "note"},
		{"amavisd-new", "accepted", "note"},
		{"MailScanner", "to=<a@b>, relay=none, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (x)", "note"},
		{"opendkim", "removed", "note"},
	} {
		e := Parse(tt.program, testID+": "+tt.text)
		want := Event{
			Kind: Filtered, Daemon: tt.program, Service: tt.program, QueueID: testID, Text: tt.text, Check: Check{Action: tt.action, Text: tt.text},
		}
		if e != want {
			t.Errorf("%s: %s\n got %+v\nwant %+v", tt.program, tt.text, e, want)
		}
	}
}

// The debug line of some OpenDMARC versions has no colon after the id. It makes
// no key, whatever its first word looks like.
func TestNoColonNoQueueID(t *testing.T) {
	for _, text := range []string{"4F2A31B2C ignoring Authentication-Results at 1 from mx.example", "DEADBEEF ignoring you", "4F2A31B2C"} {
		e := Parse("opendmarc", text)
		if e.Kind != Unknown || e.QueueID != "" || e.Text != text {
			t.Errorf("%q became %v of %q", text, e.Kind, e.QueueID)
		}
	}
}

// What smtp_header_checks do is no verdict on the message, and the client has
// no word that refuses or diverts one.
func TestSentChecks(t *testing.T) {
	for _, action := range []string{"warning", "info", "prepend", "replace", "strip", "pass"} {
		for _, program := range []string{"postfix/smtp", "postfix/relay/smtp", "postfix/lmtp"} {
			check(t, program, []line{
				{action + ": header Subject: hi: X-New: 1", Event{Kind: Filtered, Check: Check{Action: action, Stage: "header", Header: "Subject: hi: X-New: 1"}}},
				{action + ": body removed", Event{Kind: Filtered, Check: Check{Action: action, Stage: "body", Header: "removed"}}},
				{action + ": elsewhere x", Event{}},
				{action, Event{}},
			})
		}
	}
	for _, action := range []string{"reject", "hold", "discard", "redirect", "filter", "bcc", "milter-reject"} {
		if e := Parse("postfix/smtp", testID+": "+action+": header Subject: hi"); e.Kind != Unknown {
			t.Errorf("%s is %v", action, e.Kind)
		}
	}
}

// The remarks of the SMTP client, each with the version that brought it.
func TestServerRemarks(t *testing.T) {
	for _, text := range []string{
		"host mx.example[192.0.2.7] said: 450 later (in reply to RCPT TO command)",
		"host mx.example[192.0.2.7] refused to talk to me: 421 busy",
		"Protocol error: host mx.example[192.0.2.7] said: 354 what (in reply to MAIL FROM command)",
		"lost connection with mx.example[192.0.2.7] while performing the EHLO handshake",
		"conversation with mx.example[192.0.2.7] timed out while sending MAIL FROM",
		"local data error while talking to mx.example[192.0.2.7]",
		"TLS is required, but was not offered by host mx.example[192.0.2.7]",
		"TLS is required, but host mx.example[192.0.2.7] refused to start TLS: 454 no",
		"Cannot start TLS: handshake failure",
		"Server certificate not trusted", "Server certificate not verified",
		"SASL authentication failed; server mx.example[192.0.2.7] said: 535 no",
		"enabling PIX workarounds: disable_esmtp delay_dotcrlf for mx.example[192.0.2.7]:25",
		"breaking line > 998 bytes with <CR><LF>SPACE",
		"mail for corp.test loops back to myself",
		"SMTPUTF8 is required, but was not offered by host mx.example[192.0.2.7]",
		"Sender requested REQUIRETLS, but the server does not offer it", // 3.11
	} {
		check(t, "postfix/smtp", []line{{text, Event{Kind: Noted}}})
		check(t, "postfix/lmtp", []line{{text, Event{Kind: Noted}}})
		if e := Parse("postfix/pipe", testID+": "+text); e.Kind != Unknown {
			t.Errorf("pipe: %q is %v", text, e.Kind)
		}
	}
}

// A line that begins with a level word and is not understood counts as such,
// whoever wrote it.
func TestUnknownWarnings(t *testing.T) {
	for _, daemon := range []string{
		"smtpd", "qmqpd", "postscreen", "cleanup", "qmgr", "smtp", "lmtp", "local", "virtual", "pipe", "error", "discard", "bounce", "pickup", "postsuper",
	} {
		for _, level := range []string{"warning", "error", "fatal", "panic"} {
			e := Parse("postfix/"+daemon, level+": "+testID+": something new")
			if e.Kind != Unknown || e.QueueID != testID || e.Level != level {
				t.Errorf("%s: %s of %q: %v", daemon, e.Level, e.QueueID, e.Kind)
			}
		}
	}
}

// Words that look like a queue id make no key in the mouth of a program that
// names none; and what does not look like one makes none in any mouth.
func TestWordsThatLookLikeIDs(t *testing.T) {
	for _, program := range []string{"kernel", "systemd", "sshd", "pmg-smtp-filter", "CRON", "dhclient", "nginx", "smtpd", "opendkim-genkey", "postgres"} {
		if NamesQueueIDs(program) != strings.HasPrefix(program, "postfix") {
			t.Errorf("lines of %s are looked at", program)
		}
	}
	for _, text := range []string{
		"DEBUG: x", "CLEANUP99: x", "ERROR: x", "INFO: x", "NOTICE: x", "WARNING: x", "STATISTICS: x", "MDLOG,4F2A31B2C,x: y", "4F2A3: x",
		"deadbeef: x", "4f2a31b2c: x", "DEADBEEFX: x", "DEADBEEF : x", "DEADBEEF:x", "DEADBEEF", "DEAD BEEF: x", "NOQUEUES: x", "noqueue: x",
		"[DEADBEEF]: x", "(DEADBEEF): x", "<DEADBEEF>: x", "id=DEADBEEF: x", "0xDEADBEEF: x", "DEADBEEF.A1: x", "DEAD-BEEF: x", "10.0.0.1: x", "::1: x",
		"2026-11-22: x", "12:34:56: x", "postfix/smtpd: x", "notice: DEADBEEF: x", "info: DEADBEEF: x", "Warning: DEADBEEF: x", "warning: warning: DEADBEEF: x",
		"４F2A31B2C: x", "4F2A31B2C\u00a0: x", "4F2A31B2C：x", "\t4F2A31B2C: x",
	} {
		if id, noqueue := LeadingQueueID(text); id != "" || noqueue {
			t.Errorf("%q has the id %q (%t)", text, id, noqueue)
		}
	}
}
