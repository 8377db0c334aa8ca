package badinput

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postweave/postweave/test/site"
	"github.com/postweave/postweave/test/terminal"
)

// onTerminal runs a command whose output and what it says go to a terminal, and returns what came there.
func onTerminal(t *testing.T, s *site.Site, args ...string) string {
	t.Helper()
	near, far := terminal.Open(t, 200)
	rest := terminal.Read(t, near, far)
	prepared, _, _ := s.Command(args...)
	cmd := exec.CommandContext(t.Context(), prepared.Path, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = prepared.Env, far, far
	if err := cmd.Run(); err != nil {
		t.Errorf("%.100q: %v", args, err)
	}
	return strings.ReplaceAll(rest(), "\r\n", "\n")
}

// On a terminal JSON has the same values as elsewhere, and nothing that the terminal acts on. So have tables,
// reports, differences and the log.
func TestNothingReachesATerminal(t *testing.T) {
	h := newHarm(t)
	h.Must("run")
	elsewhere := h.Must("trace", "--limit", "1000", "--json").Stdout
	if !strings.ContainsAny(elsewhere, "\u009b\u202e\u2028") {
		t.Fatal("there is nothing that would do harm")
	}
	for _, args := range [][]string{
		{"trace", "--limit", "1000"},
		{"trace", "--limit", "1000", "--json"},
		{"trace", "--limit", "1000", "-o", "csv"},
		{"trace", "--limit", "1000", "--follow-links"},
		{"trace", "--limit", "1000", "--follow-links", "--json"},
		{"trace", "--limit", "1000", "--each", "recipient"},
		{"trace", "--limit", "1000", "--each", "recipient", "--json"},
		{"trace", "--limit", "1000", "--year", "2026", "-f", h.log},
		{"merge", "--year", "2026", "--explain", "-o", "table", h.log},
		{"merge", "--year", "2026", h.log},
		{"merge", "--year", "2026", "-o", "csv", h.log},
		{"run", "--reset-cursor", "--log-level", "debug"},
		{"run", "--json", "--log-format", "json", "--log-level", "debug"},
		{"setup"},
		{"version"},
	} {
		t.Run(strings.ReplaceAll(strings.Join(args[:min(len(args), 5)], " "), "/", ""), func(t *testing.T) {
			s := *h.Site
			s.T = t
			safe(t, onTerminal(t, &s, args...))
		})
	}
	shown := onTerminal(t, h.Site, "trace", "--limit", "1000", "--json")
	here, there := strings.Split(shown, "\n"), strings.Split(elsewhere, "\n")
	if len(here) != len(there) {
		t.Fatalf("%d lines on a terminal, %d elsewhere", len(here), len(there))
	}
	for i := range here[:len(here)-1] {
		var a, b any
		if json.Unmarshal([]byte(here[i]), &a) != nil || json.Unmarshal([]byte(there[i]), &b) != nil {
			t.Fatalf("line %d is no JSON", i)
		}
		x, _ := json.Marshal(a)
		y, _ := json.Marshal(b)
		if !bytes.Equal(x, y) {
			t.Errorf("line %d has another value on a terminal", i)
		}
	}
}

// Statuses have colours on a terminal, and only for who wants them; a mail that brings its own gets none.
func TestColoursOnATerminal(t *testing.T) {
	s := site.On(t, "http://127.0.0.1:9") // nobody is there: a log needs no server
	file := filepath.Join(t.TempDir(), "mail.log")
	log := "2026-11-22T10:00:00Z mx1 postfix/qmgr[9]: 4F2A31B2C7: from=<\x1b[32msent@example.com>, size=1500, nrcpt=1 (queue active)\n" +
		"2026-11-22T10:00:02Z mx1 postfix/smtp[10]: 4F2A31B2C7: to=<r@example.org>, relay=none, delay=2, delays=0.1/0/1/0.9, dsn=2.0.0, status=sent (\x1b[32mok)\n"
	if err := os.WriteFile(file, []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	const good, title, off = "\x1b[32m", "\x1b[1m", "\x1b[0m"
	for _, c := range []struct {
		args     []string
		env      string
		coloured int
	}{
		{[]string{"trace"}, "TERM=xterm", 1},
		{[]string{"trace", "--each", "recipient"}, "TERM=xterm", 1},
		{[]string{"trace", "--follow-links"}, "TERM=xterm", 1},
		{[]string{"trace", "--show", "4F2A31B2C7"}, "TERM=xterm", 1},
		{[]string{"trace", "--show", "4F2A31B2C7", "--json"}, "TERM=xterm", 0},
		{[]string{"trace"}, "TERM=dumb", 0},
		{[]string{"trace"}, "", 0},
		{[]string{"trace", "--show", "4F2A31B2C7"}, "TERM=xterm NO_COLOR=1", 0},
	} {
		own := *s
		own.Env = append(own.Env, strings.Fields(c.env)...)
		shown := onTerminal(t, &own, append(c.args, "-f", file)...)
		if n := strings.Count(shown, good+"sent"+off); n != c.coloured || !strings.Contains(shown, `\x1b[32m`) && !strings.Contains(shown, `\u001b[32m`) {
			t.Errorf("%q, %s: %d statuses have a colour, want %d\n%q", c.args, c.env, n, c.coloured, shown)
		}
		for _, code := range []string{good + "sent" + off, title + "Message 4F2A31B2C7 on mx1: sent (no end seen yet)" + off} {
			shown = strings.ReplaceAll(shown, code, "")
		}
		safe(t, shown)
	}
}
