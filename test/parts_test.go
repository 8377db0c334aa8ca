package test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"

	"github.com/postweave/postweave/test/site"
)

// longLog is a mail that was tried again and again: its log does not fit its
// document.
func longLog(id string, tries int) []string {
	at := time.Date(2026, 11, 20, 1, 0, 0, 0, time.UTC)
	line := func(after int, program, text string) string {
		return fmt.Sprintf("%s mx1 postfix/%s[7]: %s: %s", at.Add(time.Duration(after)*time.Second).Format("2006-01-02T15:04:05Z07:00"), program, id, text)
	}
	lines := []string{
		line(0, "smtpd", "client=mail.example.org[192.0.2.1]"),
		line(0, "cleanup", "message-id=<1@example.org>"),
		line(1, "qmgr", "from=<jane@example.org>, size=1234, nrcpt=3 (queue active)"),
	}
	for i := range tries {
		lines = append(lines, line(10+i/3, "smtp", fmt.Sprintf(
			"to=<r%d@example.com>, relay=none, delay=%d, delays=1/0/1/0, dsn=4.4.1, status=deferred (connect to mx.example.com[192.0.2.9]:25: Connection refused)", i%3, 10+i/3)))
	}
	return lines
}

// A log that is longer than a document takes goes on in parts. Nothing of it is
// lost, in whatever runs the lines come, and the totals are those of all lines.
func TestLongLogLiesInParts(t *testing.T) {
	for name, id := range map[string]string{"short id": "3A9C96093D", "long id": "4jXBLW1S2Pz1SGX8"} {
		t.Run(name, func(t *testing.T) {
			s := site.New(t)
			lines := longLog(id, 24_000)
			for _, cut := range [][2]int{{0, 9_000}, {9_000, 15_000}, {15_000, len(lines)}} {
				rawLines(s, lines[cut[0]:cut[1]])
				s.Run()
			}
			docs := s.Documents()
			if len(docs) != 1 {
				t.Fatalf("%d documents", len(docs))
			}
			file := filepath.Join(t.TempDir(), "mail.log")
			if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			site.Same(t, "run and merge", site.Sources(docs), site.Merged(t, file))
			var d struct {
				Lines    int
				LogParts int `json:"log_parts"`
				Log      []json.RawMessage
				Counts   struct{ Deferred, Total int }
			}
			if err := json.Unmarshal(docs[0].Source, &d); err != nil {
				t.Fatal(err)
			}
			if d.Lines != len(lines) || d.Counts.Total != 3 || d.Counts.Deferred != 3 || d.LogParts != 7 {
				t.Errorf("%d lines, %d parts, %+v", d.Lines, d.LogParts, d.Counts)
			}
			all := map[string]bool{}
			for _, l := range d.Log {
				all[string(l)] = true
			}
			parts := s.Search(s.Target + "-log")
			for _, p := range parts {
				var part struct {
					Document string
					Log      []json.RawMessage
				}
				if err := json.Unmarshal(p.Source, &part); err != nil {
					t.Fatal(err)
				}
				if part.Document != docs[0].ID || len(part.Log) > 10_000 {
					t.Errorf("a part of %s with %d lines", part.Document, len(part.Log))
				}
				for _, l := range part.Log {
					all[string(l)] = true
				}
			}
			if len(all) != len(lines) || len(parts) != 7 {
				t.Errorf("%d of %d lines in the document and %d parts", len(all), len(lines), len(parts))
			}
			before := revisions(append(docs, parts...))
			s.Must("run", "--json", "--reset-cursor")
			site.SameBytes(t, "revisions after all lines were read again", revisions(append(s.Documents(), s.Search(s.Target+"-log")...)), before)
		})
	}
}

// rawLines indexes lines as Logstash does.
func rawLines(s *site.Site, lines []string) {
	s.T.Helper()
	read := make([]loggen.Line, len(lines))
	for i, raw := range lines {
		l, err := loggen.ReadLine(raw, 2026, time.UTC)
		if err != nil {
			s.T.Fatal(err)
		}
		read[i] = l
	}
	s.Index(s.Shipped(loggen.LayoutSyslog, read...))
}
