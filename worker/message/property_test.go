package message

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postweave/postweave/test/lives"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/worker/postlog"
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

// drawLines draws a key and a set of lines about it: lines at random, with as many
// incarnations as come of it; messages that had one queue id, one after the other or at once; or those of a
// real message.
func drawLines(t *rapid.T) (Key, []Line) {
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0:
		k := rapid.SampledFrom(sampled()).Draw(t, "key")
		return k.key, k.lines
	case 1:
		return drawMessages(t)
	}
	k := Key{Host: "mx1", QueueID: rapid.SampledFrom([]string{shortID, longID}).Draw(t, "queue id")}
	n := rapid.IntRange(1, 12).Draw(t, "lines")
	lines := make([]Line, 0, n)
	for range n {
		lines = append(lines, drawLine(t, k.QueueID))
	}
	return k, lines
}

var lifeStart = time.Date(2026, 11, 22, 22, 0, 0, 0, time.UTC)

// drawMessages draws up to three messages of one id, which may overlap.
func drawMessages(t *rapid.T) (Key, []Line) {
	k := Key{Host: "mx1", QueueID: rapid.SampledFrom([]string{shortID, longID}).Draw(t, "queue id")}
	var lines []Line
	for range rapid.IntRange(1, 3).Draw(t, "messages") {
		at := lifeStart.Add(time.Duration(rapid.IntRange(0, 40_000).Draw(t, "arrival")) * time.Second)
		lines = append(lines, ofLife(lives.Draw(t, lives.Config{Host: k.Host, ID: k.QueueID, At: at}))...)
	}
	return k, lines
}

func ofLife(lines []loggen.Line) []Line {
	out := make([]Line, len(lines))
	for i, l := range lines {
		out[i] = Line{l.Time, l.Program, l.PID, l.Text}
	}
	return out
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

// No line that names a recipient as tried or refused is without effect: the
// document that has the line has the recipient.
func TestEachLineKeepsItsRecipient(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, lines := drawLines(t)
		for _, d := range Merge(k, lines, propertyOptions) {
			have := recipientsOf([]Document{d})
			for _, l := range d.Log {
				e := postlog.Parse(l.Program, l.Text)
				if to, orig, ok := namedBy(&e); ok && !have[pairOf(to, orig)].tried {
					t.Fatalf("%q, %q is in no recipient of %s", to, orig, written([]Document{d}))
				}
			}
		}
	})
}

// namedBy returns the recipient that a line says was tried or refused.
func namedBy(e *postlog.Event) (to, orig string, ok bool) {
	switch {
	case e.Kind == postlog.Delivery:
		return e.To, e.OrigTo, true
	case e.Kind == postlog.Verdict && e.Check.Stage == "RCPT" && e.HasTo && strings.HasSuffix(e.Check.Action, "reject"):
		return e.To, "", true
	}
	return "", "", false
}

// known is what documents say of a recipient.
type known struct {
	tried     bool // or refused; otherwise only announced
	documents int
}

func pairOf(to, orig string) string { return foldCase(to) + "\x00" + foldCase(orig) }

func recipientsOf(docs []Document) map[string]known {
	all := map[string]known{}
	for i := range docs {
		for _, r := range docs[i].Recipients {
			x := all[pairOf(r.To, r.OrigTo)]
			x.tried = x.tried || !r.FirstAttempt.IsZero()
			x.documents++
			all[pairOf(r.To, r.OrigTo)] = x
		}
	}
	return all
}

// A further line never loses a recipient that was tried or refused, over all
// documents of the key. One that was only announced may go: once the message is removed, or all that qmgr counts
// were tried, an address that no attempt names was rewritten on the way. So counts.total of a document
// that stays whole falls by such recipients alone.
func TestALineMoreLosesNoRecipient(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, lines := drawLines(t)
		lines = rapid.Permutation(lines).Draw(t, "order")
		var before []Document
		for n := 1; n <= len(lines); n++ {
			after := Merge(k, lines[:n], propertyOptions)
			was, is := recipientsOf(before), recipientsOf(after)
			announced := 0
			for pair, x := range was {
				y, there := is[pair]
				if x.tried && !y.tried {
					t.Fatalf("%q is lost by %+v\nbefore %s\nafter %s", pair, lines[n-1], written(before), written(after))
				}
				if !there {
					announced++
				}
			}
			if len(before) == 1 && len(after) == 1 && after[0].Counts.Total < before[0].Counts.Total-announced {
				t.Fatalf("%d recipients, then %d\nbefore %s\nafter %s", before[0].Counts.Total, after[0].Counts.Total, written(before), written(after))
			}
			before = after
		}
	})
}

// Messages of one queue id that follow each other, each with a beginning that a
// line tells, and messages of other ids and servers at the same time: each line ends in the document
// of its own message, with all others of that message and no other. So it is where each stamp is off by seconds.
func TestMessagesDoNotMix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want [][]Line
		var all []HostLine
		outOfStep := rapid.Bool().Draw(t, "stamps out of step")
		for _, k := range []Key{{"mx1", shortID}, {"mx2", shortID}, {"mx1", shortID + "0"}, {"mx1", longID}} {
			at, removed := lifeStart, true
			for i := range rapid.IntRange(1, 4).Draw(t, "messages") {
				c := lives.Config{Host: k.Host, ID: k.QueueID, At: at, Begins: true, Origin: i == 0 || !removed || rapid.Bool().Draw(t, "origin line")}
				c.Removed = rapid.Bool().Draw(t, "removed")
				life := lives.Draw(t, c)
				removed = strings.HasSuffix(life[len(life)-1].Text, ": removed")
				end := lives.End(life)
				if outOfStep {
					for i := range life {
						life[i].Time = life[i].Time.Add(time.Duration(rapid.IntRange(-3, 3).Draw(t, "out of step by")) * time.Second)
					}
				}
				want = append(want, ofLife(life))
				for _, l := range ofLife(life) {
					all = append(all, HostLine{k.Host, l})
				}
				if k.QueueID == longID {
					break // it is never given out again
				}
				at = end.Add(time.Duration(rapid.IntRange(60, 100_000).Draw(t, "gap")) * time.Second)
			}
		}
		var b Batch
		for _, l := range rapid.Permutation(all).Draw(t, "order") {
			b.Add(l.Host, l.Line)
		}
		var got [][]Line
		for k, lines := range b.Lines {
			for _, d := range Merge(k, lines, propertyOptions) {
				got = append(got, d.Log)
			}
		}
		sameSets(t, got, want)
	})
}

// sameSets compares sets of sets of lines.
func sameSets(t *rapid.T, got, want [][]Line) {
	render := func(sets [][]Line) []string {
		out := make([]string, len(sets))
		for i, lines := range sets {
			var texts []string
			for _, l := range lines {
				n, _ := l.normal()
				texts = append(texts, fmt.Sprint(n))
			}
			slices.Sort(texts)
			out[i] = strings.Join(texts, "\n")
		}
		slices.Sort(out)
		return out
	}
	g, w := render(got), render(want)
	if !slices.Equal(g, w) {
		t.Fatalf("%d messages\n%s\n\nwant %d\n%s", len(g), strings.Join(g, "\n\n"), len(w), strings.Join(w, "\n\n"))
	}
}
