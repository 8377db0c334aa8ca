package worker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/postweave/postweave/worker/message"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// someLines are lines of a handful of messages: short ids that come back within
// a day and over midnight, with first and last lines that may be missing from a batch; a long id; rejects.
func someLines() (out []message.HostLine) {
	add := func(host string, at time.Time, program, text string) {
		out = append(out, message.HostLine{Host: host, Line: message.Line{Time: at, Program: program, PID: "42", Text: text}})
	}
	day := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	life := func(host, id string, at time.Time, rcpt string, retry time.Duration) {
		add(host, at, "postfix/smtpd", id+": client=a.example[192.0.2.1]")
		add(host, at, "postfix/cleanup", id+": message-id=<"+id+at.Format("150405")+"@a.example>")
		add(host, at.Add(time.Second), "postfix/qmgr", id+": from=<s@a.example>, size=1000, nrcpt=1 (queue active)")
		add(host, at.Add(2*time.Second), "postfix/smtp", id+": to=<"+rcpt+">, relay=b.example[192.0.2.2]:25, delay=2, delays=1/0/0/1, dsn=4.2.0, status=deferred (try again)")
		end := at.Add(retry)
		add(host, end, "postfix/qmgr", id+": from=<s@a.example>, size=1000, nrcpt=1 (queue active)")
		add(host, end, "postfix/smtp", fmt.Sprintf("%s: to=<%s>, relay=b.example[192.0.2.2]:25, delay=%d, delays=1/0/0/1, dsn=2.0.0, status=sent (250 ok: queued as 4ABC)", id, rcpt, int(retry.Seconds())))
		add(host, end, "postfix/qmgr", id+": removed")
	}
	life("mx1", "3A9C96093D", day.Add(9*time.Hour), "r1@b.example", time.Minute)
	life("mx1", "3A9C96093D", day.Add(15*time.Hour), "r2@b.example", time.Minute)
	life("mx1", "3A9C96093D", day.Add(23*time.Hour+59*time.Minute), "r3@b.example", 3*time.Minute)
	life("mx2", "3A9C96093D", day.Add(9*time.Hour), "r4@b.example", time.Hour)
	life("mx2", "4B9C96093E", day.Add(24*time.Hour-time.Second), "r5@b.example", 2*time.Hour)
	life("mx2", "4jXBLW1S2Pz1SGX8", day.Add(30*time.Hour), "r6@b.example", time.Hour)
	add("mx1", day.Add(time.Hour), "postfix/smtpd", "NOQUEUE: reject: RCPT from c.example[192.0.2.9]: 554 5.7.1 <x@y.example>: Relay access denied; from=<a@b.example> to=<x@y.example> proto=ESMTP helo=<c>")
	return out
}

func batchOf(lines []message.HostLine) *message.Batch {
	b := &message.Batch{}
	for _, l := range lines {
		b.Add(l.Host, l.Line)
	}
	return b
}

// drawBatches splits the lines, some of them twice, in any order into any
// number of batches.
func drawBatches(t *rapid.T, label string, lines []message.HostLine) batches {
	repeated := rapid.SliceOfN(rapid.IntRange(0, len(lines)-1), 0, len(lines)/2).Draw(t, label+" repeated")
	all := append([]message.HostLine{}, lines...)
	for _, i := range repeated {
		all = append(all, lines[i])
	}
	all = rapid.Permutation(all).Draw(t, label+" order")
	var out batches
	for len(all) > 0 {
		n := rapid.IntRange(1, len(all)).Draw(t, label+" batch")
		out = append(out, batchOf(all[:n]))
		all = all[n:]
	}
	return out
}

// logBounds are bounds on a document's own log: one that no message here
// reaches, and one that most exceed, so that their logs lie in parts.
var logBounds = []message.Options{{}, {MaxLogLines: 2}}

func doRun(t testing.TB, target Target, source Source) Report {
	t.Helper()
	report, err := (&Run{Source: source, Target: target, Command: "run", Concurrency: 2}).Do(context.Background())
	if err != nil {
		t.Fatalf("run: %v", err)
	}
	return report
}

func TestAnyOrderAndSplitEndsInTheSameBytes(t *testing.T) {
	lines := someLines()
	rapid.Check(t, func(t *rapid.T) {
		o := logBounds[rapid.IntRange(0, len(logBounds)-1).Draw(t, "bound")]
		want := wantedWith(o, batchOf(lines))
		target := newSimulated()
		venturing := rapid.Bool().Draw(t, "venturing")
		report, err := (&Run{Source: sourceOf(drawBatches(t, "run", lines), rapid.Bool().Draw(t, "overlapped")), Target: target, Command: "run", Options: o, venturing: venturing, Concurrency: 2}).Do(context.Background())
		if err != nil {
			t.Fatalf("run: %v", err)
		}
		if report.Keys != report.Merged || report.Documents == 0 {
			t.Fatalf("report: %+v", report)
		}
		if d := target.difference(want); d != "" {
			t.Fatal(d)
		}
	})
}

func TestASecondRunWritesNothing(t *testing.T) {
	target := newSimulated()
	lines := someLines()
	first := doRun(t, target, batches{batchOf(lines)})
	if first.Created != len(wanted(batchOf(lines))) || first.Updated+first.Unchanged+first.Deleted != 0 {
		t.Errorf("first run: %+v", first)
	}
	writes := target.writes
	second := doRun(t, target, batches{batchOf(lines)})
	if target.writes != writes || second.Created+second.Updated+second.Deleted != 0 || second.Unchanged != first.Created {
		t.Errorf("second run wrote %d times: %+v", target.writes-writes, second)
	}
}

func TestNewLinesUpdateJustTheirDocuments(t *testing.T) {
	target := newSimulated()
	lines := someLines()
	var held, rest []message.HostLine
	for _, l := range lines {
		if l.Host == "mx2" && l.Text == "4B9C96093E: removed" {
			rest = append(rest, l)
		} else {
			held = append(held, l)
		}
	}
	doRun(t, target, batches{batchOf(held)})
	before := target.seq
	report := doRun(t, target, batches{batchOf(rest)})
	if report.Updated != 1 || report.Created+report.Deleted != 0 || target.seq != before+1 {
		t.Errorf("one new line: %+v, %d writes", report, target.seq-before)
	}
	sameContent(t, target.content(), wanted(batchOf(lines)))
}

// TestTwoWorkersAtOnce lets workers with different parts of the lines work at
// the same time, with a pause at any step.
func TestTwoWorkersAtOnce(t *testing.T) {
	workersAtOnce(t, someLines(), 300, logBounds)
}

// One short id that comes back is where two documents rely on each other.
func TestWorkersOnOneQueueID(t *testing.T) {
	var lines []message.HostLine
	for _, l := range someLines() {
		if l.Host == "mx1" && strings.HasPrefix(l.Text, "3A9C96093D") {
			lines = append(lines, l)
		}
	}
	workersAtOnce(t, lines, 1500, logBounds[:1])
}

func workersAtOnce(t *testing.T, lines []message.HostLine, seeds uint64, bounds []message.Options) {
	t.Helper()
	for seed := range seeds {
		o := bounds[seed%uint64(len(bounds))]
		want := wantedWith(o, batchOf(lines))
		rnd := rand.New(rand.NewPCG(seed, 1))
		target := newSimulated()
		target.yield = runtime.Gosched
		var sources []batches
		for range 3 {
			sources = append(sources, nil)
		}
		for _, i := range rnd.Perm(len(lines)) {
			w := rnd.IntN(len(sources))
			if len(sources[w]) == 0 || rnd.IntN(4) == 0 {
				sources[w] = append(sources[w], &message.Batch{})
			}
			sources[w][len(sources[w])-1].Add(lines[i].Host, lines[i].Line)
		}
		var wg sync.WaitGroup
		for _, s := range sources {
			venturing, s := rnd.IntN(2) == 0, sourceOf(s, rnd.IntN(2) == 0)
			wg.Go(func() {
				if _, err := (&Run{Source: s, Target: target, Command: "run", Options: o, firstPause: 50 * time.Microsecond, venturing: venturing}).Do(context.Background()); err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
			})
		}
		wg.Wait()
		sameDocuments(t, target, want)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// TestCrashAtAnyWrite breaks a run off at each write in turn; the next run must
// end as if nothing had happened, and no line may be gone meanwhile.
func TestCrashAtAnyWrite(t *testing.T) {
	for _, o := range logBounds {
		crashAtAnyWrite(t, o, false)
		crashAtAnyWrite(t, o, true)
	}
}

func crashAtAnyWrite(t *testing.T, o message.Options, venturing bool) {
	t.Helper()
	lines := someLines()
	want := wantedWith(o, batchOf(lines))
	half := len(lines) / 2
	first, second := batchOf(lines[half:]), batchOf(lines[:half])
	run := func(target *simulated, b *message.Batch) error {
		_, err := (&Run{Source: batches{b}, Target: target, Command: "run", Options: o, venturing: venturing}).Do(context.Background())
		return err
	}
	for at := 1; ; at++ {
		target := newSimulated()
		if err := run(target, first); err != nil {
			t.Fatal(err)
		}
		target.crashAt = target.writes + at
		err := run(target, second)
		if err == nil {
			if at == 1 {
				t.Fatal("nothing was written")
			}
			return
		}
		if !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
		noLineLost(t, target, first)
		target.crashAt = 0
		if err := target.Refresh(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := run(target, second); err != nil {
			t.Fatal(err)
		}
		sameDocuments(t, target, want)
		if t.Failed() {
			t.Fatalf("crash at write %d, %+v", at, o)
		}
	}
}

// noLineLost checks that each line of a batch that was confirmed is in a
// document.
func noLineLost(t *testing.T, target *simulated, b *message.Batch) {
	t.Helper()
	have := map[message.Key]map[message.Line]bool{}
	for _, d := range target.live {
		lines, _, err := message.StoredLines(d.Source)
		if err != nil {
			t.Fatal(err)
		}
		if have[d.Key] == nil {
			have[d.Key] = map[message.Line]bool{}
		}
		for _, l := range lines {
			have[d.Key][l] = true
		}
	}
	for k, lines := range b.Lines {
		for _, l := range lines {
			if !have[k][l] {
				t.Errorf("%v: a line that had been confirmed is in no document: %s", k, l.Text)
			}
		}
	}
}

func TestRefusedDocumentsAreKeptAsStubs(t *testing.T) {
	target := newSimulated()
	refused := wanted(batchOf(someLines()))
	target.refuse = func(c message.Change) bool { return c.Action != message.Delete && refused[c.ID] == string(c.Source) }
	report, err := (&Run{Source: batches{batchOf(someLines())}, Target: target, Command: "run"}).Do(context.Background())
	if !errors.Is(err, ErrQuarantined) || report.Quarantined != len(refused) || len(target.live) != len(refused) {
		t.Fatalf("%v, %+v, %d documents", err, report, len(target.live))
	}
	noLineLost(t, target, batchOf(someLines()))
	target.refuse = nil
	if err := target.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	doRun(t, target, batches{batchOf(someLines()[:1])}) // a new line tries the whole document again
	healed := 0
	for id, d := range target.content() {
		if refused[id] == d {
			healed++
		}
	}
	if healed == 0 {
		t.Error("no stub was replaced by its document")
	}
}

func TestANewerSchemaIsNotTouched(t *testing.T) {
	target := newSimulated()
	doRun(t, target, batches{batchOf(someLines())})
	for id, d := range target.live {
		d.Source = []byte(string(d.Source[:len(d.Source)-1]) + `,"schema":99}`)
		target.live[id] = d
	}
	if err := target.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	before := target.writes
	_, err := (&Run{Source: batches{{Lines: batchOf(someLines()).Lines}}, Target: target, Command: "run"}).Do(context.Background())
	if !errors.Is(err, ErrNewerSchema) || target.writes != before {
		t.Errorf("%v, %d writes", err, target.writes-before)
	}
}

func TestDryRunWritesNothing(t *testing.T) {
	target := newSimulated()
	report, err := (&Run{Source: batches{batchOf(someLines())}, Target: target, Command: "run", DryRun: true}).Do(context.Background())
	if err != nil || target.writes != 0 || report.Created != len(wanted(batchOf(someLines()))) {
		t.Errorf("%v, %d writes, %+v", err, target.writes, report)
	}
}

func TestSoftEnd(t *testing.T) {
	stop := make(chan struct{})
	target := newSimulated()
	lines := someLines()
	run := &Run{
		Source: batches{batchOf(lines[:5]), batchOf(lines[5:10]), batchOf(lines[10:])}, Target: target, Command: "run", Stop: stop,
		Progress: func(r Report) {
			if r.Slices == 2 {
				close(stop)
			}
		},
	}
	report, err := run.Do(context.Background())
	if err != nil || !report.More || report.Slices != 2 {
		t.Errorf("%v, %+v", err, report)
	}
}

func TestAnyTimeIsEnoughForOneSlice(t *testing.T) {
	lines := someLines()
	target := newSimulated()
	run := &Run{Source: batches{batchOf(lines[:5]), batchOf(lines[5:])}, Target: target, Command: "run", MaxRuntime: time.Nanosecond}
	if report, err := run.Do(context.Background()); err != nil || !report.More || report.Slices != 1 {
		t.Errorf("%v, %+v", err, report)
	}
}

func TestBalance(t *testing.T) {
	whole := Report{Documents: 4, Created: 1, Updated: 1, Unchanged: 1, Quarantined: 1, Keys: 2, Merged: 2}
	if err := whole.balance(); err != nil {
		t.Error(err)
	}
	for _, broken := range []Report{
		{Documents: 4, Created: 1, Updated: 1, Unchanged: 1, Keys: 2, Merged: 2},
		{Documents: 1, Created: 1, Keys: 2, Merged: 1},
	} {
		if broken.balance() == nil {
			t.Errorf("%+v is in balance", broken)
		}
	}
}
