package maillog

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/postweave/postweave/test/heap"
	"github.com/postweave/postweave/worker/message"
	"github.com/postweave/postweave/worker/postlog"
)

// retries is the log of a message that is tried for three recipients in turn,
// n times in all, a second apart. It is made while it is read.
type retries struct {
	n, next int
	buf     bytes.Buffer
}

func (r *retries) Read(p []byte) (int, error) {
	for r.buf.Len() < len(p) && r.next <= r.n+1 {
		r.write()
		r.next++
	}
	return r.buf.Read(p)
}

func (r *retries) write() {
	i := r.next
	fmt.Fprintf(&r.buf, "%s mx1 postfix/", time.Date(testYear, 3, 2, 1, 0, i, 0, time.UTC).Format(time.Stamp))
	switch {
	case i == 0:
		r.buf.WriteString("qmgr[1]: AAAAAA1: from=<a@example.org>, size=900, nrcpt=3 (queue active)\n")
	case i > r.n:
		r.buf.WriteString("qmgr[1]: AAAAAA1: removed\n")
	default:
		status := "dsn=4.4.1, status=deferred"
		if i == r.n {
			status = "dsn=2.0.0, status=sent"
		}
		fmt.Fprintf(&r.buf, "smtp[2]: AAAAAA1: to=<u%d@example.com>, relay=none, delay=%d, delays=0/0/0/0, %s (said %[2]d)\n", i%3, i, status)
	}
}

// A million lines of one queue id go to the temporary file and come back as one
// message. Until then no more than the bound is held, and at the end no more than the key's lines and
// what its merge takes.
func TestAMillionLinesOfOneKey(t *testing.T) {
	if testing.Short() {
		t.Skip("a million lines")
	}
	const n, most = 1_000_000, 700 // bytes a line, its text among them
	in := Input{Name: "log", ModTime: time.Date(testYear, 12, 1, 0, 0, 0, 0, time.UTC), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(&retries{n: n}), nil
	}}
	var docs []*message.Document
	used := heap.Peak(30, func() {
		report, err := Merge(t.Context(), Options{Inputs: []Input{in}, Year: testYear, MaxMemory: 64 << 20, SpillDir: t.TempDir()}, func(d *message.Document) error {
			docs = append(docs, d)
			return nil
		})
		if err != nil || report.Lines != n+2 || report.Spilled != 1 || report.Repeated != 0 || report.Parsed != n+2 {
			t.Fatalf("%v, %+v", err, report)
		}
	})
	if used > most*n {
		t.Errorf("%d bytes a line", used/n)
	}
	if len(docs) != 1 {
		t.Fatalf("%d documents", len(docs))
	}
	d, attempts := docs[0], 0
	for _, r := range d.Recipients {
		attempts += r.Attempts
	}
	if d.Lines != n+2 || len(d.Log) != n+2 || attempts != n || d.Counts != (message.Counts{Sent: 1, Deferred: 2, Total: 3}) {
		t.Errorf("%d lines, %d attempts, %+v", d.Lines, attempts, d.Counts)
	}
}

// A partition that holds one key only is not written anew: no split makes it
// smaller.
func TestAPartitionOfOneKeyIsNotSplit(t *testing.T) {
	for _, keys := range []int{1, 2} {
		s := newSpill(t.TempDir(), 1)
		defer s.close()
		ids := sameHashPart(keys)
		for i := range 1000 {
			if err := s.addLine("mx1", ids[i%keys], message.Line{Program: "postfix/smtp", Text: fmt.Sprintf("%s: line %d", ids[i%keys], i)}); err != nil {
				t.Fatal(err)
			}
		}
		size, lines, whole := s.size, 0, 0
		err := s.each(1, func(_ message.Key, l []message.Line, _ message.Past) error {
			lines += len(l)
			whole++
			return nil
		})
		if err != nil || lines != 1000 || whole != keys {
			t.Errorf("%d keys: %d lines of %d, %v", keys, lines, whole, err)
		}
		if (s.size > size) != (keys > 1) {
			t.Errorf("%d keys: the file grew from %d to %d bytes", keys, size, s.size)
		}
	}
}

// sameHashPart returns so many queue ids of one partition.
func sameHashPart(n int) (ids []string) {
	for i := 0; len(ids) < n; i++ {
		id := fmt.Sprintf("AA%06d", i)
		if part(hashKey("mx1", id), 0) == 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

// A message that stays in the queue for months, with a line now and then that
// might be its end, is not merged anew at each of them; its document is the same.
func TestVainLooksAreBounded(t *testing.T) {
	const n = 3000
	lines := []string{"Mar  2 01:00:00 mx1 postfix/qmgr[1]: AAAAAA1: from=<a@a>, size=1, nrcpt=2 (queue active)"}
	for i := range n {
		at := time.Date(testYear, 3, 2, 1, 11*(i+1), 0, 0, time.UTC)
		lines = append(lines,
			fmt.Sprintf("%s mx1 postfix/smtp[2]: AAAAAA1: remark %d", at.Format(time.Stamp), i),
			fmt.Sprintf("%s mx1 postfix/smtpd[2]: connect from a[192.0.2.1]", at.Add(10*time.Minute+20*time.Second).Format(time.Stamp)))
	}
	m := newMerger(mustDefaults(t, Options{Year: testYear}), func(*message.Document) error { return nil })
	defer m.flow.close()
	s := &logReader{fixed: testYear, zone: time.UTC}
	for _, raw := range lines {
		var l postlog.Line
		if !s.parseInto(&l, raw) {
			t.Fatal(raw)
		}
		if err := m.take(&l); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.landAll(); err != nil {
		t.Fatal(err)
	}
	g := m.groups.first
	if g == nil || len(g.lines) != n+1 {
		t.Fatal("the open message is not held")
	}
	if merged := g.looked / len(g.lines); merged < maxLooks/2 || merged > maxLooks+1 {
		t.Errorf("each line was merged %d times in vain", merged)
	}
	lines = append(lines, "Jul  1 01:00:00 mx1 postfix/qmgr[1]: AAAAAA1: removed")
	want := reference(lines)
	got, _ := merged(t, Options{Inputs: []Input{input("log", text(lines))}, Year: testYear})
	if !slices.Equal(got, want) {
		t.Error("not the documents of a merge in memory")
	}
}
