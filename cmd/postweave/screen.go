package main

import (
	"io"
	"os"
	"strings"
	"sync"

	"github.com/rivo/uniseg"
	"golang.org/x/term"
)

// screen is a terminal at the bottom of which a line is drawn again and again. Whatever else is written there,
// results, messages or the log, takes the line away first, so that the two never mix.
type screen struct {
	mu    sync.Mutex
	file  *os.File
	drawn int  // columns that the line takes; 0: there is none
	mid   bool // what was written last ends within a line: nothing is drawn behind it
}

// ontoScreen is one of the files that are the terminal.
type ontoScreen struct {
	file   *os.File
	screen *screen
}

// Write takes the drawn line away and writes.
func (o *ontoScreen) Write(p []byte) (int, error) {
	o.screen.mu.Lock()
	defer o.screen.mu.Unlock()
	o.screen.wipe()
	if len(p) > 0 {
		o.screen.mid = p[len(p)-1] != '\n'
	}
	return o.file.Write(p)
}

// fileOf is the file that a writer is, perhaps with a line drawn beside what is written.
func fileOf(w any) (*os.File, bool) {
	if o, ok := w.(*ontoScreen); ok {
		return o.file, true
	}
	f, ok := w.(*os.File)
	return f, ok
}

// shareScreen prepares the two outputs for a line that is drawn on stderr. Both stay as they are where stderr is no
// terminal, and stdout where it is none: then there is nothing to be mixed up.
func shareScreen(stdout, stderr io.Writer) (out, err io.Writer) {
	if !isTerminal(stderr) {
		return stdout, stderr
	}
	errFile, _ := fileOf(stderr)
	s := &screen{file: errFile}
	if outFile, ok := fileOf(stdout); ok && isTerminal(stdout) {
		stdout = &ontoScreen{outFile, s}
	}
	return stdout, &ontoScreen{errFile, s}
}

// screenOf is the screen that a line can be drawn on, nil where there is none.
func screenOf(w io.Writer) *screen {
	if o, ok := w.(*ontoScreen); ok {
		return o.screen
	}
	return nil
}

// narrowestScreen is how many columns there must be for anything to be drawn.
const narrowestScreen = 20

// draw replaces the drawn line by one that compose makes for so many columns. A line that cannot be drawn is no reason to stop,
// nor to complain.
func (s *screen) draw(compose func(columns int) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	columns, _, err := term.GetSize(int(s.file.Fd()))
	if s.mid || err != nil || columns < narrowestScreen {
		return
	}
	columns-- // in the last one the cursor may go on to the next line
	line := cut(visible(compose(columns)), columns)
	was := s.drawn
	s.drawn = uniseg.StringWidth(line)
	s.file.WriteString("\r" + line + strings.Repeat(" ", max(0, was-s.drawn))) //nolint:errcheck // see above
}

// clear takes the line away.
func (s *screen) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
}

func (s *screen) wipe() {
	if s.drawn > 0 {
		s.file.WriteString("\r" + strings.Repeat(" ", s.drawn) + "\r") //nolint:errcheck // see draw
		s.drawn = 0
	}
}

// bar is a line of so many columns at most: what is at work, how far it is, and the facts about it.
func bar(title string, part float64, known bool, facts []fact, columns int) string {
	const narrowest, widest = 10, 40
	text := sentence("", facts)[len(": "):]
	if !known {
		return title + "  " + text
	}
	width := min(widest, columns-uniseg.StringWidth(title)-uniseg.StringWidth(text)-len("  []  "))
	if width < narrowest {
		return title + "  " + text
	}
	full := int(part * float64(width))
	return title + "  [" + strings.Repeat("=", full) + strings.Repeat(" ", width-full) + "]  " + text
}
