package esquery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// instant reads a moment that has more lines than one slice may hold: a log that
// was loaded with one stamp for all its lines. Time divides it no further, and the order of
// arrival does. Its slices end where the moment begins, save the last, so that one who stops among
// them begins with the moment again.
func (d *Days) instant(ctx context.Context, groups []group, begin, end time.Time, give func(span) error) error {
	for i := range groups {
		if len(groups[i].indices) == 0 { // all were deleted
			continue
		}
		whole := d.slice(&groups[i], begin, end)
		last, err := whole.lastOperation(ctx)
		if err != nil {
			return err
		}
		width := last + 1
		for low := int64(-1); low < last; {
			high := min(low+width, last)
			part := whole
			part.ranges = append([]object{{"range": object{"_seq_no": object{"gt": low, "lte": high}}}}, whole.ranges...)
			b, err := part.read(ctx)
			if errors.Is(err, errTooWide) && high-low > 1 {
				width = (high - low + 1) / 2
				continue
			}
			if err != nil {
				return err
			}
			if err := give(span{b, begin, begin}); err != nil {
				return err
			}
			low = high
		}
	}
	return nil
}

// lastOperation returns the highest _seq_no among a slice's lines, -1 where it has
// none.
func (s *slice) lastOperation(ctx context.Context) (int64, error) {
	const op = "find the last line that arrived"
	a, err := s.pit.search(ctx, op, object{
		"size": 1, "track_total_hits": false, "sort": []object{{"_seq_no": "desc"}}, "query": s.query(), "_source": false,
	})
	if err != nil || len(a.Hits.Hits) == 0 {
		return -1, err
	}
	var key []int64
	if err := json.Unmarshal(a.Hits.Hits[0].Sort, &key); err != nil || len(key) == 0 {
		return 0, &Error{Class: ClassSource, Op: op, Index: indexName(s.indices[0]), Err: fmt.Errorf("its sort key is no number: %w", err)}
	}
	return key[0], nil
}
