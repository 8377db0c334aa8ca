package worker

import (
	"context"
	"slices"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// shortlist leaves out the keys whose documents have as many lines as the
// source has in a slice of time.
//
// Only where all of a key's documents begin and end within the slice does the slice tell how many lines there
// should be. The others stay, as do stubs and what an older postweave wrote: most mail is
// delivered within seconds, and a slice has an hour or more.
func (v *Verify) shortlist(ctx context.Context, work []*keyWork, from, to time.Time) ([]*keyWork, error) {
	short := work[:0]
	for chunk := range slices.Chunk(work, 4*keysAtOnce) {
		found, err := v.Outlines.Outlines(ctx, keysOf(chunk))
		if err != nil {
			return nil, err
		}
		byKey := make(map[message.Key][]message.Outline, len(found))
		for _, o := range found {
			byKey[o.Key] = append(byKey[o.Key], o)
		}
		for _, w := range chunk {
			outlines := byKey[w.key]
			if asCounted(outlines, message.Distinct(w.lines), from, to) {
				v.report.Documents += len(outlines)
			} else {
				short = append(short, w)
			}
		}
	}
	return short, nil
}

// asCounted tells whether documents of one key have so many lines, all within a
// slice of time.
func asCounted(documents []message.Outline, lines int, from, to time.Time) bool {
	sum := 0
	for _, o := range documents {
		if o.Quarantined || o.Schema != message.Schema || o.First.Before(from) || !o.Last.Before(to) {
			return false
		}
		sum += o.Lines
	}
	return len(documents) > 0 && sum == lines
}
