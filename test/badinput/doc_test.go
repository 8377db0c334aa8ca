package badinput

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postweave/postweave/test/site"
)

var update = flag.Bool("update", false, "write docs/bad-input.md from the table")

const pageHead = `# Bad input

What becomes of lines and documents that no mail system should write. Every row is tested (` + "`test/badinput`" + `) through the parser, through
` + "`postweave merge`" + ` and through a real Elasticsearch, and of every row holds: nothing crashes, the exit code is 0, messages beside it are the same bytes as
without it, the same input gives the same output, and each line is counted. What is printed shows nothing that a terminal acts on: control characters, characters that turn the
direction of text or have no width stand there as escapes (` + "`\\x1b`, `\\u202e`" + `); JSON has the exact text, and to a terminal is written with escapes for it.

This page is made from the table: ` + "`go test ./test/badinput -run Page -update`" + `.

| # | input | what happens |
|---|---|---|
`

func page() string {
	var b strings.Builder
	b.WriteString(pageHead)
	var asides []string
	for _, r := range table() {
		outcome := r.outcome
		if r.none != "" {
			outcome = "not applicable: " + r.none
		}
		fmt.Fprintf(&b, "| %d | %s | %s |\n", r.number, r.input, outcome)
		for _, p := range paths {
			if why := r.not[p]; why != "" {
				asides = append(asides, fmt.Sprintf("- Row %d does not go through %s: %s.", r.number, map[path]string{parser: "the parser", command: "`merge`", index: "Elasticsearch"}[p], why))
			}
		}
		if r.instead != "" {
			asides = append(asides, fmt.Sprintf("- Row %d: %s.", r.number, r.instead))
		}
	}
	b.WriteString("\n## Notes\n\n" + strings.Join(asides, "\n") + "\n")
	return b.String()
}

func TestThePageIsWhatTheTableSays(t *testing.T) {
	file := filepath.Join(rootOf(t), "docs", "bad-input.md")
	if *update {
		if err := os.WriteFile(file, []byte(page()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(file); err != nil || string(have) != page() {
		t.Errorf("docs/bad-input.md is not what the table says (%v): run go test ./test/badinput -run Page -update", err)
	}
}

// rootOf is the module's folder.
func rootOf(t *testing.T) string {
	t.Helper()
	return filepath.Dir(filepath.Dir(filepath.Dir(site.CorpusFile("x"))))
}

// sourceOf is a file of the module.
func sourceOf(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(rootOf(t), filepath.FromSlash(name)))
	if err != nil {
		t.Error(err)
	}
	return string(text)
}
