package postlog

import "testing"

func TestSMTPD(t *testing.T) {
	mail := Host{Name: "mail.example", IP: "192.0.2.1"}
	check(t, "postfix/submission/smtpd", []line{
		{"client=mail.example[192.0.2.1]", Event{Kind: Client, Client: mail}},
		{"client=mail.example[192.0.2.1]:4711", Event{Kind: Client, Client: Host{"mail.example", "192.0.2.1", 4711}}},
		{"client=v6.example[2001:db8::25]", Event{Kind: Client, Client: Host{"v6.example", "2001:db8::25", 0}}},
		{"client=unknown[unknown]", Event{Kind: Client, Client: Host{Name: "unknown"}}},
		{"client=mx_a.example[fe80::1%eth0]", Event{Kind: Client, Client: Host{Name: "mx_a.example"}}},
		{"client=mail.example[192.0.2.1]:99999", Event{Kind: Client, Client: mail}},
		{
			"client=mail.example[192.0.2.1], sasl_method=PLAIN, sasl_username=user@corp.test",
			Event{Kind: Client, Client: mail, SASL: SASL{"PLAIN", "user@corp.test", ""}},
		},
		{
			"client=mail.example[192.0.2.1], sasl_method=PLAIN, sasl_username=Doe, Jane, sasl_sender=jd@corp.test",
			Event{Kind: Client, Client: mail, SASL: SASL{"PLAIN", "Doe, Jane", "jd@corp.test"}},
		},
		{
			"client=localhost[127.0.0.1], orig_queue_id=4jXBLW1S2Pz1SGX8, orig_client=far.example[198.51.100.7]",
			Event{Kind: Client, Client: Host{"localhost", "127.0.0.1", 0}, OrigQueueID: "4jXBLW1S2Pz1SGX8"},
		},
		{"client=localhost[127.0.0.1], orig_queue_id=../etc", Event{Kind: Client, Client: Host{"localhost", "127.0.0.1", 0}}},
		{"client=mail.example[192.0.2.1], sasl_meth", Event{Kind: Client, Client: mail}}, // cut
		{"client=mail.exam", Event{}},
		{
			"reject: RCPT from mail.example[192.0.2.1]: 550 5.1.1 <x@y>: Recipient address rejected: User unknown; from=<a@b> to=<x@y> proto=ESMTP helo=<h>",
			Event{Kind: Verdict, Client: mail, From: "a@b", HasFrom: true, To: "x@y", HasTo: true, Proto: "ESMTP", HELO: "h", Check: Check{
				Action: "reject", Stage: "RCPT", Code: "550", DSN: "5.1.1", Text: "550 5.1.1 <x@y>: Recipient address rejected: User unknown",
			}},
		},
		{
			"reject: RCPT from mail.example[192.0.2.1]: 550 5.7.1 no; from=<> to=<x@y> proto=ESMTP helo=<h> sasl_method=LOGIN sasl_username=jane doe sasl_sender=z@y",
			Event{
				Kind: Verdict, Client: mail, HasFrom: true, To: "x@y", HasTo: true, Proto: "ESMTP", HELO: "h", SASL: SASL{"LOGIN", "jane doe", "z@y"},
				Check: Check{Action: "reject", Stage: "RCPT", Code: "550", DSN: "5.7.1", Text: "550 5.7.1 no"},
			},
		},
		{
			"milter-reject: END-OF-MESSAGE from mail.example[192.0.2.1]: 5.7.1 virus; from=<a@b> to=<x@y> proto=ESMTP helo=<h>",
			Event{
				Kind: Verdict, Client: mail, From: "a@b", HasFrom: true, To: "x@y", HasTo: true, Proto: "ESMTP", HELO: "h",
				Check: Check{Action: "milter-reject", Stage: "END-OF-MESSAGE", DSN: "5.7.1", Text: "5.7.1 virus"},
			},
		},
		{
			"reject_warning: DATA from mail.example[192.0.2.1]: 450 4.7.1 later",
			Event{Kind: Verdict, Client: mail, Check: Check{Action: "reject_warning", Stage: "DATA", Code: "450", DSN: "4.7.1", Text: "450 4.7.1 later"}},
		},
		{
			"hold: RCPT from mail.example[192.0.2.1]: <x@y>: Recipient address triggers HOLD action; from=<a@b> to=<x@y>",
			Event{
				Kind: Verdict, Client: mail, From: "a@b", HasFrom: true, To: "x@y", HasTo: true,
				Check: Check{Action: "hold", Stage: "RCPT", Text: "<x@y>: Recipient address triggers HOLD action"},
			},
		},
		{"lost connection after DATA from mail.example[192.0.2.1]", Event{Kind: Aborted, Client: mail}}, // Postfix 3.10
		{"lost connection after DATA (1234 bytes) from mail.example[192.0.2.1]", Event{Kind: Aborted, Client: mail}},
		{"timeout after RCPT from mail.example[192.0.2.1]", Event{Kind: Aborted, Client: mail}},
		{"too many errors after RCPT from mail.example[192.0.2.1]", Event{Kind: Aborted, Client: mail}},
		{"bare <LF> received after DATA (12 bytes) from mail.example[192.0.2.1]", Event{Kind: Aborted, Client: mail}},
		{"lost connection after DATA (12 bytes) from mail.exam", Event{Kind: Aborted}}, // cut
		{"lost connection with mail.example[192.0.2.1]", Event{}},
		{"queue file size limit exceeded", Event{Kind: Aborted}},
		{"write queue file: No space left on device", Event{Kind: Aborted}},
		{"queue file size limit exceeded by far", Event{}},
		{"milter-header-reject: header X: y from mail.example[192.0.2.1]; from=<a@b>", Event{}}, // cleanup's
		{"milter-hello: RCPT from mail.example[192.0.2.1]: x", Event{}},
		{"rejects: RCPT from mail.example[192.0.2.1]: 550 no", Event{}},
		{"reject: RCPT 4 from mail.example[192.0.2.1]: 550 no", Event{}},
		{"something new", Event{}},
	})
	checkNoQueue(t, "postfix/smtpd", []line{
		{
			"reject: RCPT from unknown[203.0.113.9]: 554 5.7.1 <x@y>: Relay access denied; from=<> to=<x@y> proto=ESMTP helo=<h>",
			Event{
				Kind: Verdict, Client: Host{"unknown", "203.0.113.9", 0}, HasFrom: true, To: "x@y", HasTo: true, Proto: "ESMTP", HELO: "h",
				Check: Check{Action: "reject", Stage: "RCPT", Code: "554", DSN: "5.7.1", Text: "554 5.7.1 <x@y>: Relay access denied"},
			},
		},
		{"client=localhost[127.0.0.1]", Event{Kind: Client, Client: Host{"localhost", "127.0.0.1", 0}}}, // before-queue filter
		{
			"reject: EHLO from unknown[203.0.113.9]: 450 4.7.1 <h>: Helo command rejected: Host not found; proto=SMTP helo=<h>", // no sender yet
			Event{
				Kind: Verdict, Client: Host{"unknown", "203.0.113.9", 0}, Proto: "SMTP", HELO: "h",
				Check: Check{Action: "reject", Stage: "EHLO", Code: "450", DSN: "4.7.1", Text: "450 4.7.1 <h>: Helo command rejected: Host not found"},
			},
		},
		{
			"milter-reject: CONNECT from unknown[203.0.113.9]: 554 5.7.1 no; proto=SMTP",
			Event{
				Kind: Verdict, Client: Host{"unknown", "203.0.113.9", 0}, Proto: "SMTP",
				Check: Check{Action: "milter-reject", Stage: "CONNECT", Code: "554", DSN: "5.7.1", Text: "554 5.7.1 no"},
			},
		},
		{
			"reject: EHLO from unknown[203.0.113.9]: 450 4.7.1 no; proto=SMTP helo=<h> sasl_method=LOGIN sasl_username=a; proto=B helo=<c>",
			Event{
				Kind: Verdict, Client: Host{"unknown", "203.0.113.9", 0}, Proto: "SMTP", HELO: "h", SASL: SASL{"LOGIN", "a; proto=B helo=<c>", ""},
				Check: Check{Action: "reject", Stage: "EHLO", Code: "450", DSN: "4.7.1", Text: "450 4.7.1 no"},
			},
		},
		{"lost connection after CONNECT from unknown[203.0.113.9]", Event{Kind: Aborted, Client: Host{"unknown", "203.0.113.9", 0}}},
		{
			"lost connection after DATA (123 bytes) from mail.example[192.0.2.1]", // the file is gone already
			Event{Kind: Aborted, Client: Host{"mail.example", "192.0.2.1", 0}},
		},
	})
}

// Each verdict of an access table, a restriction or a milter.
func TestSMTPDActions(t *testing.T) {
	for _, action := range []string{
		"reject", "reject_warning", "discard", "filter", "hold", "redirect", "bcc", "delay", "info", "warn", "hangup", "permit", "prepend", "abort",
		"milter-reject", "milter-hold", "milter-discard", "milter-accept",
	} {
		check(t, "postfix/smtpd", []line{{
			action + ": RCPT from mail.example[192.0.2.1]: <x@y>: why; from=<a@b> to=<x@y> proto=ESMTP helo=<h>", Event{
				Kind: Verdict, Client: Host{"mail.example", "192.0.2.1", 0}, From: "a@b", HasFrom: true, To: "x@y", HasTo: true, Proto: "ESMTP", HELO: "h",
				Check: Check{Action: action, Stage: "RCPT", Text: "<x@y>: why"},
			},
		}})
	}
}

func TestPostscreen(t *testing.T) {
	checkNoQueue(t, "postfix/postscreen", []line{
		{
			"reject: CONNECT from [2001:db8::9]:4711: all server ports busy",
			Event{Kind: Verdict, Client: Host{IP: "2001:db8::9", Port: 4711}, Check: Check{Action: "reject", Stage: "CONNECT", Text: "all server ports busy"}},
		},
		{
			"reject: RCPT from [203.0.113.9]:4711: 450 4.3.2 Service currently unavailable; from=<>, to=<x@y>, proto=SMTP, helo=<>",
			Event{
				Kind: Verdict, Client: Host{IP: "203.0.113.9", Port: 4711}, HasFrom: true, To: "x@y", HasTo: true, Proto: "SMTP",
				Check: Check{Action: "reject", Stage: "RCPT", Code: "450", DSN: "4.3.2", Text: "450 4.3.2 Service currently unavailable"},
			},
		},
		{"hold: RCPT from [203.0.113.9]:4711: x", Event{}},
		{"client=x[203.0.113.9]", Event{}},
		{"lost connection after CONNECT from unknown[203.0.113.9]", Event{}},
		{
			"reject: RCPT from [203.0.113.9]:4711: 550 5.7.1 Service unavailable; client [203.0.113.9] blocked using dnsbl.example; from=<a@b>, to=<x@y>, proto=ESMTP, helo=<h>",
			Event{
				Kind: Verdict, Client: Host{IP: "203.0.113.9", Port: 4711}, From: "a@b", HasFrom: true, To: "x@y", HasTo: true, Proto: "ESMTP", HELO: "h",
				Check: Check{
					Action: "reject", Stage: "RCPT", Code: "550", DSN: "5.7.1",
					Text: "550 5.7.1 Service unavailable; client [203.0.113.9] blocked using dnsbl.example",
				},
			},
		},
		{
			"reject: CONNECT from [203.0.113.9]:4711: too many connections",
			Event{Kind: Verdict, Client: Host{IP: "203.0.113.9", Port: 4711}, Check: Check{Action: "reject", Stage: "CONNECT", Text: "too many connections"}},
		},
	})
}

func TestQMQPD(t *testing.T) {
	check(t, "postfix/qmqpd", []line{
		{"client=mail.example[192.0.2.1]", Event{Kind: Client, Client: Host{"mail.example", "192.0.2.1", 0}}},
		{"mail.example[192.0.2.1]: lost connection while receiving message content", Event{Kind: Aborted, Client: Host{"mail.example", "192.0.2.1", 0}}},
		{"mail.example[192.0.2.1]: Error: message too large", Event{Kind: Aborted, Client: Host{"mail.example", "192.0.2.1", 0}}},
		{"mail.example[192.0.2.1]: Error", Event{}},
		{"mail.example[192.0.2.1] while away", Event{}},
		{"reject: RCPT from mail.example[192.0.2.1]: 550 no", Event{}},
		{"lost connection after DATA from mail.example[192.0.2.1]", Event{}},
	})
}

func TestPickup(t *testing.T) {
	check(t, "postfix/pickup", []line{
		{"uid=102 from=<bounce+49@list.example>", Event{Kind: Pickup, UID: 102, From: "bounce+49@list.example", HasFrom: true}},
		{"uid=0 from=<>", Event{Kind: Pickup, HasFrom: true}},
		{"uid=0 from=<root>", Event{Kind: Pickup, From: "root", HasFrom: true}},
		{"uid=0 from=<john doe@x>", Event{Kind: Pickup, From: "john doe@x", HasFrom: true}},
		{"uid=0 from=<a> orig_id=4F2A31> orig_id=4F2A32B", Event{Kind: Pickup, From: "a", HasFrom: true}}, // unquoted: no way to tell
		{`uid=0 from=<"a> orig_id=4F2A31"@x> orig_id=4F2A32B`, Event{Kind: Pickup, From: `"a> orig_id=4F2A31"@x`, HasFrom: true, OrigID: "4F2A32B"}},
		{"uid=102 from=<a@b> orig_id=356189862B3", Event{Kind: Pickup, UID: 102, From: "a@b", HasFrom: true, OrigID: "356189862B3"}},
		{"uid=102 from=<a@b> orig_id=../../x", Event{Kind: Pickup, UID: 102, From: "a@b", HasFrom: true}},
		{"uid=-1 from=<a@b>", Event{}},
		{"uid=99999999999999999999 from=<a@b>", Event{}},
		{"uid=1 from=<a@b", Event{}},
		{"message has been queued for 3 days", Event{}}, // a warning, or not pickup's
	})
	checkWarning(t, "postfix/pickup", []line{{"message has been queued for 3 days", Event{Kind: Noted}}, {"something new", Event{}}})
}

func TestCleanup(t *testing.T) {
	db1 := Host{"db1.corp.test", "192.0.2.12", 0}
	env := func(e Event) Event {
		e.Kind, e.From, e.HasFrom, e.To, e.HasTo, e.Proto, e.HELO = Verdict, "a@b", true, "x@y", true, "ESMTP", "h"
		if !e.Check.Local {
			e.Client = db1
		}
		return e
	}
	const tail = " from db1.corp.test[192.0.2.12]; from=<a@b> to=<x@y> proto=ESMTP helo=<h>"
	check(t, "postfix/authclean/cleanup", []line{
		{"message-id=<1.2@x>", Event{Kind: MessageID, ID: "<1.2@x>"}},
		{"message-id=<>", Event{Kind: MessageID, ID: "<>"}},
		{"message-id=", Event{Kind: MessageID}},
		{"message-id==?UTF-8?B?eA==?= =?UTF-8?B?eA==?=", Event{Kind: MessageID, ID: "=?UTF-8?B?eA==?= =?UTF-8?B?eA==?="}},
		{"resent-message-id=<1@x>", Event{Kind: ResentMessageID, ID: "<1@x>"}},
		{"warning: header Subject: hello" + tail, env(Event{Check: Check{Action: "warning", Stage: "header", Header: "Subject: hello"}})},
		{"info: header Subject: hello" + tail, env(Event{Check: Check{Action: "info", Stage: "header", Header: "Subject: hello"}})},
		{
			"reject: header Subject: bad" + tail + ": 5.7.1 spam subject",
			env(Event{Check: Check{Action: "reject", Stage: "header", Header: "Subject: bad", DSN: "5.7.1", Text: "5.7.1 spam subject"}}),
		},
		{
			"reject: body EICAR from here" + tail + ": 550 5.7.1 virus",
			env(Event{Check: Check{Action: "reject", Stage: "body", Header: "EICAR from here", Code: "550", DSN: "5.7.1", Text: "550 5.7.1 virus"}}),
		},
		{"hold: header Subject:  HOLDME" + tail, env(Event{Check: Check{Action: "hold", Stage: "header", Header: "Subject:  HOLDME"}})},
		{
			"filter: header X-Filter: yes" + tail + ": filt:[127.0.0.1]:10025",
			env(Event{Check: Check{Action: "filter", Stage: "header", Header: "X-Filter: yes", Text: "filt:[127.0.0.1]:10025"}}),
		},
		{"redirect: header X: y" + tail + ": q@ok.test", env(Event{Check: Check{Action: "redirect", Stage: "header", Header: "X: y", Text: "q@ok.test"}})},
		{"discard: header X: y" + tail, env(Event{Check: Check{Action: "discard", Stage: "header", Header: "X: y"}})},
		{"milter-header-reject: header X: y" + tail, env(Event{Check: Check{Action: "milter-header-reject", Stage: "header", Header: "X: y"}})},
		{"warning: header Subject: s from local; from=<a@b> to=<x@y>", Event{
			Kind: Verdict, From: "a@b", HasFrom: true, To: "x@y", HasTo: true,
			Check: Check{Action: "warning", Stage: "header", Header: "Subject: s", Local: true},
		}},
		{"warning: header Subject: s from local; from=<a@b>: why", Event{
			Kind: Verdict, From: "a@b", HasFrom: true,
			Check: Check{Action: "warning", Stage: "header", Header: "Subject: s", Local: true, Text: "why"},
		}},
		{"warning: header Subject: s from unknown; from=<> to=<x@y>", Event{
			Kind: Verdict, HasFrom: true, To: "x@y", HasTo: true,
			Check: Check{Action: "warning", Stage: "header", Header: "Subject: s"},
		}},
		{"warning: header Subject: cut of", Event{Kind: Verdict, Check: Check{Action: "warning", Stage: "header", Header: "Subject: cut of"}}},
		{
			"milter-reject: END-OF-MESSAGE from db1.corp.test[192.0.2.12]: 5.7.1 virus; from=<a@b> to=<x@y> proto=ESMTP helo=<h>",
			env(Event{Check: Check{Action: "milter-reject", Stage: "END-OF-MESSAGE", DSN: "5.7.1", Text: "5.7.1 virus"}}),
		},
		{
			"milter-hold: END-OF-MESSAGE from db1.corp.test[192.0.2.12]: milter triggers HOLD action; from=<a@b> to=<x@y> proto=ESMTP helo=<h>",
			env(Event{Check: Check{Action: "milter-hold", Stage: "END-OF-MESSAGE", Text: "milter triggers HOLD action"}}),
		},
		{"removed (canceled)", Event{Kind: Removed, RemovedAs: "canceled"}}, // Postfix 3.10
		{"removed (discarded)", Event{Kind: Removed, RemovedAs: "discarded"}},
		{"canceled", Event{Kind: Removed, RemovedAs: "canceled"}},
		{
			"to=<x@y>, relay=none, delay=0.1, delays=0.1/0/0/0, dsn=5.4.6, status=bounced (alias loop)",
			Event{Kind: Delivery, To: "x@y", HasTo: true, Delivered: Attempt{
				Relay: Relay{Other: "none"}, Delay: .1, HasDelay: true,
				Delays: [4]float64{.1, 0, 0, 0}, HasDelays: true, DSN: "5.4.6", Status: "bounced", Response: "alias loop",
			}},
		},
		{
			"milter-hold: END-OF-MESSAGE from db1.corp.test[192.0.2.12]: looks odd; from=<a@b> to=<x@y> proto=ESMTP helo=<h>", // the reason since 3.10
			env(Event{Check: Check{Action: "milter-hold", Stage: "END-OF-MESSAGE", Text: "looks odd"}}),
		},
		{
			"milter-header-discard: header X: y" + tail + ": ", // no reason, but its colon
			env(Event{Check: Check{Action: "milter-header-discard", Stage: "header", Header: "X: y"}}),
		},
		{
			"milter-header-discard: header X: y" + tail + ":", // and without its space
			env(Event{Check: Check{Action: "milter-header-discard", Stage: "header", Header: "X: y"}}),
		},
		{
			"milter-body-hold: body see from here" + tail + ": why",
			env(Event{Check: Check{Action: "milter-body-hold", Stage: "body", Header: "see from here", Text: "why"}}),
		},
		{
			"reject: mime-error improper use of 8-bit data in message header: Subject: x from y from db1.corp.test[192.0.2.12]; from=<a@b> to=<x@y>",
			Event{
				Kind: Verdict, Client: db1, From: "a@b", HasFrom: true, To: "x@y", HasTo: true,
				Check: Check{Action: "reject", Stage: "mime-error", Header: "improper use of 8-bit data in message header: Subject: x from y"},
			},
		},
		{
			"reject: mime-error nesting exceeds safety limit: x from local; from=<a@b> to=<unknown>",
			Event{
				Kind: Verdict, From: "a@b", HasFrom: true,
				Check: Check{Action: "reject", Stage: "mime-error", Header: "nesting exceeds safety limit: x", Local: true},
			},
		},
		{"hold: mime-error x from local; from=<a@b>", Event{}},
		{"reject: RCPT from db1.corp.test[192.0.2.12]: 550 no; from=<a@b> to=<x@y>", Event{}}, // smtpd's
		{"queue file size limit exceeded", Event{Kind: Aborted}},
		{"write queue file: No space left on device", Event{Kind: Aborted}},
		{"table lookup problem", Event{}},
		{"virtual_alias_maps map lookup problem for x@y -- message not accepted, try again later", Event{}}, // only as a warning
	})
	for _, action := range []string{
		"reject", "warning", "info", "filter", "pass", "discard", "hold", "delay", "prepend", "replace", "redirect", "bcc", "strip",
		"milter-header-reject", "milter-header-filter", "milter-body-discard", "milter-header-hold", "milter-header-redirect", "milter-header-bcc",
	} {
		check(t, "postfix/cleanup", []line{
			{action + ": header X: y" + tail + ": why", env(Event{Check: Check{Action: action, Stage: "header", Header: "X: y", Text: "why"}})},
		})
	}
	checkWarning(t, "postfix/cleanup", []line{
		{"message rejected: hopcount exceeded", Event{Kind: Verdict, Check: Check{Action: "reject", Text: "message rejected: hopcount exceeded"}}},
		{"virtual_alias_maps map lookup problem for x@y -- message not accepted, try again later", Event{Kind: Aborted}},
		{"milter_header_checks lookup error -- deferring delivery", Event{Kind: Aborted}},
		{"-- message not accepted, try again later than x@y", Event{}},
		{"something new", Event{}},
	})
}

func TestQmgr(t *testing.T) {
	for _, program := range []string{"postfix/qmgr", "postfix/oqmgr", "postfix-out/nqmgr"} {
		check(t, program, []line{
			{"from=<a@b>, size=844, nrcpt=1 (queue active)", Event{Kind: QueueActive, From: "a@b", HasFrom: true, Size: 844, HasSize: true, NRcpt: 1, HasNRcpt: true}},
			{"from=<>, size=1462, nrcpt=20 (queue active)", Event{Kind: QueueActive, HasFrom: true, Size: 1462, HasSize: true, NRcpt: 20, HasNRcpt: true}},
			{"from=<root>, size=1, nrcpt=1 (queue active)", Event{Kind: QueueActive, From: "root", HasFrom: true, Size: 1, HasSize: true, NRcpt: 1, HasNRcpt: true}},
			{
				`from=<"a>, size=9, nrcpt=9 (queue active)"@b>, size=1, nrcpt=2 (queue active)`,
				Event{Kind: QueueActive, From: `"a>, size=9, nrcpt=9 (queue active)"@b`, HasFrom: true, Size: 1, HasSize: true, NRcpt: 2, HasNRcpt: true},
			},
			{"from=<a@b>, size=99999999999999999999, nrcpt=-5 (queue active)", Event{Kind: QueueActive, From: "a@b", HasFrom: true}},
			{"from=<a@b>, status=expired, returned to sender", Event{Kind: Expired, From: "a@b", HasFrom: true}},
			{"from=<a@b>, status=force-expired, returned to sender", Event{Kind: Expired, From: "a@b", HasFrom: true}},
			{"from=<a@b>, status=resting", Event{From: "a@b", HasFrom: true}},
			{"removed", Event{Kind: Removed}},
			{"removed (why)", Event{Kind: Removed, RemovedAs: "why"}},
			{"skipped, still being delivered", Event{Kind: Noted}},
			{"skipped, still being delivered?", Event{}},
			{
				"to=<x@y>, relay=none, delay=0, delays=0/0/0/0, dsn=4.3.0, status=deferred (mail transport unavailable)",
				Event{Kind: Delivery, To: "x@y", HasTo: true, Delivered: Attempt{
					Relay: Relay{Other: "none"}, HasDelay: true, HasDelays: true,
					DSN: "4.3.0", Status: "deferred", Response: "mail transport unavailable",
				}},
			},
			{"from=<a@b", Event{}},
		})
	}
}

func TestBounce(t *testing.T) {
	for _, program := range []string{"postfix/bounce", "postfix/defer", "postfix/trace"} {
		check(t, program, []line{
			{"sender non-delivery notification: 4F2A31B2D", Event{Kind: Notice, Rel: RelBounce, LinkID: "4F2A31B2D"}},
			{"postmaster non-delivery notification: 4F2A31B2D", Event{Kind: Notice, Rel: RelBounce, LinkID: "4F2A31B2D"}},
			{"sender delay notification: 4jXBLn2st4z1SGbl", Event{Kind: Notice, Rel: RelDelayNotice, LinkID: "4jXBLn2st4z1SGbl"}},
			{"sender delivery status notification: 4F2A31B2D", Event{Kind: Notice, Rel: RelDSN, LinkID: "4F2A31B2D"}},
			{"postmaster delay notification: 4F2A31B2D", Event{Kind: Notice, Rel: RelDelayNotice, LinkID: "4F2A31B2D"}},
			{"sender notification failed to a@b", Event{Kind: Noted}}, // Postfix 3.11
			{"sender notification failed to a@b: why", Event{Kind: Noted}},
			{"sender notification failed to a non-delivery notification: 4F2A31B2D", Event{Kind: Noted}}, // an address of a stranger's
			{"postmaster notice failed while bouncing to a@b", Event{Kind: Noted}},
			{"undeliverable postmaster notification discarded", Event{Kind: Noted}},
			{"not sending trace/success notification for double-bounce message", Event{Kind: Noted}},
			{"reader non-delivery notification: 4F2A31B2D", Event{}},
			{"sender", Event{}},
			{"sender non-delivery notification: nothing", Event{}},
			{"sender odd notification: 4F2A31B2D", Event{}},
		})
	}
}

func TestPostsuper(t *testing.T) {
	check(t, "postfix/postsuper", []line{
		{"removed", Event{Kind: Removed}},
		{"placed on hold", Event{Kind: Held}},
		{"released from hold", Event{Kind: Released}},
		{"requeued", Event{Kind: Requeued}},
		{"expired", Event{Kind: ForceExpired}},
		{"renamed", Event{}},
	})
	for _, text := range []string{"Deleted: 1 message", "Force-expired: 2 messages", "Renamed to match inode number: 3 messages", "warning: QUEUE FILE NAMES WERE CHANGED TO MATCH INODE NUMBERS"} {
		if e := Parse("postfix/postsuper", text); e.Kind != Unknown || e.QueueID != "" || e.NoQueue {
			t.Errorf("a summary became %+v", e)
		}
	}
}
