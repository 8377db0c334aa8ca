package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/postweave/postweave/esquery"
)

const readmePath = "../../README.md"

var update = flag.Bool("update", false, "write the tables of README.md anew")

// TestReadmeTables holds README's tables, and that of docs/check.md, to what the program itself says.
// "go test ./cmd/postweave -run Readme -update" writes them.
func TestReadmeTables(t *testing.T) {
	for path, tables := range map[string]map[string][]string{
		readmePath:            {"commands": commandRows(), "settings": settingRows(), "exit codes": exitRows()},
		"../../docs/check.md": {"findings": findingRows()},
	} {
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		after := string(before)
		for name, rows := range tables {
			opening, closing := "<!-- "+name+" -->\n", "<!-- /"+name+" -->\n"
			start, end := strings.Index(after, opening), strings.Index(after, closing)
			if start < 0 || end < start {
				t.Fatalf("%s has no table between %q and %q", path, opening, closing)
			}
			table := after[start+len(opening) : end]
			head := strings.SplitAfterN(table, "\n", 3)
			after = after[:start+len(opening)] + head[0] + head[1] + strings.Join(rows, "") + after[end:]
		}
		if after == string(before) {
			continue
		}
		if !*update {
			t.Fatalf("%s does not say what the program says: run go test ./cmd/postweave -run Readme -update", path)
		}
		if err := os.WriteFile(path, []byte(after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func findingRows() (rows []string) {
	for _, s := range esquery.Symptoms() {
		ends := ""
		if s.Level == esquery.LevelFailure {
			ends = fmt.Sprintf(" (%d)", s.ExitCode())
		}
		do := strings.ReplaceAll(s.Do, "{on}", "…")
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s%s | %s | %s |\n", s.Name, s.Check, s.Level, ends, s.Costs, do))
	}
	return rows
}

func commandRows() (rows []string) {
	for _, c := range commands() {
		rows = append(rows, fmt.Sprintf("| `postweave %s` | %s |\n", c.name, c.summary))
	}
	return rows
}

func settingRows() (rows []string) {
	for _, s := range allSettings() {
		row := helpRow(s.key)
		value := ""
		if row.byDefault != "" {
			value = "`" + row.byDefault + "`"
		}
		rows = append(rows, strings.ReplaceAll(fmt.Sprintf("| `%s` | %s | %s |\n", s.variable(), value, row.text), "|  |", "| |"))
	}
	return rows
}

func exitRows() (rows []string) {
	for _, e := range exitCodes {
		rows = append(rows, fmt.Sprintf("| %d | %s |\n", e.code, e.meaning))
	}
	return rows
}

// TestReadmeExample holds the example at README's top to what comes out of its
// lines.
func TestReadmeExample(t *testing.T) {
	log := filepath.Join(t.TempDir(), "mail.log")
	if err := os.WriteFile(log, []byte(readmeBlock(t, "lines")), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := merged(t, log, "table"), readmeBlock(t, "table"); got != want {
		t.Errorf("the table is\n%swant\n%s", got, want)
	}
	var whole, part any
	if err := json.Unmarshal([]byte(merged(t, log, "ndjson")), &whole); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(readmeBlock(t, "document")), &part); err != nil {
		t.Fatal(err)
	}
	if where := missing(whole, part, ""); where != "" {
		t.Errorf("the document has another %s", where)
	}
}

// TestReadmeTimeline holds the timeline at README's top to the same lines. With -update it is written anew.
func TestReadmeTimeline(t *testing.T) {
	log := filepath.Join(t.TempDir(), "mail.log")
	if err := os.WriteFile(log, []byte(readmeBlock(t, "lines")), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if code := run(context.Background(), []string{"trace", "-f", log, "--year", "2026", "--show", "C9E7A98634E"}, nil, &stdout, &stderr, nil); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	got, lines, found := strings.Cut(stdout.String(), "\nLog, 8 lines\n")
	if !found || strings.Count(lines, "\n") != 8 {
		t.Fatalf("the log is missing:\n%s", stdout.String())
	}
	want := readmeBlock(t, "timeline")
	if got == want {
		return
	}
	if !*update {
		t.Fatalf("the timeline is\n%swant\n%s", got, want)
	}
	const fence = "<!-- example: timeline -->\n```\n"
	if err := os.WriteFile(readmePath, []byte(strings.Replace(readme(t), fence+want, fence+got, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

func merged(t *testing.T, log, output string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(context.Background(), []string{"merge", "--year", "2026", "-o", output, log}, nil, &stdout, &stderr, nil); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	return stdout.String()
}

// missing names the first place where part is no part of whole, or nothing.
func missing(whole, part any, at string) string {
	switch p := part.(type) {
	case map[string]any:
		w, ok := whole.(map[string]any)
		if !ok {
			return at
		}
		for name, value := range p {
			if where := missing(w[name], value, at+"."+name); where != "" {
				return where
			}
		}
	case []any:
		w, ok := whole.([]any)
		if !ok || len(w) != len(p) {
			return at
		}
		for i := range p {
			if where := missing(w[i], p[i], fmt.Sprintf("%s[%d]", at, i)); where != "" {
				return where
			}
		}
	default:
		if !reflect.DeepEqual(whole, part) {
			return at
		}
	}
	return ""
}

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(readmePath)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// readmeBlock is the code block that follows a comment of that name.
func readmeBlock(t *testing.T, name string) string {
	t.Helper()
	_, rest, found := strings.Cut(readme(t), "<!-- example: "+name+" -->\n```")
	_, rest, opened := strings.Cut(rest, "\n")
	block, _, closed := strings.Cut(rest, "```\n")
	if !found || !opened || !closed {
		t.Fatalf("README.md has no example %q", name)
	}
	return block
}
