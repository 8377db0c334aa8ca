package loggen

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Layout is a way of naming the parts of a syslog line in an index.
type Layout int

// The layouts of the corpora.
const (
	LayoutSyslog Layout = iota // syslog_hostname, syslog_program, syslog_pid, syslog_message, received_at
	LayoutPlain                // logsource, program, pid, message, event.ingested
)

// Shipper makes of lines the documents that Logstash with the published grok patterns for Postfix indexes. The documents
// equal those of the corpora field by field, save when they were received, which is up to two seconds after the line's time.
type Shipper struct {
	layout Layout
	r      *rand.Rand
	fields fields
}

// NewShipper makes a shipper for one layout; the seed decides when lines are received.
func NewShipper(layout Layout, seed uint64) *Shipper {
	return &Shipper{layout: layout, r: rand.New(rand.NewPCG(seed, 7))}
}

// IndexName is the daily index of a line's document: prefix-YYYY.MM.dd, by UTC as Logstash has it.
func IndexName(prefix string, t time.Time) string {
	return prefix + t.UTC().Format("-2006.01.02")
}

// The address that all packets came from: of a relay in between, so that nobody takes it for the server.
const packetSource = "192.0.2.53"

// AppendDocument appends the document of a line as one JSON object, without a newline.
func (s *Shipper) AppendDocument(dst []byte, l Line) []byte {
	received := l.Time.Add(time.Duration(s.r.IntN(2000)) * time.Millisecond)
	f := &s.fields
	f.b = append(dst, '{')
	f.first = true
	f.tags = f.tags[:0]
	f.string("@timestamp", "")
	f.b = appendMillis(f.b[:len(f.b)-1], l.Time)
	f.b = append(f.b, '"')
	f.string("@version", "1")
	if s.layout == LayoutSyslog {
		f.string("type", "syslog")
		f.string("host", packetSource)
		f.string("message", "<22>")
		f.b = appendEscaped(stampTo(f.b[:len(f.b)-1], l.Time), " "+l.Host+" "+l.Program+"["+l.PID+"]: ")
		f.b = append(appendEscaped(f.b, l.Text), '"')
		f.string("syslog_timestamp", "")
		f.b = append(stampTo(f.b[:len(f.b)-1], l.Time), '"')
		f.string("syslog_hostname", l.Host)
		f.string("syslog_program", l.Program)
		f.string("syslog_pid", l.PID)
		f.string("syslog_message", l.Text)
		f.string("received_at", "")
		f.b = append(appendMillis(f.b[:len(f.b)-1], received), '"')
		f.string("received_from", packetSource)
	} else {
		f.string("host", packetSource)
		f.string("logsource", l.Host)
		f.string("program", l.Program)
		f.string("pid", l.PID)
		f.string("timestamp", "")
		f.b = append(stampTo(f.b[:len(f.b)-1], l.Time), '"')
		f.string("message", l.Text)
		f.b = append(f.b, `,"facility":2,"facility_label":"mail","severity":6,"severity_label":"Informational","priority":22`...)
		f.string("event.ingested", "")
		f.b = append(appendMillis(f.b[:len(f.b)-1], received), '"')
	}
	f.grok(l.Program, l.Text)
	if len(f.tags) > 0 {
		f.b = append(f.b, `,"tags":[`...)
		for i, t := range f.tags {
			if i > 0 {
				f.b = append(f.b, ',')
			}
			f.b = append(f.b, '"')
			f.b = append(f.b, t...)
			f.b = append(f.b, '"')
		}
		f.b = append(f.b, ']')
	}
	return append(f.b, '}')
}

func stampTo(b []byte, t time.Time) []byte { return appendRFC3164Stamp(b, t) }

// appendMillis writes a time as Logstash does, in UTC with milliseconds.
func appendMillis(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
}

// fields is a JSON object under construction.
type fields struct {
	b     []byte
	first bool
	tags  []string
	pairs []pair
}

type pair struct{ key, value string }

func (f *fields) name(name string) {
	if !f.first {
		f.b = append(f.b, ',')
	}
	f.first = false
	f.b = append(f.b, '"')
	f.b = appendEscaped(f.b, name)
	f.b = append(f.b, `":`...)
}

func (f *fields) string(name, value string) {
	f.name(name)
	f.b = append(f.b, '"')
	f.b = append(appendEscaped(f.b, value), '"')
}

// integer writes digits as a number.
func (f *fields) integer(name, digits string) {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return
	}
	f.name(name)
	f.b = strconv.AppendInt(f.b, n, 10)
}

// float writes a number that is never taken for an integer, as JRuby does: dynamic mapping goes by the first document.
func (f *fields) float(name, digits string) {
	if _, err := strconv.ParseFloat(digits, 64); err != nil {
		return
	}
	f.name(name)
	f.b = append(f.b, digits...)
	if strings.IndexByte(digits, '.') < 0 {
		f.b = append(f.b, ".0"...)
	}
}

// appendEscaped writes the inside of a JSON string. What is not UTF-8 becomes U+FFFD, a cut character one for all its bytes, as the JVM has it.
func appendEscaped(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
			b = append(append(b, s[start:i]...), "\ufffd"...)
			for want := c; want >= 0xe0 && i+1 < len(s) && s[i+1]&0xc0 == 0x80; want = want << 1 & 0xf0 {
				i++
			}
		} else {
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			default:
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
		}
		i++
		start = i
	}
	return append(b, s[start:]...)
}
