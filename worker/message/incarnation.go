package message

import (
	"slices"
	"sort"
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
	at     time.Time
	hard   bool // an origin line; otherwise reckoned from other lines
	pickup bool // an origin line of pickup: the message may be older by any time
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
//   - a line of cleanup or qmgr clearly after the file was removed, or a second message-id or
//     another size clearly after the first, unless a later delivery names the old arrival.
//
// A line belongs to the last message that had begun by then, or to the one that begins
// within the tolerance where nothing was written for as long before: daemons write at once, and their
// lines, or the clocks that stamp them, may be out of step by seconds.
//
// The facts are buf's, and so is what is returned.
func incarnations(k Key, facts []fact, buf *factBuffer) []incarnation {
	if at, ok := postlog.LongQueueIDTime(k.QueueID); ok {
		buf.parts = append(buf.parts[:0], incarnation{facts: facts, anchor: at, arrival: earliest(facts, at)})
		return buf.parts
	}
	buf.starts = origins(facts, buf.starts[:0])
	buf.parts = assign(facts, findStarts(facts, buf.starts), buf.parts[:0])
	parts := buf.parts
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

// findStarts returns the boundaries in order, the origins' among them. There is always one.
func findStarts(facts []fact, origins []start) []start {
	starts := origins
	starts = join(starts, reckoned(facts, starts))
	starts = join(starts, returns(facts, starts))
	if len(starts) == 0 || facts[0].Time.Before(begin(starts[0])) && headless(facts, starts[0]) {
		starts = slices.Insert(starts, 0, start{at: facts[0].Time})
	}
	return starts
}

// origins adds a start for each origin line.
func origins(facts []fact, starts []start) []start {
	for i := range facts {
		if k := facts[i].kind; k == postlog.Client || k == postlog.Pickup {
			starts = append(starts, start{facts[i].Time, true, k == postlog.Pickup})
		}
	}
	return starts
}

// join merges two sorted lists of starts. Of those of one time, soft ones come
// before the origin lines.
func join(starts, soft []start) []start {
	if len(soft) == 0 {
		return starts
	}
	all := make([]start, 0, len(starts)+len(soft))
	for _, s := range starts {
		for len(soft) > 0 && !soft[0].at.After(s.at) {
			all, soft = append(all, soft[0]), soft[1:]
		}
		all = append(all, s)
	}
	return append(all, soft...)
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
	if f.kind != postlog.Delivery || !f.hasDelay {
		return time.Time{}, false
	}
	delay := time.Duration(f.delay * float64(time.Second))
	return f.Time.Add(-delay.Round(time.Millisecond)), true // no digits that the line does not have
}

// arrival is a reckoned one and the time of the line that it was reckoned from.
type arrival struct{ at, line time.Time }

// reckoned returns a start for each arrival that fits none of those known,
// which are origin lines.
func reckoned(facts []fact, known []start) (starts []start) {
	var few [8]arrival
	arrivals := few[:0]
	if n := deliveries(facts); n > len(few) {
		arrivals = make([]arrival, 0, n)
	}
	for i := range facts {
		if at, ok := arrivalOf(&facts[i]); ok {
			arrivals = append(arrivals, arrival{at, facts[i].Time})
		}
	}
	slices.SortFunc(arrivals, func(a, b arrival) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return a.line.Compare(b.line)
	})
	for _, a := range arrivals {
		s, ok := lastBy(known, starts, a.line)
		if ok && !a.at.After(s.Add(arrivalTolerance)) && !a.line.Before(s.Add(-arrivalTolerance)) || a.near(known) {
			continue
		}
		starts = append(starts, start{at: a.at}) // in order, since the arrivals are
	}
	return starts
}

func deliveries(facts []fact) (n int) {
	for i := range facts {
		if facts[i].kind == postlog.Delivery {
			n++
		}
	}
	return n
}

// near tells that the next origin line after the delivery lies within the tolerance
// of it and of the arrival that it names.
func (a arrival) near(origins []start) bool {
	i := begun(origins, a.line)
	return i < len(origins) && !a.line.Before(origins[i].soon()) && (origins[i].pickup || !a.at.Before(origins[i].soon()))
}

// soon is how early a line may be and still belong to the start, where nothing
// speaks against it.
func (s start) soon() time.Time { return s.at.Add(-arrivalTolerance) }

// lastBy returns the time of the last start that had begun at t, or of the first
// of all where none had.
func lastBy(hard, soft []start, t time.Time) (at time.Time, ok bool) {
	h, s := begun(hard, t), begun(soft, t.Add(softSlack))
	switch {
	case h == 0 && s == 0:
		h, s = min(1, len(hard)), min(1, len(soft))
		if h > 0 && s > 0 && !hard[0].at.Before(soft[0].at) {
			h = 0
		} else if h > 0 {
			s = 0
		}
	case h > 0 && s > 0 && soft[s-1].at.After(hard[h-1].at):
		h = 0
	}
	switch {
	case h > 0:
		return hard[h-1].at, true
	case s > 0:
		return soft[s-1].at, true
	}
	return time.Time{}, false
}

// begun returns how many of the sorted starts are at or before t.
func begun(starts []start, t time.Time) int {
	if n := len(starts); n == 0 || !starts[n-1].at.After(t) {
		return n
	}
	return sort.Search(len(starts), func(i int) bool { return starts[i].at.After(t) })
}

// returns gives a start where a queue id comes back to life without an origin
// line and, as yet, without a delivery: at a line of cleanup or qmgr clearly after the removal of the
// file; at a second message-id clearly after the first, since cleanup logs one for a message; at another size
// clearly after the first, since a queue file keeps its own. A later delivery that names an old arrival says
// that it is the old message after all.
func returns(facts []fact, starts []start) (added []start) {
	c := course{starts: starts, hard: -1, soft: -1}
	o := oldest{facts: facts}
	gone, named, sized := -1, -1, -1 // the last removal, message-id and size clearly before
	passed := 0
	for i := range facts {
		f := &facts[i]
		for ; facts[passed].Time.Add(arrivalTolerance).Before(f.Time); passed++ {
			switch facts[passed].kind {
			case postlog.Removed:
				gone = passed
			case postlog.MessageID:
				named = passed
			case postlog.QueueActive:
				if facts[passed].hasSize {
					sized = passed
				}
			}
		}
		before := gone
		switch {
		case f.kind == postlog.MessageID:
			before = max(gone, named)
		case f.kind == postlog.QueueActive && f.hasSize && sized >= 0 && facts[sized].size != f.size:
			before = max(gone, sized)
		}
		if before < 0 || !returning(f) {
			continue
		}
		s := c.at(f.Time)
		var since time.Time
		if s >= 0 {
			since = starts[s].at
		}
		if n := len(added); n > 0 && added[n-1].at.After(since) {
			since = added[n-1].at
		}
		if facts[before].Time.Before(since.Add(-arrivalTolerance)) || s+1 < len(starts) && !f.Time.Before(starts[s+1].soon()) {
			continue
		}
		until := len(facts)
		if s+1 < len(starts) {
			until = firstAt(facts, i, starts[s+1].soon())
		}
		if old := o.arrival(i, until); old.IsZero() || !old.Add(arrivalTolerance).Before(f.Time) {
			added = append(added, start{at: f.Time})
		}
	}
	return added
}

// returning tells a line that the queue's own daemons write about a file that is
// there. Others may speak of a message that is gone: a filter that is slow, a notice, an operator; and a
// delivery is judged by the arrival that it names.
func returning(f *fact) bool {
	switch f.kind {
	case postlog.MessageID, postlog.QueueActive, postlog.Expired, postlog.Removed:
		return true
	}
	return false
}

// course finds the start that is current as time goes on.
type course struct {
	starts             []start
	hard, soft         int // index of the last one of each that has begun, or -1
	hardNext, softNext int // how far starts were looked at for each
}

// at returns the index of the last start that has begun at t, or -1. t must not
// go back.
func (c *course) at(t time.Time) int {
	for ; c.hardNext < len(c.starts) && !c.starts[c.hardNext].at.After(t); c.hardNext++ {
		if c.starts[c.hardNext].hard {
			c.hard = c.hardNext
		}
	}
	for ; c.softNext < len(c.starts) && !c.starts[c.softNext].at.After(t.Add(softSlack)); c.softNext++ {
		if !c.starts[c.softNext].hard {
			c.soft = c.softNext
		}
	}
	return max(c.hard, c.soft)
}

// firstAt returns the index of the first fact from i on that is not before t.
func firstAt(facts []fact, i int, t time.Time) int {
	return i + sort.Search(len(facts)-i, func(n int) bool { return !facts[i+n].Time.Before(t) })
}

// oldest finds the earliest arrival that is reckoned from facts[i:until]. The
// answers for one until are worked out together, since a key may have any number of lines.
type oldest struct {
	facts       []fact
	least       []time.Time // zero where no delivery follows
	from, until int         // what least holds
}

func (o *oldest) arrival(i, until int) time.Time {
	if i >= until {
		return time.Time{}
	}
	if o.least == nil {
		o.least = make([]time.Time, len(o.facts))
	}
	if until != o.until || i < o.from {
		var least time.Time
		for k := until - 1; k >= i; k-- {
			if at, ok := arrivalOf(&o.facts[k]); ok && (least.IsZero() || at.Before(least)) {
				least = at
			}
			o.least[k] = least
		}
		o.from, o.until = i, until
	}
	return o.least[i]
}

// headless tells whether lines before the first start are a message of their
// own, whose first lines are missing, and no mere disorder: the first is clearly older.
func headless(facts []fact, first start) bool {
	return facts[0].Time.Add(arrivalTolerance).Before(first.at)
}

// assign gives each line to the last start at or before it; lines before the
// first go to the first.
func assign(facts []fact, starts []start, parts []incarnation) []incarnation {
	from := 0
	for i, s := range starts {
		to := len(facts)
		if i+1 < len(starts) {
			next := starts[i+1]
			for to = from; to < len(facts) && facts[to].Time.Before(begin(next)); {
				to++
			}
			if next.hard && s.hard && s.at.Equal(next.at) {
				to++ // two origin lines in one second, which sort before the rest of it: the first keeps its own
			} else {
				to = ahead(facts, from, to, next)
			}
		}
		if to > from {
			parts = append(parts, incarnation{facts: facts[from:to:to], anchor: s.at})
		}
		from = to
	}
	return parts
}

// ahead returns the index in facts[from:to] from which on lines belong to the
// message that begins after them: those within the tolerance that follow as long a silence, unless one
// speaks of an older arrival.
func ahead(facts []fact, from, to int, next start) int {
	i := to
	for i > from && !facts[i-1].Time.Before(next.soon()) {
		i--
		if old, ok := arrivalOf(&facts[i]); ok && old.Before(next.soon()) && !next.pickup {
			return to
		}
	}
	if i == from || i == to || !facts[i-1].Time.Add(arrivalTolerance).Before(facts[i].Time) {
		return to
	}
	return i
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
