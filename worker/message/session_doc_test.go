package message_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/worker/message"
	"github.com/postweave/postweave/worker/postlog"
)

// contextRows reads the table of the lines without a queue id.
func contextRows(t *testing.T) []lineRow {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "lines.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(b), "\n## Lines without a queue id\n")
	var rows []lineRow
	for line := range strings.SplitSeq(text, "\n") {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.ReplaceAll(line, `\|`, "/"), "|"), "|")
		if len(cells) != 5 || len(coded(cells[2])) != 1 {
			t.Fatalf("%d cells in %s", len(cells), line)
		}
		rows = append(rows, lineRow{coded(cells[0]), coded(cells[2])[0], strings.TrimSpace(cells[3]), strings.TrimSpace(cells[4])})
	}
	return rows
}

// Each example of a line without a queue id, beside a plain message's own
// lines, gives that message what the row says.
func TestContextOfTheDocs(t *testing.T) {
	at := time.Date(2026, 11, 22, 1, 29, 7, 0, time.UTC)
	seen := map[string]bool{}
	for _, row := range contextRows(t) {
		seen[row.kind] = true
		for _, program := range row.programs {
			name := program
			if program == "smtpd" || program == "smtp" || program == "lmtp" {
				name = "postfix/" + program
			}
			if !postlog.NamesQueueIDs(name) {
				t.Errorf("lines of %s are not read", name)
			}
			c := postlog.ParseContext(name, row.example)
			if c.Kind.String() != row.kind || !postlog.IsContext(name, row.example) {
				t.Errorf("%s: %s\nis %v, the table says %s", name, row.example, c.Kind, row.kind)
				continue
			}
			own := []message.Line{
				{Time: at, Program: "postfix/smtpd", PID: "1", Text: "4F2A31B2C7: client=mail.example.org[192.0.2.1]"},
				{Time: at, Program: "postfix/smtp", PID: "1", Text: "4F2A31B2C7: to=<joe@example.com>, relay=mx1.example.com[192.0.2.9]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 ok)"},
				{Time: at, Program: "postfix/lmtp", PID: "1", Text: "4F2A31B2C7: to=<joe@example.com>, relay=mail.example.com[private/dovecot-lmtp], delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 2.0.0 <joe@example.com> q1W2e3R4t5Y6 Saved)"},
			}
			var s message.Sessions
			if c.Kind != postlog.Connect {
				s.Add(message.Line{Time: at, Program: "postfix/smtpd", PID: "1", Text: "connect from mail.example.org[192.0.2.1]"})
			}
			s.Add(message.Line{Time: at, Program: name, PID: "1", Text: row.example})
			for _, l := range own {
				s.Claim("4F2A31B2C7", l)
			}
			docs := message.Merge(message.Key{Host: "mx1", QueueID: "4F2A31B2C7"}, own, message.Options{})
			var found []message.Finding
			s.Settle(at.Add(time.Hour), at.Add(time.Hour), func(_ string, f message.Finding) { found = append(found, f) })
			message.Attach(docs, found)
			if row.document == "none" {
				if docs[0].Session != nil {
					t.Errorf("%s: %s\ngives a session, the table says none", name, row.example)
				}
				continue
			}
			var m any
			if err := json.Unmarshal(docs[0].AppendJSON(nil), &m); err != nil {
				t.Fatal(err)
			}
			for _, field := range coded(row.document) {
				path, want, _ := strings.Cut(field, "=")
				if path == "session.checks.program" {
					want = name
				}
				if got := valuesAt(m, path); !slices.Contains(got, want) {
					t.Errorf("%s: %s\n%s is %q, the table says %q", name, row.example, path, got, want)
				}
			}
		}
	}
	for k := postlog.Connect; k.String() != "invalid"; k++ {
		if !seen[k.String()] {
			t.Errorf("no row for the kind %v", k)
		}
	}
}
