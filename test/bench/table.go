package bench

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// WriteTables writes what was measured, one row a measurement, and below it what that is beside the limits, one row a ratio. All
// figures are medians over the rounds; low and high are the lowest and the highest.
func WriteTables(w io.Writer, results []Result) error {
	if len(results) == 0 {
		return nil
	}
	if err := writeMeasured(w, results); err != nil {
		return err
	}
	return writeRatios(w, results)
}

func writeMeasured(w io.Writer, results []Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "measured\tunits\t\tunits/s\tseconds\tlow\thigh\tbusy %\tcpu s\tnode cpu s\trequests\twritten\tstored\tMB\tpeak MiB")
	for _, r := range results {
		if len(r.Counts) == 0 {
			continue
		}
		m, low, high := r.spread(func(c Count) float64 { return c.Elapsed.Seconds() })
		docs := r.Median(func(c Count) float64 { return float64(c.Docs) })
		row := []string{
			r.Name, number(docs), r.Units, number(docs / m), seconds(m), seconds(low), seconds(high),
			r.cell(func(c Count) float64 { return 100 * c.Busy }, number),
			r.cell(func(c Count) float64 { return c.CPU.Seconds() }, seconds),
			r.cell(func(c Count) float64 { return c.NodeCPU.Seconds() }, seconds),
			r.cell(func(c Count) float64 { return float64(c.Requests) }, number),
			r.cell(func(c Count) float64 { return float64(c.Written) }, number),
			r.cell(func(c Count) float64 { return float64(c.Stored) }, number),
			r.cell(func(c Count) float64 { return float64(c.Bytes) / 1e6 }, number),
			r.cell(func(c Count) float64 { return float64(c.Peak) / (1 << 20) }, number),
		}
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}

// cell is the median of a figure, or a dash where it was not measured.
func (r *Result) cell(of func(Count) float64, text func(float64) string) string {
	if m := r.Median(of); m > 0 {
		return text(m)
	}
	return "-"
}

func writeRatios(w io.Writer, results []Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head := "\nheld against\twhat\tmedian\tlow\thigh\t\tlimit\tgoal\tcompared with\t\n"
	for _, r := range results {
		for i, ratio := range r.Ratios {
			if len(r.Is[i]) == 0 {
				continue
			}
			fmt.Fprint(t, head)
			head = ""
			m, low, high := spread(r.Is[i])
			goal, verdict := "", ""
			if ratio.Goal > 0 {
				goal = figure(ratio.Goal)
			}
			if ratio.broken(m, 1) {
				verdict = "BROKEN"
				if ratio.Unless != nil {
					if why := ratio.Unless(results); why != "" {
						verdict = "does not bind: " + why
					}
				}
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, ratio.What, figure(m), figure(low), figure(high), ratio.Unit,
				dash(ratio.limit()), dash(goal), dash(strings.Join(ratio.Over, " + ")), verdict)
		}
	}
	return t.Flush()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func seconds(x float64) string {
	if x < 1 {
		return strconv.FormatFloat(x, 'f', 3, 64)
	}
	return strconv.FormatFloat(x, 'f', 2, 64)
}

// number writes a whole number with commas.
func number(x float64) string {
	s := strconv.FormatFloat(x, 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
