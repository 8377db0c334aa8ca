package maillog

import (
	"time"
)

// rejects remembers the NOQUEUE rejects of the last window, so that a line that
// comes twice makes one document.
//
// Two generations make it: a window's worth each at least, unless most go over the
// bound. Then a repeated line beyond it is written twice, with one _id.
type rejects struct {
	window         time.Duration
	bound          int // of one generation
	since          time.Time
	recent, before map[string]struct{}
}

const rejectCost = 128

func newRejects(window time.Duration, memory int64) rejects {
	return rejects{window: window, bound: int(max(memory/8/rejectCost, 16)), recent: map[string]struct{}{}}
}

// add remembers a reject by its _id. It returns false where it is known.
func (r *rejects) add(id string, at time.Time) bool {
	if _, known := r.recent[id]; known {
		return false
	}
	_, known := r.before[id]
	if at.Sub(r.since) > r.window+afterEnd || len(r.recent) >= r.bound {
		r.before, r.recent, r.since = r.recent, make(map[string]struct{}), at
	}
	r.recent[id] = struct{}{}
	return !known
}
