package maillog

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"

	"github.com/postweave/postweave/worker/postlog"
)

const (
	// blockLines is how far an input is read ahead.
	blockLines = 64
	// probeLines and probeBytes are how far a syslog line is looked for before an
	// input is refused as no log.
	probeLines = 1000
	probeBytes = 4 << 20
	// halfYear is what tells the turn of a year from mere disorder.
	halfYear = 183 * 24 * time.Hour
)

// source reads one input.
type source struct {
	Input
	zone  *time.Location
	fixed int // year of the first line, or 0

	rc        io.ReadCloser
	reader    lineReader
	ready     bool // reader is set up
	ended     bool
	err       error // why it ended early
	found     bool  // a syslog line was found
	notSyslog int64

	year  int
	last  time.Time // of the latest stamp that named no year; zero until there is one
	first time.Time // earliest of the first block

	block []postlog.Line // read ahead
	// least[i] is the earliest time in block[i:]. Sources are ordered by it and not by
	// their next line, so that a single stamp from the future cannot hold a log back until all
	// others are through.
	least []time.Time
	next  int
}

// probe opens the input and reads its first block, so that a file which is no
// log is refused before anything is written. keep leaves it at that; otherwise an input that
// can seek goes back to its start and lets its buffers go.
func (s *source) probe(keep bool) error {
	rc, err := s.Open()
	if err != nil {
		return openError(s.Name, err)
	}
	s.rc = rc
	s.fill()
	if s.err != nil && s.reader.lines == 0 {
		return s.err
	}
	if len(s.block) == 0 {
		return s.noSyslog()
	}
	s.first = s.least[0]
	if seeker, ok := rc.(io.Seeker); ok && !keep {
		if _, err := seeker.Seek(0, io.SeekStart); err == nil { // a pipe cannot
			*s = source{Input: s.Input, zone: s.zone, fixed: s.fixed, rc: rc, first: s.first}
		}
	}
	return nil
}

// noSyslog says what an input is that has no syslog line. An empty one is
// fine.
func (s *source) noSyslog() error {
	if s.err != nil {
		return s.err
	}
	if s.reader.lines == 0 {
		return nil
	}
	return notLog(s.Name, "no line at its start begins as a syslog line does (Nov  1 06:25:01 host program[pid]: …, or an RFC 3339 time); "+
		"name a log that syslog wrote")
}

// packed names what compresses files beside gzip, by first bytes.
var packed = []struct{ magic, name, tool string }{
	{"\xfd7zXZ\x00", "xz", "xzcat"},
	{"BZh", "bzip2", "bzcat"},
	{"\x28\xb5\x2f\xfd", "zstd", "zstdcat"},
	{"PK\x03\x04", "zip", "unzip -p"},
}

// setUp looks at the first bytes.
func (s *source) setUp() error {
	s.ready = true
	br := bufio.NewReaderSize(s.rc, readSize)
	head, err := br.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return readError(s.Name, 0, err)
	}
	for _, p := range packed {
		if bytes.HasPrefix(head, []byte(p.magic)) {
			return notLog(s.Name, "it is packed with "+p.name+": unpack it on the way ("+p.tool+" FILE | postweave merge -)")
		}
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(br)
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return readError(s.Name, 0, err)
		}
		br = bufio.NewReaderSize(z, readSize)
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, _ = br.Discard(3) // peeked at
	}
	s.reader.r = br
	return nil
}

// fill reads the next block: up to blockLines syslog lines, fewer where the
// next would have to be waited for. It leaves an empty block at the end.
func (s *source) fill() {
	s.block, s.least, s.next = s.block[:0], s.least[:0], 0
	if s.ended {
		return
	}
	if !s.ready {
		if err := s.setUp(); err != nil {
			s.end(err)
			return
		}
	}
	for len(s.block) < blockLines && (len(s.block) == 0 || !s.reader.waits()) {
		raw, err := s.reader.next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				err = readError(s.Name, s.reader.lines, err)
			} else {
				err = nil
			}
			s.end(err)
			break
		}
		if line, ok := s.parse(string(raw)); ok {
			s.block = append(s.block, line)
			continue
		}
		s.notSyslog++
		if !s.found && (s.reader.lines >= probeLines || s.reader.bytes >= probeBytes) {
			s.end(s.noSyslog())
			break
		}
	}
	s.least = append(s.least, make([]time.Time, len(s.block))...)
	for i := len(s.block) - 1; i >= 0; i-- {
		s.least[i] = s.block[i].Time
		if i+1 < len(s.block) && s.least[i+1].Before(s.least[i]) {
			s.least[i] = s.least[i+1]
		}
	}
}

func (s *source) end(err error) {
	s.ended, s.err = true, err
	s.reader.r, s.reader.long = nil, nil
}

// parse reads a line. A stamp without a year is placed within half a year of
// the one before it, so that January follows December, and a December line that comes a little
// late stays where it belongs.
func (s *source) parse(raw string) (line postlog.Line, ok bool) {
	var err error
	switch {
	case namesYear(raw):
		line, err = postlog.ParseLine(raw, 0, s.zone)
	case s.last.IsZero():
		line, err = s.parseFirst(raw)
	default:
		line, err = s.parseNext(raw)
	}
	s.found = s.found || err == nil
	return line, err == nil
}

// namesYear tells an RFC 3339 stamp, perhaps behind a priority.
func namesYear(raw string) bool {
	if raw != "" && raw[0] == '<' {
		raw = raw[min(strings.IndexByte(raw, '>')+1, len(raw)):]
	}
	return raw != "" && raw[0] >= '0' && raw[0] <= '9'
}

func (s *source) parseNext(raw string) (postlog.Line, error) {
	line, err := postlog.ParseLine(raw, s.year, s.zone)
	if err != nil && (!errors.Is(err, postlog.ErrNoTime) || !leapDay(raw)) {
		return line, err
	}
	// Without a time, this is the February 29 of a leap year that begins here.
	year := s.year
	switch away := line.Time.Sub(s.last); {
	case err != nil || away < -halfYear:
		year++
	case away > halfYear:
		year--
	}
	if year != s.year {
		if line, err = postlog.ParseLine(raw, year, s.zone); err != nil {
			return line, err
		}
	}
	if away := line.Time.Sub(s.last); (away > foldGap || away < -DefaultWindow) && s.zone != time.UTC {
		line.Time = s.unfold(line.Time)
	}
	s.last, s.year = line.Time, year
	return line, nil
}

// foldGap is how far a stamp must be ahead of the one before to be looked at
// twice: less than any hour that is repeated.
const foldGap = 20 * time.Minute

// unfold settles the hour that a clock repeats in autumn, when a stamp without
// a zone may mean two times: the earlier one, unless that is long past.
//
// Which of the two time.Date gives depends on the zone.
func (s *source) unfold(t time.Time) time.Time {
	_, offset := t.In(s.zone).Zone()
	for _, shift := range [...]time.Duration{-time.Hour, time.Hour, -30 * time.Minute, 30 * time.Minute, -2 * time.Hour, 2 * time.Hour} {
		other := t.Add(shift)
		if _, o := other.In(s.zone).Zone(); time.Duration(offset-o)*time.Second != shift {
			continue // another time of day
		}
		earlier, later := t, other
		if shift < 0 {
			earlier, later = other, t
		}
		if earlier.Before(s.last.Add(-DefaultWindow)) {
			return later
		}
		return earlier
	}
	return t
}

// parseFirst settles the year by the first stamp without one. A date after the
// last change is of the year before; the loop goes further back only for a February 29.
func (s *source) parseFirst(raw string) (postlog.Line, error) {
	year, newest := s.fixed, s.ModTime.Add(24*time.Hour)
	if year == 0 {
		year = s.ModTime.In(s.zone).Year()
	}
	line, err := postlog.ParseLine(raw, year, s.zone)
	for back := 0; s.fixed == 0 && back < 8 && (errors.Is(err, postlog.ErrNoTime) && leapDay(raw) || err == nil && line.Time.After(newest)); back++ {
		year--
		line, err = postlog.ParseLine(raw, year, s.zone)
	}
	if err == nil {
		// Nothing is before it: in the hour that comes twice it is the earlier one, whatever time.Date gives.
		line.Time = s.unfold(line.Time)
		s.last, s.year = line.Time, year
	}
	return line, err
}

func leapDay(raw string) bool {
	return strings.Contains(raw[:min(len(raw), 16)], "Feb 29")
}

func (s *source) close() {
	if s.rc != nil {
		s.rc.Close()
		s.rc = nil
	}
	s.end(s.err)
}

func isCorrupt(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.As(err, &corrupt)
}
