package main

import "time"

// sample is how far some work was at a moment.
type sample struct {
	at            time.Time
	done, counted int64
}

// pace is samples of the last minutes, the oldest first.
type pace []sample

const (
	// paceEvery is how far apart samples are kept, and paceWindow how far back they go. So a pause, or a slow beginning, is
	// forgotten in time, and slices that end in bursts are evened out.
	paceEvery  = 5 * time.Second
	paceWindow = 2 * time.Minute
	// paceLeast is how long there must have been something to measure.
	paceLeast = time.Second
)

// with adds a sample where the work has moved since the last one, and lets go of those that are too old, save one: slow work
// would else look like none. p has at least the sample of the beginning.
func (p pace) with(s sample) pace {
	last := p[len(p)-1]
	if s.at.Sub(last.at) < paceEvery || s.done == last.done && s.counted == last.counted {
		return p
	}
	p = append(p, s)
	for s.at.Sub(p[1].at) > paceWindow { // the last one is s
		p = p[1:]
	}
	return p
}

// reckon says how much is counted in a second, and how long what is left of all will take. Zero is not known.
func (p pace) reckon(now sample, all int64) (perSecond float64, left time.Duration) {
	first := p[0]
	took := now.at.Sub(first.at)
	if took < paceLeast {
		return 0, 0
	}
	perSecond = float64(now.counted-first.counted) / took.Seconds()
	if done := now.done - first.done; done > 0 && all > now.done {
		left = time.Duration(float64(took) * float64(all-now.done) / float64(done))
	}
	return perSecond, left
}
