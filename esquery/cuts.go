package esquery

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// stretchesAtOnce is into how many stretches of equal length a range is cut to count the lines of each. A stretch
// that holds too many is cut again, down to milliseconds: a year takes four rounds.
const stretchesAtOnce = 1_000

// cutting finds the places that divide a range into parts of equally many lines.
type cutting struct {
	days   *Days
	groups []group
	most   int   // stretches counted at once
	fine   int64 // lines: a stretch that has no more of them is not cut again
}

// cuts returns the parts-1 times at which the range is to be cut, in order. Equally many are the lines that a backfill
// reads, and not the hours, many of which are empty. A range without lines is cut into equal lengths.
func (d *Days) cuts(ctx context.Context, parts int) ([]time.Time, error) {
	groups, err := d.groups(ctx)
	if err != nil {
		return nil, err
	}
	return d.cutsOf(ctx, groups, parts)
}

func (d *Days) cutsOf(ctx context.Context, groups []group, parts int) ([]time.Time, error) {
	c := cutting{days: d, groups: groups, most: max(stretchesAtOnce, 20*parts)}
	begin := d.from.Truncate(time.Millisecond)
	whole, err := c.count(ctx, begin, d.to)
	if err != nil {
		return nil, err
	}
	total := whole.lines()
	if total == 0 {
		return d.inside(evenCuts(begin, d.to, parts)), nil
	}
	c.fine = total / int64(100*parts)
	before := make([]int64, parts-1)
	for i := range before {
		before[i] = (int64(i+1)*total + int64(parts)/2) / int64(parts)
	}
	cuts, err := c.find(ctx, whole, before)
	if err != nil {
		return nil, err
	}
	return d.inside(cuts), nil
}

// inside moves cuts into the range that lie before it, by less than a millisecond.
func (d *Days) inside(cuts []time.Time) []time.Time {
	for i, at := range cuts {
		if at.Before(d.from) {
			cuts[i] = d.from
		}
	}
	return cuts
}

func evenCuts(begin, end time.Time, parts int) []time.Time {
	cuts := make([]time.Time, parts-1)
	for i := range cuts {
		cuts[i] = begin.Add((end.Sub(begin) / time.Duration(parts) * time.Duration(i+1)).Truncate(time.Millisecond))
	}
	return cuts
}

// tally is how many lines lie in each of the stretches of equal length of a range.
type tally struct {
	begin, end time.Time
	length     time.Duration // whole milliseconds; the last stretch may be shorter
	counts     []int64
}

func (t *tally) lines() (n int64) {
	for _, c := range t.counts {
		n += c
	}
	return n
}

// stretch is the ends of one of them.
func (t *tally) stretch(i int) (begin, end time.Time) {
	begin = t.begin.Add(time.Duration(i) * t.length)
	if end = begin.Add(t.length); end.After(t.end) {
		end = t.end
	}
	return begin, end
}

// find returns the times before which so many of the range's lines lie. before is in order, and so is what is
// returned. Lines may come and go between two counts: then a part gets some more or fewer of them.
func (c *cutting) find(ctx context.Context, t *tally, before []int64) ([]time.Time, error) {
	var cuts []time.Time
	passed := int64(0)
	for i, n := range t.counts {
		here := 0
		for here < len(before) && before[here] < passed+n {
			here++
		}
		if here == 0 {
			passed += n
			continue
		}
		begin, end := t.stretch(i)
		inside := make([]int64, here)
		for j := range inside {
			inside[j] = before[j] - passed
		}
		some, err := c.within(ctx, begin, end, n, inside)
		if err != nil {
			return nil, err
		}
		cuts, before = append(cuts, some...), before[here:]
		passed += n
	}
	for range before {
		cuts = append(cuts, t.end)
	}
	return cuts, nil
}

// within finds cuts in a stretch with n lines: at the nearer of its ends where it is as short as can be or has few lines.
func (c *cutting) within(ctx context.Context, begin, end time.Time, n int64, before []int64) ([]time.Time, error) {
	if n > c.fine && end.Sub(begin) > time.Millisecond && before[len(before)-1] > 0 {
		t, err := c.count(ctx, begin, end)
		if err != nil {
			return nil, err
		}
		return c.find(ctx, t, before)
	}
	cuts := make([]time.Time, len(before))
	for i, b := range before {
		if cuts[i] = begin; 2*b > n {
			cuts[i] = end
		}
	}
	return cuts, nil
}

// count counts the lines of all groups in stretches of a range.
func (c *cutting) count(ctx context.Context, begin, end time.Time) (*tally, error) {
	millis := max(1, (end.Sub(begin).Milliseconds()+int64(c.most)-1)/int64(c.most))
	t := &tally{begin: begin, end: end, length: time.Duration(millis) * time.Millisecond}
	t.counts = make([]int64, (end.Sub(begin)+t.length-1)/t.length)
	for i := range c.groups {
		if err := c.countGroup(ctx, &c.groups[i], t); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// countGroup adds the lines of one group. An index that was deleted meanwhile is left out from there on.
func (c *cutting) countGroup(ctx context.Context, g *group, t *tally) error {
	const op = "count the lines of the range"
	millis := t.length.Milliseconds()
	offset := t.begin.UnixMilli() % millis // stretches begin where the range does, and not at 1970
	for len(g.indices) > 0 {
		lines := c.days.slice(g, t.begin, t.end)
		a, err := c.days.client.search(ctx, Request{
			Op: op, Method: http.MethodPost, Path: "/" + indexPath(g.indices) + "/_search",
			Query: url.Values{"allow_partial_search_results": {"false"}}, Idempotent: true, Source: true,
			Body: object{"size": 0, "track_total_hits": false, "query": lines.query(), "aggs": object{"stretches": object{"date_histogram": object{
				"field": g.fields.time, "fixed_interval": strconv.FormatInt(millis, 10) + "ms", "offset": strconv.FormatInt(offset, 10) + "ms", "min_doc_count": 1,
			}}}}.json(),
		})
		if gone, ok := deleted(err); ok && slices.Contains(g.indices, gone) {
			g.indices = slices.DeleteFunc(slices.Clone(g.indices), func(name string) bool { return name == gone })
			continue
		}
		if err != nil {
			return err
		}
		return t.add(op, a.Aggregations)
	}
	return nil
}

// add adds the counts of one answer.
func (t *tally) add(op string, aggregations json.RawMessage) error {
	var aggs struct {
		Stretches *struct {
			Buckets []struct {
				Key   int64 `json:"key"` // milliseconds since 1970
				Count int64 `json:"doc_count"`
			} `json:"buckets"`
		} `json:"stretches"`
	}
	if json.Unmarshal(aggregations, &aggs) != nil || aggs.Stretches == nil {
		return &Error{Class: ClassSource, Op: op, Err: errors.New("the answer has no aggregation")}
	}
	for _, b := range aggs.Stretches.Buckets {
		// A line with several time stamps is in other stretches too.
		if i := (b.Key - t.begin.UnixMilli()) / t.length.Milliseconds(); b.Key >= t.begin.UnixMilli() && i < int64(len(t.counts)) {
			t.counts[i] += b.Count
		}
	}
	return nil
}
