package postlog

import (
	"strings"
	"testing"
)

func TestParseContext(t *testing.T) {
	mail := Relay{Host: Host{Name: "mail.example", IP: "192.0.2.1"}}
	mx := Relay{Host: Host{"mx.example", "192.0.2.9", 25}}
	for _, tt := range []struct {
		program, text string
		want          Context
	}{
		{"postfix/smtpd", "connect from mail.example[192.0.2.1]", Context{Kind: Connect, Peer: mail}},
		{"postfix/submission/smtpd", "connect from unknown[unknown]", Context{Kind: Connect, Peer: Relay{Host: Host{Name: "unknown"}}}},
		{"postfix/smtpd", "connect from mail.example[192.0.2.1]: hello", Context{}},
		{"postfix/smtpd", "connect from mail.example", Context{}},
		{"postfix/smtpd", "disconnect from mail.example[192.0.2.1] ehlo=1 quit=1 commands=2", Context{Kind: Disconnect, Peer: mail, Counters: "ehlo=1 quit=1 commands=2"}},
		{"postfix/smtpd", "disconnect from mail.example[192.0.2.1]", Context{Kind: Disconnect, Peer: mail}}, // before Postfix 3.0
		{
			"postfix/smtpd", "Trusted TLS connection established from mail.example[192.0.2.1]: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256",
			Context{Kind: ClientTLS, Peer: mail, TLS: TLS{"Trusted", "TLSv1.3", "TLS_AES_256_GCM_SHA384"}},
		},
		{
			"postfix/smtpd", "Anonymous TLS connection established from mail.example[192.0.2.1] to mx.example: TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384 (256/256 bits)",
			Context{Kind: ClientTLS, Peer: mail, TLS: TLS{"Anonymous", "TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384"}},
		},
		{"postfix/smtpd", "Anonymous TLS connection established to mail.example[192.0.2.1]: TLSv1.2 with cipher X (1/1 bits)", Context{}},
		{"postfix/smtpd", "Some TLS connection established from mail.example[192.0.2.1]: TLSv1.2 with cipher X (1/1 bits)", Context{}},
		{"postfix/smtpd", "Anonymous TLS connection established from mail.example[192.0.2.1]: TLSv1", Context{}}, // cut
		{
			"postfix/relay/smtp", "Verified TLS connection reused to mx.example[192.0.2.9]:25: TLSv1.3 with cipher AES (256/256 bits)",
			Context{Kind: RelayTLS, Peer: mx, TLS: TLS{"Verified", "TLSv1.3", "AES"}},
		},
		{"postfix/smtp", "Verified TLS connection lost to mx.example[192.0.2.9]:25: TLSv1.3 with cipher AES", Context{}},
		{"postfix/smtp", "connect to mx.example[192.0.2.9]:25: Connection timed out", Context{Kind: RelayTried, Peer: mx, Text: "Connection timed out"}},
		{"postfix/smtp", "SSL_connect error to mx.example[192.0.2.9]:25: -1", Context{Kind: RelayTried, Peer: mx, Text: "-1"}},
		{"postfix/lmtp", "connect to a.example[private/lmtp]: No such file or directory", Context{Kind: RelayTried, Peer: Relay{Other: "a.example[private/lmtp]"}, Text: "No such file or directory"}},
		{"postfix/smtp", "connect to mx.example[192.0.2.9]:25", Context{}},
		{"postfix/smtp", "connect from mail.example[192.0.2.1]", Context{}},
		{"postfix/anvil", "connect from mail.example[192.0.2.1]", Context{}},
		{"postfix/tlsproxy", "CONNECT from [192.0.2.1]:25", Context{}},
		{"sshd", "connect from mail.example[192.0.2.1]", Context{}},
	} {
		tt.want.Daemon = tt.program[strings.LastIndexByte(tt.program, '/')+1:]
		if got := ParseContext(tt.program, tt.text); got != tt.want {
			t.Errorf("%s: %s\n got %+v\nwant %+v", tt.program, tt.text, got, tt.want)
		}
		if tt.want.Kind != NoContext && !IsContext(tt.program, tt.text) {
			t.Errorf("%s: %s: not taken for context", tt.program, tt.text)
		}
	}
}

func TestCounters(t *testing.T) {
	for text, want := range map[string]string{
		"disconnect from mail.example[192.0.2.1] ehlo=1 commands=2":     "ehlo=1 commands=2",
		"disconnect from mail.example[2001:db8::1]:4711 ehlo=1 quit=1":  "ehlo=1 quit=1",
		"disconnect from mail.example[192.0.2.1]":                       "",
		"disconnect from mail.example[192.0.2.1]:4711":                  "",
		"disconnect from unknown[unknown] commands=0/1":                 "commands=0/1",
		"disconnect from mail.example[192.0.2.1] unknown=0/1 auth=0/12": "unknown=0/1 auth=0/12",
	} {
		if got := Counters(text); got != want || got != ParseContext("postfix/smtpd", text).Counters {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// Strangers write parts of a filter's line. A mark that is there twice names
// nobody.
func TestMentions(t *testing.T) {
	const amavis = "(00009-01) Blocked SPAM {DiscardedInbound,Quarantined}, [192.0.2.1]:25 [192.0.2.1] <FROM> -> <b@b.example>, quarantine: s/spam, Queue-ID: 4F2A31B2C, Message-ID: <1@a.example>, mail_id: x, Hits: 12.5, size: 10, 100 ms"
	const rspamd = "(rspamd_proxy) <abcdef>; proxy; rspamd_task_write_log: id: <MID>, qid: <4jXBLW1S2Pz1SGX8>, ip: 192.0.2.1, from: <a@a.example>, (default: T (reject): [18.10/15.00] [BAYES_SPAM(5.10){100.00%;}]), len: 10"
	for _, tt := range []struct {
		program, text string
		want          Context
	}{
		{"amavis", strings.Replace(amavis, "FROM", "a@a.example", 1), Context{Kind: Mention, QueueID: "4F2A31B2C", Action: "Blocked SPAM", Score: 12.5, HasScore: true}},
		{"amavis", strings.Replace(amavis, "FROM", `"x, Queue-ID: 4F2A31B2D, "@a.example`, 1), Context{}},
		{"amavis", strings.Replace(amavis, "FROM", `"x, Hits: -99, "@a.example`, 1), Context{Kind: Mention, QueueID: "4F2A31B2C", Action: "Blocked SPAM"}},
		{"amavis", "(1-1) Passed CLEAN {X}, <a> -> <b>, Queue-ID: ../../etc, Hits: 1", Context{}},
		{"amavis", "(1-1) Passed SPAM {X}, <a> -> <b>, Message-ID: <x, Queue-ID: 4F2A31B2C, y@z>, mail_id: x, Hits: 99", Context{}}, // no mark of its own
		{"amavis", `(1-1) Passed SPAM {X}, <"x, Queue-ID: 4F2A31B2C, y"@a> -> <b>, mail_id: x, Hits: 99`, Context{}},
		{"amavis", "(1-1) Passed BAD-HEADER-7 {X}, <a> -> <b>, Queue-ID: 4F2A31B2C, Hits: -", Context{Kind: Mention, QueueID: "4F2A31B2C", Action: "Passed BAD-HEADER-7"}},
		{"amavis", "(1-1) Blocked INFECTED (Eicar-Test) {X}, <a> -> <b>, Queue-ID: 4F2A31B2C, Hits: 1e400", Context{Kind: Mention, QueueID: "4F2A31B2C", Action: "Blocked INFECTED"}},
		{"amavis", "(1-1) starting up, Queue-ID: 4F2A31B2C", Context{}},
		{"rspamd", strings.Replace(rspamd, "MID", "1@a.example", 1), Context{Kind: Mention, QueueID: "4jXBLW1S2Pz1SGX8", Action: "reject", Score: 18.1, HasScore: true}},
		{"rspamd", strings.Replace(rspamd, "MID", "x>, qid: <4F2A31B2D", 1), Context{}},
		{"rspamd", "<abcdef>; task; rspamd_task_write_log: id: <x>, qid: <4F2A31B2C>, cut", Context{Kind: Mention, QueueID: "4F2A31B2C"}},
		{"rspamd", "qid: <4F2A31B2C>", Context{}},
		{"mimedefang.pl", "MDLOG,4F2A31B2C,spam,7,,<a>,<b>,MDLOG,4F2A31B2D,x", Context{Kind: Mention, QueueID: "4F2A31B2C", Action: "spam"}},
		{"mimedefang.pl", "MDLOG,NOQUEUE,spam", Context{}},
		{"MailScanner", "Message 4F2A31B2C.A1B2C from 192.0.2.1 (a@a.example) to b.example is not spam, SpamAssassin", Context{Kind: Mention, QueueID: "4F2A31B2C", Action: "not spam"}},
		{"clamav-milter", "Message 4F2A31B2C from <a> to <b> clean", Context{Kind: Mention, QueueID: "4F2A31B2C", Action: "note"}},
		{"dovecot", "lmtp(b)<9><aB3dEfGhIjKl>: msgid=<x>: saved mail to INBOX", Context{Kind: Saved, Session: "aB3dEfGhIjKl", Action: "saved"}},
		{"dovecot", "lmtp(b): aB3dEfGhIjKl: sieve: msgid=<x>: discarded duplicate forward", Context{Kind: Saved, Session: "aB3dEfGhIjKl", Action: "discarded"}},
		{"dovecot", "lmtp(b)<9><aB3dEfGhIjKl>: msgid=<x>: save failed to INBOX: Quota exceeded", Context{Kind: Saved, Session: "aB3dEfGhIjKl", Action: "failed"}},
		{"dovecot", "lmtp(b)<9><x>: msgid=<x>: saved mail to INBOX", Context{}},
		{"dovecot", "imap(b)<9><aB3dEfGhIjKl>: msgid=<x>: saved mail to INBOX", Context{}},
		{"sshd", "Message 4F2A31B2C from <a> is spam", Context{}},
	} {
		got := ParseContext(tt.program, tt.text)
		if tt.want.Kind != NoContext && (got.Text == "" || !strings.HasSuffix(tt.text, got.Text)) {
			t.Errorf("%s: %s\ntext %q", tt.program, tt.text, got.Text)
		}
		got.Text, tt.want.Daemon = "", tt.program
		if got != tt.want {
			t.Errorf("%s: %s\n got %+v\nwant %+v", tt.program, tt.text, got, tt.want)
		}
	}
}

func TestSavedSession(t *testing.T) {
	for response, want := range map[string]string{
		"250 2.0.0 <b@b.example> aB3dEfGhIjKl Saved":   "aB3dEfGhIjKl",
		"250 2.0.0 <b@b.example> aB3dEf/hIj+l:2 Saved": "aB3dEf/hIj+l:2",
		"250 2.0.0 <b@b.example> <x y> Saved":          "",
		"250 2.0.0 Ok":                                 "",
		"aB3dEfGhIjKl Saved":                           "",
		" Saved":                                       "",
	} {
		got, ok := SavedSession(response)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q %v", response, got, ok)
		}
	}
}

func FuzzContext(f *testing.F) {
	for _, program := range []string{"postfix/smtpd", "postfix/smtp", "amavis", "rspamd", "mimedefang", "MailScanner", "dovecot", "sshd"} {
		for _, text := range []string{
			"connect from mail.example[192.0.2.1]", "disconnect from a[::1]:2 ehlo=1 rcpt=0/1", "connect to a.example[private/x]: no",
			"Anonymous TLS connection established from a[192.0.2.1] to b: c: TLSv1.3 with cipher X (1/1 bits)",
			"(1-1) Passed CLEAN {X}, Queue-ID: 4F2A31B2C, Hits: -1.5,", "rspamd_task_write_log: qid: <4F2A31B2C>, (default: F (no action): [1/2]",
			"MDLOG,4F2A31B2C,spam", "Message 4F2A31B2C.X is spam", "lmtp(b)<9><aB3dEfGhIjKl>: saved mail to INBOX", "",
		} {
			f.Add(program, text)
		}
	}
	f.Fuzz(func(t *testing.T, program, text string) {
		c := ParseContext(program, text)
		if c.Kind != NoContext && !IsContext(program, text) {
			t.Errorf("%q: %q is %v, and not taken for context", program, text, c.Kind)
		}
		if c.Kind == Mention && !ValidQueueID(c.QueueID) {
			t.Errorf("%q: %q names %q", program, text, c.QueueID)
		}
		for _, part := range []string{c.Counters, c.Text, c.Session, c.Action, c.Peer.Name, c.Peer.Other, c.TLS.Cipher, c.TLS.Version} {
			if !strings.Contains(text, part) && part != "note" && part != "saved" && part != "failed" && part != "infected" && part != "discarded" && part != "forwarded" {
				t.Errorf("%q: %q: %q is not in it", program, text, part)
			}
		}
		if session, ok := SavedSession(text); ok && !strings.Contains(text, session) {
			t.Errorf("session %q is no part of %q", session, text)
		}
		if c.Kind == Disconnect && c.Counters != Counters(text) {
			t.Errorf("%q: counters %q and %q", text, c.Counters, Counters(text))
		}
	})
}
