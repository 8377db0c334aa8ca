package message

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// logged is a document with so many lines of so many bytes.
func logged(lines, bytes int) *Document {
	d := &Document{ID: "x", Kind: KindMessage, Host: "mx1", QueueID: "4F2A31B2C"}
	at := time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)
	fill := strings.Repeat("x", bytes)
	for i := range lines {
		d.Log = append(d.Log, Line{at.Add(time.Duration(i) * time.Second), "postfix/smtp", "7", fmt.Sprintf("4F2A31B2C: %d %s", i, fill)})
	}
	return d
}

// Every line is in one piece, and no piece is larger than a document may be.
func TestPiecesOfALongLog(t *testing.T) {
	for _, tt := range []struct{ lines, bytes, pieces int }{
		{0, 0, 1},
		{10_000, 100, 1},
		{10_001, 100, 4},
		{20_000, 100, 4},
		{20_001, 100, 8},
		{200_000, 10, 64},
		{300, 32 << 10, 4},
		{255, 32 << 10, 1},
		{1000, 32 << 10, 8},
	} {
		d := logged(tt.lines, tt.bytes)
		first, parts := d.firstPiece(d.parts()), d.Parts()
		if len(parts)+1 != tt.pieces {
			t.Errorf("%d lines of %d bytes: %d pieces, want %d", tt.lines, tt.bytes, len(parts)+1, tt.pieces)
		}
		source := d.AppendJSON(nil)
		if got := StoredParts(source); got != tt.pieces-1 {
			t.Errorf("%d lines: the document speaks of %d other pieces", tt.lines, got)
		}
		seen := map[Line]bool{}
		count := func(lines []Line) {
			for _, l := range lines {
				if seen[l] {
					t.Errorf("twice: %s", l.Text[:20])
				}
				seen[l] = true
			}
			if len(lines) > DefaultLogLines {
				t.Errorf("%d lines in one piece of %d", len(lines), tt.pieces)
			}
		}
		count(first)
		for i := range parts {
			count(parts[i].Lines)
			json := parts[i].AppendJSON(nil)
			if len(json) > maxLogBytes*5/4 {
				t.Errorf("a piece of %d bytes", len(json))
			}
			if lines, schema, err := StoredLines(json); err != nil || schema != Schema || len(lines) != len(parts[i].Lines) {
				t.Errorf("read back: %d lines of %d, %v", len(lines), len(parts[i].Lines), err)
			}
		}
		if len(seen) != tt.lines {
			t.Errorf("%d of %d lines are in a piece", len(seen), tt.lines)
		}
	}
}

// However alike lines are, no piece gets many more than its share.
func TestPiecesAreEven(t *testing.T) {
	at := time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)
	for name, line := range map[string]func(i int) Line{
		"a number twice": func(i int) Line {
			return Line{at, "postfix/smtp", "7", fmt.Sprintf("4F2A31B2C: to=<u%d@b.example>, status=bounced (550 5.1.1 <u%d@b.example>: unknown)", i, i)}
		},
		"a number": func(i int) Line {
			return Line{at, "postfix/smtp", "7", fmt.Sprintf("4F2A31B2C: to=<u%d@b.example>", i)}
		},
		"microseconds": func(i int) Line {
			return Line{at.Add(time.Duration(i) * time.Microsecond), "postfix/smtp", "7", fmt.Sprintf("4F2A31B2C: to=<u%d@b.example>", i)}
		},
		"seconds": func(i int) Line {
			return Line{at.Add(time.Duration(i) * time.Second), "postfix/smtp", "7", "4F2A31B2C: to=<u@b.example>"}
		},
	} {
		d := logged(0, 0)
		for i := range 40_001 {
			d.Log = append(d.Log, line(i))
		}
		n := d.parts()
		share := len(d.Log) / n
		sizes := make([]int, n)
		for i := range d.Log {
			sizes[d.Log[i].place(n)]++
		}
		for i, size := range sizes {
			if size > share*5/4 || size < share*3/4 {
				t.Errorf("%s: piece %d of %d has %d lines, an even share is %d", name, i, n, size, share)
			}
		}
	}
}

// A line stays where it is as others come, save where the number of pieces
// doubles.
func TestPlaceOfALine(t *testing.T) {
	d := logged(1000, 0)
	for i := range d.Log {
		l := &d.Log[i]
		if l.place(8)%4 != l.place(4) {
			t.Fatalf("%d of 8, %d of 4", l.place(8), l.place(4))
		}
	}
}

// A subject cannot speak for the number of parts.
func TestStoredParts(t *testing.T) {
	d := logged(1, 0)
	d.Log[0].Text = `x","log_parts":5,"schema":2`
	d.Subject = `"log_parts":5,`
	if got := StoredParts(d.AppendJSON(nil)); got != 0 {
		t.Errorf("%d parts", got)
	}
}
