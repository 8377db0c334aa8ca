package terminal

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// end is what is written to the far end when all else was.
const end = "the end of what is shown\n"

// Read begins to read from the near end, which holds little and keeps whoever writes waiting. rest ends that: it returns all that came.
func Read(t testing.TB, near io.Reader, far *os.File) (rest func() string) {
	t.Helper()
	mark := strings.ReplaceAll(end, "\n", "\r\n") // as terminals make it
	got := make(chan []byte, 1)
	go func() {
		var all []byte
		part := make([]byte, 64<<10)
		for {
			n, err := near.Read(part)
			all = append(all, part[:n]...)
			if err != nil || bytes.HasSuffix(all, []byte(mark)) {
				got <- all
				return
			}
		}
	}()
	return func() string {
		t.Helper()
		if _, err := far.WriteString(end); err != nil {
			t.Fatal(err)
		}
		select {
		case all := <-got:
			return strings.TrimSuffix(string(all), mark)
		case <-time.After(time.Minute):
			t.Fatal("the terminal shows no end")
			return ""
		}
	}
}

// Screen is what is there to be seen after all was written, long lines not broken and the ends of lines without blanks. A carriage return goes
// back to the beginning of the line, and what follows is written over what stands there.
func Screen(written string) string {
	var lines []string
	for line := range strings.SplitSeq(strings.ReplaceAll(written, "\r\n", "\n"), "\n") {
		var seen []rune
		for part := range strings.SplitSeq(line, "\r") {
			over := []rune(part)
			seen = append(over, seen[min(len(over), len(seen)):]...)
		}
		lines = append(lines, strings.TrimRight(string(seen), " "))
	}
	return strings.Join(lines, "\n")
}
