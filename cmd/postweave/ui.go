package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/term"
)

// Where output goes: results to stdout, and nothing else there; everything said
// to people, logs and progress to stderr. What comes from a mail passes visible
// on its way to a person; JSON is written as it is, and to a terminal with escapes
// for the same values. Sentences start without a capital and end without a full stop.
//
// Nothing but this file, the printers, the help and the logger writes to either; a test holds that.

// isTerminal tells whether w is a terminal.
func isTerminal(w any) bool {
	f, ok := fileOf(w)
	return ok && term.IsTerminal(int(f.Fd()))
}

// terminalWidth is the width of the terminal that w is, or 0 where it is none.
func terminalWidth(w any) int {
	f, ok := fileOf(w)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width < 40 {
		return 80
	}
	return width
}

// say writes one line to people. Line breaks in it were in a file's name or a
// flag's value, and are made visible like the rest.
func (a *app) say(format string, args ...any) {
	fmt.Fprintf(a.stderr, "postweave: %s\n", shortened(visible(fmt.Sprintf(format, args...))))
}

// sayError writes an error, several that were joined each on a line of its own.
func (a *app) sayError(err error) {
	if coded, ok := err.(codedError); ok { //nolint:errorlint // it adds no words
		err = coded.err
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list := joined.Unwrap()
		if err.Error() == errors.Join(list...).Error() {
			for _, e := range list {
				a.sayError(e)
			}
			return
		}
	}
	a.say("%v", err)
}

// maxSaid bounds a line to people: a flag's value may be as long as the system allows.
const maxSaid = 4 << 10

// shortened leaves out the middle of what is too long: what is wrong stands at the beginning, what to do at the end.
func shortened(line string) string {
	const tail = 1 << 10
	if len(line) <= maxSaid {
		return line
	}
	head, end := line[:maxSaid-tail], line[len(line)-tail:]
	return strings.ToValidUTF8(head, "") + " … " + strings.ToValidUTF8(end, "")
}

// printLine writes one line of results, as it is.
func (a *app) printLine(line []byte) error {
	return writeResult(a.stdout, append(line[:len(line):len(line)], '\n'))
}

// printNumber writes a number, for scripts.
func (a *app) printNumber(n int64) error { return a.printLine(strconv.AppendInt(nil, n, 10)) }

// printJSON writes JSON, of one line or of several.
func (a *app) printJSON(text []byte) error {
	if isTerminal(a.stdout) {
		text = escapeJSON(text)
	}
	return a.printLine(text)
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
