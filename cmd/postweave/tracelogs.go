package main

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/postweave/postweave/worker/message"
)

// findInLogs hands over the messages of log files that fit, in the order that
// an index would give them, and tells whether there are more.
func (o *traceOptions) findInLogs(ctx context.Context, a *app, emit func(document) error) (more bool, err error) {
	found, more, err := o.pickFromLogs(ctx, a)
	if err != nil && (len(found) == 0 || ctx.Err() != nil || errors.Is(err, errTooMuch)) { // of a log that was not read to its end, the newest are not known
		return false, err
	}
	for _, d := range found { // what was read before an error is right
		if err := emit(mergedDocument{d}); err != nil {
			return more, err
		}
	}
	return more, err
}

// pickFromLogs reads the logs through, and keeps the first --limit messages.
func (o *traceOptions) pickFromLogs(ctx context.Context, a *app) (found []*message.Document, more bool, err error) {
	filter := o.Filter()
	kept := firsts{before: documentOrder(o.Sort)}
	err = o.read(ctx, a, func(d *message.Document) error {
		if filter.Matches(d) {
			return kept.offer(d, o.Limit)
		}
		return nil
	})
	slices.SortStableFunc(kept.documents, kept.before)
	return kept.documents, kept.more, err
}

// documentOrder is the order of esquery.Sort.
func documentOrder(sort string) func(a, b *message.Document) int {
	by := func(*message.Document) float64 { return 0 }
	switch sort {
	case sortSize:
		by = func(d *message.Document) float64 {
			if !d.HasSize {
				return -1
			}
			return float64(d.Size)
		}
	case sortDelay:
		by = longestDelay
	}
	return func(a, b *message.Document) int {
		return cmp.Or(
			cmp.Compare(by(b), by(a)),
			cmp.Compare(b.Timestamp.UnixMilli(), a.Timestamp.UnixMilli()),
			cmp.Compare(missingLast(a.QueueID), missingLast(b.QueueID)), cmp.Compare(a.QueueID, b.QueueID),
			cmp.Compare(a.Host, b.Host),
		)
	}
}

func missingLast(id string) int {
	if id == "" {
		return 1
	}
	return 0
}

func longestDelay(d *message.Document) float64 {
	longest := -1.0
	for i := range d.Recipients {
		if r := &d.Recipients[i]; r.HasDelay {
			longest = max(longest, r.Delay)
		}
	}
	return longest
}

// firsts keeps the first of many documents: a heap whose top is the last of those.
type firsts struct {
	documents []*message.Document
	before    func(a, b *message.Document) int
	more      bool
	weight    int64
}

// maxPicked bounds what is kept of a log, in bytes.
const maxPicked = 256 << 20

var errTooMuch = errors.New("the messages that fit take more than 256 MiB")

func (f *firsts) offer(d *message.Document, limit int) error {
	switch {
	case len(f.documents) < limit:
		f.weight += weight(d)
		heap.Push(f, d)
	case f.before(d, f.documents[0]) < 0:
		f.more = true
		f.weight += weight(d) - weight(f.documents[0])
		f.documents[0] = d
		heap.Fix(f, 0)
	default:
		f.more = true
	}
	if f.weight > maxPicked {
		return fmt.Errorf("%w: ask for fewer with --limit, or count them with --count", errTooMuch)
	}
	return nil
}

// weight is about what a document takes in memory.
func weight(d *message.Document) int64 {
	w := 2048 + 512*len(d.Recipients) + 64*len(d.To)
	for i := range d.Log {
		w += 96 + len(d.Log[i].Text)
	}
	return int64(w)
}

func (f *firsts) Len() int           { return len(f.documents) }
func (f *firsts) Less(i, j int) bool { return f.before(f.documents[i], f.documents[j]) > 0 }
func (f *firsts) Swap(i, j int)      { f.documents[i], f.documents[j] = f.documents[j], f.documents[i] }
func (f *firsts) Push(x any)         { f.documents = append(f.documents, x.(*message.Document)) }
func (f *firsts) Pop() any {
	last := f.documents[len(f.documents)-1]
	f.documents = f.documents[:len(f.documents)-1]
	return last
}
