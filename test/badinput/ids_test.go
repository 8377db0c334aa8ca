package badinput

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
)

// idRows are about queue ids and who has them.
func idRows() []row {
	var rows []row
	add := func(number int, input, outcome string, more func(r *row)) {
		r := row{number: number, input: input, outcome: outcome}
		more(&r)
		rows = append(rows, r)
	}
	add(33, "`NOQUEUE` in the place of a queue id", "each reject is a document of its own; nothing is merged under that word", func(r *row) {
		for _, to := range []string{"a", "b", "c"} {
			r.lines = append(r.lines, says(r.host(), "smtpd", "NOQUEUE: reject: RCPT from mail.example.org[192.0.2.1]: 554 5.7.1 <"+to+"@example.com>: Relay access denied; from=<jane@example.org> to=<"+to+"@example.com> proto=ESMTP helo=<h>")...)
		}
		r.lines = append(r.lines, says(r.host(), "smtpd", "NOQUEUE: client=mail.example.org[192.0.2.1]", "qmgr", "NOQUEUE: removed")...)
		r.check = func(t *testing.T, _ path, d documents) {
			equal(t, "documents", len(d), 3)
			for _, x := range d {
				equal(t, "kind", x.Kind, "reject")
				equal(t, "queue id", x.QueueID, "")
			}
		}
	})
	add(34, "words where a queue id would be: `warning`, `fatal`, `statistics`, `connect`", "no queue ids", func(r *row) {
		r.lines = says(r.host(), "smtpd", "warning: removed", "smtpd", "fatal: removed", "smtpd", "statistics: removed", "smtpd", "connect: removed", "qmgr", "FEEDME: removed",
			"qmgr", "DECADE", "qmgr", "facade: removed", "qmgr", "ABCDE: removed", "smtpd", "warning: error: "+someID+"x: removed")
		r.check = none
	})
	add(35, "a queue id of 10 KiB, with `/`, `..`, `%2f`, quotes, spaces, `#`, `?`, `*`", "no queue ids: the lines belong to no message; a document's `_id` is a hash in any case", func(r *row) {
		for _, id := range []string{strings.Repeat("A", 10<<10), strings.Repeat("A", 41), "../4F2A31B2C7", "4F2A31B2C7/..", "4F2A31B2C7%2f", `4F2A31"B2C7`, "4F2A31 B2C7", "4F2A31B2C7#", "4F2A31B2C7?", "4F2A*", "4F2A31B2C7\t", "４F2A31B2C7", ""} {
			r.lines = append(r.lines, of(r.host(), id, "qmgr", "removed")...)
		}
		r.instead = "not counted as lines that were not understood: those are of messages, and these are of none"
		r.check = none
	})
	add(36, "long queue ids that differ in upper and lower case alone", "two messages", func(r *row) {
		id := loggen.LongID(start, 1234567)
		last := id[len(id)-1:]
		other := id[:len(id)-1] + swapCase(last)
		r.lines = append(mail(r.host(), id, "one"), mail(r.host(), other, "two")...)
		r.check = func(t *testing.T, _ path, d documents) {
			equal(t, "documents", len(d), 2)
			if id == other || !strings.EqualFold(id, other) {
				t.Fatalf("%s and %s are no such ids", id, other)
			}
		}
	})
	add(37, "a short queue id given out again after three hours", "two messages, each with its lines", func(r *row) {
		again := mail(r.host(), someID, "second")
		for i := range again {
			again[i].Time = again[i].Time.Add(3 * time.Hour)
		}
		r.lines = append(mail(r.host(), someID, "first"), again...)
		r.check = func(t *testing.T, _ path, d documents) {
			equal(t, "documents", len(d), 2)
			subjects := []string{d[0].Subject, d[1].Subject}
			slices.Sort(subjects)
			equal(t, "subjects", strings.Join(subjects, " "), "first second")
		}
	})
	add(38, "one queue id on two servers", "two messages", func(r *row) {
		r.lines = append(mail(r.host(), someID, "here"), mail(r.host()+"-b", someID, "there")...)
		r.check = func(t *testing.T, _ path, d documents) { equal(t, "documents", len(d), 2) }
	})
	add(39, "lines that a stranger sends under a server's name", "recorded like the others: who sent a packet is no part of the line. Other servers' and other ids' messages are untouched", func(r *row) {
		r.lines = append(mail(r.host(), someID, "true"), of(r.host(), someID, "smtp", "to=<forged@example.net>, relay=none, delay=1, delays=0/0/0/1, dsn=5.0.0, status=bounced (forged)")...)
		r.instead = "no mark of a conflict: the raw lines have no sender that could be believed. That spoofed syslog is recorded and not detected is a precondition of the promise"
		r.check = func(t *testing.T, _ path, d documents) {
			x := d.one(t)
			equal(t, "recipients", strings.Join(x.To, " "), "forged@example.net joe@example.com")
			equal(t, "status", x.Status, "mixed")
		}
	})
	add(40, "`removed` before the deliveries, forged or by clocks", "later deliveries are merged all the same", func(r *row) {
		r.lines = append(of(r.host(), someID, "qmgr", "removed"), mail(r.host(), someID, "late")[:5]...)
		r.check = func(t *testing.T, _ path, d documents) {
			x := d.one(t)
			equal(t, "status", x.Status, "sent")
			equal(t, "complete", x.Complete, true)
			equal(t, "lines", x.Lines, 6)
		}
	})
	add(51, "field names as weapons: an object for the queue id, the same name twice, 1,500 fields of a stranger", "only the fields of the layout are read, and no more of them than text; a document with one name twice is refused by Elasticsearch", func(r *row) {
		line := `"@timestamp":"2026-03-20T12:00:00Z","syslog_hostname":"HOST","syslog_program":"postfix/qmgr"`
		many := "{" + line + `,"syslog_message":"` + someID + `: ` + active + `","syslog_message_":{"a":{"b":"c"}},"__proto__":{"x":1},"_x":1`
		for i := range 1500 {
			many += `,"f` + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + strings.Repeat("y", i/26) + `":1`
		}
		r.raw = []string{
			many + `}`,
			"{" + line + `,"syslog_message":"` + someID + `: ` + strings.TrimPrefix(client, "client=") + `","postfix_queueid":{"$ne":"","script":{"source":"x"}}}`,
			"{" + line + `,"syslog_message":"` + someID + `: removed","syslog_message":"` + someID + `: removed"}`,
		}
		r.refused = 1
		r.unparsed = 1
		r.settings = map[string]any{"settings": map[string]any{"index.mapping.total_fields.limit": 20_000}}
		r.not = map[path]string{parser: "it has no fields", command: "a log has no fields"}
		r.check = func(t *testing.T, _ path, d documents) {
			x := d.one(t)
			equal(t, "sender", x.From, "jane@example.org")
			equal(t, "lines", x.Lines, 2)
			equal(t, "complete", x.Complete, false)
		}
	})
	return rows
}

func swapCase(s string) string {
	if up := strings.ToUpper(s); up != s {
		return up
	}
	return strings.ToLower(s)
}
