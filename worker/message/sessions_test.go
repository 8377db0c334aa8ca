package message

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/postweave/postweave/worker/postlog"
)

// sessionsOf merges a log and returns each document's session in short, by
// queue id; "" where nothing was joined.
func sessionsOf(t *testing.T, log string, shuffle uint64) map[string]string {
	t.Helper()
	var s Sessions
	byID := map[string][]Line{}
	var all []Line
	for raw := range strings.Lines(log) {
		raw = strings.TrimSpace(raw)
		if raw == "" {
			continue
		}
		l, err := postlog.ParseLine("2026-11-22T"+strings.Replace(raw, " ", "Z mx1 ", 1), 2026, time.UTC)
		if err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		all = append(all, Line{l.Time, l.Program, l.PID, l.Text})
	}
	if shuffle > 0 {
		r := rand.New(rand.NewPCG(shuffle, 1)) //nolint:gosec // a seed
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	}
	for _, l := range all {
		if id, noqueue := postlog.LeadingQueueID(l.Text); id == "" && !noqueue {
			s.Add(l)
		}
	}
	for _, l := range all {
		if id, _ := postlog.LeadingQueueID(l.Text); id != "" {
			byID[id] = append(byID[id], l)
			s.Claim(id, l)
		}
	}
	found := map[string][]Finding{}
	end := all[0].Time.Add(240 * time.Hour)
	s.Settle(end, end, func(id string, f Finding) { found[id] = append(found[id], f) })
	if s.held != 0 {
		t.Errorf("%d events are left", s.held)
	}
	out := map[string]string{}
	for id, lines := range byID {
		docs := Merge(Key{"mx1", id}, lines, Options{})
		Attach(docs, found[id])
		for i := range docs {
			name := id
			if len(docs) > 1 {
				name = fmt.Sprintf("%s/%d", id, i+1)
			}
			out[name] = short(docs[i].Session)
		}
	}
	return out
}

func short(s *Session) string {
	if s == nil {
		return ""
	}
	var b []string
	if s.TLS != (postlog.TLS{}) {
		b = append(b, "tls "+s.TLS.Version+" "+s.TLS.Cipher+" "+s.TLS.Trust)
	}
	if s.Disconnect != "" {
		b = append(b, s.Disconnect)
	}
	for _, r := range s.RelaysTried {
		b = append(b, "tried "+r.Relay.Hostname+r.Relay.Name+" "+r.Text)
	}
	for _, r := range s.DeliveryTLS {
		b = append(b, "to "+r.Relay.Hostname+" "+r.TLS.Version)
	}
	for _, c := range s.Checks {
		b = append(b, fmt.Sprintf("%s %s %v", c.Program, c.Action, c.Score))
	}
	return strings.Join(b, "; ")
}

const tlsOf = "Anonymous TLS connection established from "

// In each case the documents' sessions do not depend on the order of the lines.
func TestSessions(t *testing.T) {
	for name, tt := range map[string]struct {
		log  string
		want map[string]string
	}{
		"one session": {`
			01:00:00 postfix/smtpd[1]: connect from a.example[192.0.2.1]
			01:00:00 postfix/smtpd[1]: Anonymous TLS connection established from a.example[192.0.2.1]: TLSv1.3 with cipher AES (256/256 bits)
			01:00:01 postfix/smtpd[1]: AAAAAA1: client=a.example[192.0.2.1]
			01:00:02 postfix/smtpd[1]: disconnect from a.example[192.0.2.1] ehlo=2 starttls=1 mail=1 rcpt=1/2 quit=1 commands=6/7
		`, map[string]string{"AAAAAA1": "tls TLSv1.3 AES Anonymous; ehlo=2 starttls=1 mail=1 rcpt=1/2 quit=1 commands=6/7"}},
		"several messages in one session": {`
			01:00:00 postfix/smtpd[1]: connect from a.example[192.0.2.1]
			01:00:00 postfix/smtpd[1]: Trusted TLS connection established from a.example[192.0.2.1] to mx.example: TLSv1.2 with cipher GCM (128/128 bits)
			01:00:01 postfix/smtpd[1]: AAAAAA1: client=a.example[192.0.2.1]
			01:00:02 postfix/smtpd[1]: AAAAAA2: client=a.example[192.0.2.1]
			01:00:02 postfix/smtpd[1]: disconnect from a.example[192.0.2.1] mail=2
		`, map[string]string{"AAAAAA1": "tls TLSv1.2 GCM Trusted; mail=2", "AAAAAA2": "tls TLSv1.2 GCM Trusted; mail=2"}},
		"interleaved": {`
			01:00:00 postfix/smtpd[1]: connect from a.example[192.0.2.1]
			01:00:00 postfix/smtpd[2]: connect from a.example[192.0.2.1]
			01:00:00 postfix/smtpd[2]: ` + tlsOf + `a.example[192.0.2.1]: TLSv1.3 with cipher AES (256/256 bits)
			01:00:01 postfix/smtpd[1]: AAAAAA1: client=a.example[192.0.2.1]
			01:00:01 postfix/smtpd[2]: AAAAAA2: client=a.example[192.0.2.1]
			01:00:02 postfix/smtpd[1]: disconnect from a.example[192.0.2.1] mail=1
			01:00:02 postfix/smtpd[2]: disconnect from a.example[192.0.2.1] mail=2
		`, map[string]string{"AAAAAA1": "mail=1", "AAAAAA2": "tls TLSv1.3 AES Anonymous; mail=2"}},
		"a process id again": {`
			01:00:00 postfix/smtpd[1]: connect from a.example[192.0.2.1]
			01:00:00 postfix/smtpd[1]: ` + tlsOf + `a.example[192.0.2.1]: TLSv1.3 with cipher AES (256/256 bits)
			01:00:01 postfix/smtpd[1]: AAAAAA1: client=a.example[192.0.2.1]
			01:00:02 postfix/smtpd[1]: disconnect from a.example[192.0.2.1] mail=1
			09:00:00 postfix/smtpd[1]: connect from b.example[192.0.2.2]
			09:00:01 postfix/smtpd[1]: AAAAAA2: client=b.example[192.0.2.2]
			09:00:02 postfix/smtpd[1]: disconnect from b.example[192.0.2.2] mail=5
		`, map[string]string{"AAAAAA1": "tls TLSv1.3 AES Anonymous; mail=1", "AAAAAA2": "mail=5"}},
		"two services, one process id": {`
			01:00:00 postfix/smtpd[1]: connect from a.example[192.0.2.1]
			01:00:00 postfix/smtpd[1]: ` + tlsOf + `a.example[192.0.2.1]: TLSv1.3 with cipher AES (256/256 bits)
			01:00:01 postfix/submission/smtpd[1]: AAAAAA1: client=a.example[192.0.2.1]
		`, map[string]string{"AAAAAA1": ""}},
		"two sessions in one second, told apart by the client": {`
			01:00:00 postfix/smtpd[1]: connect from a.example[192.0.2.1]
			01:00:00 postfix/smtpd[1]: ` + tlsOf + `a.example[192.0.2.1]: TLSv1.3 with cipher AES (256/256 bits)
			01:00:00 postfix/smtpd[1]: AAAAAA1: client=a.example[192.0.2.1]
			01:00:00 postfix/smtpd[1]: disconnect from a.example[192.0.2.1] mail=1
			01:00:00 postfix/smtpd[1]: connect from b.example[192.0.2.2]
			01:00:00 postfix/smtpd[1]: AAAAAA2: client=b.example[192.0.2.2]
			01:00:00 postfix/smtpd[1]: disconnect from b.example[192.0.2.2] mail=2
		`, map[string]string{"AAAAAA1": "tls TLSv1.3 AES Anonymous; mail=1", "AAAAAA2": "mail=2"}},
		"which of two sessions of a second goes on is not known": {`
			01:00:00 postfix/smtpd[1]: connect from a.example[192.0.2.1]
			01:00:00 postfix/smtpd[1]: disconnect from a.example[192.0.2.1] quit=1
			01:00:00 postfix/smtpd[1]: connect from b.example[192.0.2.2]
			01:00:00 postfix/smtpd[1]: ` + tlsOf + `b.example[192.0.2.2]: TLSv1.3 with cipher AES (256/256 bits)
			01:00:05 postfix/smtpd[1]: AAAAAA1: client=b.example[192.0.2.2]
			01:00:06 postfix/smtpd[1]: AAAAAA2: client=c.example[192.0.2.3]
			01:00:07 postfix/smtpd[1]: disconnect from b.example[192.0.2.2] mail=1
		`, map[string]string{"AAAAAA1": "tls TLSv1.3 AES Anonymous; mail=1", "AAAAAA2": ""}},
		"two sessions of one client that meet in a second": {`
			01:00:00 postfix/smtpd[1]: connect from a.example[192.0.2.1]
			01:00:01 postfix/smtpd[1]: AAAAAA1: client=a.example[192.0.2.1]
			01:00:02 postfix/smtpd[1]: disconnect from a.example[192.0.2.1] mail=1
			01:00:02 postfix/smtpd[1]: connect from a.example[192.0.2.1]
			01:00:02 postfix/smtpd[1]: ` + tlsOf + `a.example[192.0.2.1]: TLSv1.3 with cipher AES (256/256 bits)
			01:00:02 postfix/smtpd[1]: AAAAAA2: client=a.example[192.0.2.1]
			01:00:03 postfix/smtpd[1]: AAAAAA3: client=a.example[192.0.2.1]
			01:00:04 postfix/smtpd[1]: disconnect from a.example[192.0.2.1] mail=2
		`, map[string]string{"AAAAAA1": "", "AAAAAA2": "", "AAAAAA3": "mail=2"}},
		"no connect": {`
			01:00:00 postfix/smtpd[1]: ` + tlsOf + `a.example[192.0.2.1]: TLSv1.3 with cipher AES (256/256 bits)
			01:00:01 postfix/smtpd[1]: AAAAAA1: client=a.example[192.0.2.1]
			01:00:02 postfix/smtpd[1]: disconnect from a.example[192.0.2.1] mail=1
		`, map[string]string{"AAAAAA1": ""}},
		"no disconnect": {`
			01:00:00 postfix/smtpd[1]: connect from a.example[192.0.2.1]
			01:00:00 postfix/smtpd[1]: ` + tlsOf + `a.example[192.0.2.1]: TLSv1.3 with cipher AES (256/256 bits)
			01:00:01 postfix/smtpd[1]: AAAAAA1: client=a.example[192.0.2.1]
			01:00:05 postfix/smtpd[1]: connect from b.example[192.0.2.2]
			01:00:06 postfix/smtpd[1]: AAAAAA2: client=b.example[192.0.2.2]
			01:00:07 postfix/smtpd[1]: disconnect from b.example[192.0.2.2] mail=2
		`, map[string]string{"AAAAAA1": "tls TLSv1.3 AES Anonymous", "AAAAAA2": "mail=2"}},
		"after the session": {`
			01:00:00 postfix/smtpd[1]: connect from a.example[192.0.2.1]
			01:00:00 postfix/smtpd[1]: ` + tlsOf + `a.example[192.0.2.1]: TLSv1.3 with cipher AES (256/256 bits)
			01:00:02 postfix/smtpd[1]: disconnect from a.example[192.0.2.1] mail=1
			01:00:03 postfix/smtpd[1]: AAAAAA1: client=a.example[192.0.2.1]
		`, map[string]string{"AAAAAA1": ""}},
		"lines twice": {`
			01:00:00 postfix/smtpd[1]: connect from a.example[192.0.2.1]
			01:00:00 postfix/smtpd[1]: connect from a.example[192.0.2.1]
			01:00:00 postfix/smtpd[1]: ` + tlsOf + `a.example[192.0.2.1]: TLSv1.3 with cipher AES (256/256 bits)
			01:00:00 postfix/smtpd[1]: ` + tlsOf + `a.example[192.0.2.1]: TLSv1.3 with cipher AES (256/256 bits)
			01:00:01 postfix/smtpd[1]: AAAAAA1: client=a.example[192.0.2.1]
			01:00:02 postfix/smtpd[1]: disconnect from a.example[192.0.2.1] mail=1
			01:00:02 postfix/smtpd[1]: disconnect from a.example[192.0.2.1] mail=1
		`, map[string]string{"AAAAAA1": "tls TLSv1.3 AES Anonymous; mail=1"}},
		"the lines between are missing": {`
			01:00:00 postfix/smtpd[1]: connect from a.example[192.0.2.1]
			01:00:00 postfix/smtpd[1]: ` + tlsOf + `a.example[192.0.2.1]: TLSv1.3 with cipher AES (256/256 bits)
			01:00:01 postfix/smtpd[1]: AAAAAA1: client=a.example[192.0.2.1]
			01:05:10 postfix/smtpd[1]: AAAAAA2: client=b.example[192.0.2.2]
			01:05:11 postfix/smtpd[1]: disconnect from b.example[192.0.2.2] mail=1
		`, map[string]string{"AAAAAA1": "tls TLSv1.3 AES Anonymous", "AAAAAA2": "mail=1"}},
		"a delivery line is missing": {`
			01:00:10.100 postfix/smtp[7]: connect to mx1.example[192.0.2.11]:25: Connection timed out
			01:00:11.100 postfix/smtp[7]: AAAAAA2: to=<y@mx.example>, relay=mx4.example[192.0.2.14]:25, delay=0.2, delays=0.1/0/0/0.1, dsn=2.0.0, status=sent (250 ok)
		`, map[string]string{"AAAAAA2": ""}},
		"XCLIENT gives the client another name": {`
			01:00:00 postfix/smtpd[1]: connect from proxy.example[192.0.2.9]
			01:00:01 postfix/smtpd[1]: AAAAAA1: client=far.example[203.0.113.7]
			01:00:02 postfix/smtpd[1]: disconnect from far.example[203.0.113.7] xclient=1 mail=1
		`, map[string]string{"AAAAAA1": "xclient=1 mail=1"}},
		"relays tried, then one with TLS": {`
			01:00:10 postfix/smtp[7]: connect to mx1.example[192.0.2.11]:25: Connection timed out
			01:00:20 postfix/smtp[7]: connect to mx2.example[192.0.2.12]:25: Connection refused
			01:00:21 postfix/smtp[7]: Untrusted TLS connection established to mx3.example[192.0.2.13]:25: TLSv1.3 with cipher AES (256/256 bits)
			01:00:22 postfix/smtp[7]: AAAAAA1: to=<x@mx.example>, relay=mx3.example[192.0.2.13]:25, delay=23, delays=0.1/0.1/22/0.5, dsn=2.0.0, status=sent (250 ok)
		`, map[string]string{"AAAAAA1": "tried mx1.example Connection timed out; tried mx2.example Connection refused; to mx3.example TLSv1.3"}},
		"the delivery had not begun": {`
			01:00:10 postfix/smtp[7]: connect to mx1.example[192.0.2.11]:25: Connection timed out
			01:05:22 postfix/smtp[7]: AAAAAA1: to=<x@mx.example>, relay=mx3.example[192.0.2.13]:25, delay=400, delays=399/0.1/0.5/0.5, dsn=2.0.0, status=sent (250 ok)
		`, map[string]string{"AAAAAA1": ""}},
		"two messages of one process": {`
			01:00:10 postfix/smtp[7]: connect to mx1.example[192.0.2.11]:25: Connection refused
			01:00:11 postfix/smtp[7]: AAAAAA1: to=<x@mx.example>, relay=mx3.example[192.0.2.13]:25, delay=5, delays=3/0/1/1, dsn=2.0.0, status=sent (250 ok)
			01:00:13 postfix/smtp[7]: Trusted TLS connection reused to mx4.example[192.0.2.14]:25: TLSv1.2 with cipher AES (256/256 bits)
			01:00:14 postfix/smtp[7]: AAAAAA2: to=<y@mx.example>, relay=mx4.example[192.0.2.14]:25, delay=5, delays=3/0/1/1, dsn=2.0.0, status=sent (250 ok)
		`, map[string]string{"AAAAAA1": "tried mx1.example Connection refused", "AAAAAA2": "to mx4.example TLSv1.2"}},
		"two messages in one second, told apart by the server": {`
			01:00:10 postfix/smtp[7]: Untrusted TLS connection established to mx1.example[192.0.2.11]:25: TLSv1.3 with cipher AES (256/256 bits)
			01:00:10 postfix/smtp[7]: AAAAAA1: to=<x@mx.example>, relay=mx1.example[192.0.2.11]:25, delay=1, delays=0/0/0.1/0.1, dsn=2.0.0, status=sent (250 ok)
			01:00:10 postfix/smtp[7]: Untrusted TLS connection established to mx2.example[192.0.2.12]:25: TLSv1.2 with cipher AES (256/256 bits)
			01:00:10 postfix/smtp[7]: AAAAAA2: to=<y@mx.example>, relay=mx2.example[192.0.2.12]:25, delay=1, delays=0/0/0.1/0.1, dsn=2.0.0, status=sent (250 ok)
			01:00:10 postfix/smtp[7]: connect to mx3.example[192.0.2.13]:25: Connection refused
			01:00:10 postfix/smtp[7]: AAAAAA3: to=<z@mx.example>, relay=none, delay=1, delays=0/0/0.1/0, dsn=4.4.1, status=deferred (connect to mx3.example[192.0.2.13]:25: Connection refused)
		`, map[string]string{"AAAAAA1": "to mx1.example TLSv1.3", "AAAAAA2": "to mx2.example TLSv1.2", "AAAAAA3": "tried mx3.example Connection refused"}},
		"two messages to one server in one second": {`
			01:00:10 postfix/smtp[7]: Untrusted TLS connection established to mx1.example[192.0.2.11]:25: TLSv1.3 with cipher AES (256/256 bits)
			01:00:10 postfix/smtp[7]: AAAAAA1: to=<x@mx.example>, relay=mx1.example[192.0.2.11]:25, delay=1, delays=0/0/0.1/0.1, dsn=2.0.0, status=sent (250 ok)
			01:00:10 postfix/smtp[7]: AAAAAA2: to=<y@mx.example>, relay=mx1.example[192.0.2.11]:25, conn_use=2, delay=1, delays=0/0/0.1/0.1, dsn=2.0.0, status=sent (250 ok)
		`, map[string]string{"AAAAAA1": "", "AAAAAA2": ""}},
		"a socket": {`
			01:00:10 postfix/lmtp[7]: connect to mx1.example[private/dovecot-lmtp]: No such file or directory
			01:00:10 postfix/lmtp[7]: AAAAAA1: to=<x@mx.example>, relay=none, delay=1, delays=0/0/0/0, dsn=4.4.1, status=deferred (connect to mx1.example[private/dovecot-lmtp]: No such file or directory)
		`, map[string]string{"AAAAAA1": "tried mx1.example[private/dovecot-lmtp] No such file or directory"}},
		"amavis and rspamd": {`
			01:00:00 postfix/smtpd[1]: AAAAAA1: client=a.example[192.0.2.1]
			01:00:01 amavis[9]: (00009-01) Passed CLEAN {RelayedInbound}, [192.0.2.1]:1 <a@a.example> -> <b@b.example>, Queue-ID: AAAAAA1, Message-ID: <1@a.example>, mail_id: x, Hits: -1.9, size: 10, queued_as: AAAAAA2, 100 ms
			01:00:01 amavis[9]: (00009-02) Blocked INFECTED (Eicar) {DiscardedInbound}, [192.0.2.1]:1 <"x, Queue-ID: AAAAAA1, "@a.example> -> <b@b.example>, Queue-ID: AAAAAA3, Message-ID: <1@a.example>, mail_id: x, Hits: -, size: 10, 100 ms
			01:00:01 rspamd[9]: <abcdef>; task; rspamd_task_write_log: id: <1@a.example>, qid: <AAAAAA1>, ip: 192.0.2.1, from: <a@a.example>, (default: F (add header): [7.20/15.00] [R_SPF_ALLOW(-0.20){}]), len: 10, time: 5ms
			01:00:02 postfix/qmgr[2]: AAAAAA1: removed
		`, map[string]string{"AAAAAA1": "amavis Passed CLEAN -1.9; rspamd add header 7.2"}},
		"a filter names an id that came again": {`
			01:00:00 postfix/smtpd[1]: AAAAAA1: client=a.example[192.0.2.1]
			01:00:02 postfix/qmgr[2]: AAAAAA1: removed
			04:00:00 postfix/smtpd[1]: AAAAAA1: client=b.example[192.0.2.2]
			04:00:01 mimedefang.pl[9]: MDLOG,AAAAAA1,mail_in,,,<a@a.example>,<b@b.example>,hello
			04:00:02 postfix/qmgr[2]: AAAAAA1: removed
			07:00:00 clamav-milter[9]: Message AAAAAA1 from <a@a.example> to <b@b.example> with subject 's' message-id 'x' date 'd' infected by Eicar
		`, map[string]string{"AAAAAA1/1": "", "AAAAAA1/2": "mimedefang.pl mail_in 0"}},
		"one queue id in two sessions": {`
			01:00:00 postfix/smtpd[1]: connect from a.example[192.0.2.1]
			01:00:01 postfix/smtpd[1]: AAAAAA1: client=a.example[192.0.2.1]
			01:00:02 postfix/smtpd[1]: disconnect from a.example[192.0.2.1] mail=1
			01:00:02 postfix/qmgr[2]: AAAAAA1: removed
			09:00:00 postfix/smtpd[1]: connect from b.example[192.0.2.2]
			09:00:01 postfix/smtpd[1]: AAAAAA1: client=b.example[192.0.2.2]
			09:00:02 postfix/smtpd[1]: disconnect from b.example[192.0.2.2] mail=5
		`, map[string]string{"AAAAAA1/1": "mail=1", "AAAAAA1/2": "mail=5"}},
		"a filter names an id that came again at once": {`
			01:00:00 postfix/smtpd[1]: AAAAAA1: client=a.example[192.0.2.1]
			01:00:02 postfix/qmgr[2]: AAAAAA1: removed
			01:00:20 postfix/smtpd[1]: AAAAAA1: client=b.example[192.0.2.2]
			01:00:21 mimedefang.pl[9]: MDLOG,AAAAAA1,mail_in,,,<a@a.example>,<b@b.example>,hello
			01:00:22 postfix/qmgr[2]: AAAAAA1: removed
		`, map[string]string{"AAAAAA1/1": "", "AAAAAA1/2": ""}},
		"one LMTP session named by two messages": {`
			01:00:00 dovecot[3]: lmtp(b@b.example)<99><aB3dEfGhIjKl>: msgid=<1@a.example>: saved mail to INBOX
			01:00:00 postfix/lmtp[7]: AAAAAA1: to=<b@b.example>, relay=mx[private/lmtp], delay=1, delays=0/0/0/0, dsn=2.0.0, status=sent (250 2.0.0 <b@b.example> aB3dEfGhIjKl Saved)
			01:00:00 postfix/lmtp[7]: AAAAAA2: to=<b@b.example>, relay=mx[private/lmtp], delay=1, delays=0/0/0/0, dsn=2.0.0, status=sent (250 2.0.0 <b@b.example> aB3dEfGhIjKl Saved)
		`, map[string]string{"AAAAAA1": "", "AAAAAA2": ""}},
		"dovecot by its session": {`
			01:00:00 dovecot[3]: lmtp(b@b.example)<99><aB3dEfGhIjKl>: msgid=<1@a.example>: saved mail to INBOX
			01:00:00 dovecot[3]: lmtp(c@b.example): zB3dEfGhIjKl: msgid=<1@a.example>: save failed to INBOX: Quota exceeded
			01:00:00 postfix/lmtp[7]: AAAAAA1: to=<b@b.example>, relay=mx[private/dovecot-lmtp], delay=1, delays=0/0/0/0, dsn=2.0.0, status=sent (250 2.0.0 <b@b.example> aB3dEfGhIjKl Saved)
		`, map[string]string{"AAAAAA1": "dovecot saved 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			for shuffle := range uint64(6) {
				got := sessionsOf(t, tt.log, shuffle)
				for id, want := range tt.want {
					if got[id] != want {
						t.Errorf("order %d: %s: %q, want %q", shuffle, id, got[id], want)
					}
				}
				if len(got) != len(tt.want) {
					t.Errorf("order %d: %d documents, want %d", shuffle, len(got), len(tt.want))
				}
			}
		})
	}
}

// Beyond the bound all is let go: with a part of the lines a wrong session
// might seem to be the only one.
func TestSessionsAreBounded(t *testing.T) {
	s := Sessions{Max: 10}
	at := time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)
	for i := range 25 {
		s.Add(Line{at, "postfix/smtpd", fmt.Sprint(i), "connect from a.example[192.0.2.1]"})
		if s.held > 10 {
			t.Fatalf("%d events are held", s.held)
		}
	}
	if s.Dropped != 22 || s.held != 3 {
		t.Errorf("%d let go, %d held", s.Dropped, s.held)
	}
}

// What processes leave that say nothing more is let go in time.
func TestSessionsOfTheDeadAreForgotten(t *testing.T) {
	var s Sessions
	at := time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)
	none := func(string, Finding) {}
	for i := range 3000 {
		now, pid := at.Add(time.Duration(i)*time.Minute), fmt.Sprint(i)
		s.Add(Line{now, "postfix/smtpd", pid, "connect from a.example[192.0.2.1]"})
		if i%2 == 0 {
			s.Add(Line{now, "postfix/smtpd", pid, "disconnect from a.example[192.0.2.1] quit=1"})
		}
		s.Add(Line{now, "postfix/smtp", pid, "connect to mx.example[192.0.2.9]:25: Connection refused"})
		s.Settle(now.Add(time.Second), now.Add(-10*time.Minute), none)
		if s.Held() > 2*24*60 { // a day of sessions without an end, and what is younger than keep
			t.Fatalf("%d lines are held after %d minutes", s.Held(), i)
		}
	}
	s.Settle(at.AddDate(0, 0, 30), at.AddDate(0, 0, 30), none)
	if s.Held() != 0 || len(s.processes)+len(s.others) != 0 {
		t.Errorf("%d lines of %d processes are held for good", s.Held(), len(s.processes))
	}
}

// What becomes names of an object is what smtpd counts and nothing else.
// What is held for long keeps no line of another's in memory: the queue id that a filter's verdict gets is a part of the line
// that told it.
func TestSavedIDIsACopy(t *testing.T) {
	at := time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)
	var s Sessions
	s.Add(Line{Time: at, Program: "dovecot", Text: "lmtp(b@b.example)<7><aB3dEfGhIjKl>: sieve: msgid=<1@a.example>: stored mail into mailbox 'INBOX'"})
	text := "AAAAAA1: to=<b@b.example>, relay=mx[private/dovecot-lmtp], delay=1, delays=0/0/0/0, dsn=2.0.0, status=sent (250 2.0.0 <b@b.example> aB3dEfGhIjKl Saved)"
	s.Claim(text[:7], Line{Time: at, Program: "postfix/lmtp", PID: "7", Text: text})
	said := s.saved["aB3dEfGhIjKl"]
	if len(said) != 1 || said[0].id != "AAAAAA1" {
		t.Fatalf("%+v", s.saved)
	}
	if unsafe.StringData(said[0].id) == unsafe.StringData(text) {
		t.Error("the verdict's queue id is a part of the line")
	}
}

func TestCounters(t *testing.T) {
	for text, want := range map[string]string{
		"ehlo=1 rcpt=1/2": "ehlo=1 rcpt=1/2", "": "", "ehlo=1 ehlo=2": "", "eh.lo=1": "", "ehlo=x": "", "ehlo": "", "=1": "", "ehlo=1  rcpt=1": "",
	} {
		if got := cleanCounters(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestStoredSession(t *testing.T) {
	at := time.Date(2026, 11, 22, 1, 0, 0, 123456000, time.UTC)
	relay := Relay{"mx.example", "192.0.2.1", 25, ""}
	d := Document{Kind: KindMessage, Subject: `"session":{"tls":{`, Session: &Session{
		TLS:         postlog.TLS{Trust: "Trusted", Version: "TLSv1.3", Cipher: "AES"},
		Disconnect:  "rcpt=1/2 ehlo=1",
		Checks:      []SessionCheck{{at, "amavis", "Passed CLEAN", "text", -1.5, true}, {at, "rspamd", "no action", "x", 0, true}, {at, "zz", "a", "t", 0, false}},
		RelaysTried: []TriedRelay{{at, Relay{Name: "a[private/x]"}, "No such file"}, {at, relay, "Connection refused"}},
		DeliveryTLS: []RelayTLS{{at, relay, postlog.TLS{Trust: "Untrusted", Version: "TLSv1.2", Cipher: "X"}}},
	}}
	want := d.AppendJSON(nil)
	s, err := StoredSession(want)
	if err != nil {
		t.Fatal(err)
	}
	d.Session = s
	if got := d.AppendJSON(nil); string(got) != string(want) {
		t.Errorf("read back:\n%s\nwant\n%s", got, want)
	}
	d.Session = s.Unite(&Session{Checks: slices.Clone(s.Checks), RelaysTried: s.RelaysTried, DeliveryTLS: s.DeliveryTLS, Disconnect: s.Disconnect, TLS: s.TLS})
	if got := d.AppendJSON(nil); string(got) != string(want) {
		t.Errorf("united with itself:\n%s\nwant\n%s", got, want)
	}
	d.Session = nil
	if s, err := StoredSession(d.AppendJSON(nil)); s != nil || err != nil {
		t.Errorf("a session out of a subject: %+v %v", s, err)
	}
}
