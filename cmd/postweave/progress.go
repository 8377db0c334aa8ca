package main

import (
	"cmp"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// progress is how far a command is. The work tells it, from any goroutine and at a cost that
// does not count for a block or a slice; see watch.go for who looks at it.
type progress struct {
	title string // "backfill 2026-11-01 to 2026-11-20"; nothing from a mail
	begin time.Time
	noun  string // what is counted: "lines" or "documents"
	// place says in words how far done is within all; all is 0 where it is not known. nil says nothing.
	place func(done, all int64) []fact

	done, all atomic.Int64 // of what there is to do, in a unit that place knows
	counted   atomic.Int64

	mu   sync.Mutex
	pace pace
	from time.Time // where the range begins, if it is one of time
}

// fact is one thing that is said about a command at work: for people, and for a log of JSON. Either may be missing.
type fact struct {
	text  string
	field zap.Field
}

// situation is where a command is, for whoever asks.
type situation interface {
	// facts are what there is to say; title is what they are about.
	facts(now time.Time) (title string, facts []fact)
}

// newProgress begins now, with nothing done and no end known.
func newProgress(title, noun string) *progress {
	now := time.Now()
	return &progress{title: title, begin: now, noun: noun, pace: pace{{at: now}}}
}

// set tells how much is done and of how much.
func (p *progress) set(done, all int64) {
	p.all.Store(all)
	p.done.Store(done)
}

// through makes the range from ≤ time < to what there is to do.
func (p *progress) through(from, to time.Time) {
	p.mu.Lock()
	p.from = from
	p.place = func(done, _ int64) []fact {
		at := from.Add(time.Duration(done)).UTC()
		return []fact{{"up to " + at.Format("2006-01-02 15:04 UTC"), zap.Time("up_to", at)}}
	}
	p.mu.Unlock()
	p.set(0, int64(to.Sub(from)))
}

// upTo tells that all before a time is done, of the range that through has named.
func (p *progress) upTo(t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done.Store(int64(t.Sub(p.from)))
}

// goneOn is upTo of what had been done before the command began, which is no measure of its pace.
func (p *progress) goneOn(from time.Time) {
	p.upTo(from)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pace = pace{{at: time.Now(), done: p.done.Load(), counted: p.counted.Load()}}
}

// count tells how many lines or documents were read in all.
func (p *progress) count(n int) { p.counted.Store(int64(n)) }

// sample notes how far the work is by now. Called every few seconds, it makes the pace that of the last minutes.
func (p *progress) sample(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pace = p.pace.with(sample{now, p.done.Load(), p.counted.Load()})
}

// share is which part of the work is done, from 0 to 1, and whether that is known.
func (p *progress) share() (part float64, known bool) {
	done, all := p.done.Load(), p.all.Load()
	if all <= 0 {
		return 0, false
	}
	return min(float64(done)/float64(all), 1), true
}

// facts are how much is done, of how much, how fast, and how long the rest will take.
func (p *progress) facts(now time.Time) (title string, facts []fact) {
	done, all, counted := p.done.Load(), p.all.Load(), p.counted.Load()
	if part, known := p.share(); known {
		facts = append(facts, fact{fmt.Sprintf("%d%%", int(part*100)), zap.Float64("percent", float64(int(part*1000))/10)})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.place != nil && done > 0 {
		facts = append(facts, p.place(done, all)...)
	}
	took := now.Sub(p.begin)
	facts = append(facts,
		fact{counted64(counted, p.noun) + " in " + roughly(took), zap.Int64(p.noun, counted)},
		fact{field: zap.Float64("seconds", took.Round(time.Millisecond).Seconds())})
	perSecond, left := p.pace.reckon(sample{now, done, counted}, all)
	if perSecond > 0 {
		facts = append(facts, fact{rate(perSecond) + " " + p.noun + "/s", zap.Float64(p.noun+"_per_second", float64(int64(perSecond*10))/10)})
	}
	if left >= time.Second {
		facts = append(facts, fact{"about " + roughly(left) + " left", zap.Float64("seconds_left", left.Round(time.Second).Seconds())})
	}
	return p.title, facts
}

// sentence joins facts for people.
func sentence(title string, facts []fact) string {
	var said []string
	for _, f := range facts {
		if f.text != "" {
			said = append(said, f.text)
		}
	}
	return title + ": " + strings.Join(said, ", ")
}

// fields are the same for a log.
func fields(facts []fact) []zap.Field {
	var out []zap.Field
	for _, f := range facts {
		if f.field.Key != "" {
			out = append(out, f.field)
		}
	}
	return out
}

// counted64 writes a number and its noun, which is plural.
func counted64(n int64, noun string) string {
	return counted(n, strings.TrimSuffix(noun, "s"), noun)
}

// rate is a number of things in a second.
func rate(perSecond float64) string {
	if perSecond < 10 {
		return fmt.Sprintf("%.1f", perSecond)
	}
	return thousands(int64(perSecond + 0.5))
}

// roughly is a duration of two units at most: 8s, 12m30s, 1h20m, 3d4h.
func roughly(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 60*60:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 48*60*60:
		return fmt.Sprintf("%dh%02dm", s/3600, s%3600/60)
	}
	return fmt.Sprintf("%dd%dh", s/86400, s%86400/3600)
}

// inBytes says how many bytes of how many, the second 0 where it is not known.
func inBytes(done, all int64) []fact {
	size, unit := int64(1), "B"
	for _, u := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if cmp.Or(all, done) < 1000*size {
			break
		}
		size, unit = size*1024, u
	}
	in := func(n int64) string {
		if size == 1 {
			return fmt.Sprint(n)
		}
		return fmt.Sprintf("%.1f", float64(n)/float64(size))
	}
	if all == 0 {
		return []fact{{in(done) + " " + unit, zap.Int64("bytes", done)}}
	}
	done = min(done, all)
	return []fact{{in(done) + " of " + in(all) + " " + unit, zap.Int64("bytes", done)}, {field: zap.Int64("of_bytes", all)}}
}
