package worker

import (
	"bytes"
	"slices"

	"github.com/postweave/postweave/worker/message"
)

// long tells whether a document is to have a log in pieces.
func (w *keyWork) long() bool {
	return slices.ContainsFunc(w.docs, func(d message.Document) bool { return d.Long() })
}

// compareParts plans the pieces of long logs, which are written before the
// documents.
//
// A piece never loses a line, not when a line's place moves on to another piece, nor when a message
// turns out to be two. Whoever reads unites all pieces of a queue id, so that a line which stands in one too
// many does no harm; and that none is ever taken out is what makes it safe for any number of writers to
// rely on any piece without winning it first. A piece grows beyond its share by no more than its share
// at each doubling.
func (w *keyWork) compareParts(stored []message.Stored) error {
	for i := range w.docs {
		for _, p := range w.docs[i].Parts() {
			change := message.Change{Action: message.Create, ID: p.ID, Part: true}
			at := slices.IndexFunc(stored, func(s message.Stored) bool { return s.ID == p.ID })
			if at < 0 {
				change.Source = p.AppendJSON(nil)
				w.steps = append(w.steps, step{phase: growParts, change: change})
				continue
			}
			had, _, err := message.StoredLines(stored[at].Source)
			if err != nil {
				return err
			}
			full := p.With(had)
			if change.Source = full.AppendJSON(nil); bytes.Equal(change.Source, stored[at].Source) {
				continue
			}
			change.Action, change.SeqNo, change.PrimaryTerm = message.Update, stored[at].SeqNo, stored[at].PrimaryTerm
			w.steps = append(w.steps, step{phase: growParts, change: change})
		}
	}
	return nil
}
