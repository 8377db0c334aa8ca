package badinput

import (
	"fmt"
	"strings"
	"testing"
)

// addressRows are about addresses and what strangers' servers answer.
func addressRows() []row {
	var rows []row
	add := func(number int, input, outcome string, more func(r *row)) {
		r := row{number: number, input: input, outcome: outcome}
		more(&r)
		rows = append(rows, r)
	}
	try := func(to, end string) string {
		return "to=<" + to + ">, relay=none, delay=1, delays=0/0/0/1, " + end
	}
	add(15, "an address that looks like the end of another: `from=<\"a> to=<b\"@evil.example>`", "the quoted local part is one", func(r *row) {
		const address = `"a> to=<b"@evil.example`
		r.lines = of(r.host(), someID, "smtpd", client, "qmgr", "from=<"+address+">, size=1, nrcpt=1 (queue active)",
			"cleanup", "info: header Subject: x from mail.example.org[192.0.2.1]; from=<"+address+"> to=<joe@example.com> proto=ESMTP helo=<h>")
		r.check = func(t *testing.T, _ path, d documents) {
			x := d.one(t)
			equal(t, "sender", x.From, address)
			equal(t, "recipients", strings.Join(x.To, " "), "joe@example.com")
		}
	})
	add(16, "the null sender", "`from` is `<>`", func(r *row) {
		r.lines = of(r.host(), someID, "qmgr", "from=<>, size=1, nrcpt=1 (queue active)")
		r.check = func(t *testing.T, _ path, d documents) { equal(t, "sender", d.one(t).From, "<>") }
	})
	add(17, "backslashes and quotes in addresses", "a quoted pair is one character; where quotes mean nothing, the bracket that the line's form asks for ends the address", func(r *row) {
		all := []string{`"a\"b"@example.com`, `a\@b@example.com`, `"\\">@example.com`, `"a>b"@example.com`, `a"b@example.com`}
		r.lines = of(r.host(), someID, "smtpd", client)
		for _, to := range all {
			r.lines = append(r.lines, of(r.host(), someID, "smtp", try(to, "dsn=2.0.0, status=sent (ok)"))...)
		}
		r.check = func(t *testing.T, _ path, d documents) {
			x := d.one(t)
			equal(t, "sent", x.Counts["sent"], len(all))
			for _, to := range all {
				if !strings.Contains(strings.Join(x.To, "\n")+"\n", to+"\n") {
					t.Errorf("%s is not among %q", to, x.To)
				}
			}
		}
	})
	add(18, "an address of 64 KiB, and one of 20 KiB", "the first does not fit a line, and none is made of it; of the second 8,191 bytes are shown, with a warning; the line has it whole", func(r *row) {
		r.lines = of(r.host(), someID, "smtpd", client, "smtp", try(strings.Repeat("a", 64<<10)+"@example.com", "dsn=2.0.0, status=sent (ok)"),
			"smtp", try(strings.Repeat("b", 20<<10)+"@example.com", "dsn=2.0.0, status=sent (ok)"))
		r.unparsed = 1
		r.instead = "no hash of the whole is kept: the line itself is"
		r.check = func(t *testing.T, _ path, d documents) {
			x := d.one(t)
			x.warned(t, "line_truncated", true)
			x.warned(t, "value_truncated", true)
			equal(t, "recipients", len(x.To), 1)
			equal(t, "length", len(x.To[0]), 8191)
			equal(t, "sent", x.Counts["sent"], 1)
		}
	})
	add(19, "a server's answer that looks like a status", "the first is the status, the answer stays whole", func(r *row) {
		r.lines = of(r.host(), someID, "smtp", try("joe@example.com", "dsn=2.0.0, status=sent (250 ok) status=bounced (550, dsn=5.0.0, status=bounced (x)"))
		r.check = func(t *testing.T, _ path, d documents) {
			x := d.one(t)
			equal(t, "status", x.Status, "sent")
			equal(t, "dsn", x.Recipients[0].DSN, "2.0.0")
			equal(t, "response", x.Recipients[0].Response, "250 ok) status=bounced (550, dsn=5.0.0, status=bounced (x")
		}
	})
	add(20, "a parenthesis in an answer that nothing closes", "the rest of the line; warning `delivery_line_truncated` where the last one is missing", func(r *row) {
		r.lines = of(r.host(), someID, "smtp", try("joe@example.com", "dsn=2.0.0, status=sent (250 (ok"), "smtp", try("jim@example.com", "dsn=2.0.0, status=sent (250 (ok)"))
		r.check = func(t *testing.T, _ path, d documents) {
			x := d.one(t)
			equal(t, "sent", x.Counts["sent"], 2)
			x.warned(t, "delivery_line_truncated", true)
			equal(t, "response", x.Recipients[0].Response+"|"+x.Recipients[1].Response, "250 (ok|250 (ok")
		}
	})
	add(21, "`queued as` with another message's queue id, said by a stranger", "kept as `remote_queue_id`; a link only where a search finds that both fit; the other message is untouched", func(r *row) {
		r.lines = of(r.host(), someID, "smtp", try("joe@example.com", "dsn=2.0.0, status=sent (250 ok: queued as "+neighbourID+")"))
		r.check = func(t *testing.T, _ path, d documents) {
			x := d.one(t)
			equal(t, "id", x.Recipients[0].RemoteQueueID, neighbourID)
			equal(t, "links", len(x.Links), 0)
		}
	})
	add(22, "one Message-ID on 200 messages", "200 documents: a Message-ID joins nothing", func(r *row) {
		for i := range 200 {
			r.lines = append(r.lines, of(r.host(), fmt.Sprintf("4F2A3%05X", i), "cleanup", "message-id=<same@example.org>")...)
		}
		r.check = func(t *testing.T, _ path, d documents) { equal(t, "documents", len(d), 200) }
	})
	add(23, "a Message-ID that is markup, 10 KiB, empty", "kept as text without the angle brackets around it, 8,191 bytes of it, or absent", func(r *row) {
		const markup = "<script>alert(1)</script>@example.org"
		r.lines = append(of(r.host(), someID[:9]+"1", "cleanup", "message-id=<"+markup+">"), append(of(r.host(), someID[:9]+"2", "cleanup", "message-id=<"+strings.Repeat("m", 10<<10)+">"),
			of(r.host(), someID[:9]+"3", "cleanup", "message-id=<>")...)...)
		r.check = func(t *testing.T, _ path, d documents) {
			want := map[byte]string{'1': strings.TrimPrefix(markup, "<"), '2': strings.Repeat("m", 8191), '3': ""}
			equal(t, "documents", len(d), len(want))
			for _, x := range d {
				last := x.QueueID[9]
				equal(t, "message id", x.MessageID, want[last])
				x.warned(t, "value_truncated", last == '2')
			}
		}
	})
	return rows
}
