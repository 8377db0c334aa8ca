package message

import (
	"slices"
	"time"

	"github.com/postweave/postweave/worker/postlog"
)

// incarnation is one message among those that had the same queue id.
type incarnation struct {
	facts   []fact    // sorted canonically
	anchor  time.Time // its arrival, as far as its day and ordinal go
	arrival time.Time // the earliest moment that any line speaks of
	ordinal int       // among those of the same UTC day
}

// arrivalTolerance is how far a reckoned arrival may lie after the one known
// and still be the same: time stamps have whole seconds, delays few digits.
//
// A clock that steps does no harm: Postfix reckons the delay from the arrival that it
// stamped into the queue file, so that (time stamp - delay) is the same in each line.
const arrivalTolerance = 10 * time.Second

// softSlack is how long before a reckoned arrival a line may be and still
// belong to it. A reckoned arrival is rounded, an origin line is not.
const softSlack = 2 * time.Second

// start is where an incarnation begins.
type start struct {
	at   time.Time
	hard bool // an origin line; otherwise reckoned from other lines
}

// incarnations splits the lines of one key into messages.
//
// Postfix gives a short queue id out again when the queue file's inode and the
// microsecond of arrival meet once more. Boundaries are, from the strongest:
//
//   - an origin line (client=, uid=): each different one begins a message;
//   - an arrival (time stamp - delay of a delivery line) that lies after the known
//     one by more than the tolerance. An earlier one never splits: Postfix stamps the arrival at
//     MAIL FROM and logs client= only at the first accepted recipient, a mail from pickup
//     waited before it was read, and a requeued one keeps its old arrival;
//   - cleanup's first line, or a return to the active queue, after the file was removed, unless
//     a later delivery names the old arrival.
//
// A line belongs to the last message that had begun by then.
func incarnations(k Key, facts []fact) []incarnation {
	if at, ok := postlog.LongQueueIDTime(k.QueueID); ok {
		return []incarnation{{facts: facts, anchor: at, arrival: earliest(facts, at)}}
	}
	starts := findStarts(facts)
	parts := assign(facts, starts)
	for i := range parts {
		p := &parts[i]
		p.arrival = earliest(p.facts, p.anchor)
	}
	number(parts)
	return parts
}

// earliest returns the earliest moment that a message's lines speak of: at, the
// first line, or an arrival that was reckoned from a delivery and is earlier by more than rounding.
func earliest(facts []fact, at time.Time) time.Time {
	if at.IsZero() || facts[0].Time.Before(at) {
		at = facts[0].Time
	}
	known := at
	for i := range facts {
		if r, ok := arrivalOf(&facts[i]); ok && r.Before(known.Add(-softSlack)) && r.Before(at) {
			at = r
		}
	}
	return at
}

// findStarts returns the boundaries in order. There is always one.
func findStarts(facts []fact) []start {
	var starts []start
	for i := range facts {
		if isOrigin(&facts[i]) {
			starts = append(starts, start{facts[i].Time, true})
		}
	}
	starts = addReckoned(starts, facts)
	starts = addReturns(starts, facts)
	if len(starts) == 0 || facts[0].Time.Before(begin(starts[0])) && headless(facts, starts[0]) {
		starts = slices.Insert(starts, 0, start{facts[0].Time, false})
	}
	return starts
}

func isOrigin(f *fact) bool {
	return f.event.Kind == postlog.Client || f.event.Kind == postlog.Pickup
}

// begin is the earliest time of a line that belongs to the start.
func begin(s start) time.Time {
	if s.hard {
		return s.at
	}
	return s.at.Add(-softSlack)
}

// arrivalOf reckons a delivery line's arrival.
func arrivalOf(f *fact) (time.Time, bool) {
	if f.event.Kind != postlog.Delivery || !f.event.Delivered.HasDelay {
		return time.Time{}, false
	}
	delay := time.Duration(f.event.Delivered.Delay * float64(time.Second))
	return f.Time.Add(-delay.Round(time.Millisecond)), true // no digits that the line does not have
}

// addReckoned adds a start for each arrival that fits none of those known.
func addReckoned(starts []start, facts []fact) []start {
	var arrivals []struct{ at, line time.Time }
	for i := range facts {
		if at, ok := arrivalOf(&facts[i]); ok {
			arrivals = append(arrivals, struct{ at, line time.Time }{at, facts[i].Time})
		}
	}
	slices.SortStableFunc(arrivals, func(a, b struct{ at, line time.Time }) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return a.line.Compare(b.line)
	})
	for _, a := range arrivals {
		i := max(current(starts, a.line), 0)
		if i < len(starts) && !a.at.After(starts[i].at.Add(arrivalTolerance)) && !a.line.Before(starts[i].at.Add(-arrivalTolerance)) {
			continue
		}
		starts = insertStart(starts, start{a.at, false})
	}
	return starts
}

// addReturns adds a start where a removed message's id comes back to life
// without an origin line and, as yet, without a delivery.
func addReturns(starts []start, facts []fact) []start {
	for i := range facts {
		f := &facts[i]
		if f.event.Kind != postlog.MessageID && f.event.Kind != postlog.QueueActive {
			continue
		}
		s := current(starts, f.Time)
		if s >= 0 && !removedBefore(facts[:i], starts[s], f.Time) || s < 0 && !removedBefore(facts[:i], start{}, f.Time) {
			continue
		}
		if !oldArrivalAfter(facts[i:], starts, s, f.Time) {
			starts = insertStart(starts, start{f.Time, false})
		}
	}
	return starts
}

// removedBefore tells whether the file was removed between the start and t,
// clearly before t.
func removedBefore(facts []fact, s start, t time.Time) bool {
	for i := range facts {
		if facts[i].event.Kind == postlog.Removed && !facts[i].Time.Before(s.at) && facts[i].Time.Add(arrivalTolerance).Before(t) {
			return true
		}
	}
	return false
}

// oldArrivalAfter tells whether a delivery in facts, before the start after s,
// has an arrival clearly before t.
func oldArrivalAfter(facts []fact, starts []start, s int, t time.Time) bool {
	for i := range facts {
		if s+1 < len(starts) && !facts[i].Time.Before(begin(starts[s+1])) {
			return false
		}
		if at, ok := arrivalOf(&facts[i]); ok && at.Add(arrivalTolerance).Before(t) {
			return true
		}
	}
	return false
}

// headless tells whether lines before the first start are a message of their
// own, whose first lines are missing, and no mere disorder of the clock: it was removed, or it is
// clearly older.
func headless(facts []fact, first start) bool {
	for i := range facts {
		if !facts[i].Time.Before(begin(first)) {
			return false
		}
		if facts[i].event.Kind == postlog.Removed || facts[i].Time.Add(arrivalTolerance).Before(first.at) {
			return true
		}
	}
	return false
}

// current returns the index of the last start at or before t, or -1.
func current(starts []start, t time.Time) int {
	for i := len(starts) - 1; i >= 0; i-- {
		if !begin(starts[i]).After(t) {
			return i
		}
	}
	return -1
}

func insertStart(starts []start, s start) []start {
	i, _ := slices.BinarySearchFunc(starts, s, func(a, b start) int { return a.at.Compare(b.at) })
	return slices.Insert(starts, i, s)
}

// assign gives each line to the last start at or before it; lines before the
// first go to the first.
func assign(facts []fact, starts []start) []incarnation {
	parts := make([]incarnation, 0, len(starts))
	from := 0
	for i, s := range starts {
		to := len(facts)
		if i+1 < len(starts) {
			next := begin(starts[i+1])
			to = from + len(facts[from:])
			for j := from; j < len(facts); j++ {
				if !facts[j].Time.Before(next) {
					to = j
					break
				}
			}
			if starts[i+1].hard && s.hard && s.at.Equal(starts[i+1].at) {
				to++ // two origin lines in one second, which sort before the rest of it: the first keeps its own
			}
		}
		if to > from {
			parts = append(parts, incarnation{facts: facts[from:to:to], anchor: s.at})
		}
		from = to
	}
	return parts
}

// number counts the messages of each UTC day.
func number(parts []incarnation) {
	for i := 1; i < len(parts); i++ {
		if sameDay(parts[i-1].anchor, parts[i].anchor) {
			parts[i].ordinal = parts[i-1].ordinal + 1
		}
	}
}

func sameDay(a, b time.Time) bool {
	return a.UTC().Truncate(24 * time.Hour).Equal(b.UTC().Truncate(24 * time.Hour))
}
