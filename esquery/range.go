package esquery

import (
	"context"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// Range reads the lines of a range of time as [Days] does, keeps no position and
// writes nothing. It satisfies worker.Range.
type Range struct{ days *Days }

// Range returns a reader of the lines stamped from (inclusive) to (exclusive).
func (s *Source) Range(from, to time.Time) *Range { return &Range{days: s.Days(from, to)} }

// Describe says what the reader promises: it read what was there.
func (r *Range) Describe() (guarantee string, notes []string) { return r.days.Describe() }

// Each hands over the range's lines, slice by slice. It covers the whole range, also
// where no index has anything of it any more; only a source without any index is refused, since a
// misspelt pattern must not look like a healthy target.
func (r *Range) Each(ctx context.Context, take func(ctx context.Context, from, to time.Time, b *message.Batch) error) error {
	d := r.days
	d.notes = nil
	groups, err := d.groups(ctx)
	if err != nil {
		return err
	}
	return d.read(ctx, groups, d.from, func(ctx context.Context, s span) error {
		return take(ctx, s.begin, s.end, s.batch)
	})
}
