// Package journey follows a mail from document to document: the servers before and after, filters'
// re-injections, forwarded mail, notices, what was put back into the queue. Where the documents
// lie, in an index or in log files, is its caller's matter. It does no I/O of its own.
package journey

import (
	"context"
	"slices"

	"github.com/postweave/postweave/worker/message"
)

// Document is a document as its JSON. ID tells it from all others of its collection.
type Document struct {
	ID     string
	Source []byte
}

// Neighbours looks up all documents whose queue id is one of named, or who name one of own in their links or as a recipient's
// remote queue id; both lists are sorted, and own is part of named. It returns no more than atMost, and how many
// there are in all. The order must depend on nothing but the documents.
type Neighbours func(ctx context.Context, own, named []string, atMost int) (found []Document, total int64, err error)

// Bounds bound what following links costs, beside what was found to begin
// with.
type Bounds struct {
	Steps     int // links away from a message that was found
	Documents int // looked at: most are linked, some only have an id that looks like it
	Bytes     int // of their JSON
	Requests  int // to look up neighbours
	AtOnce    int // queue ids in one of them
}

// DefaultBounds are far above what any real journey takes.
var DefaultBounds = Bounds{Steps: 25, Documents: 5_000, Bytes: 128 << 20, Requests: 100, AtOnce: 1_000}

// maxAnswer is the most documents that are looked up at once, an index's own limit.
const maxAnswer = 10_000

// Message is one document of a journey.
type Message struct {
	message.Step
	ID     string // its _id
	Source []byte // its JSON
	Found  bool   // it is one of those that were searched for
	// OfHost and OfQueueID name the document that it came of; empty for a journey's first.
	OfHost, OfQueueID string
}

// Journeys is what following links found.
type Journeys struct {
	Messages []Message // journey by journey, see [message.Journeys]
	More     bool      // more messages fit the search than its limit; set by who searched
	Doubts   int       // queue ids that fit several documents alike: not followed
	Bounded  bool      // a bound was reached: journeys may go on
}

// Follow finds what the documents found are linked with in either direction. What it costs is bounded.
func Follow(ctx context.Context, found []Document, look Neighbours, bounds Bounds) (Journeys, error) {
	w := web{look: look, bounds: bounds, known: make(map[string]bool)}
	for i := range found {
		w.add(&found[i])
	}
	w.found, w.bytes = len(w.docs), 0
	if err := w.spin(ctx); err != nil {
		return Journeys{}, err
	}
	return w.journeys(), nil
}

// web is a set of documents among which links are looked for. It holds those
// that hang together, and those that only have an id in common with them: by those it is told
// whether a link is certain.
type web struct {
	look   Neighbours
	bounds Bounds
	found  int // how many were there at the beginning
	docs   []Document
	ends   []message.End
	known  map[string]bool // by _id
	done   []bool          // its neighbours need not be searched for
	sure   []bool          // they are all there
	bytes  int

	requests, steps int
	bounded         bool

	relations []message.Relation
	doubts    []message.Doubt
	order     []message.Step // what hangs together with those there were at the beginning
}

// add takes a document in, once. One that cannot be read has no links.
func (w *web) add(h *Document) {
	if w.known[h.ID] {
		return
	}
	w.known[h.ID] = true
	end, err := message.ReadEnd(h.Source)
	w.docs = append(w.docs, *h)
	w.ends = append(w.ends, end)
	alone := err != nil || end.QueueID == "" // a reject has no links either
	w.done, w.sure = append(w.done, alone), append(w.sure, alone)
	w.bytes += len(h.Source)
}

// spin widens the web until nothing new hangs on to it. Links are decided anew
// after each step, over all that is known: a document that comes in later may cast doubt on a link.
func (w *web) spin(ctx context.Context) error {
	for frontier := w.decide(); len(frontier) > 0; frontier = w.decide() {
		if w.steps == w.bounds.Steps || w.requests == w.bounds.Requests {
			w.bounded = true
			break
		}
		w.steps++
		if err := w.askAll(ctx, frontier); err != nil {
			return err
		}
	}
	if w.bounded {
		w.leaveUnsure()
	}
	return nil
}

// decide settles what hangs together, and returns those documents of it whose
// neighbours are to be searched for.
func (w *web) decide() (frontier []int) {
	w.relations, w.doubts = message.Relate(w.ends)
	w.order = message.Journeys(w.ends, w.relations, w.begin())
	for _, s := range w.order {
		if !w.done[s.End] {
			frontier = append(frontier, s.End)
		}
	}
	return frontier
}

// leaveUnsure drops links to documents of whose neighbours not all are known,
// because a bound was reached: one of those that are missing may be what casts doubt on the link.
func (w *web) leaveUnsure() {
	w.relations, w.doubts = message.Relate(w.ends)
	w.relations = slices.DeleteFunc(w.relations, func(r message.Relation) bool { return !w.sure[r.Parent] || !w.sure[r.Child] })
	w.order = message.Journeys(w.ends, w.relations, w.begin())
}

func (w *web) begin() []int {
	all := make([]int, w.found)
	for i := range all {
		all[i] = i
	}
	return all
}

// askAll searches for the neighbours of some documents. Where an answer is too
// much it is asked for less, down to a single document, whose links are then not followed.
func (w *web) askAll(ctx context.Context, frontier []int) error {
	for most := len(frontier); len(frontier) > 0 && w.requests < w.bounds.Requests; {
		n, own, named := w.batch(frontier[:min(most, len(frontier))])
		whole, err := w.ask(ctx, own, named)
		if err != nil {
			return err
		}
		if !whole && n > 1 {
			most = n / 2
			continue
		}
		w.bounded = w.bounded || !whole
		for _, i := range frontier[:n] {
			w.done[i], w.sure[i] = true, whole
		}
		frontier = frontier[n:]
	}
	return nil
}

// batch takes as many documents of the frontier as one search can ask for, at
// least one. own are their queue ids, named those and the ones that they name.
func (w *web) batch(frontier []int) (n int, own, named []string) {
	for _, i := range frontier {
		names := w.ends[i].Names()
		if n > 0 && len(named)+len(names)+1 > w.bounds.AtOnce {
			break
		}
		n++
		own = append(own, w.ends[i].QueueID)
		named = append(append(named, w.ends[i].QueueID), names...)
	}
	slices.Sort(own)
	slices.Sort(named)
	return n, slices.Compact(own), slices.Compact(named)
}

// ask searches for and takes in all that may be linked with some documents: what has an id that
// they name, what names theirs, and what has the same id as one of them, without which it
// could not be told whether somebody else's word fits only one document.
//
// It takes in nothing and says so where that is more than the bounds allow.
func (w *web) ask(ctx context.Context, own, named []string) (whole bool, err error) {
	w.requests++
	size := min(maxAnswer, w.bounds.Documents+w.found)
	hits, total, err := w.look(ctx, own, named, size)
	if err != nil || total > int64(size) {
		return false, err
	}
	documents, bytes := len(w.docs)-w.found, w.bytes
	for i := range hits {
		if !w.known[hits[i].ID] {
			documents++
			bytes += len(hits[i].Source)
		}
	}
	if documents > w.bounds.Documents || bytes > w.bounds.Bytes {
		return false, nil
	}
	for i := range hits {
		w.add(&hits[i])
	}
	return true, nil
}

// journeys hands out what hangs together with the documents found.
func (w *web) journeys() Journeys {
	out := Journeys{Bounded: w.bounded, Messages: make([]Message, 0, len(w.order))}
	shown := make([]bool, len(w.ends))
	for _, s := range w.order {
		m := Message{Step: s, ID: w.docs[s.End].ID, Source: w.docs[s.End].Source, Found: s.End < w.found}
		if s.Parent >= 0 {
			m.OfHost, m.OfQueueID = w.ends[s.Parent].Host, w.ends[s.Parent].QueueID
		}
		shown[s.End] = true
		out.Messages = append(out.Messages, m)
	}
	for _, x := range w.doubts {
		if shown[x.End] {
			out.Doubts++
		}
	}
	return out
}
