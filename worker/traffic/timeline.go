package traffic

import (
	"time"

	"github.com/postweave/postweave/worker/message"
)

// Timeline is the messages and rejects in time.
type Timeline struct {
	// Step is the length of a bucket in seconds: the shortest of 1, 5, 15 or 30 seconds, 1, 5, 15 or 30 minutes, 1, 3, 6 or 12 hours, a day, a week and
	// multiples of it, with which there are [MostBuckets] at most from the range's beginning to its end. A side of the range that is open
	// ends at the first or the last arrival. 0 where there is nothing to count.
	Step int64 `json:"step"`
	// Buckets follow one another without a gap. In UTC; weeks begin on Mondays.
	Buckets []Bucket `json:"buckets"`
}

// Bucket counts what arrived in one step of time.
type Bucket struct {
	Start    time.Time `json:"start"`
	Sent     int64     `json:"sent"`     // messages with status sent
	Deferred int64     `json:"deferred"` // messages with status deferred
	Bounced  int64     `json:"bounced"`  // messages with status bounced or expired
	Rejected int64     `json:"rejected"` // messages with status rejected, and rejects
	Other    int64     `json:"other"`    // messages with any other status, mixed among them
	Bytes    int64     `json:"bytes"`
}

// All is how many messages and rejects there were.
func (b *Bucket) All() int64 { return b.Sent + b.Deferred + b.Bounced + b.Rejected + b.Other }

// MostBuckets is how many steps a timeline has at most.
const MostBuckets = 100

// Step is the length of a bucket in milliseconds. Each is a multiple of the one before.
type Step int64

const minute Step = 60_000

var steps = []Step{
	1000, 5000, 15_000, 30_000,
	minute, 5 * minute, 15 * minute, 30 * minute, 60 * minute, 180 * minute, 360 * minute, 720 * minute, 1440 * minute,
	week, 4 * week, 40 * week, 400 * week, 4000 * week, 40_000 * week,
}

const week = 7 * 1440 * minute

// Offset is where buckets begin, in milliseconds after a multiple of the step: weeks on a Monday, and 1970 began on a Thursday.
func (s Step) Offset() int64 {
	if s < week {
		return 0
	}
	return int64(4 * 1440 * minute)
}

// Start is the beginning of the bucket that a time is in, both in milliseconds since 1970.
func (s Step) Start(ms int64) int64 {
	n := (ms - s.Offset()) / int64(s)
	if (ms-s.Offset())%int64(s) < 0 {
		n--
	}
	return n*int64(s) + s.Offset()
}

// span is how many buckets there are from a time to another, both included.
func (s Step) span(first, last int64) int64 { return (s.Start(last)-s.Start(first))/int64(s) + 1 }

// StepFor chooses the step of a range: since and until where they are given, else the first and the last arrival. from and to are
// the first and the last millisecond of the range.
func StepFor(since, until, first, last time.Time) (s Step, from, to int64) {
	from, to = first.UnixMilli(), last.UnixMilli()
	if !since.IsZero() {
		from = min(from, since.UnixMilli())
	}
	if !until.IsZero() {
		to = max(to, until.UnixMilli()-1)
	}
	return stepOf(from, to), from, to
}

func stepOf(from, to int64) Step {
	for _, s := range steps {
		if s.span(from, to) <= MostBuckets {
			return s
		}
	}
	return steps[len(steps)-1]
}

// NewTimeline makes a timeline of the buckets that hold anything, by their start in milliseconds since 1970.
func NewTimeline(s Step, from, to int64, filled map[int64]Bucket) Timeline {
	t := Timeline{Step: int64(s) / 1000, Buckets: make([]Bucket, 0, s.span(from, to))}
	for at := s.Start(from); at <= to; at += int64(s) {
		b := filled[at]
		b.Start = time.UnixMilli(at).UTC()
		t.Buckets = append(t.Buckets, b)
	}
	return t
}

// Add counts messages or rejects with a status.
func (b *Bucket) Add(status string, n int64) {
	switch status {
	case message.Sent:
		b.Sent += n
	case message.Deferred:
		b.Deferred += n
	case message.Bounced, message.ExpiredStatus:
		b.Bounced += n
	case message.Rejected:
		b.Rejected += n
	default:
		b.Other += n
	}
}

// clock counts in the finest step that what it has seen allows, and so in no more than MostBuckets buckets.
type clock struct {
	step        Step
	first, last int64 // bucket starts
	buckets     map[int64]Bucket
}

func (c *clock) add(at int64, status string, bytes int64) {
	if c.buckets == nil {
		c.buckets, c.step, c.first, c.last = make(map[int64]Bucket), steps[0], at, at
	}
	c.first, c.last = min(c.first, at), max(c.last, at)
	if s := stepOf(c.first, c.last); s > c.step {
		c.buckets, c.step = c.coarser(s), s
	}
	start := c.step.Start(at)
	b := c.buckets[start]
	b.Add(status, 1)
	b.Bytes = plus(b.Bytes, bytes)
	c.buckets[start] = b
}

// coarser sums the buckets up in a longer step.
func (c *clock) coarser(s Step) map[int64]Bucket {
	out := make(map[int64]Bucket)
	for start, b := range c.buckets {
		to := out[s.Start(start)]
		to.Sent += b.Sent
		to.Deferred += b.Deferred
		to.Bounced += b.Bounced
		to.Rejected += b.Rejected
		to.Other += b.Other
		to.Bytes = plus(to.Bytes, b.Bytes)
		out[s.Start(start)] = to
	}
	return out
}
