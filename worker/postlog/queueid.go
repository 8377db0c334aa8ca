package postlog

import (
	"strings"
	"time"
)

// Bounds on a queue id's length. Postfix's shortest short id is five digits
// of microseconds and one of inode; nothing it writes comes near the upper one.
const (
	minShortID = 6
	minLongID  = 12
	maxQueueID = 40
)

// Positions in a long queue id, counted from its separator
// (src/global/mail_queue.h, MQID_LG_*).
const (
	longSecondsMin = 6 // digits of seconds, at least
	longMicros     = 4 // digits of microseconds, exactly
	longSeparator  = 'z'
)

// base52 holds each byte's value in the alphabet of long queue ids: digits and
// letters without vowels (src/util/base32_code.c's cousin safe_ultostr.c). -1
// is no digit.
var base52 = func() (t [256]int8) {
	for i := range t {
		t[i] = -1
	}
	for i, c := range []byte("0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz") {
		t[c] = int8(i)
	}
	return t
}()

// ValidQueueID tells whether s could be a queue id of Postfix: a short one (upper
// case hexadecimal, 6 characters or more) or a long one (see [IsLongQueueID]).
//
// That the first five digits of a short id are at most F423F is not asked for:
// ids that other tools made up for tests and relays break that rule, and a word
// of six upper case letters from A to F before a colon is no risk in the lines of
// the programs that are read.
func ValidQueueID(s string) bool { return isShortQueueID(s) || IsLongQueueID(s) }

func isShortQueueID(s string) bool {
	if len(s) < minShortID || len(s) > maxQueueID {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}

// IsLongQueueID tells whether s is a long queue id (enable_long_queue_ids =
// yes), which is never given out twice and holds its time of arrival: seconds in base
// 52, four digits of microseconds, "z", the inode in base 51.
func IsLongQueueID(s string) bool {
	_, ok := LongQueueIDTime(s)
	return ok
}

// LongQueueIDTime decodes the time of arrival from a long queue id, to the
// microsecond, in UTC. It returns false for what is no long queue id.
func LongQueueIDTime(s string) (time.Time, bool) {
	if len(s) < minLongID || len(s) > maxQueueID {
		return time.Time{}, false
	}
	z := strings.LastIndexByte(s, longSeparator)
	if z < longSecondsMin+longMicros || z == len(s)-1 {
		return time.Time{}, false
	}
	for i := z + 1; i < len(s); i++ {
		if base52[s[i]] < 0 {
			return time.Time{}, false
		}
	}
	sec, ok := decode52(s[:z-longMicros])
	if !ok {
		return time.Time{}, false
	}
	usec, ok := decode52(s[z-longMicros : z])
	if !ok || usec >= 1e6 {
		return time.Time{}, false
	}
	return time.Unix(sec, usec*1000).UTC(), true
}

// decode52 reads a number in base 52; false where a digit is none or the
// number leaves the years that a date can hold.
func decode52(s string) (n int64, ok bool) {
	for i := range len(s) {
		d := base52[s[i]]
		if d < 0 {
			return 0, false
		}
		if n = n*52 + int64(d); n > maxUnixSeconds {
			return 0, false
		}
	}
	return n, true
}

// maxUnixSeconds is the end of the year 9999, the last that a date field takes.
const maxUnixSeconds = 253402300799

// splitQueueID takes "ID: rest" apart. noqueue is true for "NOQUEUE: rest",
// which stands where Postfix has no queue file yet, and for "proxy-reject:", which stays.
func splitQueueID(text string) (id, rest string, noqueue bool) {
	// One look at each byte up to the colon tells nearly all texts apart.
	hex, colon := true, 0
	for ; ; colon++ {
		if colon == len(text) || colon > maxQueueID {
			return "", text, false
		}
		c := text[colon]
		if c == ':' {
			break
		}
		if c == ' ' {
			return "", text, false
		}
		hex = hex && (c >= '0' && c <= '9' || c >= 'A' && c <= 'F')
	}
	if colon < minShortID || colon+1 < len(text) && text[colon+1] != ' ' {
		return "", text, false
	}
	id, rest = text[:colon], text[min(colon+2, len(text)):]
	switch {
	case hex:
		return id, rest, false
	case id == "NOQUEUE":
		return "", rest, true
	case id == proxyReject:
		return "", text, true
	case IsLongQueueID(id):
		return id, rest, false
	}
	return "", text, false
}

// LeadingQueueID returns the queue id that a text begins with, after an optional
// level word, as [Parse] finds it and without the rest of its work. noqueue is true for
// "NOQUEUE:" and "proxy-reject:".
func LeadingQueueID(text string) (id string, noqueue bool) {
	_, text = splitLevel(text)
	id, _, noqueue = splitQueueID(text)
	return id, noqueue
}
