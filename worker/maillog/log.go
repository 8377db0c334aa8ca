package maillog

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"

	"github.com/postweave/postweave/worker/postlog"
)

const (
	// blockLines bounds the lines of a block.
	blockLines = 1024
	// probeLines and probeBytes are how far a syslog line is looked for before an
	// input is refused as no log.
	probeLines = 1000
	probeBytes = 4 << 20
	// readSize is how much of a packed log is read at once, in bytes.
	readSize = 64 << 10
)

// block is some lines of an input, in its order, and what was read of it by their end.
type block struct {
	lines []postlog.Line
	// least[i] is the earliest time in lines[i:]. Inputs are ordered by it and not by
	// their next line, so that a single stamp from the future cannot hold a log back until all
	// others are through.
	least []time.Time

	counts
	notSyslog int64
	last      bool  // nothing follows
	err       error // why the input ended early
}

// logReader reads one input block by block.
type logReader struct {
	name  string
	r     io.Reader
	zone  *time.Location
	fixed int       // year of the first line, or 0
	mod   time.Time // last change

	reader    lineReader
	ready     bool // reader is set up
	ended     bool
	err       error // why it ended early
	found     bool  // a syslog line was found
	notSyslog int64

	headers postlog.Headers
	year    int
	last    time.Time // of the latest stamp that named no year; zero until there is one
	stamp   time.Time // the same before the hour that comes twice was settled
}

// noSyslog says what an input is that has no syslog line. An empty one is
// fine.
func (s *logReader) noSyslog() error {
	if s.err != nil {
		return s.err
	}
	if s.reader.lines == 0 {
		return nil
	}
	return notLog(s.name, "no line at its start begins as a syslog line does (Nov  1 06:25:01 host program[pid]: …, or an RFC 3339 time); "+
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
func (s *logReader) setUp() error {
	s.ready = true
	var first [6]byte
	n, err := io.ReadFull(s.r, first[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return readError(s.name, 0, err)
	}
	head := first[:n]
	for _, p := range packed {
		if bytes.HasPrefix(head, []byte(p.magic)) {
			return notLog(s.name, "it is packed with "+p.name+": unpack it on the way ("+p.tool+" FILE | postweave merge -)")
		}
	}
	if bytes.HasPrefix(head, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(bufio.NewReaderSize(io.MultiReader(bytes.NewReader(head), s.r), readSize))
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return readError(s.name, 0, err)
		}
		s.reader.r = z
		return nil
	}
	s.reader.r, s.reader.buf = s.r, bytes.Clone(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")))
	return nil
}

// fill reads the next block: what one read gives, up to blockLines lines. It is empty at
// the end alone.
func (s *logReader) fill(b *block) {
	b.lines, b.least = b.lines[:0], b.least[:0]
	if !s.ready && !s.ended {
		if err := s.setUp(); err != nil {
			s.end(err)
		}
	}
	for !s.ended && len(b.lines) < blockLines && (len(b.lines) == 0 || !s.reader.waits()) {
		s.take(b)
	}
	b.counts, b.notSyslog, b.last, b.err = s.reader.counts, s.notSyslog, s.ended, s.err
	b.least = slices.Grow(b.least, len(b.lines))[:len(b.lines)]
	for i := len(b.lines) - 1; i >= 0; i-- {
		b.least[i] = b.lines[i].Time
		if i+1 < len(b.lines) && b.least[i+1].Before(b.least[i]) {
			b.least[i] = b.least[i+1]
		}
	}
}

// take reads one line into the block.
func (s *logReader) take(b *block) {
	raw, err := s.reader.next()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = nil
		} else {
			err = readError(s.name, s.reader.lines, err)
		}
		s.end(err)
		return
	}
	n := len(b.lines)
	b.lines = slices.Grow(b.lines, 1)[:n+1]
	if s.parseInto(&b.lines[n], raw) {
		return
	}
	b.lines = b.lines[:n]
	s.notSyslog++
	if !s.found && (s.reader.lines >= probeLines || s.reader.bytes >= probeBytes) {
		s.end(s.noSyslog())
	}
}

func (s *logReader) end(err error) {
	s.ended, s.err = true, err
	s.reader = lineReader{counts: s.reader.counts}
}

func isCorrupt(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.As(err, &corrupt)
}
