package badinput

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// marker is in each of the nasty values: where it turns up in what is said, a value was repeated.
const marker = "zqxj"

// nasty are values that are meant to harm whoever prints, counts, quotes or stores them.
var nasty = map[string]string{
	"escape sequences":   marker + "\x1b[2J\x1b]0;pwn\x07\x1b[31m",
	"C1 and directions":  marker + "\u009b31m\u202efdp.exe\u2066\u200b",
	"separators":         marker + "\u2028a\u2029b\u0085c",
	"markup":             "<img src=x onerror=alert('" + marker + "')>{{" + marker + "}}",
	"a formula":          "=cmd|'/c " + marker + "'!A1",
	"another formula":    "@SUM(" + marker + ");=1;\t=2",
	"quotes":             `"` + marker + `" OR "1"="1`,
	"line breaks":        marker + "\r\nMar 20 12:00:00 nasty postfix/qmgr[1]: " + neighbourID + ": removed\n",
	"a mebibyte":         marker + strings.Repeat("ä", 1<<19),
	"no UTF-8":           marker + "\xff\xfe\xc0\xaf",
	"NUL":                marker + "\x00\x00",
	"half a pair":        marker + "\xed\xa0\x80",
	"tags and fillers":   marker + "\U000e0041\U000e007f\u3164\ufeff",
	"an encoded word":    "=?utf-8?Q?" + marker + "=1B[2J=0D=0A=00?=",
	"a table of its own": marker + " | a | b |\t\t\v\f\b\b\b",
	"a journey":          "250 2.0.0 ok: queued as " + neighbourID + " " + marker,
}

// places are where such a value may stand, as Postfix writes it or as a forger does.
var places = []string{"subject", "from", "to", "helo"}

// nastyMail is a message with a value in a place. The id tells both.
func nastyMail(id, place, value string) []loggen.Line {
	v := map[string]string{"subject": "plain", "from": "jane@example.org", "to": "joe@example.com", "helo": "mail.example.org"}
	v[place] = value
	if place == "from" || place == "to" {
		v[place] = value + "@example.org"
	}
	return of("nasty", id, "smtpd", client,
		"cleanup", "message-id=<"+v[place]+">",
		"cleanup", "info: header Subject: "+v["subject"]+" from mail.example.org[192.0.2.1]; from=<"+v["from"]+"> to=<"+v["to"]+"> proto=ESMTP helo=<"+v["helo"]+">",
		"qmgr", "from=<"+v["from"]+">, size=900, nrcpt=1 (queue active)",
		"smtp", "to=<"+v["to"]+">, relay=mx.example.com[192.0.2.2]:25, delay=4, delays=3/0/0.5/0.5, dsn=2.0.0, status=sent (250 ok "+value+")",
		"qmgr", value,
		"qmgr", "removed")
}

// harm is one site with every nasty value in every place.
type harm struct {
	*site.Site
	log      string // the same lines as a file
	messages int    // of the log
	want     []string
}

func newHarm(t *testing.T) *harm {
	h := &harm{Site: site.New(t), log: filepath.Join(t.TempDir(), marker+".log")}
	r := row{number: 55}
	lines := r.neighbour()
	for i, name := range slices.Sorted(maps.Keys(nasty)) {
		for j, place := range places {
			lines = append(lines, nastyMail(fmt.Sprintf("6F%04X%04X", i, j), place, nasty[name])...)
		}
	}
	h.Index(bareDocuments(t, h.Site, valid(lines)))
	var log []byte
	for _, l := range lines {
		log = l.AppendRFC3339(log)
	}
	if err := os.WriteFile(h.log, log, 0o600); err != nil {
		t.Fatal(err)
	}
	h.want, _, _ = merged(r.neighbour())
	return h
}

// valid is what a shipper makes of bytes that are no characters.
func valid(lines []loggen.Line) []loggen.Line {
	lines = slices.Clone(lines)
	for i := range lines {
		lines[i].Text = strings.ToValidUTF8(lines[i].Text, "\ufffd")
	}
	return lines
}

// outputs are those of trace and merge.
var outputs = []string{"table", "ndjson", "csv"}

// calls says for each command in which ways it is called, and with which exit codes it has to end. A
// command that is not here fails the test: nobody has looked at it.
var calls = map[string]func(h *harm) []call{
	"run": func(*harm) []call {
		return []call{{args: []string{"run"}}, {args: []string{"run", "--json", "--reset-cursor", "--log-level", "debug"}}, {args: []string{"run", "--dry-run", "--reset-cursor", "--log-format", "text", "--log-level", "debug"}}}
	},
	"daemon": func(*harm) []call {
		return []call{{args: []string{"daemon", "--schedule", "@every 1s", "--log-level", "debug"}, until: 3 * time.Second}}
	},
	"backfill": func(*harm) []call { return both("backfill", "--from", "2026-03-20", "--to", "2026-03-20") },
	"verify": func(*harm) []call {
		return append(both("verify", "--from", "2026-03-20", "--to", "2026-03-20"), both("verify", "--from", "2026-03-20", "--to", "2026-03-20", "--heal")...)
	},
	"rebuild": func(*harm) []call { return both("rebuild", "--all") },
	"trace": func(h *harm) []call {
		var all []call
		for _, output := range outputs {
			all = append(all, call{args: []string{"trace", "--limit", "1000", "-o", output}, rows: len(nasty)*len(places) + 1},
				call{args: []string{"trace", "--limit", "1000", "--follow-links", "-o", output}, rows: len(nasty)*len(places) + 1},
				call{args: []string{"trace", "--limit", "1000", "-f", h.log, "--year", "2026", "-o", output}, rows: h.messages},
				call{args: []string{"trace", "--limit", "1000", "-f", h.log, "--year", "2026", "--follow-links", "-o", output}, rows: h.messages},
				call{args: []string{"trace", "--limit", "1000", "--each", "recipient", "-o", output}, few: true})
		}
		for i, flag := range traceFlags {
			for j, name := range slices.Sorted(maps.Keys(nasty)) {
				value := argument(nasty[name])
				c := call{args: []string{"trace", "-o", outputs[(i+j)%len(outputs)], "--" + flag + "=" + value}, few: true}
				if len(value) > 8<<10 || len(value) > 256 && (slices.Contains([]string{"client", "user", "relay", "server"}, flag) || slices.Contains([]string{"from", "to"}, flag) && !strings.Contains(value, "@") || flag != "message-id" && flag != "queue-id" && strings.Contains(value, "*")) {
					c.code = 1
				}
				all = append(all, c)
			}
		}
		return append(all, call{args: []string{"trace", "--status", nasty["escape sequences"]}, code: 1, echoes: true}, call{args: []string{"trace", "--since", nasty["C1 and directions"]}, code: 1, echoes: true})
	},
	"merge": func(h *harm) []call {
		var all []call
		for _, output := range outputs {
			// Words of a line that nobody understands are its shape, with addresses masked.
			all = append(all, call{args: []string{"merge", "-o", output, h.log}, rows: h.messages}, call{args: []string{"merge", "--explain", "-o", output, h.log}, rows: h.messages, echoes: true})
		}
		return append(all, call{args: []string{"merge", h.log + "\x1b[2J\n\u202e"}, code: 1, echoes: true}, call{args: []string{"merge", "--timezone", nasty["quotes"], h.log}, code: 1, echoes: true})
	},
	"report": func(h *harm) []call {
		var all []call
		for _, from := range [][]string{{"--since", "2026-01-01"}, {"--year", "2026", "-f", h.log}} {
			for _, output := range []string{"html", "text", "json"} {
				all = append(all, call{args: append([]string{"report", "--top", "1000", "-o", output}, from...)})
			}
			for _, section := range []string{"senders", "recipients", "clients", "biggest", "bounces", "rejects", "totals"} {
				all = append(all, call{args: append([]string{"report", "--top", "1000", "-o", "csv", "--section", section}, from...)})
			}
		}
		flags := []string{"from", "to", "subject", "text", "client", "relay"}
		for i, name := range slices.Sorted(maps.Keys(nasty)) {
			value := argument(nasty[name])
			c := call{args: []string{"report", "-o", []string{"html", "text"}[i/2%2], "--" + flags[i%len(flags)] + "=" + value}}
			if len(value) > 8<<10 {
				c.code = 1
			}
			all = append(all, c)
		}
		return append(all, call{args: []string{"report", "--section", nasty["escape sequences"]}, code: 1, echoes: true}, call{args: []string{"report", "-f", h.log + nasty["markup"]}, code: 1, echoes: true})
	},
	"setup": func(*harm) []call {
		return append(both("setup"), call{args: []string{"setup", "--print", "template"}, pretty: true})
	},
	"check":   func(*harm) []call { return both("check") },
	"version": func(*harm) []call { return both("version") },
	"completion": func(*harm) []call {
		return []call{{args: []string{"completion", "bash"}}, {args: []string{"completion", nasty["escape sequences"]}, code: 1, echoes: true}}
	},
	"help": func(*harm) []call {
		return []call{{args: []string{"help", "trace"}}, {args: []string{"help", nasty["line breaks"]}, code: 1, echoes: true}}
	},
}

// call is one call of a command.
type call struct {
	args   []string
	code   int
	rows   int           // messages it has to list
	few    bool          // it may list any
	echoes bool          // its message quotes what was given
	pretty bool          // its JSON has several lines
	until  time.Duration // it is told to stop then
}

// both is a call for people and one for programs.
func both(args ...string) []call {
	return []call{{args: args}, {args: append(slices.Clone(args), "--json")}}
}

// argument is a value as it can be given: without NUL, and no longer than the system takes.
func argument(value string) string {
	value = strings.ReplaceAll(value, "\x00", "")
	return value[:min(len(value), 100_000)]
}

// commands are those that the help lists.
func commands(t *testing.T, s *site.Site) (names []string) {
	t.Helper()
	_, list, _ := strings.Cut(s.Must("help").Stdout, "Commands:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	for line := range strings.Lines(list) {
		if words := strings.Fields(line); len(words) > 0 {
			names = append(names, words[0])
		}
	}
	if len(names) < 8 {
		t.Fatalf("the help lists %q", names)
	}
	return names
}

// mostMemory is what a command may take while it reads some megabytes of nasty lines.
const mostMemory = 400 << 20

// No command crashes, shows anything that a terminal acts on, lists more rows than there are messages, makes a
// cell that a spreadsheet calculates, repeats a value in what it says, or alters another message.
func TestEveryCommandIsUnharmed(t *testing.T) {
	h := newHarm(t)
	for range strings.Lines(h.Must("merge", "--year", "2026", h.log).Stdout) {
		h.messages++
	}
	names := commands(t, h.Site)
	// run first: the others have something to do then.
	slices.SortStableFunc(names, func(a, b string) int {
		return map[bool]int{true: -1}[a == "run"] - map[bool]int{true: -1}[b == "run"]
	})
	var first []string
	for _, name := range names {
		ways, known := calls[name]
		if !known {
			t.Errorf("nobody has looked at what nasty values do to %q: add it to calls", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			h := *h
			s := *h.Site
			s.T = t
			h.Site = &s
			for _, c := range ways(&h) {
				h.unharmed(t, c)
			}
			docs := site.Identified(h.Documents())
			if first == nil {
				first = docs
			} else {
				site.SameBytes(t, "the documents after "+name, docs, first)
			}
			if !slices.ContainsFunc(docs, func(d string) bool { return strings.HasSuffix(site.Promised(d), h.want[0]) }) {
				t.Error("the neighbour's document is another one")
			}
		})
	}
	if len(first) != len(nasty)*len(places)+1 {
		t.Errorf("%d documents for %d messages", len(first), len(nasty)*len(places)+1)
	}
}

func (h *harm) unharmed(t *testing.T, c call) {
	t.Helper()
	what := fmt.Sprintf("%.120q", c.args)
	cmd, stdout, stderr := h.Command(c.args...)
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if c.until > 0 {
		time.AfterFunc(c.until, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	}
	code := site.ExitCodeOf(t, cmd.Wait())
	if code != c.code {
		t.Errorf("%s: exit %d, want %d\n%.500s%.500s", what, code, c.code, stdout, stderr)
	}
	if used := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10; used > mostMemory {
		t.Errorf("%s: %d MiB of memory", what, used>>20)
	}
	safeUnlessJSON(t, stderr.String())
	if said := strings.ReplaceAll(stderr.String(), h.log, ""); !c.echoes && strings.Contains(said, marker) {
		t.Errorf("%s: a value is repeated in what is said: %.500s", what, said)
	}
	if strings.Contains(stderr.String(), "panic") {
		t.Errorf("%s: %.500s", what, stderr)
	}
	out := stdout.String()
	output := "table"
	if i := slices.Index(c.args, "-o"); i >= 0 {
		output = c.args[i+1]
	}
	rows := strings.Count(out, "\n")
	switch {
	case c.pretty:
		if !json.Valid([]byte(out)) {
			t.Errorf("%s: no JSON", what)
		}
	case output == "html":
		safe(t, out)
		markup(t, what, out)
	case output == "ndjson" || output == "json" || slices.Contains(c.args, "--json"):
		for line := range strings.Lines(out) {
			if !json.Valid([]byte(line)) || bytes.ContainsFunc([]byte(strings.TrimSuffix(line, "\n")), func(r rune) bool { return r < 0x20 }) {
				t.Errorf("%s: a line is no JSON: %.200q", what, line)
			}
		}
	case output == "csv":
		if out != "" {
			spreadsheet(t, out, rows-1)
			rows--
		}
	default:
		safe(t, out)
		if out != "" && c.rows > 0 {
			rows--
		}
	}
	if c.rows > 0 && rows != c.rows {
		t.Errorf("%s: %d rows for %d messages", what, rows, c.rows)
	}
	if c.few && rows > len(nasty)*len(places)+2 {
		t.Errorf("%s: %d rows", what, rows)
	}
}

// element finds what a page may not hold: what acts, what loads, and what a mail could close.
var element = regexp.MustCompile(`(?i)<(script|img|iframe|object|embed|form|input|base|video|audio|a [^>]*href="[^#])|\son[a-z]+=["']`)

// markup wants a page in which no value of a mail is markup.
func markup(t *testing.T, what, out string) {
	t.Helper()
	if out == "" {
		return
	}
	if found := element.FindString(out); found != "" {
		t.Errorf("%s: the page holds %q", what, found)
	}
	for tag, n := range map[string]int{"<html": 1, "<title>": 1, "<style>": 1, "</style>": 1, "</body>": 1, "</html>": 1} {
		if got := strings.Count(out, tag); got != n {
			t.Errorf("%s: %s is there %d times, want %d", what, tag, got, n)
		}
	}
}

// safeUnlessJSON looks at what is said: lines of a log are JSON here, the rest is for people.
func safeUnlessJSON(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "{") {
			if !json.Valid([]byte(line)) {
				t.Errorf("a line of the log is no JSON: %.200q", line)
			}
			continue
		}
		safe(t, line)
	}
}
