package postlog

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Line is one syslog line in its parts.
type Line struct {
	Time    time.Time // UTC; with the precision that the line has
	Host    string    // syslog hostname
	Program string    // as written before "[pid]": "postfix/submission/smtpd"
	PID     string    // empty where the line has none
	Text    string    // what the program said
}

// What a line may lack. They carry no text of the line: it holds mail data.
var (
	ErrNoTime    = errors.New("no time stamp of RFC 3164 or RFC 3339 at its start")
	ErrNoHost    = errors.New("no host name after the time stamp")
	ErrNoProgram = errors.New("no program name and colon after the host name")
)

// ParseLine takes the header off a syslog line: an optional "<PRI>", a time
// stamp of RFC 3164 ("Nov  2 01:29:04") or RFC 3339 ("2026-11-02T01:29:04.5+01:00"),
// the host, "program[pid]:" or "program:". An RFC 3164 stamp has neither year nor
// zone: both are arguments, so that the same line gives the same time on any day.
//
// The error is [ErrNoTime], [ErrNoHost] or [ErrNoProgram].
func ParseLine(raw string, year int, zone *time.Location) (Line, error) {
	var l Line
	err := new(Headers).Parse(&l, raw, year, zone)
	return l, err
}

// Headers reads the headers of a log's lines, one after the other, as [ParseLine]
// does and in less time: most lines have the stamp of the one before. The zero value is ready
// to use. It is not safe for concurrent use.
type Headers struct{ last stamps }

// Parse is [ParseLine] into a line that the caller has. After an error the line
// holds nothing.
func (h *Headers) Parse(l *Line, raw string, year int, zone *time.Location) error {
	*l = Line{}
	s := trimPriority(raw)
	t, s, ok := h.last.parse(s, year, zone)
	if !ok {
		return ErrNoTime
	}
	s = strings.TrimLeft(s, " ")
	host, s, ok := cutSpace(s)
	if !ok || host == "" || host[len(host)-1] == ':' {
		return ErrNoHost
	}
	program, pid, text, ok := splitProgram(s)
	if !ok {
		return ErrNoProgram
	}
	*l = Line{Time: t, Host: host, Program: program, PID: pid, Text: text}
	return nil
}

// cutSpace is strings.Cut at the first space; names of hosts are short, for which
// a plain loop is quickest.
func cutSpace(s string) (before, after string, found bool) {
	for i := range len(s) {
		if s[i] == ' ' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// trimPriority removes a leading "<22>" (RFC 3164 4.1.1: one to three digits).
func trimPriority(s string) string {
	if len(s) < 3 || s[0] != '<' {
		return s
	}
	for i := 1; i < len(s) && i <= 4; i++ {
		if s[i] == '>' && i > 1 {
			return s[i+1:]
		}
		if s[i] < '0' || s[i] > '9' {
			return s
		}
	}
	return s
}

// splitProgram reads "program[pid]: text" and "program: text".
func splitProgram(s string) (program, pid, text string, ok bool) {
	end := 0
	for end < len(s) && s[end] != '[' && s[end] != ':' && s[end] != ' ' {
		end++
	}
	if end == 0 || end == len(s) || s[end] == ' ' {
		return "", "", "", false
	}
	program, s = s[:end], s[end:]
	if s[0] == '[' {
		end = strings.IndexByte(s, ']')
		if end < 0 || end+1 >= len(s) || s[end+1] != ':' {
			return "", "", "", false
		}
		pid, s = s[1:end], s[end+1:]
	}
	return program, pid, strings.TrimPrefix(s[1:], " "), true
}

// digits parses an unsigned decimal number of at most 18 digits.
func digits(s string) (int64, bool) {
	if s == "" || len(s) > 18 {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
