package message

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postweave/postweave/worker/postlog"
)

// Line is one line about a message as it lies in the document's log.
type Line struct {
	Time    time.Time // UTC, to the microsecond
	Program string    // "postfix/smtp"
	PID     string
	Text    string // what the program said, level word and queue id included
}

// MaxLine is the size in bytes at which a line's text is cut.
const MaxLine = 32 << 10

// normal returns the line as it is kept: microseconds, valid UTF-8 without
// NUL, no white space at its end, at most [MaxLine] bytes. It changes
// nothing in what it returned before, so that a line read back from a document is the same line.
func (l Line) normal() (n Line, cut bool) {
	l.Time = l.Time.UTC().Truncate(time.Microsecond)
	l.Program, _ = clean(l.Program)
	l.PID, _ = clean(l.PID)
	l.Text, cut = clean(l.Text)
	return l, cut
}

func clean(s string) (_ string, cut bool) {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	if len(s) > MaxLine {
		end := MaxLine
		for !utf8.RuneStart(s[end]) {
			end--
		}
		s, cut = s[:end], true
	}
	return strings.TrimRight(s, " \t\r\n"), cut
}

// fact is a line with what it says.
type fact struct {
	Line
	event postlog.Event
	cut   bool // the line was longer than MaxLine
}

// read parses lines, drops repeated ones and sorts the rest canonically: by
// time, by meaning within one time stamp, then by bytes. Syslog often has whole seconds only and
// Elasticsearch keeps no order within one, so no order of arrival is looked at.
func read(lines []Line) []fact {
	facts := make([]fact, len(lines))
	for i, l := range lines {
		f := &facts[i]
		f.Line, f.cut = l.normal()
		f.event = postlog.Parse(f.Program, f.Text)
		if len(f.Text) == MaxLine {
			f.cut = true // read back from a document
		}
	}
	order(facts)
	return slices.CompactFunc(facts, func(a, b fact) bool { return a.Line == b.Line })
}

func order(facts []fact) {
	if slices.IsSortedFunc(facts, compare) {
		return
	}
	slices.SortFunc(facts, compare)
}

func compare(a, b fact) int {
	if c := a.Time.Compare(b.Time); c != 0 {
		return c
	}
	if c := cmp.Compare(rank[a.event.Kind], rank[b.event.Kind]); c != 0 {
		return c
	}
	if c := cmp.Compare(a.Text, b.Text); c != 0 {
		return c
	}
	if c := cmp.Compare(a.Program, b.Program); c != 0 {
		return c
	}
	return cmp.Compare(a.PID, b.PID)
}

// rank is the order in which Postfix comes to write the kinds of lines about
// one message, for lines of one time stamp.
var rank = [...]int8{
	postlog.Client:          0,
	postlog.Pickup:          0,
	postlog.MessageID:       1,
	postlog.ResentMessageID: 1,
	postlog.Verdict:         2,
	postlog.Unknown:         3,
	postlog.Aborted:         4,
	postlog.QueueActive:     5,
	postlog.Noted:           6,
	postlog.Delivery:        7,
	postlog.ForceExpired:    8,
	postlog.Expired:         9,
	postlog.Notice:          10,
	postlog.Held:            11,
	postlog.Released:        12,
	postlog.Requeued:        13,
	postlog.Removed:         14,
}
