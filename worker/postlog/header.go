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
	s := trimPriority(raw)
	t, s, ok := parseStamp(s, year, zone)
	if !ok {
		return Line{}, ErrNoTime
	}
	s = strings.TrimLeft(s, " ")
	host, s, ok := strings.Cut(s, " ")
	if !ok || host == "" || strings.HasSuffix(host, ":") {
		return Line{}, ErrNoHost
	}
	l := Line{Time: t, Host: host}
	l.Program, l.PID, l.Text, ok = splitProgram(s)
	if !ok {
		return Line{}, ErrNoProgram
	}
	return l, nil
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

func parseStamp(s string, year int, zone *time.Location) (t time.Time, rest string, ok bool) {
	if len(s) > 0 && s[0] >= '0' && s[0] <= '9' {
		return parseRFC3339(s)
	}
	return parseRFC3164(s, year, zone)
}

// parseRFC3164 reads "Nov  2 01:29:04". It is written out because
// time.Parse takes five times as long, and this runs on each line.
func parseRFC3164(s string, year int, zone *time.Location) (time.Time, string, bool) {
	const size = len("Jan _2 15:04:05")
	if len(s) <= size || s[3] != ' ' || s[6] != ' ' || s[9] != ':' || s[12] != ':' || s[size] != ' ' {
		return time.Time{}, s, false
	}
	month := monthOf(s[:3])
	day, ok1 := twoDigits(s[4], s[5])
	hour, ok2 := twoDigits(s[7], s[8])
	minute, ok3 := twoDigits(s[10], s[11])
	second, ok4 := twoDigits(s[13], s[14])
	if month == 0 || !ok1 || !ok2 || !ok3 || !ok4 || day == 0 || hour > 23 || minute > 59 || second > 60 {
		return time.Time{}, s, false
	}
	if zone == nil {
		zone = time.UTC
	}
	t := time.Date(year, month, day, hour, minute, second, 0, zone)
	if t.Month() != month && second < 60 { // February 30
		if m := time.Date(year, month, day, 12, 0, 0, 0, time.UTC).Month(); m != month {
			return time.Time{}, s, false
		}
	}
	return t.UTC(), s[size:], true
}

func twoDigits(a, b byte) (int, bool) {
	if a == ' ' {
		a = '0'
	}
	if a < '0' || a > '9' || b < '0' || b > '9' {
		return 0, false
	}
	return int(a-'0')*10 + int(b-'0'), true
}

func monthOf(s string) time.Month {
	switch s {
	case "Jan":
		return time.January
	case "Feb":
		return time.February
	case "Mar":
		return time.March
	case "Apr":
		return time.April
	case "May":
		return time.May
	case "Jun":
		return time.June
	case "Jul":
		return time.July
	case "Aug":
		return time.August
	case "Sep":
		return time.September
	case "Oct":
		return time.October
	case "Nov":
		return time.November
	case "Dec":
		return time.December
	}
	return 0
}

func parseRFC3339(s string) (time.Time, string, bool) {
	space := strings.IndexByte(s, ' ')
	if space < len("2006-01-02T15:04:05Z") || space > len("2006-01-02T15:04:05.999999999+00:00") {
		return time.Time{}, s, false
	}
	t, err := time.Parse(time.RFC3339Nano, s[:space])
	if err != nil || t.Unix() < 0 || t.Unix() > maxUnixSeconds { // no log is older than Unix time
		return time.Time{}, s, false
	}
	return t.UTC(), s[space:], true
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
