package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/postweave/postweave/cmd/postweave/page"
	"github.com/postweave/postweave/worker/traffic"
)

// figuresPrinter writes figures as a page, tables, JSON or CSV. Text of mails passes visible on its way into the first two and
// the last; JSON has the same text with what cannot be seen written as \uXXXX.
type figuresPrinter struct {
	o   *figuresOptions
	w   io.Writer
	out *bufio.Writer
}

func newFiguresPrinter(o *figuresOptions, w io.Writer) *figuresPrinter {
	return &figuresPrinter{o: o, w: w, out: bufio.NewWriterSize(w, outputBuffer)}
}

func (p *figuresPrinter) print(f *traffic.Figures) (err error) {
	switch p.o.Output {
	case outputText:
		err = p.text(f)
	case outputCSV:
		return p.csv(f)
	case outputObject:
		err = p.json(f)
	default:
		err = page.Write(p.out, &page.Report{
			Figures: f, Source: p.o.source(), Selection: p.o.words(), Sections: p.o.Sections, Visible: visible,
		})
	}
	if err != nil {
		return err
	}
	if err := p.out.Flush(); err != nil {
		return fmt.Errorf("cannot write the results: %w", err)
	}
	return nil
}

// tables are the sections that are shown.
func (p *figuresPrinter) tables(f *traffic.Figures) []page.Table {
	all := page.Tables(f)
	if len(p.o.Sections) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(t page.Table) bool { return !slices.Contains(p.o.Sections, t.Section) })
}

// text writes a table for each section that has anything in it; with several of them each has its title.
func (p *figuresPrinter) text(f *traffic.Figures) error {
	first := true
	for _, t := range p.tables(f) {
		if len(t.Rows) == 0 {
			continue
		}
		if len(p.o.Sections) != 1 {
			title := t.Title + "\n"
			if !first {
				title = "\n" + title
			}
			if err := writeResult(p.out, []byte(title)); err != nil {
				return err
			}
		}
		first = false
		if err := p.textTable(t); err != nil {
			return err
		}
	}
	return nil
}

func (p *figuresPrinter) textTable(t page.Table) error {
	columns := make([]column, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = column{title: strings.ToUpper(c.Title), fixed: c.Kind != page.Name && c.Kind != page.Text}
	}
	table := newTable(p.out, terminalWidth(p.w), columns...)
	for _, row := range t.Rows {
		if t.Section == "time" && !slices.ContainsFunc(row[1:], func(cell any) bool { return cell != int64(0) }) {
			continue // of a hundred steps of time most may be empty
		}
		cells := make([]string, len(row))
		for i := range row {
			cells[i] = page.Show(t.Columns[i].Kind, row[i])
		}
		if err := table.row(cells...); err != nil {
			return err
		}
	}
	if t.Others > 0 {
		cells := make([]string, len(t.Columns))
		cells[0], cells[t.Measure] = "(all others)", page.Thousands(t.Others)
		if err := table.row(cells...); err != nil {
			return err
		}
	}
	return table.flush()
}

func (p *figuresPrinter) csv(f *traffic.Figures) error {
	t := p.tables(f)[0]
	rows := newCSVPrinter(p.w)
	rows.names = rows.names[:0]
	for _, c := range t.Columns {
		rows.names = append(rows.names, c.Key)
	}
	for _, row := range t.Rows {
		cells := make([]string, len(row))
		for i := range row {
			cells[i] = page.Raw(row[i])
		}
		if err := rows.row(cells...); err != nil {
			return err
		}
	}
	return rows.close()
}

// json writes the figures as one object, with the sections that are shown.
func (p *figuresPrinter) json(f *traffic.Figures) error {
	text, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("cannot write the figures as JSON: %w", err)
	}
	if len(p.o.Sections) > 0 {
		if text, err = partOf(text, p.o.Sections); err != nil {
			return err
		}
	}
	return writeResult(p.out, append(escapeJSON(text), '\n'))
}

// always is what every JSON of figures has beside its sections.
var always = []string{"since", "until", "first", "last"}

// partOf leaves the sections that are named, and what tells the range.
func partOf(text []byte, sections []string) ([]byte, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("cannot write the figures as JSON: %w", err)
	}
	out := []byte{'{'}
	for _, name := range joined(always, page.Sections, []string{"notes"}) {
		value, there := all[strings.ReplaceAll(name, "-", "_")]
		if !there || slices.Contains(page.Sections, name) && !slices.Contains(sections, name) {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = fmt.Appendf(out, "%q:%s", strings.ReplaceAll(name, "-", "_"), value)
	}
	return append(out, '}'), nil
}
