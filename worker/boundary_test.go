package worker

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postweave/postweave/test/lives"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/worker/message"
)

// hostLines reads lines of the form "02 15:04:05 smtp: text" of November 2026, of
// one short queue id.
func hostLines(t testing.TB, block string) (out []message.HostLine) {
	t.Helper()
	for row := range strings.Lines(strings.TrimSpace(block)) {
		row = strings.TrimSpace(row)
		at, err := time.Parse("2006-01-02 15:04:05", "2026-11-"+row[:11])
		program, text, ok := strings.Cut(row[12:], ": ")
		if err != nil || !ok {
			t.Fatalf("%s: %v", row, err)
		}
		out = append(out, message.HostLine{Host: "mx1", Line: message.Line{Time: at, Program: "postfix/" + program, PID: "7", Text: "3A9C96093D: " + text}})
	}
	return out
}

// A line that comes late may move the boundary between two messages of one queue
// id, and with it a document's id. After each run the target holds what one merge of all lines so far makes,
// and no document of an earlier reading.
func TestLateLinesMoveBoundaries(t *testing.T) {
	const whole = `
		20 01:00:00 smtpd: client=a.example[192.0.2.1]
		20 01:00:00 cleanup: message-id=<1@a.example>
		20 01:00:01 qmgr: from=<s@a.example>, size=1000, nrcpt=1 (queue active)
		20 01:00:02 smtp: to=<r1@b.example>, relay=none, delay=2, delays=1/0/0/1, dsn=2.0.0, status=sent (ok)
		20 01:00:02 qmgr: removed`
	for name, runs := range map[string][]string{
		"the last line of another first": {
			whole, "21 05:00:05 qmgr: removed",
			"21 05:00:05 smtp: to=<r2@b.example>, relay=none, delay=86405, delays=1/0/0/1, dsn=2.0.0, status=sent (ok)", // it came a day before
			"20 05:00:00 smtpd: client=b.example[192.0.2.2]",
		},
		"two that seemed one": {
			"20 01:00:00 qmgr: from=<s@a.example>, size=1000, nrcpt=1 (queue active)\n20 09:00:00 qmgr: from=<t@a.example>, size=2000, nrcpt=1 (queue active)",
			"20 09:00:00 smtpd: client=b.example[192.0.2.2]", "20 01:00:02 qmgr: removed",
		},
		"one that seemed two": {
			"20 01:00:00 smtpd: client=a.example[192.0.2.1]\n20 01:00:02 qmgr: removed\n20 01:01:00 qmgr: from=<s@a.example>, size=1000, nrcpt=1 (queue active)",
			"20 01:01:05 smtp: to=<r1@b.example>, relay=none, delay=65, delays=1/0/0/1, dsn=2.0.0, status=sent (ok)",
		},
		"an earlier one on the same day": {
			"20 09:00:00 smtpd: client=b.example[192.0.2.2]\n20 09:00:02 qmgr: removed", whole, "20 05:00:00 pickup: uid=0 from=<root>",
		},
		"first lines after days": {
			"25 09:00:00 qmgr: removed", "25 09:00:00 smtp: to=<r2@b.example>, relay=none, delay=432000, delays=1/0/0/1, dsn=2.0.0, status=sent (ok)", whole,
			"20 09:00:00 smtpd: client=b.example[192.0.2.2]",
		},
		"held for weeks": {
			"01 09:00:00 smtpd: client=b.example[192.0.2.2]\n01 09:00:00 cleanup: hold: header X: y from b.example[192.0.2.2]; from=<s@a.example> to=<r2@b.example> proto=ESMTP helo=<h>",
			"28 09:00:05 qmgr: removed", "28 09:00:00 postsuper: released from hold",
			"28 09:00:05 smtp: to=<r2@b.example>, relay=none, delay=2332805, delays=1/0/0/1, dsn=2.0.0, status=sent (ok)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			target := newSimulated()
			var known []message.HostLine
			for i, block := range runs {
				some := hostLines(t, block)
				known = append(known, some...)
				doRun(t, target, batches{batchOf(some)})
				sameContent(t, target.content(), wanted(batchOf(known)))
				if t.Failed() {
					t.Fatalf("after run %d", i+1)
				}
			}
		})
	}
}

// Messages as Postfix writes about them, several of one queue id, in any order and
// split, by one run or by several, end in the same bytes.
func TestAnyMessagesEndInTheSameBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var lines []message.HostLine
		add := func(life []loggen.Line) {
			for _, l := range life {
				lines = append(lines, message.HostLine{Host: l.Host, Line: message.Line{Time: l.Time, Program: l.Program, PID: l.PID, Text: l.Text}})
			}
		}
		start := time.Date(2026, 11, 20, 21, 0, 0, 0, time.UTC)
		for _, id := range []string{"3A9C96093D", "4jXBLW1S2Pz1SGX8"} {
			for range rapid.IntRange(1, 3).Draw(t, "messages") {
				at := start.Add(time.Duration(rapid.IntRange(0, 50_000).Draw(t, "arrival")) * time.Second)
				add(lives.Draw(t, lives.Config{Host: "mx1", ID: id, At: at}))
			}
		}
		target := newSimulated()
		all := drawBatches(t, "run", lines)
		for len(all) > 0 {
			n := rapid.IntRange(1, len(all)).Draw(t, "batches of a run")
			if _, err := (&Run{Source: sourceOf(all[:n], rapid.Bool().Draw(t, "overlapped")), Target: target, Command: "run", venturing: rapid.Bool().Draw(t, "venturing")}).Do(context.Background()); err != nil {
				t.Fatalf("run: %v", err)
			}
			all = all[n:]
		}
		if got, want := target.content(), wanted(batchOf(lines)); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("the target holds %d documents, want %d\n got %v\nwant %v", len(got), len(want), got, want)
		}
	})
}
