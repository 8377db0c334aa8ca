package test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/hostile"
	"github.com/postweave/postweave/test/loggen"

	"github.com/postweave/postweave/test/site"
)

// A log with its lines twice, beside two more servers with the same queue ids, the
// same short ids again on a later day and strangers' lines between them, arrives in Elasticsearch in three parts in any
// order. The documents are those of the merge command, and those of the log alone are among them, byte for byte.
func TestHostileLogIsWhatMergeMakesOfIt(t *testing.T) {
	var base hostile.Log
	err := loggen.New(loggen.Config{Seed: 51, Messages: 120, ShortIDs: true, ReuseIDs: 0.2, Span: 10 * time.Hour, Start: march}).Each(func(l loggen.Line) error {
		base = append(base, l)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	edge, err := hostile.ReadFile(site.CorpusFile("edge/mail.log"), march.Year(), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	base = append(base, edge...)
	for i := range base {
		// Logstash knows no finer times, and has its own way with a character that Postfix cut in half.
		base[i].Time = base[i].Time.Truncate(time.Millisecond)
		base[i].Text = strings.ToValidUTF8(base[i].Text, "?")
	}
	log := slices.Concat(base.Doubled(1).Foreign(2), base.Later(base.Days()), base.Elsewhere("-elsewhere-1"), base.Elsewhere("-elsewhere-2").Doubled(3)).Shuffled(4)

	s := site.New(t)
	docs := s.Shipped(loggen.LayoutSyslog, log...)
	for part := range slices.Chunk(docs, len(docs)/3+1) {
		s.Index(part)
		s.Run()
	}
	s.Backfill("2026-03-01", "2026-05-31") // the first run leaves out what is older than its horizon
	file := filepath.Join(t.TempDir(), "mail.log")
	if err := os.WriteFile(file, []byte(log.Text()), 0o600); err != nil {
		t.Fatal(err)
	}
	got := site.Sources(s.Documents())
	site.Same(t, "run and merge", got, site.Merged(t, file, "--window", "9000h"))

	if err := os.WriteFile(file, []byte(base.Text()), 0o600); err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, d := range got {
		have[site.Promised(d)] = true
	}
	for _, d := range site.Merged(t, file, "--window", "9000h") {
		if !have[site.Promised(d)] {
			t.Fatalf("the log alone makes another document: %.2000s", d)
		}
	}
}

// Lines that come late move the boundary between two messages of one short queue id,
// and with it a document's _id: no document of an earlier reading stays.
func TestLateLinesMoveBoundaries(t *testing.T) {
	const id = "3A9C96093D"
	day := time.Date(2026, 3, 20, 1, 0, 0, 0, time.UTC)
	at := func(after time.Duration, daemon, text string) loggen.Line {
		return site.TextLines("mx1", day.Add(after), daemon, id+": "+text)[0]
	}
	const delivered = "to=<r2@b.example>, relay=none, delay=86405, delays=1/0/0/1, dsn=2.0.0, status=sent (ok)"
	s := site.New(t)
	for i, run := range []struct {
		lines     []loggen.Line
		documents int
	}{
		{site.Mail("mx1", id, day), 1},
		{[]loggen.Line{at(28*time.Hour, "qmgr", "removed")}, 2},                      // the second's last line: a day later
		{[]loggen.Line{at(28*time.Hour, "smtp", delivered)}, 2},                      // it came on the first day: another _id
		{[]loggen.Line{at(4*time.Hour, "smtpd", "client=b.example[192.0.2.2]")}, 2},  // its first line
		{[]loggen.Line{at(-3*time.Hour, "smtpd", "client=c.example[192.0.2.3]")}, 3}, // one before both, on the day before
	} {
		s.Index(s.Shipped(loggen.LayoutPlain, run.lines...))
		s.Run()
		docs := s.Documents()
		if len(docs) != run.documents {
			t.Errorf("after run %d there are %d documents, want %d", i+1, len(docs), run.documents)
		}
	}
	clean := s.Beside("clean")
	clean.Backfill("2026-03-18", "2026-03-22")
	site.Same(t, "late lines and one backfill", site.Identified(s.Documents()), site.Identified(clean.Documents()))
}
