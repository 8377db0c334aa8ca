package esquery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// Overlap reads the lines that came in since the cursor, by their ingest time,
// and again those of the time before it: a line may show itself later than others that came in
// after it. It satisfies worker.Source.
//
// It is for sources that do not tell the order of arrival. Their operations' numbers can be asked for all the same: what is numbered above all
// that was seen is read too, whatever its ingest time. That alone would not do, because several shards count for themselves and
// numbers show themselves out of order.
type Overlap struct {
	*Source
	doc    *stateDoc
	cursor overlapCursor
	forget bool // a dry run behaves as if there were no cursor
}

// DefaultOverlap is how long a line may take from its ingest time until a search
// shows it: a queue before Elasticsearch, a refresh interval, a replica that lags.
const DefaultOverlap = 10 * time.Minute

// overlapCursor is where the last run ended, index by index.
type overlapCursor struct {
	Indices []ingestCursor `json:"indices"`
}

// ingestCursor is one index's place.
type ingestCursor struct {
	Index string `json:"index"`
	UUID  string `json:"uuid,omitempty"` // not told by a remote cluster
	// At is the newest ingest time whose lines are merged, never above the worker's
	// clock of the time of reading. nil: all is to be read.
	At *time.Time `json:"at,omitempty"`
	// Mark is what the index was like then. Where a search shows the same, nothing is new.
	Mark tide `json:"mark"`
	// First is what a first run leaves out, until one run has been through the index.
	First *firstMet `json:"first,omitempty"`
	// Above is set where runs by arrival came before: read is what is numbered above it.
	Above *int64 `json:"above,omitempty"`
}

// firstMet is what a first run met. Of that it reads only lines younger than
// Since. It may be gone on with much later, and what came meanwhile is read whatever its age.
type firstMet struct {
	Since time.Time `json:"since"`
	SeqNo int64     `json:"seq_no"` // the highest that a search showed then
	At    time.Time `json:"at"`     // the worker's clock then
}

// Overlap returns a reader of what came in since the cursor and shortly before it.
func (s *Source) Overlap() *Overlap {
	o := &s.options
	return &Overlap{Source: s, doc: newStateDoc(s.client, o.State, "overlap", strings.Join(o.Patterns, ","), o.Target)}
}

// Describe says how new lines are known, and what the user should know.
func (o *Overlap) Describe() (guarantee string, notes []string) { return "overlap", o.notes }

// Reset forgets the cursor: the next run is a first run. A dry run leaves the
// cursor where it is and only looks past it.
func (o *Overlap) Reset(ctx context.Context) error {
	if o.options.DryRun {
		o.forget = true
		return nil
	}
	return o.doc.forget(ctx)
}

// Each hands over what came in, slice by slice, and moves the cursor after each
// that was taken. See worker.Source.
func (o *Overlap) Each(ctx context.Context, take func(context.Context, *message.Batch) error) error {
	o.lenient = true
	var old overlapCursor
	found, err := o.doc.load(ctx, &old)
	if err != nil {
		return err
	}
	if o.forget {
		old, found = overlapCursor{}, false
	}
	if found && !o.options.Since.IsZero() {
		return errSinceCursor()
	}
	open, err := o.listOpen(ctx)
	if err != nil {
		return err
	}
	if err := o.refreshAll(ctx, names(open)); err != nil {
		return err
	}
	clock := o.now().UTC()
	marks, err := o.client.survey(ctx, o.options.Patterns, names(open))
	if err != nil {
		return err
	}
	if o.cursor, err = o.place(ctx, old, found, open); err != nil {
		return err
	}
	o.cursor.meet(marks, clock)
	if due := o.due(marks); len(due) > 0 {
		release, err := o.hold(ctx)
		if err != nil {
			return err
		}
		defer release()
		if !o.forget {
			var now overlapCursor
			if moved, err := o.doc.reload(ctx, &now); err != nil {
				return err
			} else if moved { // by the run that had the lease until now
				if o.cursor, err = o.place(ctx, now, true, open); err != nil {
					return err
				}
				due = o.due(marks)
			}
		}
		if err := o.readDue(ctx, due, take); err != nil {
			return err
		}
	}
	if !found && !o.doc.found { // nothing was there: what comes in from now on is new, whatever its age
		return o.save(ctx)
	}
	return nil
}

// place makes the cursor for the indices that there are. Known ones keep their place, new ones
// begin at the beginning.
func (o *Overlap) place(ctx context.Context, old overlapCursor, found bool, open []sourceIndex) (overlapCursor, error) {
	known := make(map[string]ingestCursor, len(old.Indices))
	for _, x := range old.Indices {
		known[x.Index] = x
	}
	var since *time.Time
	if !found {
		before, err := o.byArrival(ctx)
		if err != nil {
			return overlapCursor{}, err
		}
		if known = before; known == nil {
			if since, err = o.firstSince(ctx, open); err != nil {
				return overlapCursor{}, err
			}
		}
	}
	var c overlapCursor
	for _, x := range open {
		at, ok := known[x.name]
		if ok && at.UUID != "" && x.uuid != "" && at.UUID != x.uuid {
			o.note("index %s was made anew: it is read from its beginning", x.name)
			ok = false
		}
		if !ok {
			at = ingestCursor{}
			if since != nil {
				at.First = &firstMet{Since: *since}
			}
		}
		at.Index, at.UUID = x.name, x.uuid
		c.Indices = append(c.Indices, at)
	}
	return c, nil
}

// meet notes what a first run meets.
func (c *overlapCursor) meet(marks map[string]tide, clock time.Time) {
	for i := range c.Indices {
		if x := &c.Indices[i]; x.First != nil && x.First.At.IsZero() {
			x.First.SeqNo, x.First.At = marks[x.Index].SeqNo, clock
		}
	}
}

// firstSince returns what a first run begins at, by the lines' own times: nil
// where there is no line.
func (o *Overlap) firstSince(ctx context.Context, open []sourceIndex) (*time.Time, error) {
	if !o.options.Since.IsZero() {
		since := o.options.Since.UTC()
		return &since, nil
	}
	newest, err := o.newest(ctx, open)
	if err != nil || newest.IsZero() {
		return nil, err
	}
	o.noteFuture(newest)
	since := newest.Add(-o.options.Horizon)
	return &since, nil
}

// byArrival returns where earlier runs by arrival ended, nil where there were
// none: lines that came since, and are older than the horizon, must not be skipped.
func (o *Overlap) byArrival(ctx context.Context) (map[string]ingestCursor, error) {
	if o.forget {
		return nil, nil
	}
	var before cursor
	found, err := o.Arrivals().doc.load(ctx, &before)
	if err != nil || !found {
		return nil, err
	}
	known := make(map[string]ingestCursor)
	for _, s := range before.Shards {
		at, ok := known[s.Index]
		if !ok || s.SeqNo < *at.Above {
			at.Above = &s.SeqNo
		}
		at.UUID = s.UUID
		known[s.Index] = at
	}
	return known, nil
}

// due names the indices that show something new.
func (o *Overlap) due(marks map[string]tide) []string {
	var due []string
	for i := range o.cursor.Indices {
		x := &o.cursor.Indices[i]
		// An index without documents may have no fields yet, and shows nothing to be read.
		if m, ok := marks[x.Index]; ok && m.Docs > 0 && (m != x.Mark || x.First != nil || x.Above != nil) {
			due = append(due, x.Index)
		}
	}
	return due
}

// readDue reads what is new, index by index. One that is deleted meanwhile is left out: what was read of it stays in the documents.
func (o *Overlap) readDue(ctx context.Context, due []string, take func(context.Context, *message.Batch) error) error {
	if len(due) == 0 {
		return nil
	}
	shapes, err := o.client.resolve(ctx, due, o.tried)
	if err != nil {
		return err
	}
	var bare []string
	for i := range o.cursor.Indices {
		x := &o.cursor.Indices[i]
		f := shapes[x.Index]
		switch {
		case !slices.Contains(due, x.Index):
			continue
		case f == nil:
			newest, err := o.newest(ctx, []sourceIndex{{name: x.Index}})
			if err != nil {
				return err
			}
			if err := o.unreadable(ctx, x.Index, newest); err != nil {
				return err
			}
			continue
		case len(f.ingest) == 0:
			bare = append(bare, x.Index)
		}
		err := o.readIndex(ctx, x, f, take)
		if gone, ok := deleted(err); ok && sameIndex(x.Index, gone) {
			o.noteDeleted(x.Index)
			continue
		}
		if err != nil {
			return err
		}
	}
	if len(bare) > 0 {
		o.note("%s: no field holds the ingest time as a date (%s), so lines are followed by their own time: one that arrives more than %s after it may be missed; let Logstash add received_at, or an ingest pipeline event.ingested",
			some(bare), strings.Join(ingestFields, ", "), o.options.Overlap)
	}
	return nil
}

// sameIndex tells whether an answer is about an index. A remote cluster does not
// tell its own name.
func sameIndex(name, told string) bool {
	return told != "" && (name == told || strings.HasSuffix(name, ":"+told))
}

// some names a few of many.
func some(names []string) string {
	const few = 3
	if len(names) <= few {
		return "index " + strings.Join(names, ", ")
	}
	return fmt.Sprintf("index %s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}

// readIndex goes through what is new in one index, from one point in time.
func (o *Overlap) readIndex(ctx context.Context, x *ingestCursor, f *fields, take func(context.Context, *message.Batch) error) error {
	clock := o.now().UTC() // before anything is read
	p, err := o.client.openPIT(ctx, []string{x.Index})
	if err != nil {
		return err
	}
	defer p.close(ctx)
	seen, err := p.tide(ctx)
	if err != nil {
		return err
	}
	all := slice{source: o.Source, pit: p, indices: []string{x.Index}, fields: f, ranges: o.unread(x, f), discovers: true}
	e, err := all.extent(ctx)
	if err != nil {
		return err
	}
	if e.unmarked > 0 && len(f.ingest) > 0 {
		o.note("index %s: %d of the lines read have no ingest time (%s) and are followed by their own time: one that arrives more than %s after it may be missed",
			x.Index, e.unmarked, strings.Join(f.ingest, ", "), o.options.Overlap)
	}
	if e.lines > 0 {
		if err := o.readSlices(ctx, x, &all, e, func(ctx context.Context, s span) error {
			if err := take(ctx, s.batch); err != nil {
				return err
			}
			if s.end.After(e.to) {
				s.end = e.to
			}
			return o.move(ctx, x, s.end, clock, seen)
		}); err != nil {
			return err
		}
		x.reach(e.to, clock)
	}
	x.Mark, x.First, x.Above = seen, nil, nil
	return o.save(ctx)
}

// unread selects what is new in an index.
func (o *Overlap) unread(x *ingestCursor, f *fields) []object {
	var ranges []object
	if x.First != nil {
		ranges = append(ranges, anyOf(append(o.since(f, x.First.At, x.First.SeqNo),
			object{"range": object{f.time: object{"gte": x.First.Since.Format(time.RFC3339Nano), "format": "strict_date_optional_time"}}})))
	}
	if x.Above != nil {
		ranges = append(ranges, object{"range": object{"_seq_no": object{"gt": *x.Above}}})
	}
	if x.At != nil { // also where a run was broken off, since what it left lies above At
		ranges = append(ranges, anyOf(o.since(f, *x.At, x.Mark.SeqNo)))
	}
	return ranges
}

// since selects what may be new after a search at a time that showed numbers up to seqNo:
// either of the two is enough.
func (o *Overlap) since(f *fields, at time.Time, seqNo int64) []object {
	return []object{
		f.ingested(object{"gte": at.Add(-o.options.Overlap).Format(time.RFC3339Nano)}),
		{"range": object{"_seq_no": object{"gt": seqNo}}},
	}
}

func anyOf(should []object) object {
	return object{"bool": object{"minimum_should_match": 1, "should": should}}
}

// readSlices reads an index's lines in order of their ingest time. The next
// slice is read while the one before it is merged and written.
func (o *Overlap) readSlices(ctx context.Context, x *ingestCursor, all *slice, e ingestExtent, take func(context.Context, span) error) error {
	return ahead(ctx, func(ctx context.Context, give func(span) error) error {
		width := firstSpan
		for begin := e.from; !begin.After(e.to); {
			end := begin.Add(width)
			bounds := object{"gte": begin.Format(time.RFC3339Nano), "lt": end.Format(time.RFC3339Nano)}
			if end.After(e.to) {
				delete(bounds, "lt") // a max of nanoseconds comes in milliseconds
			}
			s := *all
			s.ranges = append(slices.Clone(all.ranges), all.fields.ingested(bounds))
			b, err := s.read(ctx)
			if errors.Is(err, errTooWide) && width > time.Millisecond {
				width = max(time.Millisecond, (width / 2).Truncate(time.Millisecond))
				continue
			}
			if errors.Is(err, errTooWide) {
				return &Error{
					Class: ClassSource, Op: "read lines", Index: indexName(x.Index),
					Err:  fmt.Errorf("more than %d lines or %d queue ids have one ingest time, %s", sliceLines, sliceKeys, begin.Format(time.RFC3339Nano)),
					Hint: "read that index with the privilege monitor, in its own cluster",
				}
			}
			if err != nil {
				return err
			}
			if err := give(span{b, begin, end}); err != nil {
				return err
			}
			begin = end
			const most = 5 * 365 * 24 * time.Hour // stamps of 1970 must not take a million slices
			if b.Read < sliceLines/4 && width < most {
				width *= 2
			}
		}
		return nil
	}, take)
}

// reach moves an index's place up to a time, never above the clock and never backwards.
func (x *ingestCursor) reach(to, clock time.Time) bool {
	if to.After(clock) {
		to = clock
	}
	if x.At != nil && !to.After(*x.At) {
		return false
	}
	x.At = &to
	return true
}

// move saves the cursor at the end of a slice. What lies above it in this point
// in time, and what is numbered above all that this point in time shows, is read by the next run.
func (o *Overlap) move(ctx context.Context, x *ingestCursor, end, clock time.Time, seen tide) error {
	if !x.reach(end, clock) {
		return nil
	}
	x.Mark = tide{Docs: -1, SeqNo: seen.SeqNo} // unlike any that a survey shows
	return o.save(ctx)
}

// save writes the cursor.
func (o *Overlap) save(ctx context.Context) error {
	if o.options.DryRun {
		return nil
	}
	return o.doc.move(ctx, o.cursor)
}
