package postlog

import (
	"strings"
	"time"
)

// stamps reads time stamps and remembers the last one of each kind, in whole
// seconds.
type stamps struct {
	bsd     string // "Nov  2 01:29:04"
	year    int
	zone    *time.Location
	bsdTime time.Time

	iso     string // "2026-11-02T01:29:04"
	offset  string // "+01:00", "Z"
	isoTime time.Time
}

const (
	bsdSize = len("Jan _2 15:04:05")
	isoSize = len("2006-01-02T15:04:05")
)

func (m *stamps) parse(s string, year int, zone *time.Location) (t time.Time, rest string, ok bool) {
	if len(s) > 0 && s[0] >= '0' && s[0] <= '9' {
		return m.parseISO(s)
	}
	if len(s) > bsdSize && s[bsdSize] == ' ' && m.bsd == s[:bsdSize] && m.year == year && m.zone == zone {
		return m.bsdTime, s[bsdSize:], true
	}
	if t, rest, ok = parseRFC3164(s, year, zone); ok {
		m.bsd, m.year, m.zone, m.bsdTime = s[:bsdSize], year, zone, t
	}
	return t, rest, ok
}

// parseISO reads a stamp of RFC 3339: the second from memory, the fraction
// here. What has another form than syslog daemons write goes the long way.
func (m *stamps) parseISO(s string) (t time.Time, rest string, ok bool) {
	if len(s) > isoSize && m.iso == s[:isoSize] {
		nanos, after, plain := fraction(s[isoSize:])
		if plain && m.offset != "" && strings.HasPrefix(after, m.offset) && len(after) > len(m.offset) && after[len(m.offset)] == ' ' {
			return m.isoTime.Add(nanos), after[len(m.offset):], true
		}
	}
	if t, rest, ok = parseRFC3339(s); !ok {
		return t, rest, false
	}
	if nanos, after, plain := fraction(s[isoSize:]); plain && after[0] != ',' { // a fraction that is none of the offset
		m.iso, m.offset, m.isoTime = s[:isoSize], after[:len(after)-len(rest)], t.Add(-nanos)
	}
	return t, rest, true
}

// fraction reads ".123456" at the start of s, or nothing.
func fraction(s string) (nanos time.Duration, rest string, ok bool) {
	if s == "" || s[0] != '.' {
		return 0, s, s != ""
	}
	i, unit := 1, 100*time.Millisecond
	for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		nanos += time.Duration(s[i]-'0') * unit
		unit /= 10
	}
	return nanos, s[i:], i > 1 && i <= len(".123456789")
}

// parseRFC3164 reads "Nov  2 01:29:04". It is written out because
// time.Parse takes five times as long, and this runs on each line.
func parseRFC3164(s string, year int, zone *time.Location) (time.Time, string, bool) {
	const size = bsdSize
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
