package page

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/worker/traffic"
)

// long is text that nobody would print in full.
var long = strings.Repeat("<b onclick=x>ä\u202e", 2000)

// large are figures with everything in them that there is room for.
func large(top int) *traffic.Figures {
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	f := &traffic.Figures{First: begin, Last: begin.AddDate(0, 0, 30), Totals: traffic.Totals{Messages: math.MaxInt64, Recipients: math.MaxInt64, Bytes: math.MaxInt64, Rejects: 1}}
	f.Time.Step = 3600
	for i := range traffic.MostBuckets {
		f.Time.Buckets = append(f.Time.Buckets, traffic.Bucket{
			Start: begin.Add(time.Duration(i) * time.Hour), Sent: int64(i) << 40, Deferred: 1, Bounced: 2, Rejected: 3, Other: 4, Bytes: math.MaxInt64 / 2 * int64(i%2),
		})
	}
	f.DeliveryTimes = traffic.Spans()
	f.DeliveryTimes[2].Deliveries = math.MaxInt64
	for i := range top {
		e := traffic.Entry{Name: long, Messages: math.MaxInt64 / int64(i+1), Bytes: int64(i)}
		for _, r := range []*traffic.Ranking{&f.Senders, &f.SenderDomains, &f.Recipients, &f.Clients, &f.Users, &f.Servers} {
			r.Entries, r.Others = append(r.Entries, e), 7
		}
		f.RecipientDomains.Entries = append(f.RecipientDomains.Entries, traffic.Destination{Name: long, Recipients: 5})
		f.Relays.Entries = append(f.Relays.Entries, traffic.Relay{Name: long, Deliveries: 5, Delay: 3e9})
		f.SlowRelays = append(f.SlowRelays, traffic.Relay{Name: long, Deliveries: 5, HandOver: 3e9})
		f.Biggest = append(f.Biggest, traffic.Big{From: long, To: long, Subject: long, Host: long, QueueID: long, Status: long, Size: math.MaxInt64})
		f.Bounces.Entries = append(f.Bounces.Entries, traffic.Reason{DSN: long, Example: long, Recipients: 1})
		f.Rejects.Entries = append(f.Rejects.Entries, traffic.Refusal{Stage: long, Code: long, DSN: long, Example: long, Rejects: 1})
	}
	return f
}

func written(t *testing.T, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if r.Visible == nil {
		r.Visible = func(s string) string { return strings.ReplaceAll(s, "\u202e", `\u202e`) }
	}
	if err := Write(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A page is no larger than what it lists, whatever stood in a mail, and none of that is markup.
func TestAPageIsBounded(t *testing.T) {
	const top = 100
	text := written(t, &Report{Figures: large(top), Source: long, Selection: long})
	// Of a big message seven texts are shown, of other rows fewer: a character takes six bytes at most, as &#34;.
	if most := 200_000 + 60*top*longest*6; len(text) > most {
		t.Errorf("%d bytes, want %d at most", len(text), most)
	}
	if strings.Contains(text, "<b ") || strings.Contains(text, "\u202e") || !strings.Contains(text, `&lt;b onclick=x&gt;ä\u202e&lt;b`) || !strings.Contains(text, "…") {
		t.Error("what stood in a mail is markup, or is not there")
	}
	if strings.Contains(text, "ZgotmplZ") || strings.Contains(text, "NaN") || strings.Contains(text, "%!") {
		t.Error("a value has no form for a page")
	}
	for _, m := range regexp.MustCompile(`width:(-?[0-9]+)%`).FindAllStringSubmatch(text, -1) {
		if n, err := strconv.Atoi(m[1]); err != nil || n < 1 || n > 100 {
			t.Errorf("a bar of %s", m[0])
		}
	}
	if n := withinCharts(t, text); n < 4*traffic.MostBuckets {
		t.Errorf("%d bars", n)
	}
}

// The highest bar may end where its axis does, and a small part may lie on top of it.
func TestBarsStayWithinTheirCharts(t *testing.T) {
	f := &traffic.Figures{First: time.Unix(0, 0), Time: traffic.Timeline{Step: 60, Buckets: []traffic.Bucket{
		{Sent: 199, Rejected: 1, Bytes: 1}, {Sent: 1, Deferred: 1, Bounced: 1, Rejected: 197}, {}, {Sent: 200, Bytes: 1},
	}}}
	if n := withinCharts(t, written(t, &Report{Figures: f})); n != 9 {
		t.Errorf("%d bars", n)
	}
}

// withinCharts looks at where bars lie, and tells how many there are.
func withinCharts(t *testing.T, text string) int {
	t.Helper()
	bars := regexp.MustCompile(`<rect class="[a-z]+" x="(-?\d+)" y="(-?\d+)" width="8" height="(-?\d+)"/>`).FindAllStringSubmatch(text, -1)
	if strings.Count(text, "<rect ") != len(bars) {
		t.Errorf("%d bars of %d", len(bars), strings.Count(text, "<rect "))
	}
	for _, m := range bars {
		var n [3]int
		for i := range n {
			if _, err := fmt.Sscan(m[i+1], &n[i]); err != nil {
				t.Fatal(err)
			}
		}
		if n[0] < 0 || n[0]+8 > barPitch*traffic.MostBuckets || n[1] < 0 || n[2] < 1 || n[1]+n[2] > chartHeight {
			t.Errorf("a bar stands out of its chart: %s", m[0])
		}
	}
	return len(bars)
}

func TestTheSamePageOfTheSameFigures(t *testing.T) {
	one := written(t, &Report{Figures: large(3)})
	for range 5 {
		if written(t, &Report{Figures: large(3)}) != one {
			t.Fatal("another page of the same figures")
		}
	}
}

// Each section is on the page by itself, and only it.
func TestSections(t *testing.T) {
	f := large(2)
	tables := Tables(f)
	if len(tables) != len(Sections) {
		t.Fatalf("%d tables of %d sections", len(tables), len(Sections))
	}
	for i, table := range tables {
		if table.Section != Sections[i] {
			t.Errorf("%s stands where %s is listed", table.Section, Sections[i])
		}
		for _, row := range table.Rows {
			if len(row) != len(table.Columns) {
				t.Errorf("%s: %d cells in %d columns", table.Section, len(row), len(table.Columns))
			}
		}
		text := written(t, &Report{Figures: f, Sections: []string{table.Section}})
		for _, other := range tables {
			// The totals are tiles, and time is charts.
			want := other.Section == table.Section && table.Section != "totals"
			if strings.Contains(text, `id="`+other.Section+`-table"`) != want {
				t.Errorf("--section %s: %s is there: %t", table.Section, other.Section, !want)
			}
		}
		if strings.Contains(text, `class="tiles"`) != (table.Section == "totals") {
			t.Errorf("--section %s: tiles", table.Section)
		}
	}
}

func TestUnits(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.00 kB", 9994: "9.99 kB", 9995: "10.0 kB", 99_949: "99.9 kB", 99_950: "100 kB", 999_499: "999 kB", 999_500: "1.00 MB",
		4_665_920: "4.67 MB", math.MaxInt64: "9.22 EB",
	} {
		if got := bytesText(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	for s, want := range map[float64]string{0: "0.00 s", 0.1234: "0.12 s", 12.34: "12.3 s", 99.9: "99.9 s", 100: "2 min", 7200: "2 h", 864000: "10 d"} {
		if got := secondsText(s); got != want {
			t.Errorf("%g: %q, want %q", s, got, want)
		}
	}
	for _, c := range []struct {
		part, whole int64
		want        string
	}{{0, 0, "–"}, {0, 5, "0.0 %"}, {1, 100_000, "< 0.1 %"}, {99_999, 100_000, "> 99.9 %"}, {5, 5, "100.0 %"}, {1, 3, "33.3 %"}} {
		if got := share(c.part, c.whole); got != c.want {
			t.Errorf("%d of %d: %q, want %q", c.part, c.whole, got, c.want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1_234_567: "1,234,567", -1000: "-1,000", math.MinInt64: "-9,223,372,036,854,775,808"} {
		if got := Thousands(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

// An axis ends at or above the highest bar, at a round number, with marks that are evenly apart.
func TestScale(t *testing.T) {
	for most, want := range map[int64]string{
		0: "1 0", 1: "1 0", 3: "3 2 1 0", 4: "4 3 2 1 0", 5: "6 4 2 0", 171: "200 150 100 50 0", 999: "1,000 500 0", 1001: "1,500 1,000 500 0",
	} {
		top, ticks := scale(most, Thousands)
		if got := strings.Join(ticks, " "); got != want || top < most {
			t.Errorf("%d: %q up to %d, want %q", most, got, top, want)
		}
	}
	for _, most := range []int64{math.MaxInt64, math.MaxInt64 / 2, 1 << 61} {
		if top, ticks := scale(most, Thousands); top <= 0 || len(ticks) > 12 {
			t.Errorf("%d: up to %d, %q", most, top, ticks)
		}
	}
}
