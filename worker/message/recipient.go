package message

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/postweave/postweave/worker/postlog"
)

// recipients collects what became of each recipient: one entry for each pair of
// final and original address, compared without regard to case.
type recipients struct {
	list      []recipient
	buf       *[]recipient // where the list's memory came from; nil while it is empty
	index     map[pair]int // nil while the list is short
	announced onceList     // named as recipient by cleanup or a message-wide verdict
}

// recipient is an entry in the making: no more than counting and sorting ask
// for, since most of a hundred thousand are never shown.
type recipient struct {
	pair
	To, OrigTo  string // as first written
	Status      string
	tries       []try // once settled, the one that counts is the last
	first, last *fact // of its refusals at RCPT
}

// pair is final and original address, folded.
type pair struct{ to, orig string }

// try is one attempt with what orders it.
type try struct {
	fact          *fact
	delay         float64
	status        string
	final, probed bool
}

// linearUpTo is the length up to which the list is searched without an index.
const linearUpTo = 16

func foldCase(s string) string { return strings.ToLower(s) }

// lists holds memory for recipients. Documents have copies of what is shown.
var lists = sync.Pool{New: func() any { return new([]recipient) }}

// maxList is the capacity beyond which a list's memory is not kept.
const maxList = 64

// release gives the list's memory back.
func (r *recipients) release() {
	if r.buf == nil || cap(r.list) > maxList {
		return
	}
	for i := range r.list {
		x := &r.list[i]
		clear(x.tries)
		if cap(x.tries) > maxList {
			x.tries = nil
		}
		*x = recipient{tries: x.tries[:0]}
	}
	*r.buf = r.list[:0]
	lists.Put(r.buf)
}

// entry finds or makes the entry for a pair of addresses.
func (r *recipients) entry(to, orig string) *recipient {
	p := pair{foldCase(to), foldCase(orig)}
	if r.index == nil {
		for i := range r.list {
			if r.list[i].pair == p {
				return &r.list[i]
			}
		}
	} else if i, ok := r.index[p]; ok {
		return &r.list[i]
	}
	if r.list == nil {
		r.buf = lists.Get().(*[]recipient)
		r.list = (*r.buf)[:0]
	}
	var tries []try // of memory that was used before
	if n := len(r.list); n < cap(r.list) {
		tries = r.list[:n+1][n].tries[:0]
	}
	r.list = append(r.list, recipient{pair: p, To: to, OrigTo: orig, tries: tries})
	if r.index != nil {
		r.index[p] = len(r.list) - 1
	} else if len(r.list) > linearUpTo {
		r.index = make(map[pair]int, 4*linearUpTo)
		for i := range r.list {
			r.index[r.list[i].pair] = i
		}
	}
	return &r.list[len(r.list)-1]
}

// try adds an attempt.
func (r *recipients) try(f *folding, x *fact) {
	e := x.event
	t := try{fact: x, delay: e.Delivered.Delay}
	if !e.Delivered.HasDelay {
		t.delay = x.Time.Sub(f.doc.Timestamp).Seconds()
	}
	var known bool
	if t.status, t.final, known = attemptStatus(e); !known {
		f.warn(WarnUnknownStatus)
	}
	t.probed = t.status == Deliverable || t.status == Undeliverable
	entry := r.entry(f.value(e.To), f.value(e.OrigTo))
	entry.tries = append(entry.tries, t)
}

// announce notes an address that a line names as one of the recipients. Whether
// it becomes an entry is settled at the end: cleanup may have expanded it.
func (r *recipients) announce(to string) {
	if to != "" {
		r.announced.add(to)
	}
}

// refuse notes a recipient that was refused at RCPT.
func (r *recipients) refuse(f *folding, x *fact) {
	entry := r.entry(f.value(x.event.To), "")
	if entry.first == nil {
		entry.first = x
	}
	entry.last = x
}

// refused tells that the recipient was refused at RCPT and never accepted
// since.
func (r *recipient) refused() bool { return r.last != nil && len(r.tries) == 0 }

// settle gives each entry its status and orders them, worst first.
func (r *recipients) settle(f *folding) {
	r.admitAnnounced(f)
	for i := range r.list {
		r.list[i].settle(f)
	}
	slices.SortFunc(r.list, func(a, b recipient) int {
		if c := cmp.Compare(severity[a.Status], severity[b.Status]); c != 0 {
			return c
		}
		if c := cmp.Compare(a.to, b.to); c != 0 {
			return c
		}
		return cmp.Compare(a.orig, b.orig)
	})
	r.show(f)
}

// admitAnnounced makes entries of the announced recipients that no attempt
// accounts for. Once the message is gone, an announced address without an
// attempt was rewritten or redirected on the way and is none.
func (r *recipients) admitAnnounced(f *folding) {
	var known map[string]struct{} // folded addresses; nil while the list is short
	for _, to := range r.announced.list {
		if all := f.doc.HasNRcpt && int64(len(r.list)) >= f.doc.NRcpt; f.delivered && (f.doc.Complete || all || f.redirected) {
			return
		}
		low := foldCase(to)
		if known == nil && len(r.list) > linearUpTo {
			known = r.addresses()
		}
		if known == nil {
			if !slices.ContainsFunc(r.list, func(x recipient) bool { return x.to == low || x.orig == low }) {
				r.entry(to, "")
			}
		} else if _, ok := known[low]; !ok {
			known[low] = struct{}{}
			r.entry(to, "")
		}
	}
}

// addresses is the set of the list's addresses, folded.
func (r *recipients) addresses() map[string]struct{} {
	known := make(map[string]struct{}, 2*len(r.list))
	for i := range r.list {
		known[r.list[i].to] = struct{}{}
		known[r.list[i].orig] = struct{}{}
	}
	return known
}

// settle finds the attempt that counts: a final one beats a deferred one, then
// the longest delay, which never decreases, then time and bytes.
func (r *recipient) settle(f *folding) {
	if r.refused() {
		r.Status = Rejected
		return
	}
	if len(r.tries) == 0 {
		r.Status = f.unsettled("")
		return
	}
	slices.SortStableFunc(r.tries, func(a, b try) int {
		switch {
		case a.final != b.final && b.final:
			return -1
		case a.final != b.final:
			return 1
		}
		if c := cmp.Compare(a.delay, b.delay); c != 0 {
			return c
		}
		return compare(a.fact, b.fact)
	})
	last := r.tries[len(r.tries)-1]
	r.Status = last.status
	if !last.final {
		r.Status = f.unsettled(last.status)
	}
	if last.probed {
		f.doc.Kind = KindProbe
	}
}

// show makes the document's entry.
func (r *recipient) show(f *folding, s *Recipient) {
	*s = Recipient{To: r.To, OrigTo: r.OrigTo, Status: r.Status, History: s.History[:0]}
	switch {
	case len(r.tries) > 0:
		s.take(f, r.tries[len(r.tries)-1].fact)
		s.span(r.tries)
		s.takeHistory(f, r.tries[:len(r.tries)-1])
	case r.last != nil:
		f.recall(r.last)
		c := &r.last.event.Check
		s.DSN, s.Response = c.DSN, f.value(c.Text)
		s.FirstAttempt, s.LastAttempt = r.first.Time, r.last.Time
	}
}

// take copies the attempt that counts.
func (r *Recipient) take(f *folding, x *fact) {
	f.recall(x)
	a := &x.event.Delivered
	r.DSN, r.Response = a.DSN, f.value(a.Response)
	r.Transport = f.value(x.event.Daemon)
	r.Relay = relayOf(f, &a.Relay)
	r.QueuedAs, r.TLS = a.QueuedAs, f.value(a.TLS)
	r.Delay, r.HasDelay, r.Delays, r.HasDelays = a.Delay, a.HasDelay, a.Delays, a.HasDelays
}

func relayOf(f *folding, r *postlog.Relay) Relay {
	return Relay{Hostname: f.value(r.Name), IP: r.IP, Port: r.Port, Name: f.value(r.Other)}
}

// span counts the attempts and dates the first and the last.
func (r *Recipient) span(tries []try) {
	r.Attempts = len(tries)
	for _, t := range tries {
		if at := t.fact.Time; r.FirstAttempt.IsZero() || at.Before(r.FirstAttempt) {
			r.FirstAttempt = at
		}
		if t.fact.Time.After(r.LastAttempt) {
			r.LastAttempt = t.fact.Time
		}
	}
}

// takeHistory lists the attempts before the one that counts.
func (r *Recipient) takeHistory(f *folding, earlier []try) {
	if len(earlier) > MaxHistory {
		f.warn(WarnCapHistory)
		earlier = earlier[len(earlier)-MaxHistory:]
	}
	for _, t := range earlier {
		f.recall(t.fact)
		a := &t.fact.event.Delivered
		relay := a.Relay.Other
		if relay == "" {
			relay = a.Relay.Name
		}
		r.History = append(r.History, Attempt{Time: t.fact.Time, Status: a.Status, DSN: a.DSN, Relay: f.value(relay), Response: f.value(a.Response)})
	}
}

// show counts all entries and puts those within the caps into the document.
func (r *recipients) show(f *folding) {
	d := f.doc
	to := slices.Grow(d.To, len(r.list))
	for i := range r.list {
		d.Counts.add(r.list[i].Status)
		to = append(to, r.list[i].To)
	}
	to = sortedOnce(to)
	if len(to) > MaxTo {
		f.warn(WarnCapTo)
		to = to[:MaxTo]
	}
	d.To = to
	shown := r.list
	if len(shown) > MaxRecipients {
		f.warn(WarnCapRecipients)
		shown = shown[:MaxRecipients]
	}
	d.Recipients = slices.Grow(d.Recipients, len(shown))[:len(shown)]
	for i := range shown {
		shown[i].show(f, &d.Recipients[i])
	}
}

// sortedOnce sorts addresses without regard to case and drops repeats.
func sortedOnce(addrs []string) []string {
	slices.SortFunc(addrs, func(a, b string) int {
		if c := cmp.Compare(foldCase(a), foldCase(b)); c != 0 {
			return c
		}
		return cmp.Compare(a, b)
	})
	return slices.CompactFunc(addrs, func(a, b string) bool { return foldCase(a) == foldCase(b) })
}

func (c *Counts) add(status string) {
	c.Total++
	switch status {
	case Sent, Deliverable:
		c.Sent++
	case Deferred:
		c.Deferred++
	case Bounced, Undeliverable:
		c.Bounced++
	case ExpiredStatus:
		c.Expired++
	case Rejected:
		c.Rejected++
	case Discarded:
		c.Discarded++
	case Deleted:
		c.Deleted++
	case HeldStatus:
		c.Held++
	default:
		c.Queued++
	}
}
