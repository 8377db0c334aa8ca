package test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// logFileOf writes lines into a log file.
func logFileOf(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "mail.log")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// A message is shown alike from the index and from its log, by each of its ids, alone and with its whole journey.
func TestShowFromIndexAndLog(t *testing.T) {
	s := site.New(t)
	raw := strings.TrimSpace(journeyLog)
	var lines []loggen.Line
	for line := range strings.SplitSeq(raw, "\n") {
		l, err := loggen.ReadLine(line, 2026, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	s.Index(s.Shipped(loggen.LayoutSyslog, lines...))
	s.Backfill("2026-11-21", "2026-11-23")
	log := logFileOf(t, raw+"\n")
	same := func(times int, args ...string) string {
		t.Helper()
		stored := s.Must(append([]string{"trace"}, args...)...)
		read := s.Must(append([]string{"trace", "-f", log, "--year", "2026"}, args...)...)
		if stored.Stdout != read.Stdout {
			t.Errorf("%q: from the index\n%s\nfrom the log\n%s", args, stored.Stdout, read.Stdout)
		}
		if n := strings.Count(stored.Stdout, "Message "+"1A000002 on mx1") + strings.Count(stored.Stdout, `"queue_id":"1A000002","origin"`); n != times {
			t.Errorf("%q: 1A000002 is shown %d times, want %d", args, n, times)
		}
		return stored.Stdout
	}
	one := same(1, "--show", "1A000002")
	for _, want := range []string{"sent to 1 of 2 recipients, 1 bounced", "+2s  bounced      to q@example.net via mx.example.net[203.0.113.7]:25", "queue id 1A000003", "+10s  removed"} {
		if !strings.Contains(one, want) {
			t.Errorf("without %q:\n%s", want, one)
		}
	}
	for _, d := range s.Documents() {
		if strings.Contains(string(d.Source), `"queue_id":"1A000002","origin"`) {
			if got := same(1, "--show", d.ID); got != one {
				t.Errorf("by _id:\n%s", got)
			}
		}
	}
	same(1, "--show", "<one@example.com>", "--server", "mx1")
	same(1, "--show", "1A000002", "--json")
	journey := same(1, "--show", "2B000001", "--since", "2026-11-22", "--follow-links")
	for _, want := range []string{"Journey 1\nMessage 1A000001 on mx1", "Journey 1: re-injected, of 1A000001 on mx1\nMessage 1A000002 on mx1", "Journey 1: next server, of 1A000002 on mx1\nMessage 2B000001 on mx2", "Journey 1: bounce, of 1A000002 on mx1\nMessage 1A000003 on mx1"} {
		if !strings.Contains(journey, want) {
			t.Errorf("without %q:\n%s", want, journey)
		}
	}
	same(1, "--show", "2B000001", "--since", "2026-11-22", "--follow-links", "--json")
	if got := s.Must("trace", "--show", "1A0000ff"); got.Stdout != "" || !strings.Contains(got.Stderr, "no message has this queue id") {
		t.Errorf("%q, %q", got.Stdout, got.Stderr)
	}
}

// A log that lies in pieces is shown whole, and where a piece is lost, as far as it is there.
func TestShowOfALongLog(t *testing.T) {
	s := site.New(t)
	const id = "3A9C96093D"
	lines := longLog(id, 24_000)
	rawLines(s, lines)
	s.Run()
	shown := func(args ...string) (lines int) {
		t.Helper()
		var d struct {
			Timeline []struct{ Log []json.RawMessage }
		}
		out := s.Must(append([]string{"trace", "--show", id, "--json"}, args...)...)
		if err := json.Unmarshal([]byte(out.Stdout), &d); err != nil {
			t.Fatal(err)
		}
		for _, m := range d.Timeline {
			lines += len(m.Log)
		}
		return lines
	}
	s.ES("POST", "/"+s.Target+"-log/_refresh", nil, nil) // a reader sees what is a second old
	log := logFileOf(t, strings.Join(lines, "\n")+"\n")
	if got, read := shown(), shown("-f", log); got != len(lines) || read != len(lines) {
		t.Errorf("%d lines are shown from the index, %d from the log, of %d", got, read, len(lines))
	}
	parts := s.Search(s.Target + "-log")
	s.ES("DELETE", "/"+s.Target+"-log/_doc/"+parts[0].ID+"?refresh=true", nil, nil)
	if got := shown(); got >= len(lines) || got < len(lines)/2 {
		t.Errorf("%d lines without a piece", got)
	}
	if told := s.Must("trace", "--show", id).Stderr; !strings.Contains(told, "shown without all of its lines") {
		t.Errorf("nothing is said of the piece that is not there: %q", told)
	}
}
