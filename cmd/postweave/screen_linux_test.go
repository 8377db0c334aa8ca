package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postweave/postweave/test/terminal"
)

// slowLog is a log that takes so long: one part, a wait, the other.
func slowLog(t *testing.T, wait time.Duration, parts ...string) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	go func() {
		defer w.Close()
		for i, part := range parts {
			if i > 0 {
				time.Sleep(wait)
			}
			if _, err := io.WriteString(w, part); err != nil {
				return
			}
		}
	}()
	return r
}

// logOf is a log of some messages, an hour apart.
func logOf(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		at := fmt.Sprintf("Nov %2d %02d:", 1+i/24, i%24)
		fmt.Fprintf(&b, "%s00:01 mx1 postfix/smtpd[7]: %[2]X: client=c.example[192.0.2.1]\n%[1]s00:02 mx1 postfix/qmgr[1]: %[2]X: removed\n", at, 0xABCD0000+i)
	}
	return b.String()
}

// While a pipe is waited for there is a bar. In the end the terminal shows the rows and what is said, and nothing of the bar.
func TestBarLeavesTheResultsAlone(t *testing.T) {
	log := []string{logOf(0, 300), logOf(300, 600)}
	for _, output := range []string{"ndjson", "table"} {
		for _, both := range []bool{true, false} {
			t.Run(fmt.Sprintf("-o %s, results on the terminal %v", output, both), func(t *testing.T) {
				t.Parallel()
				barBeside(t, log, output, both)
			})
		}
	}
}

var colours = regexp.MustCompile("\x1b\\[[0-9]+m")

// barBeside merges the parts of a log with a wait between them. The results go to the terminal as well, or not.
func barBeside(t *testing.T, log []string, output string, both bool) {
	args := []string{"merge", "--year", "2026", "-o", output}
	near, far := terminal.Open(t, 300)
	var plain, results said
	if code := run(t.Context(), args, strings.NewReader(strings.Join(log, "")), &plain, io.Discard, nil); code != exitComplete {
		t.Fatalf("exit %d", code)
	}
	rest := terminal.Read(t, near, far)
	stdout := io.Writer(&results)
	if both {
		stdout = far
	}
	if code := run(t.Context(), args, slowLog(t, barAfter+3*barEvery, log...), stdout, far, nil); code != exitComplete {
		t.Errorf("exit %d", code)
	}
	written := colours.ReplaceAllString(rest(), "")
	want := "postweave: 1,200 lines merged into 600 messages\n"
	if both {
		want = squeezed(plain.String()) + want
	} else if results.String() != plain.String() {
		t.Error("other results beside a bar")
	}
	if got := squeezed(terminal.Screen(written)); got != want {
		t.Errorf("it shows\n%.300q …\nwant\n%.300q …", got, want)
	}
	if !strings.Contains(written, "\rmerge  ") || !strings.Contains(written, " lines in 1s") {
		t.Errorf("no bar is drawn: %q", written[:min(len(written), 500)])
	}
	if strings.Contains(written, "\x1b") {
		t.Error("the bar needs a terminal that knows escapes")
	}
}

// squeezed leaves out how wide the columns of a table are, which depends on the terminal.
func squeezed(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
	}
	return b.String()
}

// Nothing is drawn behind a row that is not yet whole, and what is written after a bar stands on a line of its own.
func TestNothingIsDrawnBehindHalfARow(t *testing.T) {
	near, far := terminal.Open(t, 40)
	rest := terminal.Read(t, near, far)
	stdout, stderr := shareScreen(far, far)
	s := screenOf(stderr)
	draw := func(line string) { s.draw(func(int) string { return line }) }
	write := func(w io.Writer, text string) {
		t.Helper()
		if n, err := io.WriteString(w, text); n != len(text) || err != nil {
			t.Errorf("%d of %d bytes, %v", n, len(text), err)
		}
	}
	draw("a long bar that is beyond the forty columns that there are")
	draw("short")
	write(stdout, "half a ")
	draw("not now")
	write(stdout, "row\n")
	draw("again \x1b[2J")
	write(stderr, "a message\n")
	draw("at last")
	s.clear()
	written := rest()
	if got, want := terminal.Screen(written), "half a row\na message\n"; got != want {
		t.Errorf("it shows %q, want %q", got, want)
	}
	for _, want := range []string{"\ra long bar that is beyond the forty co…\r", "\ragain \\x1b[2J\r"} {
		if !strings.Contains(written, want) {
			t.Errorf("%q is not in %q", want, written)
		}
	}
	if strings.Contains(written, "not now") {
		t.Errorf("%q", written)
	}
}

// Short work draws nothing, nor does any where the log is JSON or there is hardly any room.
func TestNoBar(t *testing.T) {
	for name, c := range map[string]struct {
		columns uint16
		wait    time.Duration
		args    []string
	}{
		"short work":        {columns: 200, wait: barEvery + 50*time.Millisecond},
		"JSON":              {columns: 200, wait: barAfter + 3*barEvery, args: []string{"--log-format", "json"}},
		"a narrow terminal": {columns: narrowestScreen - 1, wait: barAfter + 3*barEvery},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			near, far := terminal.Open(t, c.columns)
			rest := terminal.Read(t, near, far)
			if code := run(t.Context(), append([]string{"merge", "--year", "2026"}, c.args...), slowLog(t, c.wait, logOf(0, 5), logOf(5, 10)), io.Discard, far, nil); code != exitComplete {
				t.Errorf("exit %d", code)
			}
			if got, want := rest(), "postweave: 20 lines merged into 10 messages\r\n"; got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

// SIGUSR1 is answered beside a bar as well, on a line of its own.
func TestAnswerBesideABar(t *testing.T) {
	near, far := terminal.Open(t, 200)
	rest := terminal.Read(t, near, far)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	time.AfterFunc(barAfter+2*barEvery, func() {
		if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
			t.Error(err)
		}
	})
	if code := run(ctx, []string{"merge", "--year", "2026"}, slowLog(t, barAfter+4*barEvery, logOf(0, 5), logOf(5, 10)), io.Discard, far, nil); code != exitComplete {
		t.Errorf("exit %d", code)
	}
	shown := strings.Split(terminal.Screen(rest()), "\n")
	if len(shown) != 3 || !strings.HasPrefix(shown[0], "postweave: merge: ") || !strings.Contains(shown[0], " lines in ") || shown[1] != "postweave: 20 lines merged into 10 messages" {
		t.Errorf("it shows %q", shown)
	}
}

// Nothing of a bar is left where nothing is said after it.
func TestBarIsGoneAtTheEnd(t *testing.T) {
	near, far := terminal.Open(t, 80)
	rest := terminal.Read(t, near, far)
	_, stderr := shareScreen(io.Discard, far)
	p := newProgress("merge", "lines")
	p.begin = p.begin.Add(-barAfter)
	end := (&app{stderr: stderr}).show(p)
	time.Sleep(3 * barEvery)
	end()
	written := rest()
	if got := terminal.Screen(written); got != "" || !strings.Contains(written, "merge  0 lines") {
		t.Errorf("it shows %q, after %q", got, written)
	}
}
