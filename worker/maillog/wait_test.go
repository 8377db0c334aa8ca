package maillog

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// A write that fails while a pipe is silent ends the merge then, and not with the pipe's next line.
func TestWriteErrorEndsTheWaitForAPipe(t *testing.T) {
	day := time.Date(testYear, 11, 22, 1, 0, 0, 0, time.UTC)
	log := text(append(life(day, "ABCDEF012", true), life(day.Add(time.Hour), "ABCDEF013", true)...))
	full := errors.New("no space left")
	r, w := io.Pipe()
	defer w.Close()
	ended := make(chan error, 1)
	go func() {
		_, err := MergeJSON(t.Context(), Options{Inputs: []Input{{Name: "stdin", Open: func() (io.ReadCloser, error) { return r, nil }}}, Year: testYear},
			func([]byte) error { return full })
		ended <- err
	}()
	_, _ = io.WriteString(w, log) // and nothing more
	select {
	case err := <-ended:
		if !errors.Is(err, full) || strings.Count(err.Error(), full.Error()) != 1 {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the merge waits for the pipe")
	}
}

// gated gives a text in pieces, those behind the second once the gate is open.
type gated struct {
	text  string
	piece int
	reads int
	gate  chan struct{}
}

func (g *gated) Read(p []byte) (int, error) {
	if g.reads++; g.reads > 2 {
		<-g.gate
	}
	n := copy(p, g.text[:min(len(g.text), g.piece)])
	if g.text = g.text[n:]; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Where the context ends a wait, what was read ahead meanwhile is not counted, and its blocks are the reader's.
func TestWhatWasReadAheadIsNotCounted(t *testing.T) {
	const line = "Nov 22 01:29:04 mx1 postfix/qmgr[1]: ABCDEF012: removed"
	for range 20 {
		more := make(chan struct{})
		pipe := &gated{text: strings.Repeat(line+"\n", 20), piece: len(line) + 1, gate: more}
		o := Options{Year: testYear, Zone: time.UTC}
		s := newSource(Input{Name: "stdin", Open: func() (io.ReadCloser, error) { return io.NopCloser(pipe), nil }}, &o)
		if err := s.probe(&o, true); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		s.fill(ctx, func() <-chan struct{} {
			close(more)
			for len(s.ahead) < cap(s.ahead) { // the block that was handed back among them
				time.Sleep(time.Millisecond)
			}
			cancel()
			return nil
		})
		if s.block.counts.lines > 2 {
			t.Fatalf("%d lines are counted", s.block.counts.lines)
		}
		s.close()
	}
}
