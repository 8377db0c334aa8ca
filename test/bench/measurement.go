package bench

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"
)

// Measurement is one thing to be measured: a floor, or the product.
type Measurement struct {
	Name  string
	Units string // what Docs of its Count are
	// Ratios say what it is held against; none for a floor.
	Ratios []Ratio
	// Before sets a round up, outside the clock; it may be nil.
	Before func(ctx context.Context) error
	// Run does the work once and says how much it was.
	Run func(ctx context.Context) (Count, error)
	// After looks at what the work left, and adds that to the count; it may be nil.
	After func(ctx context.Context, c *Count) error
}

// Result is a Measurement with what its rounds took.
type Result struct {
	Measurement
	Counts []Count
	Is     [][]float64 // of each of Ratios, one a round
}

// Plan says how often to measure.
type Plan struct {
	Rounds int
	Cold   bool // no round before the first that counts: for what is not about time
}

// Repeat measures all of them in turns: first one of each, then again, so that a slow minute of the machine falls on all alike. One
// more round before, not counted, warms everything up.
func Repeat(ctx context.Context, plan Plan, ms []Measurement, progress io.Writer) ([]Result, error) {
	results := make([]Result, len(ms))
	place := map[string]int{}
	for i, m := range ms {
		if _, ok := place[m.Name]; ok {
			return nil, fmt.Errorf("two measurements are called %s", m.Name)
		}
		place[m.Name] = i
		results[i] = Result{Measurement: m, Is: make([][]float64, len(m.Ratios))}
		for _, r := range m.Ratios {
			for _, o := range r.Over {
				if j, ok := place[o]; !ok || j >= i {
					return nil, fmt.Errorf("%s is compared with %s, which is not measured before it", m.Name, o)
				}
			}
		}
	}
	first := 0
	if plan.Cold {
		first = 1
	}
	last := make([]Count, len(ms))
	for round := first; round <= plan.Rounds; round++ {
		for i, m := range ms {
			c, err := m.once(ctx)
			if err != nil {
				return results, err
			}
			fmt.Fprintf(progress, "round %d of %d  %-40s %10d in %v\n", round, plan.Rounds, m.Name, c.Docs, c.Elapsed.Round(time.Millisecond))
			last[i] = c
			if round > 0 {
				results[i].add(c, func(name string) Count { return last[place[name]] })
			}
		}
	}
	return results, nil
}

func (m *Measurement) once(ctx context.Context) (Count, error) {
	if m.Before != nil {
		if err := m.Before(ctx); err != nil {
			return Count{}, fmt.Errorf("before %s: %w", m.Name, err)
		}
	}
	before := machineTicks()
	c, err := m.Run(ctx)
	if err != nil {
		return c, fmt.Errorf("%s: %w", m.Name, err)
	}
	if c.Busy == 0 { // else it has measured that itself
		c.Busy = machineTicks().since(before)
	}
	if m.After != nil {
		if err := m.After(ctx, &c); err != nil {
			return c, fmt.Errorf("after %s: %w", m.Name, err)
		}
	}
	return c, nil
}

// add notes a round, and what it is beside the others of the same round.
func (r *Result) add(c Count, of func(name string) Count) {
	r.Counts = append(r.Counts, c)
	for i, ratio := range r.Ratios {
		over := make([]Count, len(ratio.Over))
		for j, name := range ratio.Over {
			over[j] = of(name)
		}
		r.Is[i] = append(r.Is[i], ratio.Of(c, over))
	}
}

// spread is the median of some figures, the lowest and the highest; zeros where there are none.
func spread(x []float64) (median, low, high float64) {
	if len(x) == 0 {
		return 0, 0, 0
	}
	x = slices.Sorted(slices.Values(x))
	n := len(x)
	return (x[(n-1)/2] + x[n/2]) / 2, x[0], x[n-1]
}

// Median is the median over the rounds of one figure of each.
func (r *Result) Median(figure func(Count) float64) float64 {
	m, _, _ := r.spread(figure)
	return m
}

func (r *Result) spread(figure func(Count) float64) (median, low, high float64) {
	x := make([]float64, len(r.Counts))
	for i, c := range r.Counts {
		x[i] = figure(c)
	}
	return spread(x)
}
