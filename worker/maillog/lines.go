package maillog

import (
	"bytes"
	"errors"
	"io"
	"strings"
)

// MaxLine is the size in bytes at which a line is cut while it is read. It is
// far beyond what a document keeps of one (message.MaxLine), and there to bound the
// memory that a file without line ends takes.
const MaxLine = 1 << 20

// blockSize is how much is read at once, in bytes. Lines are parts of the block that they were
// read in, and keep all of it: larger blocks would make few lines that are held for long take much memory,
// see group.settleDown.
const blockSize = 32 << 10

// lineReader splits a stream at line feeds. bufio.Scanner is not used: it gives
// up at a line that is longer than its buffer, and copies each line.
type lineReader struct {
	r     io.Reader
	buf   []byte // read and not handed on: the beginning of a line, after skip whole ones before it
	block string // whole lines
	err   error  // of r, once buf holds the last of it

	counts
}

// counts is how much was read of an input.
type counts struct {
	lines int64 // returned
	bytes int64 // of these, line ends included
	cut   int64 // of these, cut at MaxLine
}

// next returns a line without its end. At the end of the stream it returns io.EOF and nothing else; a last line
// without an end is one. Before any other error the half line is dropped: where its end would have been is not
// known.
func (l *lineReader) next() (string, error) {
	end := strings.IndexByte(l.block, '\n')
	if end < 0 {
		if err := l.read(); err != nil {
			return "", err
		}
		if end = strings.IndexByte(l.block, '\n'); end < 0 {
			end = len(l.block) - 1 // the last line
		}
	}
	line := l.block[:end+1]
	l.block = l.block[end+1:]
	l.lines++
	l.bytes += int64(len(line))
	return trimLine(line), nil
}

// read makes the next block: all whole lines of what is there, and at the end of the stream what is left.
func (l *lineReader) read() error {
	if cap(l.buf) < blockSize {
		l.buf = append(make([]byte, 0, blockSize), l.buf...)
	}
	if end := bytes.LastIndexByte(l.buf, '\n'); end >= 0 { // behind a line that was cut, or of the first bytes
		l.hand(end + 1)
		return nil
	}
	for l.err == nil {
		from := len(l.buf)
		if from == cap(l.buf) {
			if from >= MaxLine {
				return l.skip()
			}
			l.buf = append(make([]byte, 0, min(2*from, MaxLine)), l.buf...) // append would make it larger than a line may be
		}
		n, err := l.r.Read(l.buf[from:cap(l.buf)])
		l.buf, l.err = l.buf[:from+n], err
		if end := bytes.LastIndexByte(l.buf[from:], '\n'); end >= 0 {
			l.hand(from + end + 1)
			return nil
		}
	}
	if len(l.buf) == 0 || !errors.Is(l.err, io.EOF) {
		return l.err
	}
	l.hand(len(l.buf))
	return nil
}

// hand makes the first n bytes the block.
func (l *lineReader) hand(n int) {
	l.block = string(l.buf[:n])
	rest := l.buf[n:]
	if cap(l.buf) > 4*blockSize && len(rest) < blockSize { // there was a long line
		l.buf = make([]byte, 0, blockSize)
	}
	l.buf = append(l.buf[:0], rest...)
}

// skip cuts a line at MaxLine and reads on to its end.
func (l *lineReader) skip() error {
	head := string(l.buf[:MaxLine])
	over := int64(0) // bytes of the line beyond
	rest := l.buf[MaxLine:]
	for {
		if end := bytes.IndexByte(rest, '\n'); end >= 0 {
			over += int64(end)
			l.buf = append(l.buf[:0], rest[end+1:]...)
			l.block = head + "\n"
			break
		}
		over += int64(len(rest))
		l.buf = l.buf[:0]
		if errors.Is(l.err, io.EOF) {
			l.block = head
			break
		}
		if l.err != nil {
			return l.err
		}
		var n int
		n, l.err = l.r.Read(l.buf[:blockSize])
		rest = l.buf[:n]
	}
	if over > 0 {
		l.cut++
		l.bytes += over
	}
	return nil
}

// trimLine takes the line end off, and the NULs that a file system puts where
// a crash left a hole.
func trimLine(line string) string {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	if len(line) > 0 && line[0] == 0 {
		line = strings.TrimLeft(line, "\x00")
	}
	return line
}

// waits tells that the next line would have to be waited for.
func (l *lineReader) waits() bool { return l.block == "" }
