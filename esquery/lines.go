package esquery

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postweave/postweave/worker/message"
	"github.com/postweave/postweave/worker/postlog"
)

// decoded is one raw document in its parts.
type decoded struct {
	host string
	line message.Line
	// ids and hosts are how many different values the aggregation saw: it counts a
	// document once for each pair.
	ids, hosts int
}

// lineDecoder reads raw documents, one after the other, going through each once.
// Fields may be arrays, where a shipper or a filter ran twice, and dots in a name may be levels or not.
type lineDecoder struct {
	names []string          // of the fields, each once
	known map[string]member // what a name, with all levels above it, is
	found []place           // of the names in the present document
	// Each part's names in the order in which they are tried, as places in names.
	host, program, pid, text, time []int
	// The fields that the aggregation counts by, as places in names; -1 where it has none.
	countedHost, countedID int

	// The same servers, programs and times come again and again, process ids nearly so.
	kept      map[string]string
	lastStamp string
	lastTime  time.Time
	one       [1]string
	texts     strings.Builder // see text
}

// member is what a member of a document is: the value of a field, a level above one, or both.
type member struct {
	at    int // among the names, -1 where it is no field
	above bool
}

// place is a field's value as it stands, and how many levels down it was found.
// A name that is there both as one key and as levels counts as one key.
type place struct {
	raw   []byte
	level int
}

// maxKept bounds the texts that a decoder keeps.
const maxKept = 1 << 14

func newLineDecoder(f *fields) *lineDecoder {
	d := &lineDecoder{kept: make(map[string]string)}
	l := &f.layout
	d.host, d.program = d.places(l.Host), d.places(l.Program)
	d.pid, d.text, d.time = d.places(l.PID), d.places(l.Text), d.places(l.Time)
	d.countedHost, d.countedID = -1, -1
	if f.aggregated() {
		d.countedHost, d.countedID = d.places([]string{f.hostName})[0], d.places([]string{f.queueIDName})[0]
	}
	d.found = make([]place, len(d.names))
	d.known = make(map[string]member)
	for i, name := range d.names {
		m := d.known[name]
		d.known[name] = member{i, m.above}
		for dot, c := range name {
			if c != '.' {
				continue
			}
			m, known := d.known[name[:dot]]
			if !known {
				m.at = -1
			}
			d.known[name[:dot]] = member{m.at, true}
		}
	}
	return d
}

// places adds names and returns where they are. Parts may share a field.
func (d *lineDecoder) places(part []string) []int {
	at := make([]int, len(part))
	for i, name := range part {
		at[i] = slices.Index(d.names, name)
		if at[i] < 0 {
			at[i] = len(d.names)
			d.names = append(d.names, name)
		}
	}
	return at
}

// decode reads one document. ok is false where a part is missing that nothing
// can be done without.
func (d *lineDecoder) decode(source []byte) (out decoded, ok bool) {
	out, ok, _ = d.decodeNext(&scanner{b: source})
	return out, ok
}

// decodeNext reads the document that comes next. whole is false where there is none.
func (d *lineDecoder) decodeNext(s *scanner) (out decoded, ok, whole bool) {
	clear(d.found)
	if !d.look(s, "", 0) {
		return out, false, false
	}
	out.hosts, out.ids = d.count(d.countedHost, ""), d.count(d.countedID, "NOQUEUE")
	out.host = last(d.read(d.host, d.keep))
	programs := d.read(d.program, d.keep)
	out.line.Program = first(programs)
	moved := ""
	if len(programs) > 1 && postlog.ValidQueueID(programs[1]) {
		moved = programs[1]
	}
	out.line.PID = first(d.read(d.pid, d.keep))
	out.line.Text = last(d.read(d.text, d.texted)) // the stripped text comes after the whole line
	stripHeader(&out.line)
	if moved != "" {
		if id, noqueue := postlog.LeadingQueueID(out.line.Text); id == "" && !noqueue {
			// A filter took "ID:" for one more program and off the text: ["postfix/smtp", "ID"], " to=<…".
			out.line.Text = moved + ": " + strings.TrimPrefix(out.line.Text, " ")
		}
	}
	stamp, good := d.parseTime(first(d.read(d.time, d.keep)))
	out.line.Time = stamp
	return out, good && out.host != "" && out.line.Text != "", true
}

// stripHeader takes off a syslog header where the text is a whole line of the
// program. No program's own words begin like that.
func stripHeader(l *message.Line) {
	if !mayBeWhole(l.Text) {
		return
	}
	const anyYear = 2000 // a leap year: the stamp is not used
	whole, err := postlog.ParseLine(l.Text, anyYear, time.UTC)
	if err != nil || whole.Program != l.Program {
		return
	}
	l.Text = whole.Text
	if l.PID == "" {
		l.PID = whole.PID
	}
}

// mayBeWhole looks at the first bytes for a priority or a stamp, since nearly no
// text is a whole line.
func mayBeWhole(s string) bool {
	const least = len("Nov  2 01:29:04 h p:")
	return len(s) >= least && (s[0] == '<' || s[3] == ' ' && s[6] == ' ' && s[9] == ':' || s[4] == '-' && s[7] == '-' && s[10] == 'T')
}

// look goes through an object and notes where the named fields are. prefix is the
// object's own name with a dot.
func (d *lineDecoder) look(s *scanner, prefix string, level int) bool {
	return s.members(func(name []byte) bool {
		at, above := d.match(prefix, name)
		if above && s.next() == '{' {
			return d.look(s, prefix+string(name)+".", level+1)
		}
		raw, ok := s.value()
		if at >= 0 && (d.found[at].raw == nil || d.found[at].level >= level) {
			d.found[at] = place{raw, level}
		}
		return ok
	})
}

// match finds the name that prefix and name make, or -1, and tells whether
// another one lies below it.
func (d *lineDecoder) match(prefix string, name []byte) (at int, above bool) {
	var m member
	var known bool
	if prefix == "" {
		m, known = d.known[string(name)]
	} else {
		m, known = d.known[prefix+string(name)]
	}
	if !known {
		return -1, false
	}
	return m.at, m.above
}

// read returns the values of the first of a part's fields that the document
// has. They are good until the next call.
func (d *lineDecoder) read(part []int, decode func([]byte) (string, bool)) []string {
	for _, i := range part {
		raw := d.found[i].raw
		if len(raw) > 0 && raw[0] == '"' { // mostly
			text, ok := decode(raw)
			if !ok {
				continue
			}
			d.one[0] = text
			return d.one[:]
		}
		if v := values(raw); len(v) > 0 {
			return v
		}
	}
	return nil
}

// count counts the different values of a field but one. What they are is not
// needed: the text says it.
func (d *lineDecoder) count(at int, but string) int {
	if at < 0 {
		return 0
	}
	raw := d.found[at].raw
	if n := len(raw); n > 1 && raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 {
		if string(raw[1:n-1]) == but {
			return 0
		}
		return 1
	}
	return distinct(values(raw), but)
}

// keep decodes a string that is likely to come again.
func (d *lineDecoder) keep(raw []byte) (string, bool) {
	if text, ok := d.kept[string(raw)]; ok {
		return text, true
	}
	text, ok := unquote(raw)
	if ok {
		if len(d.kept) >= maxKept {
			clear(d.kept)
		}
		d.kept[string(raw)] = text
	}
	return text, ok
}

// textBlock is how much memory texts get at a time, in bytes. Many share one: a slice has a hundred thousand of them, and
// each by itself would be a piece for the collector to look at.
const textBlock = 16 << 10

// texted decodes a string that comes once. It stays good, and keeps its block.
func (d *lineDecoder) texted(raw []byte) (string, bool) {
	inner := raw[1 : len(raw)-1]
	if len(inner) > textBlock/4 || bytes.IndexByte(inner, '\\') >= 0 || !utf8.Valid(inner) {
		return unquote(raw)
	}
	if d.texts.Cap()-d.texts.Len() < len(inner) {
		d.texts = strings.Builder{}
		d.texts.Grow(textBlock)
	}
	begin := d.texts.Len()
	d.texts.Write(inner)
	return d.texts.String()[begin:], true
}

func (d *lineDecoder) parseTime(text string) (time.Time, bool) {
	if text == d.lastStamp && text != "" {
		return d.lastTime, true
	}
	t, ok := parseTime(text)
	if ok {
		d.lastStamp, d.lastTime = text, t
	}
	return t, ok
}

// values reads a string, a number, or an array of them. What is none of these
// is left out.
func values(raw []byte) []string {
	s := scanner{b: raw}
	switch s.next() {
	case '"':
		if text, ok := s.text(); ok {
			if v, ok := unquote(text); ok {
				return []string{v}
			}
		}
	case '[':
		var out []string
		if s.elements(func() bool {
			raw, ok := s.value()
			out = append(out, values(raw)...)
			return ok
		}) {
			return out
		}
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		if number, ok := s.value(); ok {
			return []string{string(number)}
		}
	}
	return nil
}

func first(v []string) string {
	if len(v) == 0 {
		return ""
	}
	return v[0]
}

func last(v []string) string {
	if len(v) == 0 {
		return ""
	}
	return v[len(v)-1]
}

// distinct counts the different values but one.
func distinct(v []string, but string) int {
	n := 0
	for i, s := range v {
		if s == but {
			continue
		}
		seen := false
		for _, t := range v[:i] {
			seen = seen || t == s
		}
		if !seen {
			n++
		}
	}
	return n
}

// parseTime reads a date as Logstash and others write it: RFC 3339, or
// milliseconds since 1970.
func parseTime(s string) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t.UTC(), true
	}
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil && ms > 0 && ms < 253402300799000 {
		return time.UnixMilli(ms).UTC(), true
	}
	for _, layout := range [...]string{"2006-01-02T15:04:05.999999999Z0700", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
