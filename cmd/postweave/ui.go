package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"
)

// Where output goes: results to stdout, and nothing else there; everything said
// to people, logs and progress to stderr. What comes from a mail passes visible
// on its way to a person; JSON is written as it is. Sentences start without a
// capital and end without a full stop.

// isTerminal tells whether w is a terminal.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// terminalWidth is the width of the terminal that w is, or 0 where it is none.
func terminalWidth(w any) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width < 40 {
		return 80
	}
	return width
}

// say writes one line to people.
func (a *app) say(format string, args ...any) {
	for line := range strings.SplitSeq(fmt.Sprintf(format, args...), "\n") {
		fmt.Fprintf(a.stderr, "postweave: %s\n", visible(line))
	}
}

// printLine writes one line of results, as it is.
func (a *app) printLine(line []byte) error {
	return writeResult(a.stdout, append(line[:len(line):len(line)], '\n'))
}

// writeResult writes results; a full disk behind stdout must not pass for success.
func writeResult(w io.Writer, p []byte) error {
	if _, err := w.Write(p); err != nil {
		return fmt.Errorf("cannot write the results: %w", err)
	}
	return nil
}

// counted writes a number with its thousands apart and the noun that fits:
// "1 line", "12,345 lines".
func counted[N int | int64](n N, singular, plural string) string {
	noun := plural
	if n == 1 {
		noun = singular
	}
	return thousands(int64(n)) + " " + noun
}

func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
