package maillog

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/postweave/postweave/worker/message"
	"github.com/postweave/postweave/worker/postlog"
)

// asJSON runs MergeJSON and returns what was written.
func asJSON(tb testing.TB, o Options) (string, Report) {
	tb.Helper()
	var out bytes.Buffer
	report, err := MergeJSON(tb.Context(), o, func(b []byte) error { out.Write(b); return nil })
	if err != nil {
		tb.Fatal(err)
	}
	return out.String(), report
}

// The documents, their order and all counts are the same on any number of cores, with memory for all and for little,
// written by the way or handed over.
func TestCoresChangeNothing(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	log := text(slices.Concat(corpus(t, labLog), corpus(t, edgeLog)))
	for _, o := range []Options{
		{},
		{Window: 2 * time.Second},
		{Window: 2 * time.Second, MaxMemory: 256 << 10},
		{Explain: true, Window: time.Second, Message: message.Options{LocalDomains: []string{"example.org"}}},
	} {
		o.Year, o.SpillDir = testYear, t.TempDir()
		o.Inputs = []Input{input("log", log)}
		var want []byte
		wantReport, err := Merge(t.Context(), o, func(d *message.Document) error {
			want = append(d.AppendJSON(want), '\n')
			return nil
		})
		if err != nil || len(want) == 0 {
			t.Fatal(err)
		}
		for cores := 1; cores <= 5; cores += 2 {
			runtime.GOMAXPROCS(cores)
			got, report := asJSON(t, o)
			if got != string(want) {
				t.Fatalf("%d cores, window %v: other documents, or in another order", cores, o.Window)
			}
			if fmt.Sprint(report) != fmt.Sprint(wantReport) {
				t.Errorf("%d cores: %+v, want %+v", cores, report, wantReport)
			}
		}
	}
}

// keyOf reads a line that begins with a queue id.
func keyOf(raw string) (message.Key, message.Line, bool) {
	l, err := postlog.ParseLine(raw, testYear, time.UTC)
	id, _ := postlog.LeadingQueueID(l.Text)
	return message.Key{Host: l.Host, QueueID: id}, message.Line{Time: l.Time, Program: l.Program, PID: l.PID, Text: l.Text}, err == nil && id != ""
}

// A document that is written where another was is that document, and nothing of the other.
func TestScratchLeavesNothingBehind(t *testing.T) {
	groups := map[message.Key][]message.Line{}
	var keys []message.Key
	for _, raw := range slices.Concat(corpus(t, labLog), corpus(t, edgeLog)) {
		k, l, ok := keyOf(raw)
		if !ok {
			continue
		}
		if groups[k] == nil {
			keys = append(keys, k)
		}
		groups[k] = append(groups[k], l)
	}
	var scratch message.Scratch
	r := rand.New(rand.NewPCG(3, 4))
	for range 3 {
		r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		for _, k := range keys {
			past := message.Past{}
			if r.IntN(3) == 0 {
				past = message.Past{Arrival: groups[k][0].Time.Add(-time.Hour), LastSeen: groups[k][0].Time.Add(-time.Minute), Ordinal: 2}
			}
			want, wantPast, wantLate := message.MergeAfter(k, groups[k], past, message.Options{})
			got, gotPast, gotLate := scratch.MergeAfter(k, groups[k], past, &message.Options{})
			if len(got) != len(want) || gotPast != wantPast || gotLate != wantLate {
				t.Fatalf("%v: %d documents, want %d", k, len(got), len(want))
			}
			for i := range want {
				if g, w := got[i].AppendJSON(nil), want[i].AppendJSON(nil); !bytes.Equal(g, w) {
					t.Fatalf("%v:\n%s\nwant\n%s", k, g, w)
				}
			}
		}
	}
}

// An error of whoever takes the documents ends the merge with it, whatever is still on its way.
func TestWriteErrorEndsIt(t *testing.T) {
	full := errors.New("no space left")
	for after := range 4 {
		n := 0
		_, err := MergeJSON(t.Context(), Options{Inputs: []Input{input("log", text(corpus(t, labLog)))}, Year: testYear, Window: time.Second}, func([]byte) error {
			if n++; n > after {
				return full
			}
			return nil
		})
		if !errors.Is(err, full) || n != after+1 {
			t.Errorf("%v after %d writes", err, n)
		}
	}
}

// What is on its way is bounded in lines too: one message may have any number.
func TestFlightIsBounded(t *testing.T) {
	f := newFlow(&Options{}, false)
	defer f.close()
	for i := range 3 * mostBatches {
		g := &group{host: &host{name: "mx1"}, id: fmt.Sprintf("ABCDEF%03d", i)}
		for n := range 4 * batchLines {
			g.add(&message.Line{Time: time.Unix(int64(n), 0).UTC(), Program: "postfix/smtp", PID: "1", Text: g.id + ": remark"})
		}
		f.add(job{group: g, final: true}, len(g.lines))
		for f.full() {
			f.landed(f.first())
		}
		if f.lines > (mostBatches+4)*batchLines {
			t.Fatalf("%d lines on their way", f.lines)
		}
	}
	for b := f.first(); b != nil; b = f.first() {
		f.landed(b)
	}
}

// A message that stays for days keeps its own lines and not what was read around them.
func TestLongHeldMessagesKeepNoBlocks(t *testing.T) {
	day := time.Date(testYear, 11, 22, 1, 0, 0, 0, time.UTC)
	lines := []string{
		day.Format(time.Stamp) + " mx1 postfix/smtpd[1]: ABCDEF1: client=a[192.0.2.1]",
		day.Format(time.Stamp) + " mx1 postfix/qmgr[1]: ABCDEF1: from=<a@a>, size=1, nrcpt=1 (queue active)",
		day.Add(20*time.Minute).Format(time.Stamp) + " mx1 postfix/smtpd[1]: connect from a[192.0.2.1]",
		day.Add(21*time.Minute).Format(time.Stamp) + " mx1 postfix/smtp[1]: ABCDEF1: to=<b@b>, relay=none, delay=2, delays=0/0/1/1, dsn=4.0.0, status=deferred (x)",
	}
	raw := strings.Join(lines, "\n") + "\n"
	o := mustDefaults(t, Options{Year: testYear, Inputs: []Input{input("log", raw)}})
	m := newMerger(o, func(*message.Document) error { return nil })
	defer m.flow.close()
	in, err := newSequence(&o)
	if err != nil {
		t.Fatal(err)
	}
	defer in.close()
	if err := in.each(t.Context(), m.take); err != nil {
		t.Fatal(err)
	}
	g := m.groups.first
	if g == nil || len(g.lines) != 3 {
		t.Fatal("the open message is not held")
	}
	// Where lines are parts of the block, the second begins where the first ends, but for its header.
	place := func(s string) uintptr { return uintptr(unsafe.Pointer(unsafe.StringData(s))) }
	for i := range g.lines[:2] {
		l := &g.lines[i]
		if place(l.Text) != place(l.PID)+uintptr(len(l.PID)) || place(l.PID) != place(l.Program)+uintptr(len(l.Program)) {
			t.Errorf("line %d is a part of what was read", i)
		}
	}
}

func TestRecordsComeBack(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 123_456_000).UTC() }
	want := map[string]message.Past{
		"ABCDEF1":                        {Arrival: at(5), LastSeen: at(6), Ordinal: 1},
		"0ABCDEF1":                       {Arrival: at(7), LastSeen: at(8)},
		"00ABCDEF1":                      {Arrival: at(7), LastSeen: at(9)},
		"000000":                         {LastSeen: at(9)},
		"123456789ABCDEF":                {Arrival: at(1)},
		"123456789ABCDEF0":               {Arrival: at(2)},
		"4jXBLW1S2Pz1SGX8":               {Arrival: at(3)},
		"4jXBLW1S2Pz1SGX":                {Arrival: at(4)},
		strings.Repeat("B", 20) + "z11W": {Arrival: at(5)},
		strings.Repeat("B", 21) + "z11W": {Arrival: at(6)},
		strings.Repeat("A", 40):          {Arrival: at(7)},
	}
	var r records
	if _, ok := r.get("ABCDEF1"); ok {
		t.Error("found in nothing")
	}
	for id, p := range want {
		r.put(id, message.Past{Ordinal: 9})
		r.put(id, p)
	}
	for id, p := range want {
		if got, ok := r.get(id); !ok || got != p {
			t.Errorf("%s: %v", id, got)
		}
	}
	if got, ok := r.get("ABCDEF2"); ok || got != (message.Past{}) {
		t.Errorf("a stranger: %v", got)
	}
	n := 0
	for id, p := range r.all() {
		if n++; want[id] != p {
			t.Errorf("%q: %v", id, p)
		}
	}
	if n != len(want) || r.len() != n {
		t.Errorf("%d records, %d counted", n, r.len())
	}
	for id := range want {
		r.remove(id)
	}
	if r.len() != 0 {
		t.Error("not removed")
	}
}
