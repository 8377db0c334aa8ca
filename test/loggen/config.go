package loggen

import "time"

// Config says how much mail there is and what it is like. The zero value of a field means its default.
type Config struct {
	Seed     uint64
	Messages int           // arrivals from outside and from pickup; notices, forwards and filtered copies come on top. Default 1000
	Servers  int           // mx1, mx2 …; those with an even number use long queue ids. Default 2
	Start    time.Time     // of the first arrival. Default 2026-03-02 00:00 UTC
	Span     time.Duration // over which the messages arrive. Default 24 h
	Until    time.Time     // lines after it are not said, and the truth does not know of them: messages stay open. Default: none

	ShortIDs bool // every server uses short queue ids
	LongIDs  bool // every server uses long queue ids; wins over ShortIDs
	// ReuseIDs is the part of the arrivals on servers with short ids that get the id of a message that has left the queue.
	// Without it no short id ever comes twice: chance alone would do it, but then the truth would have to remember every id.
	ReuseIDs float64

	Micros            bool          // stamps carry microseconds; else whole seconds, as RFC 3164 has them
	QueueLife         time.Duration // maximal_queue_lifetime. Default 5 days
	MaxRecipients     int           // of one message. Default 200
	NoSubjects        bool          // header_checks logs no Subject
	PlainSubjects     bool          // no hostile, folded or cut ones
	Milters           bool          // opendkim names the queue ids of submitted mail: lines of a program that is not Postfix's
	FailingRecipients float64       // part of the recipients whose domain never accepts: expiry after QueueLife. Default 0.001
}

func (c Config) withDefaults() Config {
	if c.Messages == 0 {
		c.Messages = 1000
	}
	if c.Servers == 0 {
		c.Servers = 2
	}
	if c.Start.IsZero() {
		c.Start = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	}
	if c.Span == 0 {
		c.Span = 24 * time.Hour
	}
	if c.QueueLife == 0 {
		c.QueueLife = 5 * 24 * time.Hour
	}
	if c.MaxRecipients == 0 {
		c.MaxRecipients = 200
	}
	if c.FailingRecipients == 0 {
		c.FailingRecipients = 0.001
	}
	return c
}
