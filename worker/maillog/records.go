package maillog

import (
	"iter"
	"math"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// records remembers the messages that were written, by queue id. A busy server has a million a day, so they are packed
// without pointers, which a collection need not follow: some 60 bytes each.
type records struct {
	short map[uint64]packedPast
	long  map[longID]packedPast
	other map[string]packedPast // ids that fit neither
}

// packedPast is a message.Past, its times in microseconds since 1970.
type packedPast struct {
	arrival, last int64
	ordinal       int32
}

// longID is a queue id of up to 24 bytes, filled up with zeros.
type longID [24]byte

// shortKey packs an id of up to 15 hexadecimal digits, its length in the upper four bits.
func shortKey(id string) (key uint64, ok bool) {
	if len(id) > 15 {
		return 0, false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case c >= '0' && c <= '9':
			key = key<<4 | uint64(c-'0')
		case c >= 'A' && c <= 'F':
			key = key<<4 | uint64(c-'A'+10)
		default:
			return 0, false
		}
	}
	return key | uint64(len(id))<<60, true
}

func (r *records) get(id string) (message.Past, bool) {
	var p packedPast
	var ok bool
	if key, short := shortKey(id); short {
		p, ok = r.short[key]
	} else if len(id) <= len(longID{}) {
		var key longID
		copy(key[:], id)
		p, ok = r.long[key]
	} else {
		p, ok = r.other[id]
	}
	if !ok {
		return message.Past{}, false
	}
	return p.past(), true
}

func (r *records) put(id string, past message.Past) {
	p := pack(past)
	if r.short == nil {
		*r = records{map[uint64]packedPast{}, map[longID]packedPast{}, map[string]packedPast{}}
	}
	if key, short := shortKey(id); short {
		r.short[key] = p
	} else if len(id) <= len(longID{}) {
		var key longID
		copy(key[:], id)
		r.long[key] = p
	} else {
		r.other[id] = p
	}
}

func (r *records) remove(id string) {
	if key, short := shortKey(id); short {
		delete(r.short, key)
	} else if len(id) <= len(longID{}) {
		var key longID
		copy(key[:], id)
		delete(r.long, key)
	} else {
		delete(r.other, id)
	}
}

func (r *records) len() int { return len(r.short) + len(r.long) + len(r.other) }

// all goes through the records in any order.
func (r *records) all() iter.Seq2[string, message.Past] {
	return func(yield func(string, message.Past) bool) {
		for key, p := range r.short {
			if !yield(shortID(key), p.past()) {
				return
			}
		}
		for key, p := range r.long {
			n := 0
			for n < len(key) && key[n] != 0 {
				n++
			}
			if !yield(string(key[:n]), p.past()) {
				return
			}
		}
		for id, p := range r.other {
			if !yield(id, p.past()) {
				return
			}
		}
	}
}

// shortID is what shortKey packedPast.
func shortID(key uint64) string {
	id := make([]byte, key>>60)
	for i := len(id) - 1; i >= 0; i-- {
		id[i] = "0123456789ABCDEF"[key&15]
		key >>= 4
	}
	return string(id)
}

// noTime stands for the zero time.
const noTime = math.MinInt64

func pack(p message.Past) packedPast {
	return packedPast{arrival: micros(p.Arrival), last: micros(p.LastSeen), ordinal: int32(min(p.Ordinal, math.MaxInt32))} //nolint:gosec // bounded
}

func (p packedPast) past() message.Past {
	return message.Past{Arrival: timeOf(p.arrival), LastSeen: timeOf(p.last), Ordinal: int(p.ordinal)}
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return noTime
	}
	return t.UnixMicro()
}

func timeOf(micros int64) time.Time {
	if micros == noTime {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
