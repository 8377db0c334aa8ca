package maillog

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/postweave/postweave/worker/message"
	"github.com/postweave/postweave/worker/postlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testYear = 2026

// corpus reads a test log, packed or not.
func corpus(tb testing.TB, name string) []string {
	tb.Helper()
	f, err := os.Open("../../test/corpora/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			tb.Fatal(err)
		}
	}
	data, err := io.ReadAll(r)
	if err != nil {
		tb.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

// input is a log in memory. It cannot seek, like a pipe.
func input(name, text string) Input {
	return Input{
		Name: name, ModTime: time.Date(testYear, 12, 1, 0, 0, 0, 0, time.UTC),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
	}
}

// file is a log in memory that can seek, like a file.
func file(name, text string) Input {
	in := input(name, text)
	in.Open = func() (io.ReadCloser, error) { return seekable{strings.NewReader(text)}, nil }
	return in
}

type seekable struct{ *strings.Reader }

func (seekable) Close() error { return nil }

func packedText(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	z.Close()
	return b.String()
}

// merged runs Merge and returns the documents' bytes, each with its _id, in
// the order in which they were emitted. Sessions are left out: they depend on which lines
// were there, see sessions_test.go.
func merged(tb testing.TB, o Options) ([]string, Report) {
	tb.Helper()
	docs, report, err := tryMerge(tb, o)
	if err != nil {
		tb.Fatal(err)
	}
	return docs, report
}

func tryMerge(tb testing.TB, o Options) ([]string, Report, error) {
	tb.Helper()
	var docs []string
	report, err := Merge(tb.Context(), o, func(d *message.Document) error {
		d.Session = nil
		docs = append(docs, d.ID+" "+string(d.AppendJSON(nil)))
		return nil
	})
	return docs, report, err
}

// reference groups all lines in memory and merges each key once.
func reference(lines []string) []string {
	groups := map[message.Key][]message.Line{}
	docs := map[string]bool{}
	add := func(d *message.Document) { docs[d.ID+" "+string(d.AppendJSON(nil))] = true }
	for _, raw := range lines {
		l, err := postlog.ParseLine(strings.TrimSuffix(raw, "\r"), testYear, time.UTC)
		if err != nil || !postlog.NamesQueueIDs(l.Program) {
			continue
		}
		e := postlog.Parse(l.Program, l.Text)
		line := message.Line{Time: l.Time, Program: l.Program, PID: l.PID, Text: l.Text}
		if e.QueueID != "" {
			k := message.Key{Host: l.Host, QueueID: e.QueueID}
			groups[k] = append(groups[k], line)
		} else if message.IsReject(&e) {
			d := message.Reject(l.Host, line, message.Options{})
			add(&d)
		}
	}
	for k, lines := range groups {
		all := message.Merge(k, lines, message.Options{})
		for i := range all {
			add(&all[i])
		}
	}
	return slices.Sorted(maps.Keys(docs))
}

// same fails where two sets of documents differ, and shows the first that does.
func same(tb testing.TB, got, want []string) {
	tb.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if slices.Equal(got, want) {
		return
	}
	only := func(a, b []string) string {
		for _, x := range a {
			if _, found := slices.BinarySearch(b, x); !found {
				return x
			}
		}
		return "none"
	}
	tb.Fatalf("%d documents, want %d\nnot wanted: %s\n   missing: %s", len(got), len(want), only(got, want), only(want, got))
}

// disordered moves each line by up to the window, in log time.
func disordered(lines []string, window time.Duration, seed uint64) []string {
	r := rand.New(rand.NewPCG(seed, 1))
	type moved struct {
		at   time.Time
		line string
	}
	list := make([]moved, len(lines))
	var last time.Time
	for i, raw := range lines {
		if l, err := postlog.ParseLine(raw, testYear, time.UTC); err == nil {
			last = l.Time
		}
		list[i] = moved{last.Add(time.Duration(r.Int64N(int64(window)))), raw}
	}
	slices.SortStableFunc(list, func(a, b moved) int { return cmp.Compare(a.at.UnixNano(), b.at.UnixNano()) })
	out := make([]string, len(list))
	for i := range list {
		out[i] = list[i].line
	}
	return out
}

func text(lines []string) string { return strings.Join(lines, "\n") + "\n" }
