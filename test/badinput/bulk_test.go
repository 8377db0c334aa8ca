package badinput

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/heap"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/worker/message"
)

// bulkRows are about too much of what is fine by itself. What a million of it does to memory is
// held by tests that make nothing else; here the rows are as large as a test of every day takes.
func bulkRows() []row {
	var rows []row
	add := func(number int, input, outcome string, more func(r *row)) {
		r := row{number: number, input: input, outcome: outcome}
		more(&r)
		rows = append(rows, r)
	}
	add(41, "a message to 10,100 recipients (more than one document's nested entries)", "one document: all counted and all in `to`, 1,000 in detail; warning `cap_recipients`", func(r *row) {
		for i := range 10_100 {
			r.lines = append(r.lines, of(r.host(), someID, "smtp", fmt.Sprintf("to=<u%d@example.com>, relay=none, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (ok)", i))...)
		}
		r.check = func(t *testing.T, _ path, d documents) {
			x := d.one(t)
			equal(t, "sent", x.Counts["sent"], 10_100)
			equal(t, "in to", len(x.To), 10_100)
			equal(t, "in detail", len(x.Recipients), 1000)
			x.warned(t, "cap_recipients", true)
		}
	})
	add(42, "a message of 10,100 attempts (more than one document's lines)", "one document, whose lines go on in parts; memory is bounded, see `TestManyLinesOfOneID` and, for a million, `TestAMillionLinesOfOneKey`", func(r *row) {
		r.lines = attempts(r, 10_100)
		r.check = func(t *testing.T, _ path, d documents) {
			x := d.one(t)
			equal(t, "lines", x.Lines, 10_100)
			equal(t, "attempts", x.Recipients[0].Attempts, 10_100)
			if !strings.Contains(x.text, `"log_parts":3`) {
				t.Error("no parts")
			}
		}
	})
	add(43, "2,000 queue ids with one line each", "2,000 documents; memory is bounded, see `TestManyIDs`", func(r *row) {
		for i := range 2000 {
			r.lines = append(r.lines, of(r.host(), fmt.Sprintf("5F2A3%05X", i), "qmgr", active)...)
		}
		r.check = func(t *testing.T, _ path, d documents) { equal(t, "documents", len(d), 2000) }
	})
	add(44, "values of 20 KiB and 40 KiB where an index takes 32,766 bytes", "cut to 8,191 bytes with the warning `value_truncated`, or, where the line was cut before, not taken; the index refuses nothing", func(r *row) {
		r.lines = of(r.host(), someID,
			"smtpd", client+", sasl_method=PLAIN, sasl_username="+strings.Repeat("u", 20<<10),
			"cleanup", "info: header Subject: x from mail.example.org[192.0.2.1]; from=<jane@example.org> to=<joe@example.com> proto=ESMTP helo=<"+strings.Repeat("h", 20<<10)+">",
			"cleanup", "message-id=<"+strings.Repeat("m", 40<<10)+">",
			"smtp", "to=<joe@example.com>, relay="+strings.Repeat("r", 20<<10)+", delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (ok)")
		r.check = func(t *testing.T, _ path, d documents) {
			x := d.one(t)
			for what, value := range map[string]string{"login": x.SASL.Username, "helo": x.Client.HELO, "message id": x.MessageID, "relay": x.Recipients[0].Relay.Name} {
				if len(value) > 8191 || len(value) < 8000 {
					t.Errorf("%s has %d bytes", what, len(value))
				}
			}
			x.warned(t, "value_truncated", true)
		}
	})
	return rows
}

func attempts(r *row, n int) (lines []loggen.Line) {
	for i := range n {
		l := of(r.host(), someID, "smtp", fmt.Sprintf("to=<joe@example.com>, relay=none, delay=%d, delays=0/0/0/1, dsn=4.4.1, status=deferred (try %d)", i, i))[0]
		l.Time = start.Add(time.Duration(i) * time.Second)
		lines = append(lines, l)
	}
	return lines
}

// Two hundred thousand lines of one queue id cost their own memory a few times, and no more.
func TestManyLinesOfOneID(t *testing.T) {
	const n = 200_000
	lines := make([]message.Line, n)
	for i, l := range attempts(&row{number: 42}, n) {
		lines[i] = message.Line{Time: l.Time, Program: l.Program, PID: l.PID, Text: l.Text}
	}
	var docs []message.Document
	used := heap.Peak(30, func() {
		docs = message.Merge(message.Key{Host: "mx1", QueueID: someID}, lines, message.Options{})
	})
	if len(docs) != 1 || docs[0].Lines != n {
		t.Fatalf("%d documents", len(docs))
	}
	if each := used / n; each > 700 {
		t.Errorf("%d bytes a line", each)
	}
}

// As many queue ids with a line each are held together in a slice, which is bounded by their number, and leave
// nothing behind but their documents.
func TestManyIDs(t *testing.T) {
	const n = 100_000 // what one slice may hold
	used := heap.Peak(30, func() {
		var b message.Batch
		for i := range n {
			b.Add("mx1", message.Line{Time: start, Program: "postfix/qmgr", PID: "1", Text: fmt.Sprintf("5F%08X: %s", i, active)})
		}
		var text []byte
		for k, lines := range b.Lines {
			docs := message.Merge(k, lines, message.Options{})
			text = docs[0].AppendJSON(text[:0])
		}
		if len(b.Lines) != n || len(text) == 0 {
			t.Errorf("%d ids", len(b.Lines))
		}
	})
	if each := used / n; each > 1500 {
		t.Errorf("%d bytes a queue id", each)
	}
}

// otherRows are no lines: flags, files and the cursor.
func otherRows() []row {
	return []row{
		{
			number: 52, input: "flags and names as weapons: `*,-secret`, `<x-{now/d}>`, `-remote:idx`, `_all`, `a/../b`, `.security`, `*\" OR \"1`, `{\"match_all\":{}}`, 1 MiB", own: "test/badinput/flags_test.go: TestFlagsStayValues",
			outcome: "names are checked, exit code 1: none of a target or a state begins with a dot, no source takes in what postweave writes; what is searched for is a value in a query and never its syntax",
			instead: "exit code 1, which is that of usage here",
		},
		{
			number: 53, input: "a field profile of 1 GiB, without an end, not JSON, with an unknown part, one part twice, a thousand levels, a tab", own: "esquery/profile_test.go: TestFieldProfile",
			outcome: "exit code 1; the message names the file and what is wrong; no more than 64 KiB are read",
			instead: "there is no configuration file, and no YAML; the field profile is the only file of that kind",
		},
		{
			number: 54, input: "a cursor that is damaged, of another schema, negative, far ahead, of another index", own: "test/badinput/cursor_test.go: TestCursorsThatAreOdd",
			outcome: "a damaged one: exit code 1 and the advice `--reset-cursor`, nothing is read; one of an index or shard that is gone or younger: that shard from its beginning, which does no harm; never \"from now on\"",
			instead: "exit code 1, which is that of setup here",
		},
	}
}

// numbers are all rows', each once.
func TestTheTableIsWhole(t *testing.T) {
	var have []int
	for _, r := range table() {
		have = append(have, r.number)
		if r.input == "" || r.outcome == "" || r.check == nil && r.own == "" && r.none == "" || len(r.not) == len(paths) {
			t.Errorf("row %d says too little", r.number)
		}
		for p, why := range r.not {
			if why == "" {
				t.Errorf("row %d does not say why it does not go through %s", r.number, p)
			}
		}
		if r.own != "" {
			file, name, _ := strings.Cut(r.own, ": ")
			if !strings.Contains(sourceOf(t, file), "func "+name+"(t *testing.T)") {
				t.Errorf("row %d: there is no test %s", r.number, r.own)
			}
		}
	}
	want := make([]int, 54)
	for i := range want {
		want[i] = i + 1
	}
	if !slices.Equal(have, want) {
		t.Errorf("rows %v", have)
	}
}
