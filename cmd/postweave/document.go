package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
)

// document is a message as merge and trace print it.
type document interface {
	// AppendJSON appends the canonical bytes, without line end.
	AppendJSON(dst []byte) []byte
	// Row is called for tables only.
	Row() messageRow
}

// messageRow is what a table shows of a message. The text comes from the mail,
// as it is: the table makes it safe.
type messageRow struct {
	Time    time.Time // arrival
	From    string    // "<>" for the null sender
	To      []string
	Subject string
	Status  string
	Client  string // host name or address that handed it in
	Host    string
	QueueID string // empty in a reject
}

// printer writes documents one after another; close writes what is left.
type printer interface {
	print(document) error
	close() error
}

// newPrinter makes the printer of an output that -o names: "ndjson", "table" or "csv".
func newPrinter(output string, w io.Writer) printer {
	switch output {
	case outputTable:
		return newTablePrinter(w)
	case outputCSV:
		return newCSVPrinter(w)
	}
	return newJSONPrinter(w)
}

// The values of -o.
const (
	outputJSON  = "ndjson"
	outputTable = "table"
	outputCSV   = "csv"
)

// settleOutput joins -o and --json; without either the output is byDefault.
func settleOutput(output *string, asJSON bool, byDefault string) error {
	switch {
	case asJSON && *output != "" && *output != outputJSON:
		return fmt.Errorf("--json and -o %s contradict each other", *output)
	case asJSON:
		*output = outputJSON
	case *output == "":
		*output = byDefault
	}
	return nil
}

// outputBuffer is large enough that writing is no part of merge's cost.
const outputBuffer = 256 << 10

// jsonPrinter writes one document a line: its very bytes, save on a terminal,
// where the same values are written with escapes.
type jsonPrinter struct {
	out      *bufio.Writer
	line     []byte
	terminal bool
}

func newJSONPrinter(w io.Writer) *jsonPrinter {
	return &jsonPrinter{out: bufio.NewWriterSize(w, outputBuffer), terminal: isTerminal(w)}
}

func (p *jsonPrinter) print(d document) error {
	p.line = append(d.AppendJSON(p.line[:0]), '\n')
	return p.printLines(p.line)
}

// printLines writes documents that are JSON already, each with a line feed behind it.
func (p *jsonPrinter) printLines(documents []byte) error {
	if p.terminal {
		documents = escapeJSON(documents)
	}
	return writeResult(p.out, documents)
}

func (p *jsonPrinter) close() error {
	if err := p.out.Flush(); err != nil {
		return fmt.Errorf("cannot write the results: %w", err)
	}
	return nil
}

// tablePrinter writes a table for people. On a terminal its rows fit the
// window; in a pipe nothing is cut.
type tablePrinter struct {
	out   *bufio.Writer
	table *table
}

func newTablePrinter(w io.Writer) *tablePrinter {
	out := bufio.NewWriterSize(w, outputBuffer)
	t := newTable(out, terminalWidth(w), messageColumns()...)
	t.colour = coloured(w)
	return &tablePrinter{out: out, table: t}
}

func (p *tablePrinter) print(d document) error { return p.table.row(d.Row().cells()...) }

// messageColumns are the columns of the cells of a [messageRow].
func messageColumns() []column {
	return []column{
		{title: "TIME", fixed: true},
		{title: "STATUS", fixed: true, status: true},
		{title: "FROM"},
		{title: "TO"},
		{title: "SUBJECT"},
		{title: "CLIENT"},
		{title: "HOST"},
		{title: "QUEUE ID", fixed: true},
	}
}

func (r messageRow) cells() []string {
	return []string{r.Time.UTC().Format("2006-01-02 15:04:05"), r.Status, r.From, recipientsCell(r.To), r.Subject, r.Client, r.Host, r.QueueID}
}

func (p *tablePrinter) close() error {
	if err := p.table.flush(); err != nil {
		return err
	}
	if err := p.out.Flush(); err != nil {
		return fmt.Errorf("cannot write the results: %w", err)
	}
	return nil
}

// shownRecipients are the most that one row names; JSON has them all.
const shownRecipients = 20

func recipientsCell(to []string) string {
	if len(to) <= shownRecipients {
		return strings.Join(to, ", ")
	}
	return fmt.Sprintf("%s and %s more", strings.Join(to[:shownRecipients], ", "), thousands(int64(len(to)-shownRecipients)))
}
