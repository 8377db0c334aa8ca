package message

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/worker/postlog"
)

const (
	shortID = "4F2A31B2C7"
	longID  = "4jXBLW1S2Pz1SGX8" // given out at 2026-11-22 01:29:07.205629 UTC
	day     = "2026-11-22T"
)

var shortKey = Key{Host: "mx1", QueueID: shortID}

// logLines reads lines of the form "15:04:05 smtp: text" or "2006-01-02T15:04:05 smtp: text". The
// queue id is put before the text, after a level word; "ID" stands for it within the text.
func logLines(t testing.TB, id, block string) []Line {
	t.Helper()
	var out []Line
	for raw := range strings.SplitSeq(strings.TrimSpace(block), "\n") {
		raw = strings.TrimSpace(raw)
		if raw == "" {
			continue
		}
		stamp, rest, _ := strings.Cut(raw, " ")
		if !strings.Contains(stamp, "T") {
			stamp = day + stamp
		}
		l, err := postlog.ParseLine(stamp+"Z mx1 postfix/"+rest, 0, nil)
		if err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		if level, text, ok := strings.Cut(l.Text, "warning: "); ok && level == "" && !strings.HasPrefix(text, "header") {
			l.Text = "warning: " + id + ": " + text
		} else {
			l.Text = id + ": " + l.Text
		}
		l.Text = strings.ReplaceAll(l.Text, "QUEUEID", id)
		if l.PID == "" {
			l.PID = "17"
		}
		out = append(out, Line{Time: l.Time, Program: l.Program, PID: l.PID, Text: l.Text})
	}
	return out
}

// merged merges a block of lines of the short id.
func merged(t testing.TB, block string) []Document {
	t.Helper()
	return Merge(shortKey, logLines(t, shortID, block), Options{})
}

// one merges a block that must give one document.
func one(t testing.TB, block string) *Document {
	t.Helper()
	docs := merged(t, block)
	if len(docs) != 1 {
		t.Fatalf("%d documents, want one of:\n%s", len(docs), block)
	}
	return &docs[0]
}

func at(t testing.TB, s string) time.Time {
	t.Helper()
	if !strings.Contains(s, "T") {
		s = day + s
	}
	x, err := time.Parse(time.RFC3339Nano, s+"Z")
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// wholeMail is a message from its first line to its last.
const wholeMail = `
	01:29:07 smtpd: client=mail.partner.example[198.51.100.7], sasl_method=PLAIN, sasl_username=user1
	01:29:07 cleanup: message-id=<1@partner.example>
	01:29:07 cleanup: warning: header Subject: hello from mail.partner.example[198.51.100.7]; from=<a@partner.example> to=<b@ok.test> proto=ESMTP helo=<helo.example>
	01:29:07 qmgr: from=<a@partner.example>, size=844, nrcpt=1 (queue active)
	01:29:08 smtp: to=<b@ok.test>, relay=mx.ok.test[192.0.2.7]:25, delay=0.22, delays=0.1/0.05/0.04/0.03, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as C8C84F008CC7)
	01:29:08 qmgr: removed`

// corpusKey is the lines of one queue id of a corpus.
type corpusKey struct {
	key   Key
	lines []Line
}

// labCorpus reads the log of two real servers: keys in order of first
// appearance, and NOQUEUE rejects.
func labCorpus(t testing.TB) (keys []corpusKey, rejects []HostLine) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "test", "corpora", "lab-postfix-3.7", "mail.log.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	index := map[Key]int{}
	s := bufio.NewScanner(z)
	for s.Scan() {
		l, err := postlog.ParseLine(s.Text(), 2026, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		e := postlog.Parse(l.Program, l.Text)
		line := Line{Time: l.Time, Program: l.Program, PID: l.PID, Text: l.Text}
		switch k := (Key{Host: l.Host, QueueID: e.QueueID}); {
		case e.QueueID != "":
			i, ok := index[k]
			if !ok {
				i = len(keys)
				index[k] = i
				keys = append(keys, corpusKey{key: k})
			}
			keys[i].lines = append(keys[i].lines, line)
		case IsReject(&e):
			rejects = append(rejects, HostLine{l.Host, line})
		}
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	return keys, rejects
}

func TestMergeWhole(t *testing.T) {
	d := one(t, wholeMail)
	want := Recipient{
		To: "b@ok.test", Status: Sent, DSN: "2.0.0", Response: "250 2.0.0 Ok: queued as C8C84F008CC7", Transport: "smtp",
		Relay: Relay{Hostname: "mx.ok.test", IP: "192.0.2.7", Port: 25}, QueuedAs: "C8C84F008CC7", Attempts: 1,
		FirstAttempt: at(t, "01:29:08"), LastAttempt: at(t, "01:29:08"), Delay: .22, HasDelay: true, Delays: [4]float64{.1, .05, .04, .03}, HasDelays: true,
	}
	if len(d.Recipients) != 1 || fmt.Sprintf("%+v", d.Recipients[0]) != fmt.Sprintf("%+v", want) {
		t.Errorf("recipients %+v", d.Recipients)
	}
	for _, c := range []struct{ name, got, want any }{
		{"kind", d.Kind, KindMessage},
		{"timestamp", d.Timestamp, at(t, "01:29:07")},
		{"first_seen", d.FirstSeen, at(t, "01:29:07")},
		{"last_seen", d.LastSeen, at(t, "01:29:08")},
		{"host", d.Host, "mx1"},
		{"instance", d.Instance, "postfix"},
		{"queue_id", d.QueueID, shortID},
		{"origin", d.Origin, "smtp"},
		{"from", d.From, "a@partner.example"},
		{"subject", d.Subject, "hello"},
		{"message_id", d.MessageID, "1@partner.example"},
		{"size", d.Size, int64(844)},
		{"nrcpt", d.NRcpt, int64(1)},
		{"client", d.Client, Client{"mail.partner.example", "198.51.100.7", 0, "helo.example", "ESMTP"}},
		{"sasl", d.SASL, SASL{"PLAIN", "user1", ""}},
		{"status", d.Status, Sent},
		{"complete", d.Complete, true},
		{"open", d.Open, false},
		{"lines", d.Lines, 6},
		{"counts", d.Counts, Counts{Sent: 1, Total: 1}},
		{"to", fmt.Sprint(d.To), "[b@ok.test]"},
		{"checks", len(d.Checks), 0},
		{"links", len(d.Links), 0},
		{"warnings", len(d.Warnings), 0},
		{"unparsed", d.Unparsed, 0},
		{"log", len(d.Log), 6},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
}

func TestMergeNothing(t *testing.T) {
	if docs := Merge(shortKey, nil, Options{}); docs != nil {
		t.Errorf("%d documents of no lines", len(docs))
	}
}

// The nine lines that the documentation of Logstash's aggregate filter shows.
func TestNineLines(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "test", "corpora", "logstash-aggregate", "mail.log"))
	if err != nil {
		t.Fatal(err)
	}
	var b Batch
	for text := range strings.Lines(string(raw)) {
		l, err := postlog.ParseLine(strings.TrimSpace(text), 2020, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		b.Add(l.Host, Line{Time: l.Time, Program: l.Program, PID: l.PID, Text: l.Text})
	}
	if b.Read != 9 || b.Other != 3 || len(b.Lines) != 1 {
		t.Fatalf("%+v", b)
	}
	docs := Merge(Key{"myserver", "3A9C96093D"}, b.Lines[Key{"myserver", "3A9C96093D"}], Options{LocalDomains: []string{"domain.com"}})
	if len(docs) != 1 {
		t.Fatalf("%d documents", len(docs))
	}
	d := &docs[0]
	if d.From != "sender@domain.com" || d.Size != 5493 || d.NRcpt != 2 || d.Client.IP != "127.0.0.1" || d.Client.Hostname != "localhost" || !d.Complete ||
		d.Open || d.Status != Sent || d.Lines != 6 || d.MessageID != "20201108100212.3A9C96093D@myserver.localdomain" || d.Direction != "internal" ||
		fmt.Sprint(d.To) != "[recipient1@domain.com recipient2@domain.com]" || d.Counts != (Counts{Sent: 2, Total: 2}) || len(d.Recipients) != 2 {
		t.Errorf("%+v", d)
	}
	for i, r := range d.Recipients {
		if r.To != d.To[i] || r.Status != Sent || r.DSN != "2.0.0" || r.Response != "250 Ok" || r.Delay != 31 || r.Delays != [4]float64{.01, 0, 30, .24} ||
			r.Relay != (Relay{"myrelay.domain.com", "198.51.100.12", 587, ""}) || r.Transport != "smtp" || r.Attempts != 1 {
			t.Errorf("%+v", r)
		}
	}
}

func TestOrigins(t *testing.T) {
	for _, tt := range []struct{ lines, want string }{
		{"01:00:00 smtpd: client=x.example[192.0.2.1]", "smtp"},
		{"01:00:00 qmqpd: client=x.example[192.0.2.1]", "qmqp"},
		{"01:00:00 pickup: uid=0 from=<root>", "local"},
		{"01:00:00 cleanup: message-id=<1@x>\n01:00:00 qmgr: from=<>, size=1, nrcpt=1 (queue active)", "internal"},
		{"01:00:00 qmgr: from=<>, size=1, nrcpt=1 (queue active)", "unknown"},
		{"01:00:00 cleanup: message-id=<1@x>\n01:00:00 cleanup: warning: header Subject: s from x.example[192.0.2.1]; from=<a@b> to=<c@d> proto=SMTP helo=<h>", "unknown"},
	} {
		if d := one(t, tt.lines); d.Origin != tt.want {
			t.Errorf("%s\norigin %q, want %q", tt.lines, d.Origin, tt.want)
		}
	}
}

func TestSenders(t *testing.T) {
	for _, tt := range []struct{ lines, want string }{
		{"01:00:00 qmgr: from=<>, size=1, nrcpt=1 (queue active)", "<>"},
		{"01:00:00 qmgr: from=<a@b>, size=1, nrcpt=1 (queue active)", "a@b"},
		{"01:00:00 qmgr: from=<a@b>, status=expired, returned to sender", "a@b"},
		{"01:00:00 pickup: uid=0 from=<root>", "root"},
		{"01:00:00 pickup: uid=0 from=<root>\n01:00:00 qmgr: from=<root@mx1>, size=1, nrcpt=1 (queue active)", "root@mx1"},
		{"01:00:00 smtpd: client=x[192.0.2.1]", ""}, // not known is not null
		{"01:00:00 smtpd: reject: RCPT from x[192.0.2.1]: 550 no; from=<> to=<c@d> proto=SMTP helo=<h>", "<>"},
	} {
		if d := one(t, tt.lines); d.From != tt.want {
			t.Errorf("%s\nfrom %q, want %q", tt.lines, d.From, tt.want)
		}
	}
}

func TestLinks(t *testing.T) {
	d := one(t, `
		01:00:00 smtpd: client=localhost[127.0.0.1], orig_queue_id=AAAAAA1, orig_client=x[192.0.2.1]
		01:00:01 local: to=<f@local.test>, relay=local, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (forwarded as AAAAAA2)
		01:00:01 smtp: to=<g@far.test>, relay=mx[192.0.2.7]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 queued as AAAAAA9)
		01:00:02 bounce: sender non-delivery notification: AAAAAA3
		01:00:02 bounce: postmaster non-delivery notification: AAAAAA4
		01:00:03 bounce: sender delay notification: AAAAAA5
		01:00:04 bounce: sender delivery status notification: AAAAAA6`)
	want := "[{bounce AAAAAA3 mx1} {bounce AAAAAA4 mx1} {delay_notice AAAAAA5 mx1} {dsn AAAAAA6 mx1} {forwarded_as AAAAAA2 mx1} {reinjected_from AAAAAA1 }]"
	if got := fmt.Sprint(d.Links); got != want {
		t.Errorf("links %s", got)
	}
	d = one(t, "01:00:00 pickup: uid=0 from=<root> orig_id=AAAAAA1")
	if got := fmt.Sprint(d.Links); got != "[{requeued_from AAAAAA1 mx1}]" {
		t.Errorf("links %s", got)
	}
}

// Two recipients of one name in different case are one; the same one through
// two aliases is two.
func TestRecipientsTold(t *testing.T) {
	d := one(t, `
		01:00:00 qmgr: from=<a@b>, size=1, nrcpt=2 (queue active)
		01:00:01 smtp: to=<Bob@OK.test>, relay=none, delay=1, delays=0/0/0/1, dsn=4.0.0, status=deferred (x)
		01:00:02 smtp: to=<bob@ok.test>, relay=none, delay=2, delays=0/0/0/2, dsn=2.0.0, status=sent (x)
		01:00:02 smtp: to=<bob@ok.test>, orig_to=<team@ok.test>, relay=none, delay=2, delays=0/0/0/2, dsn=2.0.0, status=sent (x)
		01:00:02 smtp: to=<Zoe@ok.test>, relay=none, delay=2, delays=0/0/0/2, dsn=2.0.0, status=sent (x)
		01:00:02 smtp: to=<BOB@ok.test>, orig_to=<all@ok.test>, relay=none, delay=2, delays=0/0/0/2, dsn=2.0.0, status=sent (x)`)
	if len(d.Recipients) != 4 || d.Counts.Total != 4 || d.Recipients[0].Attempts != 2 {
		t.Errorf("%+v", d.Recipients)
	}
	if len(d.To) != 2 || !strings.EqualFold(d.To[0], "bob@ok.test") || d.To[1] != "Zoe@ok.test" {
		t.Errorf("to %q", d.To)
	}
}

func TestChecks(t *testing.T) {
	const env = " from x.example[192.0.2.1]; from=<a@b> to=<c@d> proto=SMTP helo=<h>"
	d := one(t, `
		01:00:00 cleanup: filter: header X-Filter: yes`+env+`: filt:[127.0.0.1]:10025
		01:00:00 cleanup: hold: header Subject: HOLDME`+env+`
		01:00:00 cleanup: warning: header Subject: HOLDME`+env+`
		01:00:00 smtpd: reject: RCPT from x.example[192.0.2.1]: 550 5.1.1 <z@d>: unknown; from=<a@b> to=<z@d> proto=SMTP helo=<h>`)
	want := "[{postfix/cleanup filter header header X-Filter: yes: filt:[127.0.0.1]:10025  } {postfix/cleanup hold header header Subject: HOLDME  } " +
		"{postfix/smtpd reject RCPT 550 5.1.1 <z@d>: unknown 550 5.1.1}]"
	if got := fmt.Sprint(d.Checks); got != want {
		t.Errorf("checks %s", got)
	}
	if d.Subject != "HOLDME" || d.Status != HeldStatus {
		t.Errorf("subject %q, status %s", d.Subject, d.Status)
	}
}
