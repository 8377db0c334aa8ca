package loggen

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
)

// Read takes a log apart line by line: RFC 3164 stamps, whose year and zone it is told, or RFC 3339, with or without a leading <PRI>.
// It is for logs that tests know, so that they can be indexed: a line of another kind is an error. A line may have 1 MiB.
func Read(r io.Reader, year int, zone *time.Location, f func(Line) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for n := 1; s.Scan(); n++ {
		l, err := ReadLine(s.Text(), year, zone)
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if err := f(l); err != nil {
			return err
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	return nil
}

// ReadLine takes one line apart as [Read] does.
func ReadLine(raw string, year int, zone *time.Location) (Line, error) {
	if strings.HasPrefix(raw, "<") {
		if i := strings.IndexByte(raw, '>'); i > 0 {
			raw = raw[i+1:]
		}
	}
	var l Line
	var err error
	rest := ""
	if stamp, after, ok := strings.Cut(raw, " "); ok && strings.IndexByte(stamp, 'T') > 0 {
		l.Time, err = time.Parse(time.RFC3339Nano, stamp)
		rest = after
	} else if len(raw) > 16 {
		l.Time, err = time.ParseInLocation("2006 Jan _2 15:04:05", fmt.Sprint(year, " ", raw[:15]), zone)
		rest = raw[16:]
	} else {
		err = fmt.Errorf("too short")
	}
	if err != nil {
		return Line{}, fmt.Errorf("no stamp: %w", err)
	}
	host, rest, ok := strings.Cut(rest, " ")
	tag, text, ok2 := strings.Cut(rest, ": ")
	if !ok || !ok2 {
		return Line{}, fmt.Errorf("no host or no program")
	}
	l.Host, l.Text = host, text
	program, pid, _ := strings.Cut(tag, "[")
	l.Program, l.PID = program, strings.TrimSuffix(pid, "]")
	return l, nil
}
