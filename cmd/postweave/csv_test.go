package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func csvOf(t *testing.T, rows ...messageRow) string {
	t.Helper()
	var out bytes.Buffer
	p := newPrinter(outputCSV, &out)
	for _, r := range rows {
		if err := p.print(fakeDocument{r}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestCSV(t *testing.T) {
	got := csvOf(t, messageRow{
		Time: time.Date(2026, 11, 1, 6, 25, 1, 250_000_000, time.FixedZone("", 3600)), Status: "sent",
		From: "<>", To: slices.Repeat([]string{"a@example.com"}, shownRecipients+1),
		Subject: `say "hello", world`, Client: "mx.example.org", Host: "mx1", QueueID: "4bXyz12345zAbC",
	})
	want := "time,status,from,to,subject,client,host,queue_id\n" +
		`2026-11-01T05:25:01.25Z,sent,<>,"` + strings.Repeat("a@example.com, ", shownRecipients) + `a@example.com","say ""hello"", world",mx.example.org,mx1,4bXyz12345zAbC` + "\n"
	if got != want {
		t.Errorf("have %q\nwant %q", got, want)
	}
	if got := csvOf(t); got != "time,status,from,to,subject,client,host,queue_id\n" {
		t.Errorf("without a message: %q", got)
	}
}

func TestJourneyCSV(t *testing.T) {
	var out bytes.Buffer
	p := newJourneyCSV(&out)
	for _, s := range []journeyStep{
		{Journey: 1, document: fakeDocument{messageRow{Subject: "-1"}}},
		{Journey: 1, Depth: 2, Relation: "next_server", document: fakeDocument{}},
	} {
		if err := p.print(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	want := "journey,depth,relation,time,status,from,to,subject,client,host,queue_id\n" +
		"1,0,,0001-01-01T00:00:00Z,,,,'-1,,,\n1,2,next_server,0001-01-01T00:00:00Z,,,,,,,\n"
	if out.String() != want {
		t.Errorf("have %q\nwant %q", out.String(), want)
	}
}

func TestCSVCell(t *testing.T) {
	for in, want := range map[string]string{
		"":                    "",
		"Re: offer":           "Re: offer",
		"=cmd|'/c calc'!A1":   "'=cmd|'/c calc'!A1",
		"+1":                  "'+1",
		"-1":                  "'-1",
		"@SUM(A1:A9)":         "'@SUM(A1:A9)",
		"  =1":                "'  =1",
		"\t=1":                `'\t=1`,
		"\r=1":                `'\r=1`,
		"\n=1":                `'\n=1`,
		"\x00=1":              `'\x00=1`,
		"\uff1d1+1":           "'\uff1d1+1",
		"\uff0b1":             "'\uff0b1",
		"\uff0d1":             "'\uff0d1",
		"\uff20SUM":           "'\uff20SUM",
		"a\r\nb\u2028c":       `a\r\nb\u2028c`,
		"\x1b[2J\u202e\u200b": `\x1b[2J\u202e\u200b`,
		"caf\xe9":             `caf\xe9`,
		"a;=1;b; +2;\"=3":     "a;'=1;b;' +2;'\"=3",
		"1=2+3":               "1=2+3",
		`DOMAIN\user`:         `DOMAIN\user`,
	} {
		if got := csvCell(in); got != want {
			t.Errorf("csvCell(%q) = %q, want %q", in, got, want)
		}
	}
}

// dangerous tells what a spreadsheet might take for a formula, by a rule of its own.
func dangerous(cell string) bool {
	first := []rune(strings.TrimLeft(cell, " \t\r\n\x00") + " ")[0]
	return strings.ContainsRune("=+-@＝＋－＠", first) || strings.HasPrefix(cell, "\t") || strings.HasPrefix(cell, "\r")
}

// Whatever stands in a mail, who reads it back has a row for each message and as many cells as there
// are names; no cell is a formula, holds a line break or is one that cannot be seen.
func TestCSVReadBack(t *testing.T) {
	random := rand.New(rand.NewPCG(6, 24))
	pieces := []string{
		"=", "+", "-", "@", "\t", "\r", "\n", "\x00", "＝", "＋", "－", "＠", `"`, `""`, ",", ";", "'", " ", "a", "é", "\xff", "\x1b[31m", "\u009b",
		"\u202e", "\u2028", "\u200b", "\ufeff", `\.`, "#", "世界", "=cmd|'/c calc'!A1", "\"\n\"", "\U000e0041",
	}
	cell := func() string {
		var b strings.Builder
		for range random.IntN(8) {
			b.WriteString(pieces[random.IntN(len(pieces))])
		}
		return b.String()
	}
	var rows []messageRow
	for range 3000 {
		rows = append(rows, messageRow{Status: cell(), From: cell(), To: []string{cell(), cell()}, Subject: cell(), Client: cell(), Host: cell(), QueueID: cell()})
	}
	out := csvOf(t, rows...)
	if lines := strings.Count(out, "\n"); lines != len(rows)+1 {
		t.Fatalf("%d lines for %d messages", lines, len(rows))
	}
	read, err := csv.NewReader(strings.NewReader(out)).ReadAll() // as many cells in each row, or an error
	if err != nil || len(read) != len(rows)+1 || len(read[0]) != len(csvColumns()) {
		t.Fatalf("%d rows, %v", len(read), err)
	}
	for i, row := range read[1:] {
		for _, cell := range row {
			if dangerous(cell) || strings.ContainsFunc(cell, unsafeRune) {
				t.Fatalf("row %d: %q", i, cell)
			}
		}
		if want := visible(rows[i].Subject); strings.ReplaceAll(row[4], "'", "") != strings.ReplaceAll(want, "'", "") {
			t.Fatalf("row %d: subject %q, want %q", i, row[4], want)
		}
	}
	for _, row := range strings.Split(out, "\n")[1:] {
		for _, cell := range strings.Split(row, ";") { // as a spreadsheet set to semicolons has it
			if dangerous(strings.TrimLeft(cell, `"`)) {
				t.Fatalf("by semicolons: %q", cell)
			}
		}
	}
}

func TestCSVOnAFullDisk(t *testing.T) {
	p := newCSVPrinter(fullDisk{})
	if err := errors.Join(p.print(fakeDocument{}), p.close()); err == nil {
		t.Error("no error")
	}
}

// A hundred thousand recipients are one row.
func TestCSVOfManyRecipients(t *testing.T) {
	to := make([]string, 100_000)
	for i := range to {
		to[i] = fmt.Sprintf("u%d@example.com", i)
	}
	read, err := csv.NewReader(strings.NewReader(csvOf(t, messageRow{To: to}))).ReadAll()
	if err != nil || len(read) != 2 || strings.Count(read[1][3], "@") != len(to) {
		t.Errorf("%d rows, %v", len(read), err)
	}
}
