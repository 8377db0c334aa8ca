package page

import (
	"fmt"
	"strconv"
	"time"

	"github.com/postweave/postweave/worker/traffic"
)

// timeView is the charts of time, and the table of their values.
type timeView struct {
	Step   string
	Charts []chart
	Table  tableView
}

// chart is bars in time. Bars are drawn in a box of Width by chartHeight that is stretched to the place there is; all texts lie
// beside it, as text.
type chart struct {
	ID, Title, About, Axis string
	Width                  int
	Bars                   []bar
	Ticks                  []string // of the upright axis, from the top
	Labels                 []label
	Legend                 []legend
}

// bar is one colour of one bucket.
type bar struct {
	X, Y, Width, Height int
	Class               string
}

// label is a text below a chart, at a part of its width in percent.
type label struct {
	At    string
	Text  string
	Class string
}

// legend is what a colour means, and the sum of what has it.
type legend struct{ Class, Text, Value string }

const (
	chartHeight = 1000
	barPitch    = 10
)

// series are the colours of a bucket, from the bottom.
var series = []struct {
	class, text string
	of          func(*traffic.Bucket) int64
}{
	{"sent", "Sent", func(b *traffic.Bucket) int64 { return b.Sent }},
	{"other", "Mixed and other", func(b *traffic.Bucket) int64 { return b.Other }},
	{"deferred", "Deferred", func(b *traffic.Bucket) int64 { return b.Deferred }},
	{"bounced", "Bounced or expired", func(b *traffic.Bucket) int64 { return b.Bounced }},
	{"rejected", "Rejected", func(b *traffic.Bucket) int64 { return b.Rejected }},
}

func (r *Report) timeView() *timeView {
	t := &r.Figures.Time
	step := perStep(t.Step)
	return &timeView{
		Step: step, Charts: []chart{messagesChart(t, step), volumeChart(t, step)}, Table: r.tableView(timeline(r.Figures)),
	}
}

func messagesChart(t *traffic.Timeline, step string) chart {
	most, all := int64(0), int64(0)
	for i := range t.Buckets {
		most, all = max(most, t.Buckets[i].All()), all+t.Buckets[i].All()
	}
	top, ticks := scale(most, Thousands)
	c := newChart(t, "messages", "Messages and rejects", step, ticks)
	c.About = fmt.Sprintf("%d bars, one for %s; the highest is %s, all together are %s.", len(t.Buckets), stepText(t.Step), Thousands(most), Thousands(all))
	sums := make([]int64, len(series))
	for i := range t.Buckets {
		below := int64(0)
		for k, s := range series {
			n := s.of(&t.Buckets[i])
			sums[k] += n
			c.add(i, below, n, top, s.class)
			below += n
		}
	}
	for k, s := range series {
		c.Legend = append(c.Legend, legend{s.class, s.text, Thousands(sums[k])})
	}
	return c
}

func volumeChart(t *traffic.Timeline, step string) chart {
	most, all := int64(0), int64(0)
	for i := range t.Buckets {
		most, all = max(most, t.Buckets[i].Bytes), all+t.Buckets[i].Bytes
	}
	top, ticks := scale(most, bytesText)
	c := newChart(t, "volume", "Volume of messages", step, ticks)
	c.About = fmt.Sprintf("%d bars, one for %s; the highest is %s, all together are %s.", len(t.Buckets), stepText(t.Step), bytesText(most), bytesText(all))
	for i := range t.Buckets {
		c.add(i, 0, t.Buckets[i].Bytes, top, "volume")
	}
	return c
}

func newChart(t *traffic.Timeline, id, title, axis string, ticks []string) chart {
	return chart{ID: id, Title: title, Axis: axis, Width: barPitch * max(1, len(t.Buckets)), Ticks: ticks, Labels: labels(t)}
}

// add draws a part of a bar. What is there at all is seen.
func (c *chart) add(bucket int, below, n, top int64, class string) {
	if n <= 0 {
		return
	}
	from := int(float64(below) / float64(top) * chartHeight)
	to := max(from+4, int(float64(below+n)/float64(top)*chartHeight))
	to = min(to, chartHeight)
	c.Bars = append(c.Bars, bar{X: barPitch*bucket + 1, Y: chartHeight - to, Width: barPitch - 2, Height: to - min(from, to-1), Class: class})
}

// scale chooses the end of an axis and its marks, from the top.
func scale(most int64, show func(int64) string) (top int64, ticks []string) {
	step := int64(1)
	for 4*step < most {
		switch lead(step) {
		case 2:
			step = step / 2 * 5
		default: // 1 and 5
			step *= 2
		}
		if step > 1<<60 {
			break
		}
	}
	n := max(1, (most+step-1)/step)
	for i := n; i >= 0; i-- {
		ticks = append(ticks, show(i*step))
	}
	return n * step, ticks
}

// lead is a number's first digit.
func lead(n int64) int64 {
	for n >= 10 {
		n /= 10
	}
	return n
}

// mostLabels is how many times stand below a chart.
const mostLabels = 6

func labels(t *traffic.Timeline) (out []label) {
	n := len(t.Buckets)
	every := max(1, (n+mostLabels-1)/mostLabels)
	layout := labelLayout(t)
	for i := 0; i < n; i += every {
		class := ""
		if len(out)%2 == 1 {
			class = "spare" // left out where it is narrow
		}
		at := strconv.FormatFloat(float64(i)/float64(n)*100, 'f', 2, 64)
		out = append(out, label{at, t.Buckets[i].Start.Format(layout), class})
	}
	return out
}

func labelLayout(t *traffic.Timeline) string {
	length := time.Duration(len(t.Buckets)) * time.Duration(min(t.Step, 1<<31)) * time.Second
	switch {
	case t.Step < 60:
		return "15:04:05"
	case length <= 25*time.Hour:
		return "15:04"
	case t.Step >= 7*86400 && length > 300*24*time.Hour:
		return "Jan 2006"
	}
	return "2 Jan"
}
