package message

import "time"

// Tolerances in time.
const (
	// otherClock is how far the clocks of two servers may differ. Stamps of whole
	// seconds are a part of it.
	otherClock = 5 * time.Second
	// sameClock is for two lines of one server: stamps are cut to seconds, and daemons log in
	// no fixed order.
	sameClock = 2 * time.Second
	// beforeNotice is how long before the bounce daemon's line its notice may have
	// arrived in the queue: the time to write it.
	beforeNotice = time.Minute
	// unknownTransfer stands for the duration of a transmission that no line
	// tells: Postfix's own limit for the reply to the end of data (smtp_data_done_timeout).
	unknownTransfer = 10 * time.Minute
)

// weightHandover lets the word of the server that passed the mail on outweigh
// an orig_queue_id, which behind two filters may name the first of three.
const weightHandover = 10

// fits decides whether other is the document that owner speaks of, and how well it fits.
//
//	statement           host      time                                            marks
//	remote_queue_id     any       other arrived within the delivery               needed
//	reinjected_from     any       owner arrived while other was in the queue      needed
//	requeued_from       the same  other ended before owner was picked up          needed
//	forwarded_as        the same  other arrived within the delivery               must not contradict
//	bounce and others   the same  other arrived in the minute before the line     its message id is another
//
// Marks are what two documents of one mail have in common, see [marks].
func (s *statement) fits(owner, other *End) (weight int, ok bool) {
	switch s.rel {
	case handedOver:
		return s.fitsHandover(owner, other)
	case "reinjected_from":
		return s.fitsReinjection(owner, other)
	case "requeued_from":
		return s.fitsRequeue(owner, other)
	case "forwarded_as":
		return s.fitsForward(owner, other)
	case RelBounce, RelDelayNotice, RelDSN:
		return s.fitsNotice(owner, other)
	}
	return 0, false
}

// fitsHandover: the next server had the mail before this one wrote down that
// it was taken, and not before the connection was made.
func (s *statement) fitsHandover(owner, other *End) (int, bool) {
	if other.origin == "local" || other.origin == "internal" {
		return 0, false // what came over the network has a client
	}
	// Through the loopback interface nothing but the machine itself is reached. It may bear
	// two names, as two instances with a syslog_name of their own; then the client says so.
	if s.loop && owner.Host != other.Host && !other.client.IsLoopback() {
		return 0, false
	}
	if !within(other.Arrival, s.at.Add(-s.took), s.at, tolerance(owner, other)) {
		return 0, false
	}
	m := marksOf(owner, other, s.to)
	return weightHandover + m.weight(), m.sameMail()
}

// fitsReinjection: the mail was in the queue when its copy came in.
func (s *statement) fitsReinjection(owner, other *End) (int, bool) {
	m := marksOf(other, owner, nil)
	t := tolerance(owner, other)
	if owner.Arrival.Before(other.Arrival.Add(-t)) || !m.sameMail() {
		return 0, false
	}
	// While the delivery is under way no line shows how long it takes.
	underWay := other.open && m.messageID == agrees
	return m.weight(), underWay || !owner.Arrival.After(other.last.Add(t))
}

// fitsRequeue: postsuper puts the file into the maildrop, where pickup finds
// it; the old id is gone by then. How long that takes depends on whether Postfix runs.
func (s *statement) fitsRequeue(owner, other *End) (int, bool) {
	at := s.at
	if at.IsZero() {
		at = owner.first
	}
	if owner.Host != other.Host || other.last.After(at.Add(sameClock)) {
		return 0, false
	}
	m := marksOf(other, owner, nil)
	return m.weight(), m.sameMail()
}

// fitsForward: local hands a new mail to cleanup, with the old one's header.
// Sender and recipient may both be other ones: owner-ALIAS, and where it is forwarded to.
func (s *statement) fitsForward(owner, other *End) (int, bool) {
	if !s.madeHere(owner, other, s.took) || marksOf(owner, other, nil).messageID == contradicts {
		return 0, false
	}
	return 1, true
}

// fitsNotice: the bounce daemon writes a mail of its own.
func (s *statement) fitsNotice(owner, other *End) (int, bool) {
	if !s.madeHere(owner, other, beforeNotice) || marksOf(owner, other, nil).messageID == agrees {
		return 0, false
	}
	if _, ok := other.addresses[owner.from]; ok {
		return 2, true
	}
	return 1, true // to the postmaster, or to where the sender's address was rewritten to
}

// madeHere tells whether other is a mail that this server's Postfix made itself
// at about the time of the statement. Without its line, beyond the log that the document shows,
// the time is somewhere in the owner's life.
func (s *statement) madeHere(owner, other *End, before time.Duration) bool {
	if owner.Host != other.Host || other.origin != "internal" && other.origin != "unknown" {
		return false
	}
	from, to := s.at.Add(-before), s.at
	if s.at.IsZero() {
		from, to = owner.Arrival, owner.last
	}
	return within(other.Arrival, from, to, sameClock)
}

func tolerance(a, b *End) time.Duration {
	if a.Host == b.Host {
		return sameClock
	}
	return otherClock
}

func within(t, from, to time.Time, tolerance time.Duration) bool {
	return !t.Before(from.Add(-tolerance)) && !t.After(to.Add(tolerance))
}

// mark says of one property whether two documents agree in it.
type mark int8

const (
	contradicts mark = iota - 1
	unknown
	agrees
)

// marks are what tells one mail from another. None of them is enough: message
// ids repeat and anyone can make one up, a list's senders and recipients are always the same.
type marks struct{ messageID, sender, recipient mark }

// marksOf compares an earlier document with a later one. to are the recipients
// that were passed on, or nil for any of the earlier one's.
func marksOf(earlier, later *End, to []string) marks {
	m := marks{messageID: compareMark(earlier.messageID, later.messageID), sender: compareMark(earlier.from, later.from)}
	if len(later.addresses) == 0 || to == nil && len(earlier.addresses) == 0 {
		return m
	}
	if overlap(earlier, later, to) {
		m.recipient = agrees
	} else if later.everyone && (to != nil || earlier.everyone) {
		m.recipient = contradicts
	}
	return m
}

func compareMark(a, b string) mark {
	switch {
	case a == "" || b == "":
		return unknown
	case a == b:
		return agrees
	}
	return contradicts
}

func overlap(earlier, later *End, to []string) bool {
	for _, x := range to {
		if _, ok := later.addresses[x]; ok {
			return true
		}
	}
	if to == nil {
		for x := range earlier.addresses {
			if _, ok := later.addresses[x]; ok {
				return true
			}
		}
	}
	return false
}

// sameMail tells whether the two are one mail: their message ids agree, or
// sender and recipient do, and nothing contradicts. The sender alone may differ where the other two
// agree: SRS, BATV, VERP and generic maps rewrite it between two servers.
func (m marks) sameMail() bool {
	if m.messageID == contradicts || m.recipient == contradicts || m.sender == contradicts && m.messageID+m.recipient < 2 {
		return false
	}
	return m.messageID == agrees || m.sender == agrees && m.recipient == agrees
}

// weight counts what agrees.
func (m marks) weight() (n int) {
	for _, x := range [...]mark{m.messageID, m.sender, m.recipient} {
		if x == agrees {
			n++
		}
	}
	return n
}
