package bench

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Measurement is one thing to be measured: a floor, or the product over floors.
type Measurement struct {
	Name string
	// Over names the measurements whose times in the same repeat, added up, it is compared with. Empty for a floor.
	Over []string
	// Limit is the ratio that must not be exceeded by the median; 0 where there is none.
	Limit float64
	// Before sets a repeat up, outside the clock; it may be nil.
	Before func(ctx context.Context) error
	// Run does the work once and says how much it was.
	Run func(ctx context.Context) (Count, error)
}

// Result is a Measurement with what its repeats took.
type Result struct {
	Measurement
	Counts []Count
	Ratios []float64 // one a repeat, where Over is set
}

// Repeat measures all of them in turns, so many times: first one of each, then again, so that a slow minute of the machine falls on
// all alike. One more round before, not counted, warms everything up.
func Repeat(ctx context.Context, times int, ms []Measurement, progress io.Writer) ([]Result, error) {
	results := make([]Result, len(ms))
	place := map[string]int{}
	for i, m := range ms {
		results[i].Measurement = m
		place[m.Name] = i
		for _, o := range m.Over {
			if j, ok := place[o]; !ok || j >= i {
				return nil, fmt.Errorf("%s is compared with %s, which is not measured before it", m.Name, o)
			}
		}
	}
	for round := range times + 1 {
		for i, m := range ms {
			if m.Before != nil {
				if err := m.Before(ctx); err != nil {
					return results, fmt.Errorf("before %s: %w", m.Name, err)
				}
			}
			c, err := m.Run(ctx)
			if err != nil {
				return results, fmt.Errorf("%s: %w", m.Name, err)
			}
			fmt.Fprintf(progress, "round %d of %d  %-28s %10d in %v\n", round, times, m.Name, c.Docs, c.Elapsed.Round(time.Millisecond))
			if round == 0 {
				continue
			}
			r := &results[i]
			r.Counts = append(r.Counts, c)
			if len(m.Over) > 0 {
				var floor time.Duration
				for _, o := range m.Over {
					floor += results[place[o]].Counts[round-1].Elapsed
				}
				r.Ratios = append(r.Ratios, c.Elapsed.Seconds()/floor.Seconds())
			}
		}
	}
	return results, nil
}

// Exceeded names the results whose median ratio is above their limit.
func Exceeded(results []Result) (names []string) {
	for _, r := range results {
		if m := median(r.Ratios); r.Limit > 0 && m > r.Limit {
			names = append(names, fmt.Sprintf("%s: %.2f times %s, at most %.2f", r.Name, m, strings.Join(r.Over, " + "), r.Limit))
		}
	}
	return names
}

// WriteTable writes one row a measurement: its work, rate and time as median with the spread over the repeats, and its ratio likewise.
func WriteTable(w io.Writer, results []Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "measured\tunits\trequests\tMB\tunits/s\tseconds\tlow\thigh\tcpu s\tratio\tlow\thigh\tlimit\tover\t")
	for _, r := range results {
		if len(r.Counts) == 0 {
			continue
		}
		seconds := make([]float64, len(r.Counts))
		for i, c := range r.Counts {
			seconds[i] = c.Elapsed.Seconds()
		}
		c := r.Counts[len(r.Counts)-1]
		m := median(seconds)
		fmt.Fprintf(t, "%s\t%d\t%d\t%.1f\t%.0f\t%.3f\t%.3f\t%.3f\t", r.Name, c.Docs, c.Requests, float64(c.Bytes)/1e6,
			float64(c.Docs)/m, m, slices.Min(seconds), slices.Max(seconds))
		if c.CPU > 0 {
			cpu := make([]float64, len(r.Counts))
			for i, c := range r.Counts {
				cpu[i] = c.CPU.Seconds()
			}
			fmt.Fprintf(t, "%.2f\t", median(cpu))
		} else {
			fmt.Fprint(t, "-\t")
		}
		if len(r.Ratios) > 0 {
			fmt.Fprintf(t, "%.2f\t%.2f\t%.2f\t", median(r.Ratios), slices.Min(r.Ratios), slices.Max(r.Ratios))
			limit := "-"
			if r.Limit > 0 {
				limit = fmt.Sprintf("%.2f", r.Limit)
			}
			fmt.Fprintf(t, "%s\t%s\t", limit, strings.Join(r.Over, " + "))
		} else {
			fmt.Fprint(t, "-\t-\t-\t-\t-\t")
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	x = slices.Sorted(slices.Values(x))
	if n := len(x); n%2 == 0 {
		return (x[n/2-1] + x[n/2]) / 2
	}
	return x[len(x)/2]
}
