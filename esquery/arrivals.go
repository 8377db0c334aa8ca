package esquery

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// Arrivals reads the lines that arrived since the cursor, in order of arrival
// (_seq_no), whatever their time stamps say. It satisfies worker.Source.
type Arrivals struct {
	*Source
	doc    *stateDoc
	cursor cursor
	forget bool // a dry run behaves as if there were no cursor

	progress    func(done, all int64) // see Incoming; may be nil
	passed, all int64
}

// cursor is where the last run ended, shard by shard.
type cursor struct {
	Shards []shardCursor `json:"shards"`
	// Switched is set by a first run after runs by ingest time, until those are
	// ended: see Incoming.endSwitch.
	Switched bool `json:"switched,omitempty"`
}

// shardCursor is one shard's place.
type shardCursor struct {
	Index   string `json:"index"`
	UUID    string `json:"uuid"`
	Shard   int    `json:"shard"`
	History string `json:"history"`
	SeqNo   int64  `json:"seq_no"` // every line at or below it is merged
	// A first run reads only lines younger than Since up to the checkpoint that it
	// met, FirstTo. What arrives above that is read whatever its age.
	FirstTo int64      `json:"first_to,omitempty"`
	Since   *time.Time `json:"since,omitempty"`
}

// Arrivals returns a reader of what is new.
func (s *Source) Arrivals() *Arrivals {
	o := &s.options
	return &Arrivals{Source: s, doc: newStateDoc(s.client, o.State, "cursor", strings.Join(o.Patterns, ","), o.Target)}
}

// Describe says how new lines are known, and what the user should know.
func (a *Arrivals) Describe() (guarantee string, notes []string) { return "arrival", a.notes }

// Reset forgets the cursor: the next run is a first run. A dry run leaves the
// cursor where it is and only looks past it.
func (a *Arrivals) Reset(ctx context.Context) error {
	if a.options.DryRun {
		a.forget = true
		return nil
	}
	return a.doc.forget(ctx)
}

// Each hands over what arrived, slice by slice, and moves the cursor after each
// that was taken. See worker.Source.
func (a *Arrivals) Each(ctx context.Context, take func(context.Context, *message.Batch) error) error {
	a.notes = nil
	var old cursor
	found, err := a.doc.load(ctx, &old)
	if err != nil {
		return err
	}
	if a.forget {
		old, found = cursor{}, false
	}
	if found && !a.options.Since.IsZero() {
		return errSinceCursor()
	}
	open, err := a.list(ctx)
	if err != nil {
		return err
	}
	var newest time.Time
	if !found {
		if newest, err = a.newest(ctx, open); err != nil {
			return err
		}
		a.noteFuture(newest)
	}
	a.cursor = a.place(old, found, open, newest)
	if a.cursor.Switched, err = a.switched(ctx, old, found); err != nil {
		return err
	}
	if a.cursor.Switched && !a.options.Since.IsZero() {
		return errSinceCursor()
	}
	if due := a.due(open); len(due) > 0 {
		release, err := a.hold(ctx)
		if err != nil {
			return err
		}
		defer release()
		if !a.forget {
			// The run that had the lease until now has moved the cursor.
			var now cursor
			if moved, err := a.doc.reload(ctx, &now); err != nil {
				return err
			} else if moved {
				// It may have listed the source after this run did. Beside older checkpoints its cursor would look
				// like one of a history that went back, and all would be read again.
				a.notes = nil
				if open, err = a.list(ctx); err != nil {
					return err
				}
				switched := a.cursor.Switched
				a.cursor = a.place(now, true, open, newest)
				a.cursor.Switched = switched
				due = a.due(open)
			}
		}
		if err := a.readDue(ctx, due, take); err != nil {
			return err
		}
	}
	if !found && !a.doc.found { // nothing was there: what arrives from now on is new, whatever its age
		return a.save(ctx)
	}
	return nil
}

// list returns the open indices with their shards' checkpoints as of now.
func (a *Arrivals) list(ctx context.Context) ([]sourceIndex, error) {
	indices, err := a.client.sourceIndices(ctx, a.options.Patterns)
	if err != nil {
		return nil, err
	}
	return a.openIndices(ctx, indices)
}

// noteFuture says so where the youngest line, which a first run counts the horizon
// from, cannot be right: one clock that was wrong would hide all mail from it. Nothing but the note depends on
// the clock of this machine, which may be the one that is wrong.
func (s *Source) noteFuture(newest time.Time) {
	if newest.After(s.now().Add(24*time.Hour)) && s.options.Since.IsZero() {
		s.note("the newest line is stamped %s, in the future, and a first run leaves out what is older than %s before that: give --reset-cursor and --since if that is too much",
			newest.Format(time.RFC3339), s.options.Horizon)
	}
}

// openIndices leaves out closed indices. One that may hold new lines is an
// error: they would be missed in silence.
func (s *Source) openIndices(ctx context.Context, indices []sourceIndex) ([]sourceIndex, error) {
	var open, closed []sourceIndex
	for _, x := range indices {
		if x.closed {
			closed = append(closed, x)
		} else {
			open = append(open, x)
		}
	}
	switch {
	case len(open) == 0 && len(closed) > 0:
		return nil, closedError(closed[0].name)
	case len(open) == 0:
		return nil, noSource(s.options.Patterns)
	}
	if len(closed) == 0 {
		return open, nil
	}
	newest, err := s.newest(ctx, open)
	if err != nil {
		return nil, err
	}
	for _, x := range closed {
		if newest.IsZero() || x.created.IsZero() || x.created.After(newest.Add(-s.options.Horizon)) {
			return nil, closedError(x.name)
		}
		s.note("index %s is closed and older than the horizon: it is left out", x.name)
	}
	return open, nil
}

// newest returns the time stamp of the youngest line, the zero time where there
// is none. It refreshes, since the youngest lines are those that a search has not seen yet.
func (s *Source) newest(ctx context.Context, indices []sourceIndex) (time.Time, error) {
	var newest time.Time
	for some := range inPaths(names(indices)) {
		t, err := s.newestOf(ctx, some)
		if err != nil {
			return time.Time{}, err
		}
		if t.After(newest) {
			newest = t
		}
	}
	return newest, nil
}

func (s *Source) newestOf(ctx context.Context, indices []string) (time.Time, error) {
	if err := s.refreshed(ctx, indices); err != nil {
		return time.Time{}, err
	}
	a, err := s.client.search(ctx, Request{
		Op: "look for the newest line", Method: http.MethodPost, Path: "/" + indexPath(indices) + "/_search",
		Query: url.Values{"allow_partial_search_results": {"false"}}, Idempotent: true, Source: true,
		Body: object{"size": 0, "track_total_hits": false, "aggs": object{"newest": object{"max": object{"field": s.tried[0].Time[0]}}}}.json(),
	})
	if err != nil {
		return time.Time{}, err
	}
	var aggs struct {
		Newest struct {
			Value *float64 `json:"value"`
		} `json:"newest"`
	}
	if json.Unmarshal(a.Aggregations, &aggs) != nil || aggs.Newest.Value == nil {
		return time.Time{}, nil
	}
	return time.UnixMilli(int64(*aggs.Newest.Value)).UTC(), nil
}

// place makes the cursor for the shards that there are: known ones keep their
// place, new ones begin at the beginning, and so do shards whose history is another than before, since
// their numbers may have been given out again. Shards that are gone are dropped.
func (a *Arrivals) place(old cursor, found bool, open []sourceIndex, newest time.Time) cursor {
	known := make(map[string]shardCursor, len(old.Shards))
	for _, s := range old.Shards {
		known[fmt.Sprintf("%s/%d", s.UUID, s.Shard)] = s
	}
	var c cursor
	for _, x := range open {
		for _, shard := range x.shards {
			s, ok := known[fmt.Sprintf("%s/%d", x.uuid, shard.number)]
			switch {
			case !ok:
				s = shardCursor{UUID: x.uuid, Shard: shard.number, History: shard.history, SeqNo: -1}
				if !found && !newest.IsZero() {
					since := newest.Add(-a.options.Horizon)
					if !a.options.Since.IsZero() {
						since = a.options.Since.UTC()
					}
					s.FirstTo, s.Since = shard.checkpoint, &since
				}
			case s.SeqNo < -1 || s.FirstTo > shard.checkpoint && s.History == shard.history:
				// No run wrote this. Taken at its word, it would leave lines out, or be counted up from for ever.
				a.note("the cursor of shard %d of index %s is damaged: the shard is read from its beginning", shard.number, x.name)
				s = shardCursor{UUID: x.uuid, Shard: shard.number, History: shard.history, SeqNo: -1}
			case s.History != shard.history || s.SeqNo > shard.checkpoint:
				a.note("shard %d of index %s has a new history: it is read from its beginning", shard.number, x.name)
				s = shardCursor{UUID: x.uuid, Shard: shard.number, History: shard.history, SeqNo: -1}
			}
			s.Index = x.name
			s.endFirstRun()
			c.Shards = append(c.Shards, s)
		}
	}
	return c
}

// endFirstRun drops the horizon once the shard is read up to where it held.
func (s *shardCursor) endFirstRun() {
	if s.Since != nil && s.SeqNo >= s.FirstTo {
		s.Since, s.FirstTo = nil, 0
	}
}

// dueIndex is an index with lines above the cursor.
type dueIndex struct {
	sourceIndex
	low, high int64 // read is what lies above low, up to high
}

// due lists the indices that have something new.
func (a *Arrivals) due(open []sourceIndex) []dueIndex {
	var out []dueIndex
	for _, x := range open {
		d := dueIndex{sourceIndex: x, high: -1}
		new := false
		for _, shard := range x.shards {
			at := a.at(x.uuid, shard.number).SeqNo
			if shard.checkpoint > at {
				if !new || at < d.low {
					d.low = at
				}
				new = true
				d.high = max(d.high, shard.checkpoint)
			}
		}
		if new {
			out = append(out, d)
		}
	}
	return out
}

// at returns a shard's place.
func (a *Arrivals) at(uuid string, shard int) *shardCursor {
	for i := range a.cursor.Shards {
		if s := &a.cursor.Shards[i]; s.UUID == uuid && s.Shard == shard {
			return s
		}
	}
	return &shardCursor{SeqNo: -1}
}

// readDue reads the indices that have something new, each slice from one point
// in time. An index that is deleted meanwhile is left out: what was read of it stays in the documents.
func (a *Arrivals) readDue(ctx context.Context, due []dueIndex, take func(context.Context, *message.Batch) error) error {
	due, shapes, err := a.prepare(ctx, due)
	if err != nil {
		return err
	}
	a.passed, a.all = 0, 0
	for _, x := range due {
		a.all += x.high - x.low
	}
	a.pass(0)
	for i := range due {
		err := a.readIndex(ctx, &due[i], shapes[due[i].name], take)
		if gone, ok := deleted(err); ok && gone == due[i].name {
			a.noteDeleted(gone)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// prepare makes what is due searchable and finds out how each index is read.
func (a *Arrivals) prepare(ctx context.Context, due []dueIndex) ([]dueIndex, map[string]*fields, error) {
	for len(due) > 0 {
		list := make([]string, len(due))
		for i, x := range due {
			list[i] = x.name
		}
		// What lies at or below a checkpoint is not yet visible to a search by itself.
		err := a.refreshAll(ctx, list)
		var shapes map[string]*fields
		if err == nil {
			shapes, err = a.client.resolve(ctx, list, a.tried)
		}
		if gone, ok := deleted(err); ok && slices.Contains(list, gone) {
			a.noteDeleted(gone)
			due = slices.DeleteFunc(due, func(x dueIndex) bool { return x.name == gone })
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		due, err = a.readable(ctx, due, shapes)
		return due, shapes, err
	}
	return nil, nil, nil
}

func (s *Source) noteDeleted(index string) {
	s.note("index %s was deleted while it was read: what was read of it stays in the documents, the rest of it is gone", index)
}

// refreshAll makes what was indexed searchable.
func (s *Source) refreshAll(ctx context.Context, indices []string) error {
	for some := range inPaths(indices) {
		if err := s.refreshed(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// readable leaves out indices without the fields of a syslog line: with a note
// where they are older than the horizon, with an error where not.
func (s *Source) readable(ctx context.Context, due []dueIndex, shapes map[string]*fields) ([]dueIndex, error) {
	var out []dueIndex
	for _, x := range due {
		if shapes[x.name] != nil {
			out = append(out, x)
			continue
		}
		newest, err := s.newest(ctx, []sourceIndex{x.sourceIndex})
		if noDates(err) {
			return nil, lacksFields(x.name)
		}
		if err != nil {
			return nil, err
		}
		if err := s.unreadable(ctx, x.name, newest); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *Source) unreadable(ctx context.Context, index string, newest time.Time) error {
	all, err := s.newestOfAll(ctx)
	if err != nil {
		return err
	}
	if newest.IsZero() || !newest.Before(all.Add(-s.options.Horizon)) {
		return lacksFields(index)
	}
	s.note("index %s has not the fields of a syslog line and is older than the horizon: it is left out", index)
	return nil
}

func lacksFields(index string) *Error {
	return &Error{
		Class: ClassSource, Op: "look up the source's fields", Index: index,
		Err:  errors.New("it has not the fields of a syslog line (time as a date, host, program and text of one profile: " + strings.Join(Profiles(), ", ") + ")"),
		Hint: "name its fields in a file for POSTWEAVE_FIELDS, or leave it out of POSTWEAVE_SOURCE",
	}
}

// noDates tells that an index was asked for its newest line and has something else
// than dates for time.
func noDates(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusBadRequest && e.Type == "illegal_argument_exception"
}

func (s *Source) newestOfAll(ctx context.Context) (time.Time, error) {
	list := make([]sourceIndex, len(s.options.Patterns))
	for i, p := range s.options.Patterns {
		list[i].name = p
	}
	return s.newest(ctx, list)
}

// firstWidth is how many operations a slice spans at first. A syslog line that
// is no mail takes one too, so slices grow where they hold little.
const firstWidth = 50_000

// readIndex goes through one index slice by slice. The next slice is read while
// the one before it is merged and written.
//
// Each index has a point in time of its own: an aggregation is made on every shard of the point in time, whatever the query
// leaves out, and fails on an index where the field is of a type that it cannot use.
func (a *Arrivals) readIndex(ctx context.Context, x *dueIndex, f *fields, take func(context.Context, *message.Batch) error) error {
	p, err := a.client.openPIT(ctx, []string{x.name})
	if err != nil {
		return err
	}
	defer p.close(ctx)
	first := a.firstTo(x)
	return ahead(ctx, func(ctx context.Context, give func(arrived) error) error {
		width := cmp.Or(a.options.Width, firstWidth)
		for low := x.low; low < x.high; {
			high := min(low+width, x.high)
			s := slice{source: a.Source, pit: p, indices: []string{x.name}, fields: f, discovers: true}
			if low < first.to {
				high = min(high, first.to)
				s.ranges = append(s.ranges, object{"range": object{f.time: object{"gte": first.since.Format(time.RFC3339Nano), "format": "strict_date_optional_time"}}})
			}
			s.ranges = append(s.ranges, object{"range": object{"_seq_no": object{"gt": low, "lte": high}}})
			b, err := s.read(ctx)
			if errors.Is(err, errTooWide) && high-low > 1 {
				width = (high - low) / 2
				continue
			}
			if err != nil {
				return err
			}
			if err := give(arrived{b, low, high}); err != nil {
				return err
			}
			low = high
			if b.Read < sliceLines/4 && width < firstWidth<<6 {
				width *= 2
			}
		}
		return nil
	}, func(ctx context.Context, s arrived) error {
		if err := take(ctx, s.batch); err != nil {
			return err
		}
		a.pass(s.high - s.low)
		return a.move(ctx, x, s.high)
	})
}

// pass tells of so many operations' numbers more that lie behind the run.
func (a *Arrivals) pass(n int64) {
	if a.passed += n; a.progress != nil {
		a.progress(a.passed, a.all)
	}
}

// arrived is a slice of one index: above an operation's number, up to another.
type arrived struct {
	batch     *message.Batch
	low, high int64
}

// firstRun is what a first run leaves out: lines older than since, up to the
// operation to.
type firstRun struct {
	to    int64
	since time.Time
}

// firstTo returns the first run's bounds for an index. A range cannot tell its
// shards apart, so the lowest of their ends counts; above it some old lines are read too many,
// which does no harm.
func (a *Arrivals) firstTo(x *dueIndex) firstRun {
	f := firstRun{to: -1}
	for i, shard := range x.shards {
		s := a.at(x.uuid, shard.number)
		if s.Since == nil {
			return firstRun{to: -1}
		}
		if i == 0 || s.FirstTo < f.to {
			f.to = s.FirstTo
		}
		f.since = *s.Since
	}
	return f
}

// move saves the cursor at the end of a slice: each shard's place is the
// slice's end or its own checkpoint, whichever is lower.
func (a *Arrivals) move(ctx context.Context, x *dueIndex, high int64) error {
	for _, shard := range x.shards {
		if s := a.at(x.uuid, shard.number); min(high, shard.checkpoint) > s.SeqNo {
			s.SeqNo = min(high, shard.checkpoint)
			s.endFirstRun()
		}
	}
	return a.save(ctx)
}

// save writes the cursor.
func (a *Arrivals) save(ctx context.Context) error {
	if a.options.DryRun {
		return nil
	}
	return a.doc.move(ctx, a.cursor)
}

// ErrSuperseded ends a run whose cursor another one moved. Nothing is lost: all
// that was confirmed is written, and the other run goes on.
var ErrSuperseded = errors.New("another postweave works on the same source and target and moved the cursor; this run ended early, nothing is lost")
