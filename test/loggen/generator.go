package loggen

import (
	"math"
	"math/rand/v2"
	"time"
)

// Generator says the log of one Config. It is used once.
type Generator struct {
	cfg     Config
	r       *rand.Rand
	servers []*server
	plan    timeline
	truths  func(Truth) error
	err     error // of truths, kept until the next line
	buf     []byte
	begun   int // arrivals so far
	until   int64
	open    map[*mail]struct{} // in the queue; the truth about them is said when they leave it or the log ends
	opened  int
	next    int64 // arrival that is due
}

// New makes the generator of a log.
func New(cfg Config) *Generator {
	cfg = cfg.withDefaults()
	g := &Generator{cfg: cfg, r: rand.New(rand.NewPCG(cfg.Seed, 0x706f737477656176)), open: map[*mail]struct{}{}, until: math.MaxInt64}
	if !cfg.Until.IsZero() {
		g.until = cfg.Until.UnixMicro()
	}
	for i := range cfg.Servers {
		long := i%2 == 1
		if cfg.ShortIDs {
			long = false
		}
		if cfg.LongIDs {
			long = true
		}
		g.servers = append(g.servers, newServer(g.r, i+1, long))
	}
	return g
}

// Each says every line in time order until f fails, whose error it returns.
func (g *Generator) Each(f func(Line) error) error { return g.Run(f, nil) }

// Run says every line in time order, and of each message the truth once it has left the queue; of those that never do at the end.
// truths may be nil. The first error of either function ends it and is returned.
func (g *Generator) Run(lines func(Line) error, truths func(Truth) error) error {
	g.truths = truths
	unit := time.Second
	if g.cfg.Micros {
		unit = time.Microsecond
	}
	zone := g.cfg.Start.Location()
	say := func(at int64, e event) error {
		return lines(Line{Time: time.UnixMicro(at).Truncate(unit).In(zone), Host: e.host, Program: e.program, PID: e.pid, Text: e.text})
	}
	due := -1 // which arrival g.next is of: a session takes more than one
	for g.err == nil {
		at, some := g.plan.next()
		if g.begun < g.cfg.Messages {
			if due != g.begun {
				due, g.next = g.begun, g.arrivalTime(g.begun)
			}
			if !some || g.next <= at {
				if g.next > g.until {
					break
				}
				g.begun++
				g.arrive(g.next)
				continue
			}
		} else if !some {
			break
		}
		if at > g.until {
			break // nothing later is said: the rest of the plan is only what would have been done
		}
		at, e := g.plan.take()
		if e.do != nil {
			e.do(at)
			continue
		}
		if err := say(at, e); err != nil {
			return err
		}
	}
	g.finish()
	return g.err
}

// finish says the truth of what is still in the queue, in the order of arrival.
func (g *Generator) finish() {
	rest := make([]*mail, 0, len(g.open))
	for m := range g.open {
		rest = append(rest, m)
	}
	sortMail(rest)
	for _, m := range rest {
		g.tell(m)
	}
}

// arrivalTime spreads the arrivals over the span; from one day on there are fewer at night. Closed form and monotonic, so that no
// list of arrivals has to be kept.
func (g *Generator) arrivalTime(i int) int64 {
	jitter := float64(uint64(i+1)*0x9e3779b97f4a7c15>>40) / (1 << 24)
	u := (float64(i) + jitter) / float64(g.cfg.Messages)
	days := g.cfg.Span.Hours() / 24
	if days >= 1 {
		x := u * days
		day := math.Floor(x)
		u = (day + noonward(x-day)) / days
	}
	return g.cfg.Start.UnixMicro() + int64(u*float64(g.cfg.Span.Microseconds()))
}

// noonward maps an even part of a day to one whose density is 1 - 0.8 cos(2πx): it inverts x - 0.8/(2π) sin(2πx) by bisection.
func noonward(u float64) float64 {
	lo, hi := 0.0, 1.0
	for range 40 {
		x := (lo + hi) / 2
		if x-0.8/(2*math.Pi)*math.Sin(2*math.Pi*x) < u {
			lo = x
		} else {
			hi = x
		}
	}
	return lo
}

// say plans a line. It is false where the log ends before; then the truth must not know of it.
func (g *Generator) say(at int64, s *server, program, pid, text string) bool {
	if at > g.until {
		return false
	}
	g.plan.add(at, event{host: s.name, program: program, pid: pid, text: text})
	return true
}

// later plans something to do. It is planned beyond the end too, where Run stops.
func (g *Generator) later(at int64, do func(at int64)) { g.plan.add(at, event{do: do}) }

// tell says the truth of a message that leaves the queue.
func (g *Generator) tell(m *mail) {
	delete(g.open, m)
	if m.truth.Lines > 0 {
		g.tellTruth(m.truth)
	}
}

func (g *Generator) tellTruth(t Truth) {
	if g.truths != nil && g.err == nil {
		g.err = g.truths(t)
	}
}

func (g *Generator) chance(p float64) bool { return g.r.Float64() < p }

// between gives a duration from lo to hi milliseconds, in microseconds.
func (g *Generator) between(lo, hi int) int64 {
	return int64(lo)*1000 + g.r.Int64N(int64(hi-lo)*1000+1)
}

func (g *Generator) stamp(at int64) time.Time {
	t := time.UnixMicro(at).UTC()
	if !g.cfg.Micros {
		t = t.Truncate(time.Second)
	}
	return t
}
