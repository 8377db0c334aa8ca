package message

import (
	"cmp"
	"slices"
	"strings"
	"sync"
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

// The years 0 to 9999 in UTC, all that four digits write: an offset carries a stamp at
// their ends beyond them, and no line may make a document that cannot be read back.
var (
	leastSecond = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	mostSecond  = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
)

// normal returns the line as it is kept: microseconds, valid UTF-8 without
// NUL, no white space at its end, at most [MaxLine] bytes. It changes
// nothing in what it returned before, so that a line read back from a document is the same line.
func (l Line) normal() (n Line, cut bool) {
	_, cut = l.normalize()
	return l, cut
}

// normalize is normal in place. plain tells that all of the line is known to stand for itself in JSON.
func (l *Line) normalize() (plain, cut bool) {
	if l.Time.Location() != time.UTC {
		l.Time = l.Time.UTC()
	}
	if l.Time.Nanosecond()%int(time.Microsecond) != 0 {
		l.Time = l.Time.Truncate(time.Microsecond)
	}
	if t := l.Time.Unix(); t < leastSecond || t > mostSecond {
		l.Time = time.Unix(min(max(t, leastSecond), mostSecond), 0).UTC()
	}
	// What is plain and does not end in a space clean would leave as it is.
	if plain = isPlain(l.Program) && isPlain(l.PID) && isPlain(l.Text); plain {
		return true, false
	}
	if !isWord(l.Program) {
		l.Program, _ = clean(l.Program)
	}
	if !isWord(l.PID) {
		l.PID, _ = clean(l.PID)
	}
	l.Text, cut = clean(l.Text)
	return false, cut
}

// isPlain tells a text that stands for itself in JSON, is no longer than any that is cut, and does not end in a space.
func isPlain(s string) bool {
	n := len(s)
	return n == 0 || n < MaxLine/2 && s[n-1] != ' ' && plainPrefix(s) == n
}

// isWord tells a short text of printable ASCII without spaces, which clean
// would leave as it is.
func isWord(s string) bool {
	var bad uint64
	for ; len(s) >= 8 && len(s) < 256; s = s[8:] {
		x := eightBytes(s)
		bad |= x | (x - ('!' * ones)) | (x + ones)
	}
	if bad&tops != 0 {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return len(s) < 256
}

func clean(s string) (_ string, cut bool) {
	if !utf8.ValidString(s) {
		s = strings.Map(func(r rune) rune { return r }, s) // one U+FFFD a byte, as other decoders do
	}
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	s = strings.TrimRight(s, " \t\r\n")
	if len(s) > MaxLine {
		return cutRunes(s, MaxLine-len(cutMark)) + cutMark, true
	}
	// A line that was cut must still say so when it is read back from a document: it
	// ends in the mark, short of the maximum by no more than a character's bytes.
	return s, len(s) > MaxLine-len(cutMark)-utf8.UTFMax && strings.HasSuffix(s, cutMark)
}

// cutMark ends a text that was cut. Without it white space at the place of the cut would be
// trimmed at the next reading, and the line be another one.
const cutMark = "…"

// fact is a line with what it says: what sorting and splitting ask for, and the
// whole, which in a key of many lines is parsed again when it is folded (see [folding.recall]).
type fact struct {
	Line
	event    *postlog.Event // nil among more than fewFacts
	delay    float64        // of a delivery
	size     int64
	kind     postlog.Kind
	hasDelay bool
	hasSize  bool
	cut      bool // the line was longer than MaxLine
	plain    bool // all of it stands for itself in JSON
}

// fewFacts is the number of lines up to which all their events are kept. An event
// takes six times the memory of the rest of a fact, and a second parse a third of a merge's time.
const fewFacts = 4096

// factBuffer is memory for the facts of one merge. No document keeps one.
type factBuffer struct {
	facts  []fact
	events []postlog.Event
	starts []start
	parts  []incarnation
}

// buffers are those not in use.
var buffers = sync.Pool{New: func() any { return new(factBuffer) }}

// maxBuffer is the length beyond which a buffer is not kept: the texts in it would keep what they were read with.
const maxBuffer = 64

func (b *factBuffer) release() {
	if cap(b.facts) <= maxBuffer {
		buffers.Put(b)
	}
}

// read parses lines, drops repeated ones and sorts the rest canonically: by
// time, by meaning within one time stamp, then by bytes. Syslog often has whole seconds only and
// Elasticsearch keeps no order within one, so no order of arrival is looked at.
//
// The facts lie in buf, and what they say too.
//
// id is the key's queue id, where it is a valid one: it only saves time.
func read(lines []Line, id string, buf *factBuffer) []fact {
	buf.facts = slices.Grow(buf.facts[:0], len(lines))[:len(lines)]
	facts := buf.facts
	if len(lines) > fewFacts {
		var e postlog.Event
		for i := range lines {
			facts[i].take(&lines[i], id, &e)
			facts[i].event = nil
		}
	} else {
		buf.events = slices.Grow(buf.events[:0], len(lines))[:len(lines)]
		for i := range lines {
			facts[i].take(&lines[i], id, &buf.events[i])
		}
	}
	order(facts)
	return distinct(facts)
}

// take makes a fact of a line; what it says goes into e.
func (f *fact) take(l *Line, id string, e *postlog.Event) {
	f.Line = *l
	f.plain, f.cut = f.normalize()
	postlog.ParseOf(id, e, f.Program, f.Text)
	f.event, f.kind = e, e.Kind
	f.delay, f.hasDelay = e.Delivered.Delay, e.Delivered.HasDelay
	f.size, f.hasSize = e.Size, e.HasSize
}

// order sorts the facts. Facts are large, so their places are sorted, and
// mostly nothing has to be.
func order(facts []fact) {
	sorted := true
	for i := 1; i < len(facts) && sorted; i++ {
		sorted = compare(&facts[i-1], &facts[i]) <= 0
	}
	if sorted {
		return
	}
	places := make([]int, len(facts))
	for i := range places {
		places[i] = i
	}
	slices.SortFunc(places, func(a, b int) int { return compare(&facts[a], &facts[b]) })
	arrange(facts, places)
}

// arrange puts facts[places[i]] at i, cycle by cycle. It uses places up.
func arrange(facts []fact, places []int) {
	for i := range places {
		if places[i] == i {
			continue
		}
		first := facts[i]
		at := i
		for places[at] != i {
			from := places[at]
			facts[at] = facts[from]
			places[at], at = at, from
		}
		facts[at], places[at] = first, at
	}
}

// distinct drops facts whose line is that of the one before.
func distinct(facts []fact) []fact {
	n := min(len(facts), 1)
	for i := 1; i < len(facts); i++ {
		if facts[i].Line == facts[n-1].Line {
			continue
		}
		if n != i {
			facts[n] = facts[i]
		}
		n++
	}
	return facts[:n]
}

func compare(a, b *fact) int {
	if c := a.Time.Compare(b.Time); c != 0 {
		return c
	}
	if c := cmp.Compare(rank[a.kind], rank[b.kind]); c != 0 {
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
	postlog.Filtered:        2,
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
