package message

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var sampled = sync.OnceValue(func() []corpusKey {
	var t failing
	keys, _ := labCorpus(&t)
	return keys
})

// failing lets the corpus be read once outside a test.
type failing struct{ testing.TB }

func (failing) Helper()           {}
func (failing) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// drawLines draws a key and a set of lines about it: made up, with as many
// incarnations as come of it, or those of a real message.
func drawLines(t *rapid.T) (Key, []Line) {
	if rapid.IntRange(0, 3).Draw(t, "real") == 0 {
		k := rapid.SampledFrom(sampled()).Draw(t, "key")
		return k.key, k.lines
	}
	k := Key{Host: "mx1", QueueID: rapid.SampledFrom([]string{shortID, longID}).Draw(t, "queue id")}
	n := rapid.IntRange(1, 12).Draw(t, "lines")
	lines := make([]Line, 0, n)
	for range n {
		lines = append(lines, drawLine(t, k.QueueID))
	}
	return k, lines
}

func drawLine(t *rapid.T, id string) Line {
	from := time.Date(2026, 11, 22, 22, 0, 0, 0, time.UTC)
	stamp := from.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "stamp")) * time.Second)
	stamp = stamp.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "hours")) * 45 * time.Minute)
	if rapid.Bool().Draw(t, "fraction") {
		stamp = stamp.Add(time.Duration(rapid.IntRange(0, 999_999_999).Draw(t, "ns")))
	}
	addr := rapid.SampledFrom([]string{"c@d", "C@d", `"a> to=<b"@evil`, "é@日本", "\xff@d", ""}).Draw(t, "address")
	delay := rapid.SampledFrom([]string{"0", "0.5", "3", "12", "2700", "99999", "x"}).Draw(t, "delay")
	status := rapid.SampledFrom([]string{"sent", "deferred", "bounced", "SOFTBOUNCE", "deliverable", "weird"}).Draw(t, "status")
	texts := []struct{ program, text string }{
		{"postfix/smtpd", "client=x.example[192.0.2.1]"},
		{"postfix/smtpd", "client=y.example[192.0.2.2], sasl_method=PLAIN, sasl_username=u"},
		{"postfix/pickup", "uid=0 from=<root> orig_id=AAAAAA1"},
		{"postfix/cleanup", "message-id=<1@x>"},
		{"postfix/cleanup", "message-id=<2@x>"},
		{"postfix-out/cleanup", "warning: header Subject: =?UTF-8?Q?h=C3?= =?UTF-8?Q?=A9?= from x[192.0.2.1]; from=<a@b> to=<c@d> proto=SMTP helo=<h>"},
		{"postfix/cleanup", "warning: header Subject: other\xff from x[192.0.2.1]; from=<a@b> to=<e@d> proto=SMTP helo=<h>"},
		{"postfix/cleanup", "hold: header X: y from local; from=<> to=<c@d>"},
		{"postfix/cleanup", "reject: body X from local; from=<> to=<c@d>: no"},
		{"postfix/smtpd", "reject: RCPT from x[192.0.2.1]: 550 5.1.1 no; from=<a@b> to=<" + addr + "> proto=SMTP helo=<h>"},
		{"postfix/qmgr", "from=<a@b>, size=1, nrcpt=1 (queue active)"},
		{"postfix/qmgr", "from=<>, size=2, nrcpt=2 (queue active)"},
		{"postfix/smtp", "to=<" + addr + ">, relay=mx[192.0.2.7]:25, delay=" + delay + ", delays=0/0/0/0, dsn=2.0.0, status=" + status + " (x)"},
		{"postfix/local", "to=<" + addr + ">, orig_to=<o@d>, relay=local, delay=" + delay + ", delays=0/0/0/0, dsn=2.0.0, status=" + status + " (forwarded as AAAAAA2)"},
		{"postfix/qmgr", "from=<a@b>, status=expired, returned to sender"},
		{"postfix/bounce", "sender non-delivery notification: AAAAAA3"},
		{"postfix/postsuper", "placed on hold"},
		{"postfix/postsuper", "released from hold"},
		{"postfix/postsuper", "removed"},
		{"postfix/qmgr", "removed"},
		{"postfix/smtpd", "lost connection after DATA from x[192.0.2.1]"},
		{"postfix/smtp", "cut " + strings.Repeat(addr+" ", 7000) + " here"},
		{"postfix/smtp", "odd \x00 bytes \xff\xfe \t"},
	}
	x := rapid.SampledFrom(texts).Draw(t, "text")
	return Line{Time: stamp, Program: x.program, PID: rapid.SampledFrom([]string{"", "17", "18"}).Draw(t, "pid"), Text: id + ": " + x.text}
}

// written renders documents as they would be written: _id and bytes.
func written(docs []Document) string {
	var b []byte
	for i := range docs {
		b = append(append(b, docs[i].ID...), ' ')
		b = append(docs[i].AppendJSON(b), '\n')
	}
	return string(b)
}

var propertyOptions = Options{LocalDomains: []string{"d"}}

func TestOrderAndRepetitionDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, lines := drawLines(t)
		want := written(Merge(k, lines, propertyOptions))
		for _, i := range rapid.SliceOf(rapid.IntRange(0, len(lines)-1)).Draw(t, "repeated") {
			lines = append(lines[:len(lines):len(lines)], lines[i])
		}
		shuffled := rapid.Permutation(lines).Draw(t, "order")
		before := fmt.Sprint(shuffled)
		if got := written(Merge(k, shuffled, propertyOptions)); got != want {
			t.Fatalf("\n got %s\nwant %s", got, want)
		}
		if fmt.Sprint(shuffled) != before {
			t.Fatalf("Merge changed its argument")
		}
	})
}

// However the lines are read, in whatever batches, the documents' own logs
// united with what is new end in the same documents.
func TestBatchesDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, lines := drawLines(t)
		want := written(Merge(k, lines, propertyOptions))
		batches := make([][]Line, rapid.IntRange(1, 4).Draw(t, "batches"))
		for _, l := range rapid.Permutation(lines).Draw(t, "order") {
			i := rapid.IntRange(0, len(batches)-1).Draw(t, "batch")
			batches[i] = append(batches[i], l)
		}
		var docs []Document
		for _, batch := range batches {
			known := batch
			for i := range docs {
				stored, _, err := StoredLines(docs[i].AppendJSON(nil))
				if err != nil {
					t.Fatal(err)
				}
				known = append(known[:len(known):len(known)], stored...)
			}
			docs = Merge(k, known, propertyOptions)
		}
		if got := written(docs); got != want {
			t.Fatalf("\n got %s\nwant %s", got, want)
		}
	})
}

// No line is lost and none is in two documents; every document stands by
// itself: merging its own lines gives it again, save for its place in the day.
func TestLinesAreParted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, lines := drawLines(t)
		set := map[Line]int{}
		for _, l := range lines {
			n, _ := l.normal()
			set[n] = 0
		}
		ids := map[string]bool{}
		for _, d := range Merge(k, lines, propertyOptions) {
			if ids[d.ID] {
				t.Fatalf("two documents of one id")
			}
			ids[d.ID] = true
			if d.Lines != len(d.Log) || d.Lines == 0 || d.Timestamp.After(d.FirstSeen) {
				t.Fatalf("%d lines, %d in the log, %v, %v", d.Lines, len(d.Log), d.Timestamp, d.FirstSeen)
			}
			for _, l := range d.Log {
				if n, ok := set[l]; !ok || n > 0 {
					t.Fatalf("line %+v: %v, in %d documents before", l, ok, n)
				}
				set[l]++
			}
			sum := d.Counts.Sent + d.Counts.Deferred + d.Counts.Bounced + d.Counts.Expired + d.Counts.Rejected + d.Counts.Discarded + d.Counts.Deleted +
				d.Counts.Held + d.Counts.Queued
			if sum != d.Counts.Total || d.Counts.Total != len(d.Recipients) {
				t.Fatalf("%+v, %d recipients", d.Counts, len(d.Recipients))
			}
		}
		for l, n := range set {
			if n != 1 {
				t.Fatalf("line %+v is in %d documents", l, n)
			}
		}
	})
}

// Host and queue id are names and nothing else.
func TestRenaming(t *testing.T) {
	const otherID, otherHost = "0D5E6F7A8B", "mx9.other.example"
	rapid.Check(t, func(t *rapid.T) {
		k, lines := drawLines(t)
		if k.QueueID == longID || strings.ContainsRune(k.QueueID, 'z') {
			return // a long queue id holds its time of arrival
		}
		renamed := make([]Line, len(lines))
		for i, l := range lines {
			renamed[i] = l
			renamed[i].Text = strings.ReplaceAll(l.Text, k.QueueID, otherID)
		}
		docs, other := Merge(k, lines, propertyOptions), Merge(Key{otherHost, otherID}, renamed, propertyOptions)
		if len(docs) != len(other) {
			t.Fatalf("%d and %d documents", len(docs), len(other))
		}
		for i := range docs {
			if docs[i].ID == other[i].ID {
				t.Fatalf("both have the id %s", docs[i].ID)
			}
			host := []byte(`"host":{"name":"` + k.Host + `"}`)
			a := bytes.ReplaceAll(docs[i].AppendJSON(nil), host, []byte(`"host":{"name":"`+otherHost+`"}`))
			a = bytes.ReplaceAll(a, []byte(`,"host":"`+k.Host+`"}`), []byte(`,"host":"`+otherHost+`"}`)) // of a link
			a = bytes.ReplaceAll(a, []byte(k.QueueID), []byte(otherID))
			if b := other[i].AppendJSON(nil); !bytes.Equal(a, b) {
				t.Fatalf("\n%s\n%s", a, b)
			}
		}
	})
}
