package loggen

import (
	"strconv"
	"strings"
	"time"
)

// base52 is Postfix's alphabet for long queue ids: digits and letters without vowels, so that no id spells a word.
const base52 = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"

// ShortID is the queue id that Postfix makes by default: five hex digits of the arrival's microseconds, then the inode in hex.
func ShortID(arrival time.Time, inode uint64) string {
	const hex = "0123456789ABCDEF"
	var b [24]byte
	us := arrival.Nanosecond() / 1000
	for i := 4; i >= 0; i-- {
		b[i] = hex[us&15]
		us >>= 4
	}
	i := len(b)
	for {
		i--
		b[i] = hex[inode&15]
		if inode >>= 4; inode == 0 {
			break
		}
	}
	return string(append(b[:5], b[i:]...))
}

// LongID is the queue id that Postfix makes with enable_long_queue_ids: seconds and microseconds in base 52, a z, the inode in base 51.
func LongID(arrival time.Time, inode uint64) string {
	b := make([]byte, 0, 20)
	b = appendBase(b, uint64(arrival.Unix()), 52, 6)
	b = appendBase(b, uint64(arrival.Nanosecond()/1000), 52, 4)
	b = append(b, 'z')
	return string(appendBase(b, inode, 51, 1))
}

func appendBase(b []byte, n, base uint64, width int) []byte {
	var d [16]byte
	i := len(d)
	for n > 0 || len(d)-i < width {
		i--
		d[i] = base52[n%base]
		n /= base
	}
	return append(b, d[i:]...)
}

// LongIDTime gives the arrival that a long queue id holds, to the microsecond. ok is false where id is no long queue id.
func LongIDTime(id string) (arrival time.Time, ok bool) {
	z := strings.LastIndexByte(id, 'z')
	if z < 10 || z == len(id)-1 {
		return time.Time{}, false
	}
	sec, ok1 := parseBase(id[:z-4], 52)
	us, ok2 := parseBase(id[z-4:z], 52)
	_, ok3 := parseBase(id[z+1:], 51)
	if !ok1 || !ok2 || !ok3 || us > 999_999 {
		return time.Time{}, false
	}
	return time.Unix(int64(sec), int64(us)*1000).UTC(), true
}

// LongIDInode gives the inode that a long queue id holds. ok is false where id is no long queue id.
func LongIDInode(id string) (inode uint64, ok bool) {
	if _, ok := LongIDTime(id); !ok {
		return 0, false
	}
	return parseBase(id[strings.LastIndexByte(id, 'z')+1:], 51)
}

func parseBase(s string, base uint64) (n uint64, ok bool) {
	for i := range len(s) {
		d := strings.IndexByte(base52, s[i])
		if d < 0 || uint64(d) >= base {
			return 0, false
		}
		n = n*base + uint64(d)
	}
	return n, true
}

// IsShortID says whether id has the form of a short queue id: its first five digits are microseconds below a million.
func IsShortID(id string) bool {
	if len(id) < 6 || strings.Trim(id, "0123456789ABCDEF") != "" {
		return false
	}
	us, err := strconv.ParseUint(id[:5], 16, 32)
	return err == nil && us <= 999_999
}
