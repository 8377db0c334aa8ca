package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/rivo/uniseg"
)

func TestTable(t *testing.T) {
	render := func(width int) []string {
		var out bytes.Buffer
		table := newTable(&out, width, column{title: "ID", fixed: true}, column{title: "SUBJECT"}, column{title: "TO"})
		for _, subject := range []string{"short", "\x1b[2Jgone\n", "こんにちは世界、これは長い件名です", strings.Repeat("long ", 30)} {
			if err := table.row("4bXyz12345zAbC", subject, "b@example.com"); err != nil {
				t.Fatal(err)
			}
		}
		if err := table.flush(); err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	}
	narrow := render(60)
	for _, line := range narrow {
		if uniseg.StringWidth(line) > 60 || !strings.Contains(line+"4bXyz12345zAbC", "4bXyz12345zAbC") {
			t.Errorf("row of %d columns: %s", uniseg.StringWidth(line), line)
		}
		column := strings.Index(line, "b@example.com")
		if column >= 0 && uniseg.StringWidth(line[:column]) != uniseg.StringWidth(narrow[1][:strings.Index(narrow[1], "b@example.com")]) {
			t.Errorf("out of line: %s", line)
		}
	}
	if !strings.Contains(narrow[4], "…") || !strings.Contains(narrow[2], `\x1b[2Jgone\n`) {
		t.Errorf("rows: %q", narrow)
	}
	piped := render(0)
	if !strings.Contains(piped[4], strings.TrimSpace(strings.Repeat("long ", 30))) {
		t.Errorf("a piped row is cut: %s", piped[4])
	}
}

func TestTableIsBounded(t *testing.T) {
	var out bytes.Buffer
	table := newTable(&out, 0, column{title: "N"})
	for i := range 3 * sampleRows {
		if err := table.row(fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		if len(table.waiting) > sampleRows {
			t.Fatal("rows pile up")
		}
	}
	if err := table.flush(); err != nil || strings.Count(out.String(), "\n") != 3*sampleRows+1 {
		t.Errorf("%d lines, %v", strings.Count(out.String(), "\n"), err)
	}
}

func TestEmptyTable(t *testing.T) {
	var out bytes.Buffer
	if err := newTable(&out, 80, column{title: "N"}).flush(); err != nil || out.Len() > 0 {
		t.Errorf("%q, %v", out.String(), err)
	}
}
