package worker

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/postweave/postweave/worker/message"
	"github.com/postweave/postweave/worker/postlog"
)

// phase orders the writes of one key, so that each line is confirmed in its new
// document before any document loses it.
type phase int

const (
	growParts phase = iota // pieces of long logs: create, or update to more lines
	grow                   // create, or update to more lines
	shrink                 // update to fewer lines
	remove                 // delete
	phases
)

// step is one write of a plan.
type step struct {
	phase  phase
	change message.Change
	doc    *message.Document
	old    *message.Stored // what is replaced
	fate   fate            // of the document, once the step is confirmed
	// passing says that another step of this plan writes the same document once more.
	passing bool
}

// fate is how a document ended.
type fate uint8

const (
	unchanged fate = iota
	created
	updated
	quarantined
)

// fateOf is one document's.
type fateOf struct {
	id   string
	fate fate
}

// keyWork is one key on its way into the target.
type keyWork struct {
	key      message.Key
	lines    []message.Line    // new ones, as read
	found    []message.Finding // of the sessions, beside them
	docs     []message.Document
	steps    []step
	held     []message.Stored // what the target holds for the key, as far as known; no JSON
	fates    []fateOf         // of all documents so far
	deleted  int
	unparsed int
	warnings []string
	conflict bool             // another writer changed one of the documents meanwhile
	ventured bool             // planned without a look at the target, see Merger.venture
	again    bool             // this run has written documents of the key before
	met      bool             // the target had documents of the key already
	strays   []message.Stored // see Merger.findStrays

	// careful is set where nothing new was read: then no document may lose anything, see spare.
	careful bool
	spared  bool             // the plan is not carried out
	parts   []message.Stored // of a careful plan: the pieces of logs that it was made with
	told    int              // differences that were told of, see Verify
	// reject says that the key is that of a NOQUEUE reject, which has no queue id: lines has its one line,
	// and ids are those of the documents to look at.
	reject bool
	ids    []string
}

// ErrNewerSchema says that a document was written by a newer postweave.
var ErrNewerSchema = errors.New("a document in the target was written by a newer postweave: nothing was changed; use that version or a newer one")

// plan merges the key's new lines with those of its stored documents and lists
// the writes that make the target equal to the outcome.
// room is memory to encode in, see encode.
//
// parts are the pieces of their logs that are stored beside the documents.
func (w *keyWork) plan(stored, parts []message.Stored, o message.Options, room *[]byte) error {
	w.steps, w.held, w.conflict, w.spared = nil, nil, false, false
	union := slices.Clone(w.lines)
	for _, s := range slices.Concat(stored, parts) {
		lines, schema, err := message.StoredLines(s.Source)
		if err != nil {
			return fmt.Errorf("document %s (queue id %s on %s): %w: somebody altered it; delete it, then run `postweave verify --heal` over its day", s.ID, w.key.QueueID, w.key.Host, err)
		}
		if schema > message.Schema {
			return ErrNewerSchema
		}
		union = append(union, lines...)
	}
	if w.reject {
		w.docs = w.rejectDocuments(o)
	} else {
		w.docs = message.Merge(w.key, union, o)
	}
	message.Attach(w.docs, w.found)
	if err := w.compare(stored, parts, o, room); err != nil {
		return err
	}
	if !w.careful {
		return nil
	}
	w.parts = parts
	return w.spare(stored, parts)
}

// compare turns the difference between stored and merged documents into steps.
func (w *keyWork) compare(stored, parts []message.Stored, o message.Options, room *[]byte) error {
	var same []message.Stored
	for i := range w.docs {
		d := &w.docs[i]
		at := slices.IndexFunc(stored, func(s message.Stored) bool { return s.ID == d.ID })
		if at < 0 {
			w.steps = append(w.steps, step{phase: grow, fate: created, doc: d, change: message.Change{
				Action: message.Create, ID: d.ID, Source: encode(d, room),
			}})
			continue
		}
		old := stored[at]
		found := d.Session
		var err error
		// The session is no reason to write: with the stored one, the bytes are compared.
		if d.Session, err = message.StoredSession(old.Source); err != nil {
			return err
		}
		source := encode(d, room)
		*room = (*room)[:len(*room)-len(source)] // it is for the comparison alone
		if bytes.Equal(old.Source, source) {
			same = append(same, old)
			continue
		}
		w.update(d, found, old, parts, len(stored) == 1 && len(w.docs) == 1, o)
	}
	if err := w.compareParts(parts); err != nil {
		return err
	}
	for _, old := range stored {
		if !slices.ContainsFunc(w.docs, func(d message.Document) bool { return d.ID == old.ID }) {
			w.steps = append(w.steps, step{phase: remove, old: &old, change: message.Change{
				Action: message.Delete, ID: old.ID, SeqNo: old.SeqNo, PrimaryTerm: old.PrimaryTerm, Index: old.Index,
			}})
		}
	}
	w.keep(same)
	return nil
}

// roomBlock is how much memory documents get to be encoded in, and roomLeast what must be left of it for one more, in bytes. Many
// share one: nearly all are smaller than the least.
const (
	roomBlock = 128 << 10
	roomLeast = 8 << 10
)

// encode returns a document's JSON, in memory behind that of the documents before it.
func encode(d *message.Document, room *[]byte) []byte {
	if cap(*room)-len(*room) < roomLeast {
		*room = make([]byte, 0, roomBlock)
	}
	begin := len(*room)
	*room = d.AppendJSON(*room)
	return (*room)[begin:len(*room):len(*room)]
}

// keep deals with documents that stay as they are. Where another document of
// the key is to lose lines they are written again, unchanged, before that: the lines may be lost only if the
// document that has them is still the one that was read. Without it two writers, each with other
// lines at hand, could each rely on the document that the other one is about to shrink.
func (w *keyWork) keep(same []message.Stored) {
	loss := slices.ContainsFunc(w.steps, func(s step) bool { return s.phase > grow })
	for _, old := range same {
		if !loss {
			w.held = append(w.held, message.Stored{Key: w.key, ID: old.ID, SeqNo: old.SeqNo, PrimaryTerm: old.PrimaryTerm})
			w.note(old.ID, unchanged)
			continue
		}
		w.steps = append(w.steps, step{phase: grow, fate: unchanged, old: &old, change: message.Change{
			Action: message.Update, ID: old.ID, Source: old.Source, SeqNo: old.SeqNo, PrimaryTerm: old.PrimaryTerm, Index: old.Index,
		}})
	}
}

// update plans the new form of a stored document. One that loses lines is
// written twice: first with all that it has and gets, then without those that are in their new document by
// then. The first write is made even where it changes nothing: another document may lose lines that
// this one keeps, and see keep.
//
// d has the stored session; found is what is new of it. A document that loses lines may lose those by which
// its session was found, so it keeps only what was found anew.
func (w *keyWork) update(d *message.Document, found *message.Session, old message.Stored, parts []message.Stored, only bool, o message.Options) {
	change := message.Change{Action: message.Update, ID: d.ID, SeqNo: old.SeqNo, PrimaryTerm: old.PrimaryTerm, Index: old.Index}
	s := step{phase: grow, fate: updated, doc: d, old: &old}
	var lost []message.Line
	gained := false
	if !only { // a union never loses a line
		lost, gained = difference(old, d)
	}
	if len(lost) == 0 {
		d.Session = d.Session.Unite(found)
		change.Source = d.AppendJSON(nil)
		s.change = change
		w.steps = append(w.steps, s)
		return
	}
	d.Session = found
	change.Source = d.AppendJSON(nil)
	s.change = change
	s.phase = shrink
	// The stub of a refused document carries its lines, so all of them belong to this one.
	united := d.United(lost, o)
	change.Source = old.Source
	switch {
	case len(parts) > 0 || united.Long(): // the lines of the pieces are in them by then
		own, _, _ := message.StoredLines(old.Source)
		change.Source = d.AppendPassingJSON(nil, own, message.StoredParts(old.Source))
	case gained:
		change.Source = united.AppendJSON(nil)
	}
	w.steps = append(w.steps, step{phase: grow, fate: updated, doc: &united, old: &old, change: change, passing: true})
	w.steps = append(w.steps, s)
}

// difference returns the lines that a stored document carries itself and that
// the new one has not, and whether it has others. The pieces of a long log lose none.
func difference(old message.Stored, d *message.Document) (lost []message.Line, gained bool) {
	lines, _, err := message.StoredLines(old.Source)
	if err != nil { // plan has read them already
		return nil, true
	}
	has := make(map[message.Line]bool, len(d.Log))
	for _, l := range d.Log {
		has[l] = true
	}
	for _, l := range lines {
		if !has[l] {
			lost = append(lost, l)
		}
	}
	return lost, len(d.Log) > len(lines)-len(lost)
}

// confirm notes what the target holds after a confirmed step.
func (w *keyWork) confirm(s *step, o message.Outcome) {
	if s.change.Part {
		return
	}
	if s.change.Action == message.Delete {
		w.deleted++
		return
	}
	if s.passing {
		w.revise(s, o)
		return
	}
	w.held = append(w.held, message.Stored{Key: w.key, ID: s.change.ID, SeqNo: o.SeqNo, PrimaryTerm: o.PrimaryTerm})
	w.note(s.change.ID, s.fate)
}

// revise tells the other steps that write the same document its new revision.
func (w *keyWork) revise(s *step, o message.Outcome) {
	for i := range w.steps {
		if next := &w.steps[i]; next != s && next.change.ID == s.change.ID {
			next.change.SeqNo, next.change.PrimaryTerm = o.SeqNo, o.PrimaryTerm
		}
	}
}

// note keeps the fate of a document that says most: what this run created and
// then had to update again was created.
func (w *keyWork) note(id string, f fate) {
	for i := range w.fates {
		if w.fates[i].id == id {
			if w.fates[i].fate == unchanged || f == quarantined {
				w.fates[i].fate = f
			}
			return
		}
	}
	w.fates = append(w.fates, fateOf{id, f})
}

// settle forgets what is no longer needed once the plan is carried out: the
// documents, which take more memory than anything else.
func (w *keyWork) settle(dryRun bool) {
	if dryRun && !w.spared {
		for i := range w.steps {
			w.confirm(&w.steps[i], message.Outcome{})
		}
	}
	w.fates = slices.DeleteFunc(w.fates, func(f fateOf) bool {
		return !slices.ContainsFunc(w.docs, func(d message.Document) bool { return d.ID == f.id })
	})
	w.unparsed, w.warnings = 0, nil
	for i := range w.docs {
		w.unparsed += w.docs[i].Unparsed
		w.warnings = append(w.warnings, w.docs[i].Warnings...)
	}
	w.docs, w.steps, w.parts = nil, nil, nil
}

// tally adds the key to a report.
func (w *keyWork) tally(r *Report) {
	r.Merged++
	r.Deleted += w.deleted
	r.Unparsed += w.unparsed
	for _, warning := range w.warnings {
		if r.Warnings == nil {
			r.Warnings = make(map[string]int)
		}
		r.Warnings[warning]++
	}
	w.tallyDocuments(r)
}

func (w *keyWork) tallyDocuments(r *Report) {
	for _, f := range w.fates {
		r.Documents++
		switch f.fate {
		case unchanged:
			r.Unchanged++
		case created:
			r.Created++
		case updated:
			r.Updated++
		case quarantined:
			r.Quarantined++
		}
	}
}

func keysOf(work []*keyWork) []message.Key {
	keys := make([]message.Key, len(work))
	for i, w := range work {
		keys[i] = w.key
	}
	return keys
}

// shortOnes returns the keys whose queue ids come back and whose documents' ids
// therefore depend on what is known.
func shortOnes(work []*keyWork) []*keyWork {
	var out []*keyWork
	for _, w := range work {
		if !postlog.IsLongQueueID(w.key.QueueID) {
			out = append(out, w)
		}
	}
	return out
}

// sameRevisions compares what was found with what is known to be held. Revisions
// may have no ID, see [Target].
func sameRevisions(found, held []message.Stored) bool {
	if len(found) != len(held) {
		return false
	}
	for _, f := range found {
		if !slices.ContainsFunc(held, func(h message.Stored) bool {
			return (h.ID == f.ID || f.ID == "") && h.SeqNo == f.SeqNo && h.PrimaryTerm == f.PrimaryTerm
		}) {
			return false
		}
	}
	return true
}

func groupStored(stored []message.Stored) map[message.Key][]message.Stored {
	byKey := make(map[message.Key][]message.Stored, len(stored))
	for _, s := range stored {
		byKey[s.Key] = append(byKey[s.Key], s)
	}
	return byKey
}

func compareKeys(a, b message.Key) int {
	if c := cmp.Compare(a.Host, b.Host); c != 0 {
		return c
	}
	return cmp.Compare(a.QueueID, b.QueueID)
}
