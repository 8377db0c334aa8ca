package message

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendJSON appends the document as one JSON object, always the same bytes
// for the same document: fields in the order of the design, absent where empty.
//
// It is written out because the bytes are compared, and because reflection
// would take more time than parsing and merging together.
func (d *Document) AppendJSON(b []byte) []byte {
	n := d.parts()
	return d.appendJSON(b, d.firstPiece(n), n-1)
}

// appendJSON writes the document with a piece of its log and the number of the
// others.
func (d *Document) appendJSON(b []byte, log []Line, others int) []byte {
	w := writer{b: b}
	w.open()
	w.str("kind", d.Kind)
	w.time("@timestamp", d.Timestamp)
	w.time("first_seen", d.FirstSeen)
	w.time("last_seen", d.LastSeen)
	w.float("duration", d.LastSeen.Sub(d.FirstSeen).Seconds())
	w.object("host", func() { w.str("name", d.Host) })
	w.str("instance", d.Instance)
	w.str("queue_id", d.QueueID)
	w.str("origin", d.Origin)
	w.str("direction", d.Direction)
	w.str("from", d.From)
	w.str("from_domain", domainOf(d.From))
	w.strs("to", d.To)
	w.strs("to_domain", domainsOf(d.To))
	w.str("subject", d.Subject)
	w.strs("subjects", d.Subjects)
	w.str("search", d.searchedWords)
	w.str("message_id", d.MessageID)
	if d.HasSize {
		w.int("size", d.Size)
	}
	if d.HasNRcpt {
		w.int("nrcpt", d.NRcpt)
	}
	d.writeClient(&w)
	d.Session.writeTLS(&w)
	if d.HasUID {
		w.int("uid", d.UID)
	}
	w.str("status", d.Status)
	w.bool("complete", d.Complete)
	w.bool("open", d.Open)
	w.int("lines", int64(d.Lines))
	w.array("recipients", len(d.Recipients), func(i int) { d.Recipients[i].write(&w) })
	w.object("counts", func() { d.Counts.write(&w) })
	w.array("checks", len(d.Checks), func(i int) { d.Checks[i].write(&w) })
	d.Session.write(&w)
	w.array("links", len(d.Links), func(i int) { d.Links[i].write(&w) })
	w.strs("warnings", d.Warnings)
	w.int("unparsed", int64(d.Unparsed))
	writeLog(&w, log, others)
	w.int("schema", Schema)
	w.close()
	return w.b
}

// AppendStubJSON appends what is written in place of a document that the
// index refused: enough to find the message, its lines, and the type of the error. A later merge
// tries the whole document again.
func (d *Document) AppendStubJSON(b []byte, errorType string) []byte {
	stub := Document{
		Kind: d.Kind, Timestamp: d.Timestamp, FirstSeen: d.FirstSeen, LastSeen: d.LastSeen, Host: d.Host, QueueID: d.QueueID,
		Origin: d.Origin, Status: d.Status, Complete: d.Complete, Open: d.Open, Lines: d.Lines, Counts: d.Counts, Log: d.Log,
		Warnings: []string{WarnQuarantined, WarnQuarantined + ":" + errorType}, maxLogLines: uncut, // its parts may not be stored
	}
	return stub.AppendJSON(b)
}

func (d *Document) writeClient(w *writer) {
	if c := d.Client; c != (Client{}) {
		w.object("client", func() {
			w.str("hostname", c.Hostname)
			w.str("ip", c.IP)
			w.posInt("port", c.Port)
			w.str("helo", c.HELO)
			w.str("proto", c.Proto)
		})
	}
	if s := d.SASL; s != (SASL{}) {
		w.object("sasl", func() {
			w.str("method", s.Method)
			w.str("username", s.Username)
			w.str("sender", s.Sender)
		})
	}
}

func (r *Recipient) write(w *writer) {
	w.str("to", r.To)
	w.str("orig_to", r.OrigTo)
	w.str("domain", domainOf(r.To))
	w.str("status", r.Status)
	w.str("dsn", r.DSN)
	w.str("response", r.Response)
	w.str("transport", r.Transport)
	if r.Relay != (Relay{}) {
		w.object("relay", func() { r.Relay.write(w) })
	}
	w.str("remote_queue_id", r.QueuedAs)
	w.str("tls", r.TLS)
	w.int("attempts", int64(r.Attempts))
	w.time("first_attempt", r.FirstAttempt)
	w.time("last_attempt", r.LastAttempt)
	if r.HasDelay {
		w.float("delay", r.Delay)
	}
	if r.HasDelays {
		w.object("delays", func() {
			w.float("before_qmgr", r.Delays[0])
			w.float("in_qmgr", r.Delays[1])
			w.float("conn_setup", r.Delays[2])
			w.float("transmission", r.Delays[3])
		})
	}
	w.array("history", len(r.History), func(i int) {
		h := &r.History[i]
		w.time("time", h.Time)
		w.str("status", h.Status)
		w.str("dsn", h.DSN)
		w.str("relay", h.Relay)
		w.str("response", h.Response)
	})
}

func (r *Relay) write(w *writer) {
	w.str("hostname", r.Hostname)
	w.str("ip", r.IP)
	w.posInt("port", r.Port)
	w.str("name", r.Name)
}

func (c *Counts) write(w *writer) {
	for _, n := range [...]struct {
		name  string
		value int
	}{
		{"sent", c.Sent},
		{"deferred", c.Deferred},
		{"bounced", c.Bounced},
		{"expired", c.Expired},
		{"rejected", c.Rejected},
		{"discarded", c.Discarded},
		{"deleted", c.Deleted},
		{"held", c.Held},
		{"queued", c.Queued},
		{"total", c.Total},
	} {
		w.int(n.name, int64(n.value))
	}
}

func (c *Check) write(w *writer) {
	w.str("program", c.Program)
	w.str("action", c.Action)
	w.str("stage", c.Stage)
	w.str("text", c.Text)
	w.str("code", c.Code)
	w.str("dsn", c.DSN)
}

func (l *Link) write(w *writer) {
	w.str("rel", l.Rel)
	w.str("queue_id", l.QueueID)
	w.str("host", l.Host)
}

func (l *Line) write(w *writer) {
	w.time("time", l.Time)
	w.str("program", l.Program)
	w.str("pid", l.PID)
	w.str("text", l.Text)
}

func domainsOf(addrs []string) []string {
	var out []string
	var seen map[string]struct{} // nil while the list is short
	for _, a := range addrs {
		d := domainOf(a)
		if d == "" {
			continue
		}
		if seen == nil && len(out) > linearUpTo {
			seen = make(map[string]struct{}, 4*linearUpTo)
			for _, x := range out {
				seen[foldCase(x)] = struct{}{}
			}
		}
		if seen == nil {
			if low := foldCase(d); !slices.ContainsFunc(out, func(x string) bool { return foldCase(x) == low }) {
				out = append(out, d)
			}
			continue
		}
		if _, known := seen[foldCase(d)]; !known {
			seen[foldCase(d)] = struct{}{}
			out = append(out, d)
		}
	}
	return out
}

// StoredLines reads the lines back from a document's JSON, and its schema. An
// error means that the document is none of ours; it names no content.
func StoredLines(source []byte) (lines []Line, schema int, err error) {
	var stored struct {
		Schema int `json:"schema"`
		Log    []struct {
			Time    time.Time `json:"time"`
			Program string    `json:"program"`
			PID     string    `json:"pid"`
			Text    string    `json:"text"`
		} `json:"log"`
	}
	if err := json.Unmarshal(source, &stored); err != nil {
		return nil, 0, fmt.Errorf("stored document: its log cannot be read (%T)", err)
	}
	lines = make([]Line, len(stored.Log))
	for i, l := range stored.Log {
		lines[i] = Line{l.Time, l.Program, l.PID, l.Text}
	}
	return lines, stored.Schema, nil
}

// writer appends JSON. Names are our own and need no escaping.
type writer struct {
	b     []byte
	comma bool
}

func (w *writer) open()  { w.b = append(w.b, '{'); w.comma = false }
func (w *writer) close() { w.b = append(w.b, '}'); w.comma = true }

func (w *writer) name(n string) {
	if w.comma {
		w.b = append(w.b, ',')
	}
	w.comma = true
	w.b = append(w.b, '"')
	w.b = append(w.b, n...)
	w.b = append(w.b, '"', ':')
}

func (w *writer) str(n, v string) {
	if v != "" {
		w.name(n)
		w.b = appendString(w.b, v)
	}
}

func (w *writer) strs(n string, v []string) {
	if len(v) == 0 {
		return
	}
	w.name(n)
	w.b = append(w.b, '[')
	for i, s := range v {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = appendString(w.b, s)
	}
	w.b = append(w.b, ']')
}

func (w *writer) int(n string, v int64) {
	w.name(n)
	w.b = strconv.AppendInt(w.b, v, 10)
}

func (w *writer) posInt(n string, v int64) {
	if v > 0 {
		w.int(n, v)
	}
}

func (w *writer) float(n string, v float64) {
	w.name(n)
	w.b = strconv.AppendFloat(w.b, v, 'f', -1, 64)
}

func (w *writer) bool(n string, v bool) {
	w.name(n)
	w.b = strconv.AppendBool(w.b, v)
}

// time writes milliseconds, or microseconds where there are any.
func (w *writer) time(n string, t time.Time) {
	if t.IsZero() {
		return
	}
	w.name(n)
	w.b = append(appendTime(append(w.b, '"'), t.UTC()), '"')
}

// appendTime is AppendFormat("2006-01-02T15:04:05.000Z"), or with six digits of
// fraction, at a fifth of the time: each line has one.
func appendTime(b []byte, t time.Time) []byte {
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		layout := "2006-01-02T15:04:05.000Z"
		if t.Nanosecond()%int(time.Millisecond) != 0 {
			layout = "2006-01-02T15:04:05.000000Z"
		}
		return t.AppendFormat(b, layout)
	}
	hour, minute, second := t.Clock()
	b = appendTwo(appendTwo(b, year/100), year%100)
	b = appendTwo(append(b, '-'), int(month))
	b = appendTwo(append(b, '-'), day)
	b = appendTwo(append(b, 'T'), hour)
	b = appendTwo(append(b, ':'), minute)
	b = appendTwo(append(b, ':'), second)
	micros := t.Nanosecond() / int(time.Microsecond)
	b = appendTwo(append(b, '.', byte('0'+micros/100_000)), micros/1000%100)
	if t.Nanosecond()%int(time.Millisecond) != 0 {
		b = appendTwo(append(b, byte('0'+micros/100%10)), micros%100)
	}
	return append(b, 'Z')
}

func appendTwo(b []byte, n int) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }

func (w *writer) object(n string, fill func()) {
	w.name(n)
	w.open()
	fill()
	w.close()
}

func (w *writer) array(n string, length int, item func(i int)) {
	if length == 0 {
		return
	}
	w.name(n)
	w.b = append(w.b, '[')
	for i := range length {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.open()
		item(i)
		w.close()
	}
	w.b = append(w.b, ']')
}

// plain are the bytes that stand for themselves in a JSON string.
var plain = func() (t [256]bool) {
	for c := 0x20; c < 0x80; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// eightPlain tells whether eight bytes are all plain, in one go: texts are long
// and nearly all of it. It may deny it wrongly.
func eightPlain(s string) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	_ = s[7]
	x := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	return (x|(x-' '*ones)|((x^'"'*ones)-ones)|((x^'\\'*ones)-ones))&tops == 0
}

const hexDigits = "0123456789abcdef"

// appendString appends a JSON string (RFC 8259 7). What is not UTF-8 becomes
// U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		if i+8 <= len(s) && eightPlain(s[i:i+8]) {
			i += 8
			continue
		}
		c := s[i]
		if plain[c] {
			i++
			continue
		}
		if c >= 0x80 {
			if r, n := utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
			b = append(append(b, s[from:i]...), "\uFFFD"...)
			i++
			from = i
			continue
		}
		b = append(b, s[from:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		from = i
	}
	return append(append(b, s[from:]...), '"')
}
