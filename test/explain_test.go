package test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/postweave/postweave/test/site"
)

// explained is how merge says that lines were not understood, and how many.
var explained = regexp.MustCompile(`([0-9,]+) lines not understood`)

// What merge --explain lists tells nothing of a mail, whatever stands in a line
// that is not understood: here every line of the lab that is about a message. It is the call that
// looks through what is listed.
func TestExplainTellsNothingOfAMail(t *testing.T) {
	about := regexp.MustCompile(`(postfix[^ ]*/[a-z]+\[[0-9]+\]: [0-9A-Za-z]+: )(.*)`)
	for name, words := range map[string]string{"unknown words": "${1}odd words about $2", "no words": "${1}$2 oddly", "another kind": "${1}odd: ${2}, odd"} {
		t.Run(name, func(t *testing.T) {
			var odd bytes.Buffer
			for _, line := range site.ReadLines(t, "lab-postfix-3.7/mail.log.gz") {
				odd.Write(about.ReplaceAll(line, []byte(words)))
				odd.WriteByte('\n')
			}
			log := filepath.Join(t.TempDir(), "mail.log")
			if err := os.WriteFile(log, odd.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			o := (&site.Site{T: t}).Must("merge", "--year", "2026", "--explain", log)
			m := explained.FindStringSubmatch(o.Stderr)
			if m == nil {
				t.Fatalf("every line is understood, the test shows nothing:\n%.2000s", o.Stderr)
			}
			if n, err := strconv.Atoi(strings.ReplaceAll(m[1], ",", "")); err != nil || n < 1000 || !strings.Contains(o.Stderr, "SHAPE") {
				t.Errorf("%s lines are not understood, the test shows nothing:\n%.2000s", m[1], o.Stderr)
			}
		})
	}
}
