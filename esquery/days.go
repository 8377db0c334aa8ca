package esquery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// Days reads the lines of a range of time, slice by slice, and remembers how
// far it came. It satisfies worker.Source.
type Days struct {
	*Source
	from, to time.Time
	doc      *stateDoc

	// Progress is called after each slice with the time that all earlier lines are
	// merged up to. It may be nil.
	Progress func(upTo time.Time)
	// GoingOn is called before the first slice of a backfill that was broken off, with where it is taken up. It may be nil.
	GoingOn func(from time.Time)
}

// daysPosition is the state of a backfill that is not finished.
type daysPosition struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Done time.Time `json:"done"` // lines before it are merged
}

// Widths of a slice of time.
const (
	firstSpan = time.Hour
	widest    = 24 * time.Hour
	steepest  = 4 // times as wide is the next slice at most
)

// Days returns a reader of the lines stamped from (inclusive) to (exclusive).
func (s *Source) Days(from, to time.Time) *Days {
	o := &s.options
	return &Days{
		Source: s, from: from.UTC(), to: to.UTC(),
		doc: newStateDoc(s.client, o.State, "backfill", strings.Join(o.Patterns, ","), o.Target, from.UTC().Format(time.RFC3339Nano), to.UTC().Format(time.RFC3339Nano)),
	}
}

// Describe says what a backfill promises: it read what was there.
func (d *Days) Describe() (guarantee string, notes []string) { return "range", d.notes }

// Each is EachOverlapping without an overlap.
func (d *Days) Each(ctx context.Context, take func(context.Context, *message.Batch) error) error {
	return d.EachOverlapping(ctx, func(ctx context.Context, b *message.Batch) (func(context.Context) error, error) {
		return func(context.Context) error { return nil }, take(ctx, b)
	})
}

// EachOverlapping hands over the range's lines, slice by slice. A range that was broken
// off is taken up where it ended; one that was finished begins anew.
func (d *Days) EachOverlapping(ctx context.Context, begin func(context.Context, *message.Batch) (func(context.Context) error, error)) error {
	d.notes = nil
	if !d.from.Before(d.to) { // a part of a range that is empty
		return nil
	}
	position, err := d.position(ctx)
	if err != nil {
		return err
	}
	groups, err := d.groups(ctx)
	if err != nil {
		return err
	}
	if len(groups) > 0 {
		if err := d.merge(ctx, groups, position, begin); err != nil {
			return err
		}
	}
	if d.options.DryRun {
		return nil
	}
	if err := d.doc.remove(ctx); err != nil && !errors.Is(err, errStateRace) {
		return err
	}
	return nil
}

// position is where the backfill of this range was broken off, its beginning where it was not. One that lies
// outside the range, or cannot be read, was written by no backfill: to begin anew does no harm, and to believe it may
// leave out what nobody has read.
func (d *Days) position(ctx context.Context) (daysPosition, error) {
	first := daysPosition{From: d.from, To: d.to, Done: d.from}
	position := first
	found, err := d.doc.load(ctx, &position)
	var damaged *Error
	switch {
	case errors.As(err, &damaged) && d.doc.found,
		err == nil && (!position.From.Equal(d.from) || !position.To.Equal(d.to) || position.Done.Before(d.from) || position.Done.After(d.to)):
		d.note("the note of where this backfill was broken off is damaged: it begins anew")
		return first, nil
	case err != nil:
		return first, err
	case found && position.Done.After(d.from):
		d.note("taken up at %s, where this backfill was broken off", position.Done.Format(time.RFC3339))
		if d.GoingOn != nil {
			d.GoingOn(position.Done)
		}
	}
	return position, nil
}

// group is the indices that are read alike, with a point in time of their own:
// see Arrivals.readIndex.
type group struct {
	indices []string
	fields  *fields
	pit     *pit
}

// groups sorts the source's indices by how they are read.
func (d *Days) groups(ctx context.Context) ([]group, error) {
	d.lenient, d.unrefreshed = true, false
	open, err := d.listOpen(ctx)
	if err != nil {
		return nil, err
	}
	list := names(open)
	if err := d.refreshAll(ctx, list); err != nil {
		return nil, err
	}
	if d.unrefreshed || slices.ContainsFunc(list, isRemote) {
		d.note("the raw lines could not be refreshed (a remote cluster, or no privilege maintenance): what was indexed in the last moments may be missing")
	}
	shapes, err := d.client.resolve(ctx, list, d.tried)
	if err != nil {
		return nil, err
	}
	byShape := map[string]*group{}
	for _, name := range list {
		f := shapes[name]
		if f == nil {
			newest, err := d.newest(ctx, []sourceIndex{{name: name}})
			if noDates(err) {
				return nil, lacksFields(name)
			}
			if err != nil {
				return nil, err
			}
			if newest.IsZero() || newest.Before(d.from) {
				continue
			}
			if err := d.unreadable(ctx, name, newest); err != nil {
				return nil, err
			}
			continue
		}
		alike := *f
		alike.ingest = nil // not asked for
		shape := fmt.Sprintf("%+v", alike)
		if byShape[shape] == nil {
			byShape[shape] = &group{fields: f}
		}
		byShape[shape].indices = append(byShape[shape].indices, name)
	}
	out := make([]group, 0, len(byShape))
	for _, g := range byShape {
		for some := range inPaths(g.indices) { // of each a point in time is opened
			out = append(out, group{indices: some, fields: g.fields})
		}
	}
	slices.SortFunc(out, func(a, b group) int { return cmp.Compare(a.indices[0], b.indices[0]) })
	return out, nil
}

// span is a slice of time with its lines.
type span struct {
	batch      *message.Batch
	begin, end time.Time
}

// merge hands over slice by slice, and keeps the position after each that is confirmed. A slice is confirmed while the next one is
// begun: to make writes visible, and to look at them, leaves Elasticsearch next to nothing to do.
func (d *Days) merge(ctx context.Context, groups []group, position daysPosition, begin func(context.Context, *message.Batch) (func(context.Context) error, error)) error {
	done := func() error { return nil } // waits until the slice before is confirmed and the position kept
	err := d.read(ctx, groups, position.Done, func(reading context.Context, s span) error {
		confirm, err := begin(reading, s.batch)
		if before := done(); before != nil || err != nil {
			done = func() error { return nil }
			return cmp.Or(before, err)
		}
		end, ended := s.end, make(chan error, 1)
		go func() { // until it is confirmed, also where the reading has ended
			err := confirm(ctx)
			if err == nil {
				err = d.keep(ctx, &position, end)
			}
			ended <- err
		}()
		done = func() error { return <-ended }
		return nil
	})
	return cmp.Or(done(), err)
}

// keep notes that all before a time is merged.
func (d *Days) keep(ctx context.Context, position *daysPosition, end time.Time) error {
	position.Done = end
	if d.Progress != nil {
		d.Progress(end)
	}
	if d.options.DryRun {
		return nil
	}
	err := d.doc.save(ctx, *position)
	if errors.Is(err, errStateRace) {
		return &Error{
			Class: ClassSetup, Op: "backfill", Index: d.options.State, Err: errors.New("another backfill of the same range is at work"),
			Hint: "let one of them finish",
		}
	}
	return err
}

// read reads the range from a time on, slice by slice, the next one while take has
// the one before.
func (d *Days) read(ctx context.Context, groups []group, from time.Time, take func(context.Context, span) error) error {
	for i := range groups {
		p, err := d.client.openPIT(ctx, groups[i].indices)
		if err != nil {
			return err
		}
		defer p.close(ctx)
		groups[i].pit = p
	}
	return ahead(ctx, func(ctx context.Context, give func(span) error) error {
		width := firstSpan
		for begin := from; begin.Before(d.to); {
			end := begin.Add(width)
			if end.After(d.to) {
				end = d.to
			}
			b, err := d.readSpan(ctx, groups, begin, end)
			if errors.Is(err, errTooWide) && end.Sub(begin) > time.Millisecond {
				width = max(time.Millisecond, (end.Sub(begin) / 2).Truncate(time.Millisecond))
				continue
			}
			if errors.Is(err, errTooWide) {
				if err := d.instant(ctx, groups, begin, end, give); err != nil {
					return err
				}
				b, err = &message.Batch{}, nil
			}
			if err != nil {
				return err
			}
			if err := give(span{b, begin, end}); err != nil {
				return err
			}
			begin = end
			width = nextWidth(width, filling(b))
		}
		return nil
	}, take)
}

// filling is how many lines a slice counts for: long ones count for several, since their bytes are bounded too, and a slice that is
// found too wide by its bytes was read in vain.
func filling(b *message.Batch) int { return max(b.Read, b.Bytes/(sliceBytes/sliceLines)) }

// nextWidth is how wide a slice should be for the next one to be well filled, going by the lines in the one before. Each slice
// costs a refresh and a look at the target, and where two of them meet lie messages that are written twice.
func nextWidth(width time.Duration, lines int) time.Duration {
	const good = sliceLines * 4 / 5
	next := time.Duration(float64(width) * good / float64(max(lines, 1)))
	next = min(max(next, width/steepest), width*steepest)
	return min(max(next, time.Millisecond), widest).Truncate(time.Millisecond)
}

// readSpan reads all groups' lines of a slice of time. An index that was deleted
// meanwhile is left out from there on, and the slice begun again.
func (d *Days) readSpan(ctx context.Context, groups []group, begin, end time.Time) (*message.Batch, error) {
	all := &message.Batch{}
	for i := range groups {
		g := &groups[i]
		for len(g.indices) > 0 {
			s := d.slice(g, begin, end)
			b, err := s.read(ctx)
			if gone, ok := deleted(err); ok && slices.Contains(g.indices, gone) {
				if err := d.leaveOut(ctx, g, gone); err != nil {
					return nil, err
				}
				continue
			}
			if err != nil {
				return nil, err
			}
			all.Join(b)
			if all.Read > sliceLines {
				return nil, errTooWide
			}
			break
		}
	}
	return all, nil
}

// slice is a group's lines of some time.
func (d *Days) slice(g *group, begin, end time.Time) slice {
	return slice{source: d.Source, pit: g.pit, indices: g.indices, fields: g.fields, ranges: []object{{"range": object{g.fields.time: object{
		"gte": begin.Format(time.RFC3339Nano), "lt": end.Format(time.RFC3339Nano), "format": "strict_date_optional_time",
	}}}}}
}

// leaveOut takes an index out of a group, whose point in time was lost with it.
func (d *Days) leaveOut(ctx context.Context, g *group, index string) error {
	d.noteDeleted(index)
	g.indices = slices.DeleteFunc(slices.Clone(g.indices), func(name string) bool { return name == index })
	g.pit.indices = g.indices
	if len(g.indices) == 0 {
		return nil
	}
	return g.pit.open(ctx)
}
