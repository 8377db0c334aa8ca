package main

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// csvPrinter writes comma-separated values (RFC 4180, save that a line feed alone
// ends a line): a line of names, and one line for each document. The columns are those of the table, with whole times and every recipient.
type csvPrinter struct {
	out   *bufio.Writer
	rows  *csv.Writer
	names []string // until they are written
}

func newCSVPrinter(w io.Writer) *csvPrinter {
	out := bufio.NewWriterSize(w, outputBuffer)
	return &csvPrinter{out: out, rows: csv.NewWriter(out), names: csvColumns()}
}

func csvColumns() []string {
	return []string{"time", "status", "from", "to", "subject", "client", "host", "queue_id"}
}

func (r messageRow) csvCells() []string {
	return []string{r.Time.UTC().Format(time.RFC3339Nano), r.Status, r.From, strings.Join(r.To, ", "), r.Subject, r.Client, r.Host, r.QueueID}
}

func (p *csvPrinter) print(d document) error { return p.row(d.Row().csvCells()...) }

// row writes cells of any bytes.
func (p *csvPrinter) row(cells ...string) error {
	if err := p.head(); err != nil {
		return err
	}
	for i := range cells {
		cells[i] = csvCell(cells[i])
	}
	return csvError(p.rows.Write(cells))
}

// head writes the names, once, also where no document follows: who reads the
// output by name gets an empty list and not an error.
func (p *csvPrinter) head() error {
	if p.names == nil {
		return nil
	}
	err := p.rows.Write(p.names)
	p.names = nil
	return csvError(err)
}

func (p *csvPrinter) close() error {
	if err := p.head(); err != nil {
		return err
	}
	p.rows.Flush()
	if err := p.rows.Error(); err != nil {
		return csvError(err)
	}
	return csvError(p.out.Flush())
}

func csvError(err error) error {
	if err != nil {
		return fmt.Errorf("cannot write the results: %w", err)
	}
	return nil
}

// csvCell makes text from a mail safe for a spreadsheet as well as for the eye:
// what cannot be seen is escaped as in a table, so that a message is one line, and what a
// spreadsheet would take for a formula gets an apostrophe in front. Quoting alone does not help:
// programs take the quotes off before they look.
//
// A spreadsheet that is set to semicolons, as in countries with a decimal comma, begins a cell
// at each of them, within our quotes too, and reads a quote behind it as its own. So the
// apostrophe stands there as well.
func csvCell(s string) string {
	var b strings.Builder
	if formula(s) {
		b.WriteByte('\'')
	}
	s = visible(s)
	for {
		cell, rest, more := strings.Cut(s, ";")
		b.WriteString(cell)
		if !more {
			return b.String()
		}
		b.WriteByte(';')
		if formula(strings.TrimLeft(rest, ` "`)) {
			b.WriteByte('\'')
		}
		s = rest
	}
}

// formula tells a text whose first character beside spaces makes some spreadsheet calculate,
// full-width forms included, or is skipped by one on the way to such a character.
func formula(s string) bool {
	s = strings.TrimLeft(s, " ")
	first, size := utf8.DecodeRuneInString(s)
	switch first {
	case '=', '+', '-', '@', '\t', '\r', '\n', 0, '\uff1d', '\uff0b', '\uff0d', '\uff20':
		return size > 0
	}
	return false
}

// csvText is what the help of the commands with -o csv says.
const csvText = `one line for each message, with a line
of names in front, RFC 3339 times and all recipients. What cannot be seen stands there as in the
table (\x1b, \n), and a cell that a spreadsheet would take for a formula begins with an
apostrophe; JSON has the exact text.`
