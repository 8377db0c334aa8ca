package message

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/postweave/postweave/test/heap"
)

// mailing makes the lines of a message to n recipients, of whom each is tried twice where the
// first attempt does not succeed: every 10th is deferred first, every 1000th bounces, and every 2500th
// stays deferred.
func mailing(t testing.TB, n int) (lines []Line, want Counts) {
	t.Helper()
	lines = logLines(t, shortID, fmt.Sprintf(`
		01:00:00 smtpd: client=lists.example.org[192.0.2.9]
		01:00:00 cleanup: message-id=<news@example.org>
		01:00:00 qmgr: from=<news@example.org>, size=900, nrcpt=%d (queue active)`, n))
	arrived := lines[0].Time
	try := func(i, delay int, status, dsn string) {
		lines = append(lines, Line{arrived.Add(time.Duration(delay) * time.Second), "postfix/smtp", "31", fmt.Sprintf(
			"%s: to=<u%06d@example.com>, relay=mx.example.com[192.0.2.25]:25, delay=%d, delays=0/0/0/%[3]d, dsn=%s, status=%s (said %[3]d)", shortID, i, delay, dsn, status)})
	}
	for i := range n {
		delay := 2 + i/1000
		switch {
		case i%2500 == 1:
			try(i, delay, "deferred", "4.4.1")
			try(i, delay+600, "deferred", "4.4.2")
			want.Deferred++
		case i%1000 == 2:
			try(i, delay, "bounced", "5.1.1")
			want.Bounced++
		case i%10 == 3:
			try(i, delay, "deferred", "4.4.1")
			try(i, delay+600, "sent", "2.0.0")
			want.Sent++
		default:
			try(i, delay, "sent", "2.0.0")
			want.Sent++
		}
	}
	want.Total = n
	return lines, want
}

// All recipients of a mailing are counted and can be searched for; those that
// need a look are shown, and the warnings say that others are not.
func TestMailings(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of thousands of lines")
	}
	for _, c := range []struct {
		recipients int
		warnings   string
	}{{100_000, "[cap_recipients]"}, {300_000, "[cap_recipients cap_to]"}} {
		lines, want := mailing(t, c.recipients)
		docs := Merge(shortKey, lines, Options{})
		if len(docs) != 1 {
			t.Fatalf("%d documents", len(docs))
		}
		d := &docs[0]
		if d.Counts != want || fmt.Sprint(d.Warnings) != c.warnings || d.Status != Mixed || d.Lines != len(lines) {
			t.Errorf("%d recipients: %+v, want %+v; %v, %s, %d lines", c.recipients, d.Counts, want, d.Warnings, d.Status, d.Lines)
		}
		sameLines(t, d.Log, lines)
		if len(d.To) != min(c.recipients, MaxTo) || !slices.IsSorted(d.To) || d.To[0] != "u000000@example.com" || d.To[MaxTo-1] != "u099999@example.com" {
			t.Errorf("%d recipients: %d in to", c.recipients, len(d.To))
		}
		if len(d.Recipients) != MaxRecipients {
			t.Fatalf("%d shown", len(d.Recipients))
		}
		shown := Counts{}
		for i := range d.Recipients {
			shown.add(d.Recipients[i].Status)
		}
		if shown.Bounced != want.Bounced || shown.Deferred != want.Deferred || d.Recipients[want.Bounced-1].Status != Bounced || d.Recipients[want.Bounced].Status != Deferred {
			t.Errorf("%d recipients: shown are %+v", c.recipients, shown)
		}
		r := d.Recipients[want.Bounced]
		if r.To != "u000001@example.com" || r.DSN != "4.4.2" || r.Response != "said 602" || r.Attempts != 2 || len(r.History) != 1 || r.History[0].Response != "said 2" || r.Relay.Hostname != "mx.example.com" {
			t.Errorf("shown is %+v", r)
		}
	}
}

// sameLines fails where the log does not hold exactly these lines, which are distinct.
func sameLines(t *testing.T, log, lines []Line) {
	t.Helper()
	has := make(map[Line]struct{}, len(log))
	for _, l := range log {
		has[l] = struct{}{}
	}
	if len(log) != len(lines) || len(has) != len(log) {
		t.Fatalf("%d lines in the log, %d distinct, of %d", len(log), len(has), len(lines))
	}
	for _, l := range lines {
		if _, ok := has[l]; !ok {
			t.Fatalf("not in the log: %v", l)
		}
	}
}

// retried makes the lines of a message that is tried for three recipients in
// turn, n times in all.
func retried(n int) []Line {
	arrived := time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)
	lines := make([]Line, 0, n+4)
	add := func(second int, program, format string, a ...any) {
		lines = append(lines, Line{arrived.Add(time.Duration(second) * time.Second), "postfix/" + program, "17", shortID + ": " + fmt.Sprintf(format, a...)})
	}
	add(0, "smtpd", "client=a.example.org[192.0.2.9]")
	add(0, "cleanup", "message-id=<1@example.org>")
	add(0, "qmgr", "from=<a@example.org>, size=900, nrcpt=3 (queue active)")
	for i := range n {
		status := "dsn=4.4.1, status=deferred"
		if i == n-1 {
			status = "dsn=2.0.0, status=sent"
		}
		add(i+1, "smtp", "to=<u%d@example.com>, relay=none, delay=%d, delays=0/0/0/0, %s (said %[2]d)", i%3, i+1, status)
	}
	add(n+1, "qmgr", "removed")
	return lines
}

// A million lines of one queue id are one message with each attempt counted,
// and a merge takes some 200 bytes a line beside the lines.
func TestAMillionLines(t *testing.T) {
	if testing.Short() {
		t.Skip("a million lines")
	}
	const n, most = 1_000_000, 350 // bytes; what the collector has not seen yet is among them
	lines := retried(n)
	given := slices.Clone(lines)
	slices.Reverse(given[:n/2])
	var docs []Document
	if bytes := heap.Peak(10, func() { docs = Merge(shortKey, given, Options{}) }); bytes > most*n {
		t.Errorf("a merge takes %d bytes a line", bytes/n)
	}
	if len(docs) != 1 {
		t.Fatalf("%d documents", len(docs))
	}
	d := &docs[0]
	if d.Lines != n+4 || !slices.Equal(d.Log, lines) || d.Counts != (Counts{Sent: 1, Deferred: 2, Total: 3}) || fmt.Sprint(d.Warnings) != "[cap_history outcome_unknown]" {
		t.Errorf("%d lines, %+v, %v", d.Lines, d.Counts, d.Warnings)
	}
	attempts := 0
	for _, r := range d.Recipients {
		attempts += r.Attempts
		if len(r.History) != MaxHistory || r.History[MaxHistory-1].Response != fmt.Sprintf("said %d", int(r.Delay)-3) || !r.LastAttempt.Equal(d.Timestamp.Add(time.Duration(r.Delay)*time.Second)) {
			t.Errorf("%s: %d earlier attempts, %v", r.To, len(r.History), r.History[len(r.History)-1])
		}
	}
	if attempts != n {
		t.Errorf("%d attempts", attempts)
	}
}

// A key of many lines is parsed twice, with the same outcome as where what the lines
// say is kept.
func TestLinesThatAreParsedAgain(t *testing.T) {
	keys, _ := labCorpus(t)
	for name, texts := range hotKeys {
		keys = append(keys, corpusKey{Key{"hot", name}, hotLines(texts(fewFacts / 8))})
	}
	for _, k := range keys {
		if kept, again := folded(k, false), folded(k, true); kept != again {
			t.Fatalf("%v:\nkept  %s\nagain %s", k.key, kept, again)
		}
	}
	facts := read(retried(fewFacts), "", new(factBuffer))
	if i := slices.IndexFunc(facts, func(f fact) bool { return f.event != nil }); i >= 0 {
		t.Errorf("what line %d of %d says is kept", i, len(facts))
	}
}

func folded(k corpusKey, again bool) string {
	facts := read(k.lines, "", new(factBuffer))
	for i := range facts {
		if again {
			facts[i].event = nil
		}
	}
	parts := incarnations(k.key, facts, new(factBuffer))
	docs := make([]Document, len(parts))
	for i := range parts {
		fold(&docs[i], k.key, &parts[i], &Options{})
	}
	return written(docs)
}

// A line of a mebibyte is cut at 32 KiB, between characters, and is the same
// line when it is read back from its document.
func TestALineOfAMebibyte(t *testing.T) {
	for _, filler := range []string{"x", "é", "€", "𝄞", " \t"} {
		for shift := range 5 {
			text := shortID + ": warning: " + strings.Repeat("y", shift)
			text += strings.Repeat(filler, (1<<20-len(text))/len(filler)) + "end"
			l := Line{at(t, "01:00:00"), "postfix/smtpd", "1", text}
			d := Merge(shortKey, []Line{l}, Options{})[0]
			if fmt.Sprint(d.Warnings) != "[line_truncated]" || d.Lines != 1 || len(d.Log) != 1 {
				t.Fatalf("%q: %v, %d lines", filler, d.Warnings, d.Lines)
			}
			kept := d.Log[0].Text
			if n := len(kept); n > MaxLine || n < MaxLine-utf8.UTFMax || !utf8.ValidString(kept) || !strings.HasPrefix(text, strings.TrimSuffix(kept, cutMark)) {
				t.Fatalf("%q: %d bytes are kept", filler, n)
			}
			stored, _, err := StoredLines(d.AppendJSON(nil))
			if err != nil {
				t.Fatal(err)
			}
			if again := Merge(shortKey, append(stored, l), Options{}); written(again) != written([]Document{d}) {
				t.Fatalf("%q: read back it is another line", filler)
			}
		}
	}
}

// A delivery line that syslog cut at 2,000 bytes keeps its recipient, and the
// status where it stands before the cut; the document says that the line ends early.
func TestADeliveryLineOf2000Bytes(t *testing.T) {
	const limit = 2000
	whole := shortID + ": to=<b@example.com>, relay=mx.example.com[192.0.2.25]:25, delay=1, delays=0/0/0/1, dsn=5.7.1, status=bounced (host mx.example.com[192.0.2.25] said: 550 " +
		strings.Repeat("policy ", limit/7) + "(in reply to end of DATA command))"
	l := Line{at(t, "01:00:00"), "postfix/smtp", "1", whole[:limit]}
	d := Merge(shortKey, []Line{l}, Options{})[0]
	if fmt.Sprint(d.Warnings) != "[delivery_line_truncated]" || len(d.Recipients) != 1 || d.Log[0] != l {
		t.Fatalf("%v, %+v", d.Warnings, d.Recipients)
	}
	if r := d.Recipients[0]; r.To != "b@example.com" || r.Status != Bounced || r.DSN != "5.7.1" || !strings.HasSuffix(whole[:limit], strings.TrimSpace(r.Response)) || len(r.Response) < limit/2 {
		t.Errorf("%+v", r)
	}
}
