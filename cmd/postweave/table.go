package main

import (
	"io"
	"strings"

	"github.com/rivo/uniseg"
)

// column describes one column of a table. Fixed columns (times, queue ids) are
// worth nothing when cut and are never narrowed.
type column struct {
	title  string
	fixed  bool
	status bool // holds a status, which has a colour
}

// table prints rows in aligned columns. The widths come from the first
// sampleRows rows, so that memory is bounded and output starts early; in a
// pipe a longer cell that comes later moves the rest of its row, on a terminal
// it is cut. Cells are counted in terminal columns: text/tabwriter counts
// runes, and would misalign every CJK subject.
type table struct {
	out     io.Writer
	columns []column
	limit   int  // columns of the terminal; 0: cells are never cut
	colour  bool // of statuses
	widths  []int
	waiting [][]string
	started bool
}

const (
	sampleRows   = 256
	columnGap    = "  "
	narrowest    = 8  // a column is not narrowed below this
	widestInPipe = 60 // no column is padded beyond this in a pipe
)

// newTable makes a table for out; width is the terminal's, or 0 for none.
func newTable(out io.Writer, width int, columns ...column) *table {
	return &table{out: out, columns: columns, limit: width}
}

// row adds one row: as many cells as there are columns, in any bytes.
func (t *table) row(cells ...string) error {
	safe := make([]string, len(cells))
	for i, c := range cells {
		safe[i] = visible(c)
	}
	if t.started {
		return t.write(safe)
	}
	t.waiting = append(t.waiting, safe)
	if len(t.waiting) >= sampleRows {
		return t.flush()
	}
	return nil
}

// flush writes what is waiting; a table without rows writes nothing.
func (t *table) flush() error {
	if t.started || len(t.waiting) == 0 {
		return nil
	}
	t.started = true
	t.settleWidths()
	titles := make([]string, len(t.columns))
	for i, c := range t.columns {
		titles[i] = c.title
	}
	if err := t.write(titles); err != nil {
		return err
	}
	for _, cells := range t.waiting {
		if err := t.write(cells); err != nil {
			return err
		}
	}
	t.waiting = nil
	return nil
}

// settleWidths takes the widest cell of each column, then narrows the widest
// columns until the row fits the terminal.
func (t *table) settleWidths() {
	t.widths = make([]int, len(t.columns))
	for i, c := range t.columns {
		t.widths[i] = uniseg.StringWidth(c.title)
		for _, cells := range t.waiting {
			t.widths[i] = max(t.widths[i], uniseg.StringWidth(cells[i]))
		}
		if t.limit == 0 && !c.fixed {
			t.widths[i] = min(t.widths[i], widestInPipe)
		}
	}
	if t.limit == 0 {
		return
	}
	for t.total() > t.limit {
		widest := -1
		for i, w := range t.widths {
			if !t.columns[i].fixed && w > narrowest && (widest < 0 || w > t.widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return // a narrow window: let it wrap rather than show nothing
		}
		t.widths[widest]--
	}
}

func (t *table) total() int {
	sum := len(columnGap) * (len(t.widths) - 1)
	for _, w := range t.widths {
		sum += w
	}
	return sum
}

func (t *table) write(cells []string) error {
	var b strings.Builder
	for i, cell := range cells {
		if t.limit > 0 {
			cell = cut(cell, t.widths[i])
		}
		if t.colour && t.columns[i].status {
			b.WriteString(paint(cell, statusColour(cell)))
		} else {
			b.WriteString(cell)
		}
		if i < len(cells)-1 {
			b.WriteString(strings.Repeat(" ", max(0, t.widths[i]-uniseg.StringWidth(cell))))
			b.WriteString(columnGap)
		}
	}
	return writeResult(t.out, []byte(strings.TrimRight(b.String(), " ")+"\n"))
}

// cut shortens text to a number of terminal columns, between characters as
// people see them, with an ellipsis for what is missing.
func cut(s string, width int) string {
	if uniseg.StringWidth(s) <= width {
		return s
	}
	var b strings.Builder
	used, state := 0, -1
	for s != "" {
		var cluster string
		var w int
		cluster, s, w, state = uniseg.FirstGraphemeClusterInString(s, state)
		if used+w > width-1 {
			break
		}
		b.WriteString(cluster)
		used += w
	}
	return b.String() + "…"
}
