package esquery

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// stamps is an Elasticsearch that knows lines by their times alone, in milliseconds and in order, and counts them in a
// histogram.
type stamps struct {
	t     *testing.T
	at    []int64
	asked int
}

func (s *stamps) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked++
	var search struct {
		Query struct {
			Bool struct {
				Filter []struct {
					Range map[string]struct{ GTE, LT time.Time }
				}
			}
		}
		Aggs struct {
			Stretches struct {
				Histogram struct {
					Interval string `json:"fixed_interval"`
					Offset   string
				} `json:"date_histogram"`
			}
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&search); err != nil {
		s.t.Error(err)
	}
	millis := func(text string) int64 {
		n, err := strconv.ParseInt(strings.TrimSuffix(text, "ms"), 10, 64)
		if err != nil {
			s.t.Error(err)
		}
		return n
	}
	interval, offset := millis(search.Aggs.Stretches.Histogram.Interval), millis(search.Aggs.Stretches.Histogram.Offset)
	var from, to int64
	for _, f := range search.Query.Bool.Filter {
		for _, x := range f.Range {
			from, to = x.GTE.UnixMilli(), x.LT.UnixMilli()
		}
	}
	counts := map[int64]int{}
	for _, at := range s.at {
		if at >= from && at < to {
			key := at - offset
			key -= (key%interval + interval) % interval
			counts[key+offset]++
		}
	}
	var buckets []string
	for key, n := range counts {
		buckets = append(buckets, fmt.Sprintf(`{"key":%d,"doc_count":%d}`, key, n))
	}
	return reply(200, `{"_shards":{"total":1},"hits":{"hits":[]},"aggregations":{"stretches":{"buckets":[`+strings.Join(buckets, ",")+`]}}}`), nil
}

// cutAt divides lines as a backfill does and returns the parts' numbers of lines and the requests that it took.
func cutAt(t *testing.T, at []int64, from, to time.Time, parts int) (lines []int, asked int) {
	t.Helper()
	s := &stamps{t: t, at: at}
	c, err := Connect(Config{Addresses: []string{"http://127.0.0.1:9200"}, Transport: s})
	if err != nil {
		t.Fatal(err)
	}
	source, err := c.Source(SourceOptions{Patterns: []string{"a"}, Target: "t", State: "s"})
	if err != nil {
		t.Fatal(err)
	}
	d := source.Days(from, to)
	cuts, err := d.cutsOf(t.Context(), []group{{indices: []string{"a"}, fields: &fields{time: "@timestamp"}}}, parts)
	if err != nil {
		t.Fatal(err)
	}
	edges := slices.Concat([]time.Time{from}, cuts, []time.Time{to})
	if len(edges) != parts+1 || !slices.IsSortedFunc(edges, time.Time.Compare) {
		t.Fatalf("%d parts with edges %v", parts, edges)
	}
	for i := range parts {
		n := 0
		for _, x := range at {
			if y := time.UnixMilli(x); !y.Before(edges[i]) && y.Before(edges[i+1]) {
				n++
			}
		}
		lines = append(lines, n)
	}
	return lines, s.asked
}

// Whatever their density, lines are divided equally, to one part in a hundred, and with few requests.
func TestCutsAreEqual(t *testing.T) {
	from := time.Date(2025, 11, 3, 7, 0, 0, 123_456_789, time.UTC)
	random := rand.New(rand.NewPCG(3, 9))
	scattered := func(n int, begin time.Time, span time.Duration) (at []int64) {
		for range n {
			at = append(at, begin.UnixMilli()+1+random.Int64N(span.Milliseconds()-2))
		}
		return at
	}
	year := 365 * 24 * time.Hour
	burst := slices.Concat(scattered(5_000, from, year), scattered(20_000, from.Add(100*24*time.Hour), time.Minute))
	for name, c := range map[string]struct {
		at          []int64
		span        time.Duration
		parts, most int // requests
	}{
		"a year, two":              {scattered(20_000, from, year), year, 2, 4},
		"a year, many":             {scattered(40_000, from, year), year, 256, 800},
		"a burst":                  {burst, year, 7, 20},
		"one hour at the end":      {scattered(20_000, from.Add(year-time.Hour), time.Hour), year, 5, 20},
		"less than a second":       {scattered(20_000, from, 900*time.Millisecond), time.Second, 3, 1},
		"before 1970":              {scattered(20_000, from.AddDate(-100, 0, 0), year), 0, 3, 20},
		"an odd number of seconds": {scattered(20_000, from, 1_234_567*time.Millisecond), 1_234_567 * time.Millisecond, 6, 20},
	} {
		begin := from
		if c.span == 0 {
			begin, c.span = from.AddDate(-100, 0, 0), year
		}
		lines, asked := cutAt(t, c.at, begin, begin.Add(c.span), c.parts)
		share, sum := len(c.at)/c.parts, 0
		for i, n := range lines {
			sum += n
			if n < share-share/100-2 || n > share+share/100+2 {
				t.Errorf("%s: part %d has %d lines, want about %d", name, i+1, n, share)
			}
		}
		if sum != len(c.at) || asked > c.most {
			t.Errorf("%s: %d of %d lines are in a part; %d requests, want %d at most", name, sum, len(c.at), asked, c.most)
		}
	}
}

// Lines of one moment cannot be parted; those around it can.
func TestCutsAroundAMoment(t *testing.T) {
	from := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	at := slices.Repeat([]int64{from.Add(time.Hour).UnixMilli()}, 100)
	if lines, _ := cutAt(t, at, from, from.Add(24*time.Hour), 3); fmt.Sprint(lines) != "[0 100 0]" {
		t.Errorf("%v", lines)
	}
	at = append(at, slices.Repeat([]int64{from.Add(2 * time.Hour).UnixMilli()}, 300)...)
	if lines, _ := cutAt(t, at, from, from.Add(24*time.Hour), 4); fmt.Sprint(lines) != "[100 0 300 0]" {
		t.Errorf("%v", lines)
	}
	if lines, asked := cutAt(t, nil, from, from.Add(24*time.Hour), 4); fmt.Sprint(lines) != "[0 0 0 0]" || asked != 1 {
		t.Errorf("%v, %d requests", lines, asked)
	}
	cutAt(t, nil, from.Add(time.Millisecond/2), from.Add(3*time.Millisecond), 4) // the edges are in order
}
