package maillog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/worker/message"
	"github.com/postweave/postweave/worker/postlog"
)

const (
	labLog       = "lab-postfix-3.7/mail.log.gz"
	edgeLog      = "edge/mail.log"
	aggregateLog = "logstash-aggregate/mail.log"
)

// accounted fails where a line is in none of the report's counts.
func accounted(tb testing.TB, r Report) {
	tb.Helper()
	if sum := r.NotSyslog + r.Foreign + r.NoQueueID + r.Parsed + r.Unparsed + r.Repeated; sum != r.Lines {
		tb.Fatalf("%d lines read, %d accounted for: %+v", r.Lines, sum, r)
	}
}

func TestMergeEqualsMergeInMemory(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{labLog, edgeLog, aggregateLog} {
		lines := corpus(t, name)
		want := reference(lines)
		for _, memory := range []int64{0, 64 << 10, 1} {
			for _, window := range []time.Duration{0, time.Minute} {
				for _, shuffled := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s/memory=%d/window=%s/shuffled=%t", name, memory, window, shuffled), func(t *testing.T) {
						lines := lines
						if shuffled {
							w := window
							if w == 0 {
								w = DefaultWindow
							}
							lines = disordered(lines, w, uint64(memory)) //nolint:gosec // a seed
						}
						got, report := merged(t, Options{Inputs: []Input{input("log", text(lines))}, Year: testYear, MaxMemory: memory, Window: window, SpillDir: dir})
						same(t, got, want)
						accounted(t, report)
						if name == labLog && (report.Spilled > 0) != (memory > 0) {
							t.Errorf("%d spilled with %d bytes", report.Spilled, memory)
						}
					})
				}
			}
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestTheOrderIsTheSameEachTime(t *testing.T) {
	log := text(corpus(t, labLog))
	for _, memory := range []int64{0, 300 << 10} {
		o := Options{Inputs: []Input{input("log", log)}, Year: testYear, MaxMemory: memory, SpillDir: t.TempDir(), Window: 5 * time.Second}
		first, _ := merged(t, o)
		for range 2 {
			if again, _ := merged(t, o); !slices.Equal(again, first) {
				t.Fatal("another order")
			}
		}
	}
}

func TestAMessageIsWrittenOnceTheWindowHasPassed(t *testing.T) {
	lines := []string{
		"Nov 22 01:00:00 mx1 postfix/smtpd[1]: AAAAAA1: client=a[192.0.2.1]",
		"Nov 22 01:00:01 mx1 postfix/cleanup[1]: AAAAAA1: message-id=<a>",
		"Nov 22 01:00:01 mx1 postfix/qmgr[1]: AAAAAA1: from=<a@a>, size=1, nrcpt=1 (queue active)",
		"Nov 22 01:00:02 mx1 postfix/smtp[1]: AAAAAA1: to=<b@b>, relay=r[192.0.2.2]:25, delay=2, delays=0/0/1/1, dsn=2.0.0, status=sent (250 ok)",
		"Nov 22 01:00:02 mx1 postfix/qmgr[1]: AAAAAA1: removed",
		"Nov 22 01:00:03 mx1 postfix/smtpd[1]: BBBBBB1: client=a[192.0.2.1]",
		"Nov 22 02:00:00 mx2 postfix/smtpd[1]: connect from a[192.0.2.1]", // another server's clock
		"Nov 22 01:10:20 mx1 postfix/smtpd[1]: connect from a[192.0.2.1]",
	}
	reached := 0
	m := newMerger(mustDefaults(t, Options{Year: testYear}), func(d *message.Document) error {
		if d.QueueID != "AAAAAA1" || !d.Complete || reached != len(lines)-1 {
			t.Errorf("%s written at line %d, complete: %t", d.QueueID, reached, d.Complete)
		}
		return nil
	})
	defer m.flow.close()
	s := &logReader{fixed: testYear, zone: time.UTC}
	for i, raw := range lines {
		reached = i
		var l postlog.Line
		if !s.parseInto(&l, raw) {
			t.Fatal(raw)
		}
		if err := errors.Join(m.take(&l), m.landAll()); err != nil {
			t.Fatal(err)
		}
	}
	if m.report.Messages != 1 {
		t.Errorf("%d written", m.report.Messages)
	}
	if g := m.groups.first; g == nil || g.id != "BBBBBB1" || g.after != nil {
		t.Error("the open message is not held, or the other one still is")
	}
}

func mustDefaults(tb testing.TB, o Options) Options {
	tb.Helper()
	o, err := o.withDefaults()
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

// life is the log of a message that begins and ends at a time.
func life(at time.Time, id string, origin bool) []string {
	stamp := func(d time.Duration) string { return at.Add(d).Format(time.Stamp) + " mx1 postfix/" }
	lines := []string{
		stamp(0) + "smtpd[1]: " + id + ": client=a[192.0.2.1]",
		stamp(0) + "cleanup[2]: " + id + ": message-id=<" + id + at.Format(time.TimeOnly) + "@a>",
		stamp(0) + "qmgr[3]: " + id + ": from=<a@a>, size=1, nrcpt=1 (queue active)",
		stamp(2*time.Second) + "smtp[4]: " + id + ": to=<b@b>, relay=r[192.0.2.2]:25, delay=2, delays=0/0/1/1, dsn=2.0.0, status=sent (250 ok)",
		stamp(2*time.Second) + "qmgr[3]: " + id + ": removed",
	}
	if !origin {
		lines = lines[1:]
	}
	return lines
}

func TestAShortIDThatComesBackHasItsOrdinal(t *testing.T) {
	day := time.Date(testYear, 11, 22, 0, 0, 0, 0, time.UTC)
	for _, origin := range []bool{true, false} {
		for _, memory := range []int64{0, 1, 2000} {
			var lines []string
			for _, h := range []time.Duration{1, 3, 9, 23, 26, 27, 24*9 + 1} {
				lines = append(lines, life(day.Add(h*time.Hour), "ABCDEF012", origin)...)
				// mail between, that moves the clock and fills the memory
				lines = append(lines, life(day.Add(h*time.Hour+30*time.Minute), fmt.Sprintf("%X", 0xFFFFFF+int(h)), origin)...)
			}
			got, report := merged(t, Options{Inputs: []Input{input("log", text(lines))}, Year: testYear, MaxMemory: memory, SpillDir: t.TempDir()})
			same(t, got, reference(lines))
			accounted(t, report)
			if report.Late != 0 {
				t.Errorf("%d late", report.Late)
			}
		}
	}
}

func TestLinesBeyondTheWindowAreCounted(t *testing.T) {
	at := time.Date(testYear, 11, 22, 1, 0, 0, 0, time.UTC)
	for _, id := range []string{"ABCDEF012", "4jXBLW1S2Pz1SGX8"} {
		lines := life(at, id, true)
		lines = append(lines, life(at.Add(time.Hour), "FFFFFFF", true)...)
		lines = append(lines, lines[3], at.Add(3*time.Second).Format(time.Stamp)+" mx1 postfix/bounce[9]: "+id+": sender non-delivery notification: ABCDEF013")
		got, report := merged(t, Options{Inputs: []Input{input("log", text(lines))}, Year: testYear})
		accounted(t, report)
		if report.Late != 2 || report.Messages != 3 {
			t.Errorf("%s: %d late in %d messages", id, report.Late, report.Messages)
		}
		var ids []string
		for _, d := range got {
			if strings.Contains(d, `"queue_id":"`+id+`"`) {
				docID, _, _ := strings.Cut(d, " ")
				ids = append(ids, docID)
			}
		}
		if len(ids) != 2 || ids[0] != ids[1] {
			t.Errorf("%s: ids of the message and its late lines: %v", id, ids)
		}
	}
}

func TestARejectThatComesTwiceIsOneDocument(t *testing.T) {
	reject := "Nov 22 01:00:00 mx1 postfix/smtpd[1]: NOQUEUE: reject: RCPT from a[192.0.2.1]: 554 5.7.1 <b@b>: Relay access denied; from=<a@a> to=<b@b> proto=ESMTP helo=<a>"
	lines := []string{reject, reject, strings.Replace(reject, "01:00:00", "01:00:01", 1), "Nov 22 01:09:00 mx1 postfix/smtpd[1]: connect from a[192.0.2.1]", reject}
	got, report := merged(t, Options{Inputs: []Input{input("log", text(lines))}, Year: testYear})
	same(t, got, reference(lines))
	if report.Rejects != 2 || report.Repeated != 2 {
		t.Errorf("%+v", report)
	}
	accounted(t, report)
}

func TestOnlyProgramsThatNameIDsAreRead(t *testing.T) {
	lines := append(life(time.Date(testYear, 11, 22, 1, 0, 0, 0, time.UTC), "ABCDEF012", true),
		"Nov 22 01:00:00 mx1 opendkim[7]: ABCDEF012: DKIM-Signature field added (s=s, d=a)",
		"Nov 22 01:00:00 mx1 postfix/smtpd[1]: ABCDEF012: said what nobody knows",
		"Nov 22 01:00:00 mx1 kernel: ABCDEF012: not mail",
		"Nov 22 01:00:00 mx1 CRON[3]: (root) CMD (true)",
		"not a log line", "", "\x00\x00\x00")
	_, report := merged(t, Options{Inputs: []Input{input("log", text(lines))}, Year: testYear, Explain: true})
	want := Report{Lines: 12, Bytes: int64(len(text(lines))), NotSyslog: 3, Foreign: 2, Parsed: 6, Unparsed: 1, Messages: 1}
	shapes := report.Shapes
	report.Shapes = nil
	if fmt.Sprint(report) != fmt.Sprint(want) {
		t.Errorf("got %+v\nwant %+v", report, want)
	}
	if len(shapes) != 1 || shapes[0].Daemon != "smtpd" || shapes[0].Count != 1 {
		t.Errorf("shapes: %+v", shapes)
	}
}

func TestShapesAreBounded(t *testing.T) {
	var lines []string
	for i := range 3 * MaxShapes {
		word := strings.Map(func(r rune) rune { return r - '0' + 'g' }, fmt.Sprint(i))
		lines = append(lines, "Nov 22 01:00:00 mx1 postfix/smtp[4]: ABCDEF012: never seen "+word)
	}
	_, report := merged(t, Options{Inputs: []Input{input("log", text(lines))}, Year: testYear, Explain: true})
	if len(report.Shapes) != MaxShapes+1 || report.Shapes[0].Count != 2*MaxShapes {
		t.Errorf("%d shapes, the first %d times", len(report.Shapes), report.Shapes[0].Count)
	}
}

func TestAnErrorOfEmitEndsTheMerge(t *testing.T) {
	full := errors.New("no space")
	n := 0
	_, err := Merge(t.Context(), Options{Inputs: []Input{input("log", text(corpus(t, labLog)))}, Year: testYear, Window: time.Second}, func(*message.Document) error {
		n++
		return full
	})
	if !errors.Is(err, full) || n != 1 {
		t.Errorf("%v after %d documents", err, n)
	}
}

func TestACancelledMergeEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	dir := t.TempDir()
	_, err := Merge(ctx, Options{Inputs: []Input{input("log", text(corpus(t, labLog)))}, Year: testYear, Window: time.Second, MaxMemory: 1, SpillDir: dir}, func(*message.Document) error {
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Error("the temporary file was left behind")
	}
}

func TestNoRoomForTheTemporaryFile(t *testing.T) {
	missing := t.TempDir() + "/missing"
	_, _, err := tryMerge(t, Options{Inputs: []Input{input("log", text(corpus(t, labLog)))}, Year: testYear, MaxMemory: 1, SpillDir: missing})
	if err == nil || !strings.Contains(err.Error(), "temporary file") || !strings.Contains(err.Error(), missing) {
		t.Error(err)
	}
}

func TestWhatIsHeldIsAccountedFor(t *testing.T) {
	for _, memory := range []int64{0, 512 << 10, 20 << 10} {
		o := mustDefaults(t, Options{Inputs: []Input{input("log", text(corpus(t, labLog)))}, Year: testYear, Window: 5 * time.Second, MaxMemory: memory, SpillDir: t.TempDir()})
		m := newMerger(o, func(*message.Document) error { return nil })
		defer m.flow.close()
		in, err := newSequence(&o)
		if err != nil {
			t.Fatal(err)
		}
		most := int64(0)
		err = in.each(t.Context(), func(l *postlog.Line) error {
			err := m.take(l)
			most = max(most, m.held)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if most > o.MaxMemory {
			t.Errorf("%d bytes held, bound %d", most, o.MaxMemory)
		}
		want := int64(len(m.hosts))*hostCost + m.records*pastCost
		for g := m.groups.first; g != nil; g = g.after {
			want += g.size
			if g.host.open[g.id] != g {
				t.Errorf("%s is in the list and not open", g.id)
			}
		}
		records := 0
		for _, h := range m.hosts {
			records += h.written.len() + h.before.len()
		}
		if m.held != want || m.records != int64(records) {
			t.Errorf("%d bytes and %d records counted, %d and %d there", m.held, m.records, want, records)
		}
		m.spill.close()
		in.close()
	}
}
