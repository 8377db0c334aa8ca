package maillog

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// chunks gives a text in pieces of these sizes, the last of them with the error.
type chunks struct {
	text  string
	sizes []int
	err   error
}

func (c *chunks) Read(p []byte) (int, error) {
	n := len(c.text)
	if len(c.sizes) > 0 {
		n, c.sizes = min(n, c.sizes[0]), c.sizes[1:]
	}
	n = copy(p, c.text[:n])
	if c.text = c.text[n:]; c.text == "" {
		return n, c.err
	}
	return n, nil
}

// readLines returns the lines of r behind bytes that were read before, each as MaxLine leaves it.
func readLines(before string, r io.Reader) (lines []string, c counts, err error) {
	l := lineReader{r: r, buf: []byte(before)}
	for {
		line, err := l.next()
		if err != nil {
			return lines, l.counts, err
		}
		lines = append(lines, line)
	}
}

// wantLines cuts the text up by itself. Half a line before an error is none.
func wantLines(text string, err error) (lines []string, c counts) {
	for raw := range strings.Lines(text) {
		whole, ended := strings.CutSuffix(raw, "\n")
		if !ended && !errors.Is(err, io.EOF) {
			break
		}
		c.lines++
		c.bytes += int64(len(raw))
		if len(whole) > MaxLine {
			whole = whole[:MaxLine]
			c.cut++
		}
		lines = append(lines, trimLine(whole+"\n"))
	}
	return lines, c
}

// Each line comes out, wherever the reads end: behind a line that is cut too, and before an error.
func TestLinesWhereverReadsEnd(t *testing.T) {
	damaged := errors.New("damaged")
	r := rand.New(rand.NewPCG(1, 2))
	lengths := []int{0, 1, 5, 100, 5000, blockSize - 1, blockSize, 3 * blockSize, MaxLine - 1, MaxLine, MaxLine + 1, MaxLine + blockSize, 3 * MaxLine}
	for i := range 400 {
		var b bytes.Buffer
		for range 1 + r.IntN(8) {
			n := lengths[r.IntN(5)]
			if r.IntN(4) == 0 {
				n = lengths[r.IntN(len(lengths))]
			}
			b.WriteString(strings.Repeat(string(rune('a'+r.IntN(26))), n) + "\n")
		}
		text := b.String()
		if r.IntN(2) == 0 {
			text += "the last"
		}
		before := text[:min(len(text), r.IntN(7))]
		end := io.EOF
		if r.IntN(3) == 0 {
			end = damaged
		}
		in := &chunks{text: text[len(before):], err: end}
		for range r.IntN(40) {
			in.sizes = append(in.sizes, 1+r.IntN(2*blockSize))
		}
		var from io.Reader = in
		if r.IntN(4) == 0 {
			from = iotest.HalfReader(in)
		}
		got, c, err := readLines(before, from)
		want, wantCounts := wantLines(text, end)
		if !slices.Equal(got, want) || c != wantCounts || !errors.Is(err, end) {
			t.Fatalf("text %d of %d bytes, then %v: %d lines, %+v, %v; want %d, %+v", i, len(text), end, len(got), c, err, len(want), wantCounts)
		}
	}
}
