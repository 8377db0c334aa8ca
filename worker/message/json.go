package message

import (
	"encoding/json"
	"fmt"
	"math"
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
//
// The lines are the document's own.
func (d *Document) appendJSON(b []byte, log []Line, others int) []byte {
	w := writer{b: append(b, '{')}
	w.str(`"kind":`, d.Kind)
	w.time(`"@timestamp":`, d.Timestamp)
	w.time(`"first_seen":`, d.FirstSeen)
	w.time(`"last_seen":`, d.LastSeen)
	w.float(`"duration":`, d.LastSeen.Sub(d.FirstSeen).Seconds())
	w.begin(`"host":`, '{')
	w.str(`"name":`, d.Host)
	w.end('}')
	w.str(`"instance":`, d.Instance)
	w.str(`"queue_id":`, d.QueueID)
	w.str(`"origin":`, d.Origin)
	w.str(`"direction":`, d.Direction)
	w.str(`"from":`, d.From)
	w.str(`"from_domain":`, domainOf(d.From))
	w.strs(`"to":`, d.To)
	d.writeDomains(&w)
	w.str(`"subject":`, d.Subject)
	w.strs(`"subjects":`, d.Subjects)
	w.words(`"search":`, d.searchedWords)
	w.str(`"message_id":`, d.MessageID)
	if d.HasSize {
		w.int(`"size":`, d.Size)
	}
	if d.HasNRcpt {
		w.int(`"nrcpt":`, d.NRcpt)
	}
	d.writeClient(&w)
	d.Session.writeTLS(&w)
	if d.HasUID {
		w.int(`"uid":`, d.UID)
	}
	w.str(`"status":`, d.Status)
	w.bool(`"complete":`, d.Complete)
	w.bool(`"open":`, d.Open)
	w.int(`"lines":`, int64(d.Lines))
	writeList(&w, `"recipients":`, d.Recipients, (*Recipient).write)
	w.begin(`"counts":`, '{')
	d.Counts.write(&w)
	w.end('}')
	writeList(&w, `"checks":`, d.Checks, (*Check).write)
	d.Session.write(&w)
	writeList(&w, `"links":`, d.Links, (*Link).write)
	w.strs(`"warnings":`, d.Warnings)
	w.int(`"unparsed":`, int64(d.Unparsed))
	writeLog(&w, log, others, d.plainLog)
	w.int(`"schema":`, Schema)
	return w.whole()
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

func (d *Document) writeDomains(w *writer) {
	if len(d.To) != 1 {
		w.strs(`"to_domain":`, domainsOf(d.To))
		return
	}
	if domain := domainOf(d.To[0]); domain != "" { // as of most
		w.begin(`"to_domain":`, '[')
		w.str("", domain)
		w.end(']')
	}
}

func (d *Document) writeClient(w *writer) {
	if c := d.Client; c != (Client{}) {
		w.begin(`"client":`, '{')
		w.str(`"hostname":`, c.Hostname)
		w.str(`"ip":`, c.IP)
		w.posInt(`"port":`, c.Port)
		w.str(`"helo":`, c.HELO)
		w.str(`"proto":`, c.Proto)
		w.end('}')
	}
	if s := d.SASL; s != (SASL{}) {
		w.begin(`"sasl":`, '{')
		w.str(`"method":`, s.Method)
		w.str(`"username":`, s.Username)
		w.str(`"sender":`, s.Sender)
		w.end('}')
	}
}

func (r *Recipient) write(w *writer) {
	w.str(`"to":`, r.To)
	w.str(`"orig_to":`, r.OrigTo)
	w.str(`"domain":`, domainOf(r.To))
	w.str(`"status":`, r.Status)
	w.str(`"dsn":`, r.DSN)
	w.str(`"response":`, r.Response)
	w.str(`"transport":`, r.Transport)
	if r.Relay != (Relay{}) {
		w.begin(`"relay":`, '{')
		r.Relay.write(w)
		w.end('}')
	}
	w.str(`"remote_queue_id":`, r.QueuedAs)
	w.str(`"tls":`, r.TLS)
	w.int(`"attempts":`, int64(r.Attempts))
	w.time(`"first_attempt":`, r.FirstAttempt)
	w.time(`"last_attempt":`, r.LastAttempt)
	if r.HasDelay {
		w.float(`"delay":`, r.Delay)
	}
	if r.HasDelays {
		w.delays(r.Delays)
	}
	writeList(w, `"history":`, r.History, (*Attempt).write)
}

func (a *Attempt) write(w *writer) {
	w.time(`"time":`, a.Time)
	w.str(`"status":`, a.Status)
	w.str(`"dsn":`, a.DSN)
	w.str(`"relay":`, a.Relay)
	w.str(`"response":`, a.Response)
}

func (r *Relay) write(w *writer) {
	w.str(`"hostname":`, r.Hostname)
	w.str(`"ip":`, r.IP)
	w.posInt(`"port":`, r.Port)
	w.str(`"name":`, r.Name)
}

func (c *Counts) write(w *writer) {
	w.int(`"sent":`, int64(c.Sent))
	w.int(`"deferred":`, int64(c.Deferred))
	w.int(`"bounced":`, int64(c.Bounced))
	w.int(`"expired":`, int64(c.Expired))
	w.int(`"rejected":`, int64(c.Rejected))
	w.int(`"discarded":`, int64(c.Discarded))
	w.int(`"deleted":`, int64(c.Deleted))
	w.int(`"held":`, int64(c.Held))
	w.int(`"queued":`, int64(c.Queued))
	w.int(`"total":`, int64(c.Total))
}

func (c *Check) write(w *writer) {
	w.str(`"program":`, c.Program)
	w.str(`"action":`, c.Action)
	w.str(`"stage":`, c.Stage)
	w.str(`"text":`, c.Text)
	w.str(`"code":`, c.Code)
	w.str(`"dsn":`, c.DSN)
}

func (l *Link) write(w *writer) {
	w.str(`"rel":`, l.Rel)
	w.str(`"queue_id":`, l.QueueID)
	w.str(`"host":`, l.Host)
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

// writer appends JSON. Each value is followed by a comma, which the end of its
// object or list takes back; names come with their quotes and colon, as they are written.
type writer struct {
	b []byte
	// The last time written, up to its second: the lines of one message have few different ones.
	second int64
	stamp  [len("2006-01-02T15:04:05")]byte
	known  bool
}

func (w *writer) str(name, v string) {
	if v != "" {
		w.b = append(appendString(append(w.b, name...), v), ',')
	}
}

// words writes what has letters, digits and spaces alone.
func (w *writer) words(name string, v []byte) {
	if len(v) > 0 {
		w.b = append(append(append(append(w.b, name...), '"'), v...), '"', ',')
	}
}

func (w *writer) strs(name string, v []string) {
	if len(v) == 0 {
		return
	}
	w.begin(name, '[')
	for _, s := range v {
		w.b = append(appendString(w.b, s), ',')
	}
	w.end(']')
}

func (w *writer) int(name string, v int64) {
	w.b = append(w.b, name...)
	if v >= 0 && v < 10 {
		w.b = append(w.b, byte('0'+v), ',')
		return
	}
	w.b = append(strconv.AppendInt(w.b, v, 10), ',')
}

func (w *writer) posInt(name string, v int64) {
	if v > 0 {
		w.int(name, v)
	}
}

func (w *writer) float(name string, v float64) {
	w.b = append(appendFloat(append(w.b, name...), v), ',')
}

// appendFloat is strconv.AppendFloat(b, v, 'f', -1, 64). Nearly all numbers are whole, or delays of two digits.
func appendFloat(b []byte, v float64) []byte {
	if v < 1<<31 && !math.Signbit(v) {
		if n := int64(v); float64(n) == v {
			return strconv.AppendInt(b, n, 10)
		}
		// The number with two decimals that is nearest: where it is v, it is v's shortest form too.
		if n := int64(v*100 + 0.5); float64(n)/100 == v {
			b = append(strconv.AppendInt(b, n/100, 10), '.', byte('0'+n/10%10))
			if n%10 != 0 {
				b = append(b, byte('0'+n%10))
			}
			return b
		}
	}
	return strconv.AppendFloat(b, v, 'f', -1, 64)
}

func (w *writer) bool(name string, v bool) {
	w.b = append(strconv.AppendBool(append(w.b, name...), v), ',')
}

// time writes milliseconds, or microseconds where there are any.
func (w *writer) time(name string, t time.Time) {
	if t.IsZero() {
		return
	}
	w.b = append(w.moment(append(append(w.b, name...), '"'), t), '"', ',')
}

// moment appends a time.
func (w *writer) moment(b []byte, t time.Time) []byte {
	if second := t.Unix(); !w.known || second != w.second {
		if year := t.UTC().Year(); year < 0 || year > 9999 {
			return appendTime(b, t.UTC())
		}
		w.second, w.known = second, true
		appendSecond(w.stamp[:0], t.UTC())
	}
	return appendFraction(append(b, w.stamp[:]...), t.Nanosecond())
}

// appendTime is AppendFormat("2006-01-02T15:04:05.000Z"), or with six digits of
// fraction, at a fifth of the time: each line has one.
func appendTime(b []byte, t time.Time) []byte {
	if year := t.Year(); year < 0 || year > 9999 {
		layout := "2006-01-02T15:04:05.000Z"
		if t.Nanosecond()%int(time.Millisecond) != 0 {
			layout = "2006-01-02T15:04:05.000000Z"
		}
		return t.AppendFormat(b, layout)
	}
	return appendFraction(appendSecond(b, t), t.Nanosecond())
}

func appendSecond(b []byte, t time.Time) []byte {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	b = appendTwo(appendTwo(b, year/100), year%100)
	b = appendTwo(append(b, '-'), int(month))
	b = appendTwo(append(b, '-'), day)
	b = appendTwo(append(b, 'T'), hour)
	b = appendTwo(append(b, ':'), minute)
	return appendTwo(append(b, ':'), second)
}

func appendFraction(b []byte, nanos int) []byte {
	if nanos == 0 {
		return append(b, ".000Z"...)
	}
	micros := nanos / int(time.Microsecond)
	b = appendTwo(append(b, '.', byte('0'+micros/100_000)), micros/1000%100)
	if nanos%int(time.Millisecond) != 0 {
		b = appendTwo(append(b, byte('0'+micros/100%10)), micros%100)
	}
	return append(b, 'Z')
}

func appendTwo(b []byte, n int) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }

// line writes a line of a log that stands for itself in JSON, as writeLines would.
func (w *writer) line(l *Line) {
	b := w.moment(append(w.b, `{"time":"`...), l.Time)
	b = append(append(b, `","program":"`...), l.Program...)
	b = append(append(b, `","pid":"`...), l.PID...)
	b = append(append(b, `","text":"`...), l.Text...)
	w.b = append(b, `"},`...)
}

// begin opens an object or a list; end closes it.
func (w *writer) begin(name string, bracket byte) { w.b = append(append(w.b, name...), bracket) }

func (w *writer) end(bracket byte) {
	if last := len(w.b) - 1; w.b[last] == ',' {
		w.b[last] = bracket
	} else {
		w.b = append(w.b, bracket)
	}
	w.b = append(w.b, ',')
}

// writeList writes a list of objects, nothing where it is empty.
func writeList[T any](w *writer, name string, list []T, write func(*T, *writer)) {
	if len(list) == 0 {
		return
	}
	w.begin(name, '[')
	for i := range list {
		w.begin("", '{')
		write(&list[i], w)
		w.end('}')
	}
	w.end(']')
}

// whole returns the object that was written.
func (w *writer) whole() []byte {
	w.end('}')
	return w.b[:len(w.b)-1]
}

// plain are the bytes that stand for themselves in a JSON string.
var plain = func() (t [256]bool) {
	for c := 0x20; c < 0x80; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

const hexDigits = "0123456789abcdef"

// appendString appends a JSON string (RFC 8259 7). What is not UTF-8 becomes
// U+FFFD.
func appendString(b []byte, s string) []byte {
	n := plainPrefix(s)
	b = append(append(b, '"'), s[:n]...)
	if n < len(s) {
		b = appendEscaped(b, s[n:])
	}
	return append(b, '"')
}

func appendEscaped(b []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plain[c] {
			i++
			i += plainPrefix(s[i:])
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
	return append(b, s[from:]...)
}
