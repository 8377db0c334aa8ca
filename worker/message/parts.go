package message

import (
	"bytes"
	"hash/fnv"
	"strconv"
	"time"
)

// Bounds on the log that a document carries itself. Elasticsearch takes
// documents of up to 100 MB, but reads and writes each as a whole.
const (
	DefaultLogLines = 10_000
	maxLogBytes     = 8 << 20
)

// uncut, as a document's bound, keeps its log in one piece.
const uncut = -1

// lineBytes is about what a line takes in JSON beside its text.
const lineBytes = 96

// parts is how many pieces the document's log is cut into: one as long as it
// fits the bounds, else the power of two at which pieces are filled to half of them at most. Each line's hash
// tells its piece, so that a further line changes one piece only, and a hash spreads evenly enough for none to
// come near the bounds.
func (d *Document) parts() int {
	most := d.maxLogLines
	switch most {
	case 0:
		most = DefaultLogLines
	case uncut:
		return 1
	}
	if len(d.Log) <= min(most, maxLogBytes/(MaxLine+lineBytes)) {
		return 1
	}
	size := 0
	for i := range d.Log {
		size += len(d.Log[i].Text) + len(d.Log[i].Program) + lineBytes
	}
	if len(d.Log) <= most && size <= maxLogBytes {
		return 1
	}
	n := 2
	for len(d.Log) > n*most/2 || size > n*maxLogBytes/2 {
		n *= 2
	}
	return n
}

// Long tells whether the document's log is cut into pieces.
func (d *Document) Long() bool { return d.parts() > 1 }

// place is the piece that a line belongs to.
func (l *Line) place(parts int) int {
	h := fnv.New64a()
	for _, s := range [...]string{l.Time.UTC().Format(time.RFC3339Nano), l.Program, l.PID, l.Text} {
		_, _ = h.Write([]byte(s))
		_, _ = h.Write([]byte{0})
	}
	// The low bits of FNV hang on the low bits of each byte, and a number that stands in a line
	// twice cancels itself in them: mix the upper ones in.
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return int(x % uint64(parts)) //nolint:gosec // less than parts
}

// Part is a piece of a long log beyond the first, which the document carries
// itself.
type Part struct {
	ID    string // the document's, a dot and N
	N     int    // from 1
	Lines []Line
	doc   *Document
}

// Parts cuts the document's log. It returns the pieces beyond the first; nil
// where there is one only.
func (d *Document) Parts() []Part {
	n := d.parts()
	if n == 1 {
		return nil
	}
	parts := make([]Part, n-1)
	for i := range parts {
		parts[i] = Part{ID: PartID(d.ID, i+1), N: i + 1, doc: d}
	}
	for i := range d.Log {
		if at := d.Log[i].place(n); at > 0 {
			parts[at-1].Lines = append(parts[at-1].Lines, d.Log[i])
		}
	}
	return parts
}

// PartID is the _id of a piece of a document's log.
func PartID(document string, n int) string { return document + "." + strconv.Itoa(n) }

// AppendJSON appends the piece as a document of its own.
func (p *Part) AppendJSON(b []byte) []byte {
	w := writer{b: append(b, '{')}
	w.str(`"document":`, p.doc.ID)
	w.begin(`"host":`, '{')
	w.str(`"name":`, p.doc.Host)
	w.end('}')
	w.str(`"queue_id":`, p.doc.QueueID)
	w.int(`"part":`, int64(p.N))
	writeLines(&w, p.Lines, false)
	w.int(`"schema":`, Schema)
	return w.whole()
}

// With is the piece with further lines, in canonical order and each once.
func (p *Part) With(lines []Line) Part {
	q := *p
	q.Lines = nil
	facts := read(append(append(make([]Line, 0, len(p.Lines)+len(lines)), p.Lines...), lines...), "", new(factBuffer))
	for i := range facts {
		q.Lines = append(q.Lines, facts[i].Line)
	}
	return q
}

// firstPiece returns the lines that the document carries itself, of so many
// pieces.
func (d *Document) firstPiece(parts int) []Line {
	if parts == 1 {
		return d.Log
	}
	var first []Line
	for i := range d.Log {
		if d.Log[i].place(parts) == 0 {
			first = append(first, d.Log[i])
		}
	}
	return first
}

func writeLog(w *writer, first []Line, others int, plain bool) {
	writeLines(w, first, plain)
	if others > 0 {
		w.int(`"log_parts":`, int64(others))
	}
}

// writeLines writes lines, which take most of a document's bytes.
//
// plain tells that they stand for themselves.
func writeLines(w *writer, lines []Line, plain bool) {
	if len(lines) == 0 {
		return
	}
	w.begin(`"log":`, '[')
	for i := range lines {
		l := &lines[i]
		if plain && l.Program != "" && l.PID != "" && l.Text != "" && !l.Time.IsZero() {
			w.line(l)
			continue
		}
		w.b = append(w.b, '{')
		w.time(`"time":`, l.Time)
		w.str(`"program":`, l.Program)
		w.str(`"pid":`, l.PID)
		w.str(`"text":`, l.Text)
		w.end('}')
	}
	w.end(']')
}

// AppendPassingJSON is AppendJSON with further lines in the log, which the
// document is about to lose to others, and with as many parts as any reader may have to look at. It is what a
// writer puts down for a moment, so that each line is in at least one place.
func (d *Document) AppendPassingJSON(b []byte, further []Line, others int) []byte {
	n := d.parts()
	first := Part{Lines: d.firstPiece(n)}
	first = first.With(further)
	passing := *d
	passing.plainLog = false // of its own lines alone is it known
	return passing.appendJSON(b, first.Lines, max(n-1, others))
}

// StoredParts returns how many pieces of a document's log are stored beside
// it, as its JSON says.
func StoredParts(source []byte) int {
	const name = `"log_parts":`
	tail := source[max(0, len(source)-80):]
	i := bytes.LastIndex(tail, []byte(name))
	if i < 0 {
		return 0
	}
	tail = tail[i+len(name):]
	end := bytes.IndexByte(tail, ',')
	if end < 0 {
		return 0
	}
	n, err := strconv.Atoi(string(tail[:end]))
	if err != nil || n < 0 {
		return 0
	}
	return n
}
