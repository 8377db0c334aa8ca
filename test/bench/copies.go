package bench

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/postweave/postweave/test/loggen"
)

// WriteCopies writes a log so many times, one copy behind the other, in RFC 3164 stamps. Each is later than the one before it by step, which is to be
// longer than the log, and its queue ids are others wherever a line names one, so that its messages are others. lines
// counts what is written.
//
// A short id keeps its microseconds and gets another inode; a long id says when the message arrived, and moves with the stamps.
func WriteCopies(w io.Writer, log []loggen.Line, times int, step time.Duration) (lines int, err error) {
	out := bufio.NewWriterSize(w, 1<<20)
	ids := map[string]string{}
	for _, l := range log {
		if id := leadingID(l.Text); id != "" {
			ids[id] = id
		}
	}
	var text, line []byte
	for n := range times {
		by := time.Duration(n) * step
		for id := range ids {
			if ids[id], err = movedID(id, n, by); err != nil {
				return lines, err
			}
		}
		for _, l := range log {
			text = renamed(text[:0], l.Text, ids)
			l.Time, l.Text = l.Time.Add(by), string(text)
			line = l.AppendRFC3164(line[:0])
			if _, err := out.Write(line); err != nil {
				return lines, err
			}
			lines++
		}
	}
	return lines, out.Flush()
}

// leadingID is the queue id that a text begins with, after a level word perhaps; empty where there is none.
func leadingID(text string) string {
	for range 2 {
		end := 0
		for end < len(text) && alphanumeric(text[end]) {
			end++
		}
		if end+1 >= len(text) || text[end:end+2] != ": " {
			return ""
		}
		if id := text[:end]; isQueueID(id) {
			return id
		}
		text = text[end+2:]
	}
	return ""
}

func isQueueID(s string) bool {
	_, long := loggen.LongIDTime(s)
	return long || loggen.IsShortID(s)
}

// movedID is the id of the n-th copy's message, which arrived so much later.
func movedID(id string, n int, by time.Duration) (string, error) {
	if n == 0 {
		return id, nil
	}
	const apart = 1 << 28 // inodes between two copies: more than the log has
	if at, ok := loggen.LongIDTime(id); ok {
		inode, ok := loggen.LongIDInode(id)
		if !ok {
			return "", fmt.Errorf("queue id %s: no inode in it", id)
		}
		return loggen.LongID(at.Add(by), inode), nil
	}
	micros, err := strconv.ParseUint(id[:5], 16, 64)
	if err != nil {
		return "", fmt.Errorf("queue id %s: %w", id, err)
	}
	inode, err := strconv.ParseUint(id[5:], 16, 64)
	if err != nil {
		return "", fmt.Errorf("queue id %s: %w", id, err)
	}
	return loggen.ShortID(time.UnixMicro(int64(micros)), inode+uint64(n)*apart), nil
}

// renamed appends a text with every word that is one of the ids replaced.
func renamed(dst []byte, text string, ids map[string]string) []byte {
	for i := 0; i < len(text); {
		end := i
		for end < len(text) && alphanumeric(text[end]) {
			end++
		}
		word := text[i:end]
		if id, ok := ids[word]; ok {
			word = id
		}
		dst = append(dst, word...)
		for i = end; i < len(text) && !alphanumeric(text[i]); i++ {
			dst = append(dst, text[i])
		}
	}
	return dst
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}
