package bench

import (
	"fmt"
	"strings"
)

// Ratio holds a measurement against others of the same round, or against a figure.
type Ratio struct {
	What string   // "time", "speed", …
	Unit string   // "times", or that of a plain figure
	Over []string // the measurements it is compared with; empty for a plain figure
	Of   func(own Count, over []Count) float64
	// What the median must not be above, or below; 0 where there is no such limit. Goal is printed and never fails.
	AtMost, AtLeast, Goal float64
	// Unless looks at all results of the same turns and says why the limit does not bind; empty where it does. It may be nil.
	Unless func(results []Result) string
}

// TimesAsLong is the time over the times of others, added up.
func TimesAsLong(atMost float64, over ...string) Ratio {
	return Ratio{What: "time", Unit: "times", Over: over, AtMost: atMost, Of: func(own Count, over []Count) float64 {
		var floor float64
		for _, c := range over {
			floor += c.Elapsed.Seconds()
		}
		return own.Elapsed.Seconds() / floor
	}}
}

// TimesAsFast is the units a second over those of another.
func TimesAsFast(atLeast, goal float64, over string) Ratio {
	return Ratio{What: "speed", Unit: "times", Over: []string{over}, AtLeast: atLeast, Goal: goal, Of: func(own Count, over []Count) float64 {
		return own.PerSecond() / over[0].PerSecond()
	}}
}

// TimeAUnit is the time a unit over that of another, which does the same with less or more of them.
func TimeAUnit(atMost float64, over string) Ratio {
	return Ratio{What: "time a line", Unit: "times", Over: []string{over}, AtMost: atMost, Of: func(own Count, over []Count) float64 {
		return over[0].PerSecond() / own.PerSecond()
	}}
}

// CPUAUnit is the processor time a unit over that of another, the processes' and the node's together. It is beside the clock, where others are at
// work on the machine: they make waiting longer and work not.
func CPUAUnit(over string) Ratio {
	a := func(c Count) float64 { return (c.CPU + c.NodeCPU).Seconds() / float64(c.Docs) }
	return Ratio{What: "cpu a line", Unit: "times", Over: []string{over}, Of: func(own Count, over []Count) float64 { return a(own) / a(over[0]) }}
}

// PeakMemory is the most memory, in MiB.
func PeakMemory(atMost float64) Ratio {
	return Ratio{What: "peak", Unit: "MiB", AtMost: atMost, Of: func(own Count, _ []Count) float64 { return float64(own.Peak) / (1 << 20) }}
}

// TimesThePeak is the most memory over another's.
func TimesThePeak(atMost float64, over string) Ratio {
	return Ratio{What: "peak", Unit: "times", Over: []string{over}, AtMost: atMost, Of: func(own Count, over []Count) float64 {
		return float64(own.Peak) / float64(over[0].Peak)
	}}
}

// RequestsMade is how many requests it took.
func RequestsMade(atMost float64) Ratio {
	return Ratio{What: "requests", Unit: "requests", AtMost: atMost, Of: func(own Count, _ []Count) float64 { return float64(own.Requests) }}
}

// limit is the bound as people read it; empty where there is none.
func (r *Ratio) limit() string {
	switch {
	case r.AtMost > 0:
		return "at most " + figure(r.AtMost)
	case r.AtLeast > 0:
		return "at least " + figure(r.AtLeast)
	}
	return ""
}

// broken says whether a median is beyond the limit, which slack widens: 2 lets it be twice as bad, 0 lets everything pass.
func (r *Ratio) broken(median, slack float64) bool {
	if slack == 0 {
		return false
	}
	return r.AtMost > 0 && !(median <= r.AtMost*slack) || r.AtLeast > 0 && !(median >= r.AtLeast/slack)
}

// Broken says of each result whose median is beyond its limit what it is and what it may be. slack widens all limits: 1 leaves them
// as they are, 2 lets everything be twice as bad, 0 lets everything pass.
func Broken(results []Result, slack float64) (said []string) {
	for _, r := range results {
		for i, ratio := range r.Ratios {
			m, _, _ := spread(r.Is[i])
			if !ratio.broken(m, slack) || ratio.Unless != nil && ratio.Unless(results) != "" {
				continue
			}
			said = append(said, fmt.Sprintf("%s: %s %s %s%s, want %s", r.Name, ratio.What, figure(m), ratio.Unit, ratio.over(), ratio.limit()))
		}
	}
	return said
}

func (r *Ratio) over() string {
	if len(r.Over) == 0 {
		return ""
	}
	return " of " + strings.Join(r.Over, " + ")
}

// figure writes three digits or all before the point.
func figure(x float64) string {
	switch {
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}
