package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/rivo/uniseg"

	"github.com/postweave/postweave/test/corpus"
	"github.com/postweave/postweave/worker/message"
)

// drawn draws documents to a terminal of that width.
func drawn(t testing.TB, width int, colour bool, documents ...string) string {
	t.Helper()
	var out bytes.Buffer
	p := newShowPrinter(&out)
	p.colour = colour
	if width > 0 {
		p.width = width
	}
	for _, d := range documents {
		s, err := showOf([]byte(d), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.print(&s); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Lives that are unlike each other, as they are drawn.
func TestTimelinesAsDrawn(t *testing.T) {
	situations, err := corpus.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"deferred-then-bounced", "mixed-recipients", "hold-and-release", "content-filter", "expired-by-operator", "rejects-by-smtpd", "session-relays-tried"} {
		t.Run(name, func(t *testing.T) {
			var documents []string
			for _, s := range situations {
				if s.Name == name {
					documents = s.Documents
				}
			}
			got := drawn(t, 0, false, documents...)
			path := filepath.Join("testdata", "timeline", name+".golden")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// Whatever is in a mail, nothing of it moves the cursor, hides, or begins a line of its own.
func TestTimelinesAreHarmless(t *testing.T) {
	const evil = "\x1b[31mred\u009b2J\u202eevil\u200b\r\n2026-11-22 UTC\n  10:00:00      +0s  sent         to nobody"
	quoted, err := json.Marshal(evil)
	if err != nil {
		t.Fatal(err)
	}
	e := string(quoted)
	line := func(program, text string) string {
		q, _ := json.Marshal(text)
		return fmt.Sprintf(`{"time":"2026-11-22T10:00:00.000Z","program":%s,"pid":%s,"text":%s}`, program, e, q)
	}
	document := `{"kind":` + e + `,"@timestamp":"2026-11-22T10:00:00.000Z","last_seen":"2026-11-22T10:00:00.000Z","host":{"name":` + e + `},"queue_id":` + e +
		`,"instance":` + e + `,"direction":` + e + `,"from":` + e + `,"to":[` + e + `],"subject":` + e + `,"message_id":` + e + `,"size":1,"client":{"hostname":` + e +
		`,"ip":` + e + `,"helo":` + e + `,"proto":` + e + `},"sasl":{"username":` + e + `},"tls":{"version":` + e + `},"status":` + e + `,"recipients":[{"to":` + e +
		`,"orig_to":` + e + `,"status":` + e + `,"attempts":3}],"counts":{"sent":1,"total":1},"warnings":[` + e + `],"session":{"checks":[{"time":"2026-11-22T10:00:00.000Z","program":` + e +
		`,"action":` + e + `,"text":` + e + `}],"relays_tried":[{"hostname":` + e + `,"text":` + e + `}]},"log":[` + strings.Join([]string{
		line(e, "4F2A31B2C7: "+evil), line(`"postfix/smtp"`, "4F2A31B2C7: to=<"+evil+">, relay="+evil+", delay=1, dsn=2.0.0, status=sent ("+evil+")"),
		line(`"postfix/smtpd"`, "4F2A31B2C7: client="+evil+"[192.0.2.1]"), line(`"postfix/cleanup"`, "4F2A31B2C7: message-id="+evil),
		line(`"postfix/smtpd"`, "4F2A31B2C7: reject: RCPT from x[192.0.2.1]: 550 "+evil+"; from=<"+evil+"> to=<r@x>"),
	}, ",") + `]}`
	for _, width := range []int{0, 40, 60, 100} {
		got := drawn(t, width, false, document)
		for _, r := range got {
			if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
				t.Fatalf("%U is shown: %q", r, got)
			}
		}
		// One day heading, and no moment that no line tells: two evil lines cannot add to them.
		if n := strings.Count(got, "\n2026-11-22 UTC\n"); n != 1 {
			t.Errorf("%d day headings\n%s", n, got)
		}
		if n := strings.Count(got, "\n  10:00:00 "); n != 6 {
			t.Errorf("%d moments\n%s", n, got)
		}
	}
}

// Text fits the terminal, the raw lines are whole; and colours change nothing else.
func TestTimelineFitsTheTerminal(t *testing.T) {
	situations, err := corpus.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range situations {
		for _, d := range s.Documents {
			plain := drawn(t, 80, false, d)
			log := false
			for line := range strings.Lines(plain) {
				log = log || strings.HasPrefix(line, "Log, ")
				text := strings.TrimRight(line, "\n")
				if strings.TrimRight(text, " ") != text {
					t.Errorf("%s: white space at the end of %q", s.Name, text)
				}
				words := strings.Fields(text)
				if !log && uniseg.StringWidth(text) > 80 && !strings.HasPrefix(line, "Message ") && len(words) > 6 {
					t.Errorf("%s: %d columns: %s", s.Name, uniseg.StringWidth(text), text)
				}
			}
			lines, _, err := message.StoredLines([]byte(d))
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range lines {
				if raw := l.Program + "[" + l.PID + "]: " + visible(l.Text) + "\n"; l.PID != "" && strings.Count(plain, raw) < 1 {
					t.Errorf("%s: not shown whole: %s", s.Name, raw)
				}
			}
			painted := drawn(t, 80, true, d)
			for _, c := range []string{colourGood, colourWaiting, colourBad, colourTitle, colourOff} {
				painted = strings.ReplaceAll(painted, c, "")
			}
			if painted != plain {
				t.Errorf("%s: colours change the text\n%s\n%s", s.Name, painted, plain)
			}
		}
	}
	if !strings.Contains(drawn(t, 80, true, situations[0].Documents...), colourTitle+"Message ") {
		t.Error("no colours")
	}
}

func TestOutcomeInWords(t *testing.T) {
	for document, want := range map[string]string{
		`{"status":"sent","counts":{"sent":1,"total":1}}`:                               "sent",
		`{"status":"sent","counts":{"sent":3,"total":3}}`:                               "sent to all 3 recipients",
		`{"status":"mixed","counts":{"sent":2,"bounced":1,"total":3}}`:                  "sent to 2 of 3 recipients, 1 bounced",
		`{"status":"mixed","open":true,"counts":{"deferred":1,"bounced":2,"total":3}}`:  "deferred for 1 of 3 recipients, 2 bounced (no end seen yet)",
		`{"status":"sent","counts":{"sent":1,"rejected":1,"total":2}}`:                  "sent to 1 of 2 recipients, 1 rejected",
		`{"status":"receiving","open":true,"counts":{"total":0}}`:                       "receiving (no end seen yet)",
		`{"status":"aborted","counts":{"rejected":2,"total":2}}`:                        "aborted: rejected for all 2 recipients",
		`{"status":"aborted","counts":{"rejected":1,"total":1}}`:                        "aborted: rejected for 1 of 1 recipient",
		`{"kind":"probe","status":"deliverable","counts":{"sent":1,"total":1}}`:         "deliverable",
		`{"status":"deferred","open":true,"counts":{"deferred":12345,"total":12345}}`:   "deferred for all 12,345 recipients (no end seen yet)",
		`{"status":"discarded","counts":{"discarded":1,"queued":0,"sent":0,"total":1}}`: "discarded",
	} {
		var m shownMessage
		if err := json.Unmarshal([]byte(document), &m); err != nil {
			t.Fatal(err)
		}
		if got := m.outcome(); got != want {
			t.Errorf("%s\n got %q, want %q", document, got, want)
		}
	}
}

func TestElapsed(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 250 * time.Millisecond: "0.25s", 1500 * time.Millisecond: "1s", 59 * time.Second: "59s", 65 * time.Second: "1m05s",
		7380 * time.Second: "2h03m", 98 * time.Hour: "4d02h", -65 * time.Second: "-1m05s", 120 * 24 * time.Hour: "120d00h",
		math.MinInt64: "-106751d23h",
	} {
		if got := elapsedWords(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

func TestWrapped(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"one two three four five", 20, "one two three four|five"},
		{"こんにちは 世界 こんにちは 世界", 20, "こんにちは 世界|こんにちは 世界"},
		{"short", 20, "short"},
		{strings.Repeat("x", 30) + " y", 20, strings.Repeat("x", 30) + "|y"},
		{"a window too narrow to wrap in", 10, "a window too narrow to wrap in"},
		{"", 20, ""},
	} {
		if got := strings.Join(wrapped(c.text, c.width), "|"); got != c.want {
			t.Errorf("%q in %d: %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

// A long life is drawn in part, and says so; its beginning and its end are there.
func TestLongTimelinesAreBounded(t *testing.T) {
	var lines []message.Line
	start := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for i := range 3000 {
		lines = append(lines, message.Line{Time: start.Add(time.Duration(i) * time.Second), Program: "postfix/smtp", PID: "1", Text: fmt.Sprintf(
			"4F2A31B2C7: to=<r@x>, relay=none, delay=%d, dsn=4.4.1, status=deferred (attempt %d)", i, i)})
	}
	docs := message.Merge(message.Key{Host: "mx1", QueueID: "4F2A31B2C7"}, lines, message.Options{})
	got := drawn(t, 0, false, string(docs[0].AppendJSON(nil)))
	for _, want := range []string{"attempt 0 (4", "attempt 499 (4", "attempt 2500 (4", "attempt 2999 (4", "attempt 0)", "attempt 2999)", "  … 2,000 more, see --json …\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("without %q", want)
		}
	}
	if n := strings.Count(got, "2,000 more"); n != 2 || strings.Contains(got, "attempt 500 (4") || strings.Contains(got, "attempt 2499)") {
		t.Errorf("%d gaps", n)
	}
}

func TestColoursAreWanted(t *testing.T) {
	for _, c := range []struct {
		noColor, term string
		want          bool
	}{{"", "xterm-256color", true}, {"1", "xterm", false}, {"", "dumb", false}, {"", "", false}} {
		if got := wantsColours(c.noColor, c.term); got != c.want {
			t.Errorf("NO_COLOR=%s TERM=%s: %v", c.noColor, c.term, got)
		}
	}
	if coloured(&bytes.Buffer{}) {
		t.Error("a pipe has colours")
	}
	// Every status has one, the words of a timeline that are none have not.
	for _, status := range messageStatuses {
		if statusColour(status) == "" {
			t.Errorf("%s has no colour", status)
		}
	}
	for _, word := range []string{"removed", "message id", "\x1b[5m", ""} {
		if paint(word, statusColour(word)) != word {
			t.Errorf("%q has a colour", word)
		}
	}
}

// The status column alone is painted, and stays in line.
func TestTableColours(t *testing.T) {
	for _, colour := range []bool{false, true} {
		var out bytes.Buffer
		p := newTablePrinter(&out)
		p.table.colour = colour
		for _, status := range []string{"sent", "bounced"} {
			if err := p.print(fakeDocument{messageRow{From: "sent", Status: status, Subject: "deferred"}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.close(); err != nil {
			t.Fatal(err)
		}
		rows := strings.Split(out.String(), "\n")
		want := []string{"sent     sent", "bounced  sent"}
		if colour {
			want = []string{colourGood + "sent" + colourOff + "     sent", colourBad + "bounced" + colourOff + "  sent"}
		}
		if !strings.Contains(rows[1], want[0]) || !strings.Contains(rows[2], want[1]) || strings.Contains(rows[0], "\x1b") {
			t.Errorf("%q", rows)
		}
	}
}
