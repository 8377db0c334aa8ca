package maillog

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// MaxLine is the size in bytes at which a line is cut while it is read. It is
// far beyond what a document keeps of one (message.MaxLine), and there to bound the
// memory that a file without line ends takes.
const MaxLine = 1 << 20

const readSize = 64 << 10

// lineReader splits a stream at line feeds. bufio.Scanner is not used: it gives
// up at a line that is longer than its buffer.
type lineReader struct {
	r     *bufio.Reader
	long  []byte // a line that did not fit r's buffer
	lines int64  // returned
	bytes int64  // of these, line ends included
	cut   int64  // of these, cut at MaxLine
}

// next returns a line without its end; it is valid until the next call. At the
// end of the stream it returns io.EOF and nothing else; a last line without an end is one. Before
// any other error the half line is dropped: where its end would have been is not known.
func (l *lineReader) next() ([]byte, error) {
	line, err := l.r.ReadSlice('\n')
	size := len(line)
	cut := false
	if err == bufio.ErrBufferFull { //nolint:errorlint // bufio returns it unwrapped, and this runs on each line
		line, size, cut, err = l.gather(line)
	}
	if err != nil && (!errors.Is(err, io.EOF) || size == 0) {
		return nil, err
	}
	l.lines++
	l.bytes += int64(size)
	if cut {
		l.cut++
	}
	return trimLine(line), nil
}

// gather reads on to the end of a long line and keeps its first MaxLine bytes.
func (l *lineReader) gather(head []byte) (line []byte, size int, cut bool, err error) {
	l.long = append(l.long[:0], head...)
	size, err = len(head), bufio.ErrBufferFull
	for errors.Is(err, bufio.ErrBufferFull) {
		var part []byte
		part, err = l.r.ReadSlice('\n')
		size += len(part)
		keep := min(len(part), MaxLine-len(l.long))
		l.long = append(l.long, part[:keep]...)
		cut = cut || keep < len(bytes.TrimRight(part, "\r\n"))
	}
	return l.long, size, cut, err
}

// trimLine takes the line end off, and the NULs that a file system puts where
// a crash left a hole.
func trimLine(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	if len(line) > 0 && line[0] == 0 {
		line = bytes.TrimLeft(line, "\x00")
	}
	return line
}

// waits tells that the next line would have to be waited for.
func (l *lineReader) waits() bool { return l.r.Buffered() == 0 }
