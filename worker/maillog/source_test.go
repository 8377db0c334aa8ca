package maillog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/worker/message"
	"github.com/postweave/postweave/worker/postlog"
)

// times reads an input and returns its lines' times.
func times(tb testing.TB, o Options) []string {
	tb.Helper()
	o = mustDefaults(tb, o)
	q, err := newSequence(&o)
	if err != nil {
		tb.Fatal(err)
	}
	defer q.close()
	var out []string
	err = q.each(tb.Context(), func(l *postlog.Line) error {
		out = append(out, l.Time.Format(time.DateTime))
		return nil
	})
	if err = errors.Join(err, q.err()); err != nil {
		tb.Fatal(err)
	}
	return out
}

func TestYears(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones on this machine:", err)
	}
	for _, test := range []struct {
		name   string
		stamps string // separated by commas
		year   int
		change string
		zone   *time.Location
		want   string
	}{
		{name: "the year of the last change", stamps: "Nov 20 10:00:00", change: "2026-11-21", want: "2026-11-20 10:00:00"},
		{name: "a later date is of the year before", stamps: "Nov 23 10:00:00", change: "2026-11-21", want: "2025-11-23 10:00:00"},
		{name: "a day later may be a zone", stamps: "Nov 21 23:00:00", change: "2026-11-21", want: "2026-11-21 23:00:00"},
		{
			name: "January follows December", stamps: "Dec 31 23:59:59,Jan  1 00:00:00,Jan  1 00:00:01", change: "2027-01-02",
			want: "2026-12-31 23:59:59,2027-01-01 00:00:00,2027-01-01 00:00:01",
		},
		{name: "so it does with a given year", stamps: "Dec 31 23:59:59,Jan  1 00:00:00", year: 2019, change: "2027-01-02", want: "2019-12-31 23:59:59,2020-01-01 00:00:00"},
		{
			name: "a late line of December", stamps: "Dec 31 23:59:59,Jan  1 00:00:00,Dec 31 23:59:58,Jan  1 00:00:02", year: 2019,
			want: "2019-12-31 23:59:59,2020-01-01 00:00:00,2019-12-31 23:59:58,2020-01-01 00:00:02",
		},
		{
			name: "a late line of December comes first", stamps: "Jan  1 00:00:00,Dec 31 23:59:58,Jan  1 00:00:02", year: 2020,
			want: "2020-01-01 00:00:00,2019-12-31 23:59:58,2020-01-01 00:00:02",
		},
		{
			name: "a quiet server", stamps: "Oct  3 00:00:00,Feb  1 00:00:00,Jul  1 00:00:00,Nov  1 00:00:00,Mar  1 00:00:00", year: 2019,
			want: "2019-10-03 00:00:00,2020-02-01 00:00:00,2020-07-01 00:00:00,2020-11-01 00:00:00,2021-03-01 00:00:00",
		},
		{name: "February 29 after a turn", stamps: "Dec 31 23:59:59,Feb 29 00:00:00,Mar  1 00:00:00", year: 2027, want: "2027-12-31 23:59:59,2028-02-29 00:00:00,2028-03-01 00:00:00"},
		{name: "February 29 at the start", stamps: "Feb 29 00:00:00,Mar  1 00:00:00", change: "2025-01-03", want: "2024-02-29 00:00:00,2024-03-01 00:00:00"},
		{
			name: "a stamp that names its year", stamps: "2020-05-01T00:00:00Z,2021-05-02T00:00:00Z,2019-05-02T00:00:00Z", change: "2026-01-01",
			want: "2020-05-01 00:00:00,2021-05-02 00:00:00,2019-05-02 00:00:00",
		},
		{name: "a stamp that names its year and lies ahead", stamps: "2028-05-01T00:00:00Z", change: "2026-01-01", want: "2028-05-01 00:00:00"},
		{name: "a zone", stamps: "Jan  1 00:30:00", year: 2026, zone: berlin, want: "2025-12-31 23:30:00"},
		{name: "the last change in a zone", stamps: "Jan  1 00:30:00", change: "2025-12-31T23:40:00", zone: berlin, want: "2025-12-31 23:30:00"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log strings.Builder
			for stamp := range strings.SplitSeq(test.stamps, ",") {
				fmt.Fprintf(&log, "%s mx1 postfix/qmgr[1]: AAAAAA1: removed\n", stamp)
			}
			in := input("log", log.String())
			in.ModTime, _ = time.Parse(time.DateOnly, test.change)
			if t, err := time.Parse("2006-01-02T15:04:05", test.change); err == nil {
				in.ModTime = t
			}
			if got := strings.Join(times(t, Options{Inputs: []Input{in}, Year: test.year, Zone: test.zone}), ","); got != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestTheYearMustBeKnown(t *testing.T) {
	in := input("mail.log", "Nov 20 10:00:00 mx1 postfix/qmgr[1]: AAAAAA1: removed\n")
	in.ModTime = time.Time{}
	if _, _, err := tryMerge(t, Options{Inputs: []Input{in}}); err == nil || !strings.Contains(err.Error(), "mail.log") {
		t.Error(err)
	}
}

// cut splits a log into so many files.
func cut(lines []string, n int) []string {
	var parts []string
	for i := range n {
		parts = append(parts, text(lines[i*len(lines)/n:(i+1)*len(lines)/n]))
	}
	return parts
}

func TestInputsInAnyOrder(t *testing.T) {
	lines := corpus(t, edgeLog)
	parts := cut(lines, 5)
	want := reference(lines)
	r := rand.New(rand.NewPCG(1, 2))
	for range 6 {
		var inputs []Input
		for _, i := range r.Perm(len(parts)) {
			part := parts[i]
			if r.IntN(2) == 0 {
				part = packedText(part)
			}
			make := input
			if r.IntN(2) == 0 {
				make = file
			}
			inputs = append(inputs, make(fmt.Sprintf("mail.log.%d", i), part))
		}
		got, report := merged(t, Options{Inputs: inputs, Year: testYear})
		same(t, got, want)
		accounted(t, report)
		if report.Lines != int64(len(lines)) || report.Bytes != int64(len(text(lines))) {
			t.Errorf("%d lines, %d bytes", report.Lines, report.Bytes)
		}
	}
}

func TestInputsThatOverlap(t *testing.T) {
	lines := corpus(t, edgeLog)
	var one, other []string
	for i, l := range lines {
		if i%3 != 0 {
			one = append(one, l)
		}
		if i%3 != 1 {
			other = append(other, l)
		}
	}
	// A third of the lines is in both, and all of them once more.
	inputs := []Input{file("all", text(lines)), file("one", text(one)), file("other", text(other))}
	got, report := merged(t, Options{Inputs: inputs, Year: testYear})
	same(t, got, reference(lines))
	accounted(t, report)
	if report.Repeated < int64(len(lines)/2) || report.Late != 0 {
		t.Errorf("%+v", report)
	}
}

func TestAStampFromTheFutureHoldsNoLogBack(t *testing.T) {
	day := time.Date(testYear, 11, 20, 1, 0, 0, 0, time.UTC)
	var parts [3][]string
	for i := range parts {
		for n := range 300 {
			at := day.Add(time.Duration(i)*24*time.Hour + time.Duration(n)*time.Minute)
			parts[i] = append(parts[i], life(at, fmt.Sprintf("ABCDEF%d%03d", i, n), true)...)
		}
		parts[i] = slices.Insert(parts[i], 700, "2038-01-01T00:00:00Z toaster postfix/smtpd[1]: connect from a[192.0.2.1]")
	}
	want := reference(slices.Concat(parts[:]...))
	got, report := merged(t, Options{Inputs: []Input{file("2", text(parts[2])), file("0", text(parts[0])), file("1", text(parts[1]))}, Year: testYear})
	same(t, got, want)
	if report.Late != 0 {
		t.Errorf("%d late", report.Late)
	}
}

func TestPackedInSeveralMembers(t *testing.T) {
	lines := corpus(t, edgeLog)
	var log string
	for _, part := range cut(lines, 3) {
		log += packedText(part)
	}
	got, _ := merged(t, Options{Inputs: []Input{input("no-suffix", log)}, Year: testYear})
	same(t, got, reference(lines))
}

func TestOddBytes(t *testing.T) {
	lines := life(time.Date(testYear, 11, 22, 1, 0, 0, 0, time.UTC), "ABCDEF012", true)
	for name, log := range map[string]string{
		"line ends of DOS":      strings.ReplaceAll(text(lines), "\n", "\r\n"),
		"no end":                strings.TrimSuffix(text(lines), "\n"),
		"byte order mark":       "\xef\xbb\xbf" + text(lines),
		"a hole after a crash":  text(lines[:2]) + strings.Repeat("\x00", 5000) + text(lines[2:]),
		"empty lines":           strings.ReplaceAll(text(lines), "\n", "\n\n"),
		"a leading priority":    "<22>" + strings.ReplaceAll(text(lines[:4]), "\n", "\n<22>") + lines[4],
		"a line without an end": text(lines) + strings.Repeat("x", 3*MaxLine),
	} {
		t.Run(name, func(t *testing.T) {
			got, report := merged(t, Options{Inputs: []Input{input("log", log)}, Year: testYear})
			same(t, got, reference(lines))
			accounted(t, report)
		})
	}
}

func TestALongLineIsCut(t *testing.T) {
	lines := life(time.Date(testYear, 11, 22, 1, 0, 0, 0, time.UTC), "ABCDEF012", true)
	for _, size := range []int{message.MaxLine, readSize, MaxLine - 100, MaxLine, 2 * MaxLine} {
		long := "Nov 22 01:00:00 mx1 postfix/cleanup[2]: ABCDEF012: warning: header Subject: "
		long += strings.Repeat("x", size-len(long))
		got, report := merged(t, Options{Inputs: []Input{input("log", text([]string{lines[0], long, lines[4]}))}, Year: testYear})
		if len(got) != 1 || report.Parsed+report.Unparsed != 3 {
			t.Fatalf("%d bytes: %+v", size, report)
		}
		if (report.Truncated > 0) != (size > MaxLine) {
			t.Errorf("%d bytes: %d cut", size, report.Truncated)
		}
	}
}

func TestInputsThatAreRefused(t *testing.T) {
	good := life(time.Date(testYear, 11, 22, 1, 0, 0, 0, time.UTC), "ABCDEF012", true)
	dir := t.TempDir()
	for _, test := range []struct {
		name  string
		input Input
		is    error
		says  []string
	}{
		{"a folder", Input{Name: "log", Open: func() (io.ReadCloser, error) { return os.Open(dir) }}, nil, []string{"is a directory", "name the files"}},
		{"missing", Input{Name: "log", Open: func() (io.ReadCloser, error) { return os.Open(filepath.Join(dir, "none")) }}, fs.ErrNotExist, []string{"cannot be opened"}},
		{"prose", input("log", strings.Repeat("Lorem ipsum dolor sit amet\n", 2000)), ErrNotLog, []string{"syslog", "name a log"}},
		{"a little prose", input("log", "Lorem ipsum"), ErrNotLog, []string{"syslog"}},
		{"binary", input("log", strings.Repeat("\x7fELF\x02\x01\x01\x00\xff", 2<<20)), ErrNotLog, []string{"syslog"}},
		{"packed prose", input("log", packedText(strings.Repeat("Lorem ipsum\n", 2000))), ErrNotLog, []string{"syslog"}},
		{"xz", input("log", "\xfd7zXZ\x00rest"), ErrNotLog, []string{"xzcat"}},
		{"bzip2", input("log", "BZh91AY&SY"), ErrNotLog, []string{"bzcat"}},
		{"cut in its head", input("log", packedText(text(good))[:5]), ErrDamaged, []string{"fetch"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			docs, _, err := tryMerge(t, Options{Inputs: []Input{input("good", text(good)), test.input}, Year: testYear})
			if err == nil || len(docs) > 0 {
				t.Fatalf("%d documents, error %v", len(docs), err)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("%v is not %v", err, test.is)
			}
			for _, s := range append(test.says, "log") {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q does not say %q", err, s)
				}
			}
		})
	}
}

func TestEmptyInputsAreFine(t *testing.T) {
	for _, in := range []Input{input("empty", ""), input("empty", packedText("")), file("empty", "")} {
		if docs, report := merged(t, Options{Inputs: []Input{in}}); len(docs) > 0 || report.Lines != 0 {
			t.Errorf("%+v", report)
		}
	}
	if _, report := merged(t, Options{}); report.Lines != 0 {
		t.Errorf("%+v", report)
	}
}

func TestWhatStandsBeforeADamageIsMerged(t *testing.T) {
	lines := corpus(t, labLog)
	whole := packedText(text(lines))
	flipped := []byte(whole)
	for i := range 20 {
		flipped[len(flipped)/2+i] ^= 0x55
	}
	for name, log := range map[string]string{"cut": whole[:len(whole)/2], "without its sum": whole[:len(whole)-4], "corrupt": string(flipped), "with something behind": whole + "junk"} {
		for _, others := range [][]Input{nil, {input("other", text(life(time.Date(testYear, 11, 23, 1, 0, 0, 0, time.UTC), "ABCDEF012", true)))}} {
			docs, report, err := tryMerge(t, Options{Inputs: append([]Input{file("mail.log.2.gz", log)}, others...), Year: testYear})
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "mail.log.2.gz") {
				t.Errorf("%s: %v", name, err)
			}
			accounted(t, report)
			if report.Lines < int64(len(lines)/4) {
				t.Errorf("%s: %d lines of %d", name, report.Lines, len(lines))
			}
			if name == "corrupt" { // which shows at its checksum only
				continue
			}
			same(t, docs, reference(slices.Concat(lines[:report.Lines-int64(5*len(others))], strings.Split(othersText(others), "\n"))))
		}
	}
}

func othersText(inputs []Input) string {
	var all strings.Builder
	for _, in := range inputs {
		r, _ := in.Open()
		_, _ = io.Copy(&all, r)
	}
	return all.String()
}

// trickle gives one line at a time, and never two without being asked again.
type trickle struct {
	lines []string
	asked func(left int)
}

func (r *trickle) Read(b []byte) (int, error) {
	r.asked(len(r.lines))
	if len(r.lines) == 0 {
		return 0, io.EOF
	}
	n := copy(b, r.lines[0]+"\n")
	r.lines = r.lines[1:]
	return n, nil
}

// What can be written is written before more is waited for: a pipe may be silent for hours.
func TestNothingWaitsForAPipe(t *testing.T) {
	day := time.Date(testYear, 11, 22, 1, 0, 0, 0, time.UTC)
	lines := slices.Concat(life(day, "ABCDEF012", true), life(day.Add(time.Hour), "ABCDEF013", true))
	first := make(chan struct{})
	pipe := &trickle{lines: slices.Clone(lines), asked: func(left int) {
		if left != len(lines)-6 {
			return
		}
		select { // the clock has passed the first message
		case <-first:
		case <-time.After(30 * time.Second):
			t.Error("no document, though nothing more is to be read")
		}
	}}
	written := 0
	_, err := Merge(t.Context(), Options{Inputs: []Input{{Name: "stdin", Open: func() (io.ReadCloser, error) { return io.NopCloser(pipe), nil }}}, Year: testYear},
		func(*message.Document) error {
			if written++; written == 1 {
				close(first)
			}
			return nil
		})
	if err != nil || written != 2 {
		t.Error(written, err)
	}
}
