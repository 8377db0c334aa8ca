package esquery

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/postweave/postweave/worker/message"
)

// linkBounds bound what following links costs, beside what was found to begin
// with.
type linkBounds struct {
	steps     int // links away from a message that was found
	documents int // looked at: most are linked, some only have an id that looks like it
	bytes     int // of their JSON
	requests  int
}

var defaultLinkBounds = linkBounds{steps: 25, documents: 5_000, bytes: 128 << 20, requests: 100}

// linkIDsAtOnce is how many queue ids one search asks for.
const linkIDsAtOnce = 1_000

// LinkedMessage is one document of a journey.
type LinkedMessage struct {
	message.Step
	Source []byte // its JSON
	Found  bool   // it is one of those that were searched for
	// OfHost and OfQueueID name the document that it came of; empty for a journey's first.
	OfHost, OfQueueID string
}

// Journeys is what following links found.
type Journeys struct {
	Messages []LinkedMessage // journey by journey, see [message.Journeys]
	More     bool            // more messages fit the search than its limit
	Doubts   int             // queue ids that fit several documents alike: not followed
	Bounded  bool            // a bound was reached: journeys may go on
}

// Follow finds the messages that fit, and all that they are linked with in either
// direction: the servers before and after, filters' re-injections, forwarded mail, notices, what
// was put back into the queue. What it costs is bounded.
func (d *Documents) Follow(ctx context.Context, t Trace) (Journeys, error) {
	return d.follow(ctx, t, defaultLinkBounds)
}

func (d *Documents) follow(ctx context.Context, t Trace, bounds linkBounds) (Journeys, error) {
	found, more, err := d.matching(ctx, t)
	if err != nil {
		return Journeys{}, err
	}
	w := web{d: d, bounds: bounds, known: make(map[string]bool)}
	for i := range found {
		w.add(&found[i])
	}
	w.found, w.bytes = len(w.docs), 0
	if err := w.spin(ctx); err != nil {
		return Journeys{}, err
	}
	out := w.journeys()
	out.More = more
	return out, nil
}

// web is a set of documents among which links are looked for. It holds those
// that hang together, and those that only have an id in common with them: by those it is told
// whether a link is certain.
type web struct {
	d      *Documents
	bounds linkBounds
	found  int // how many were there at the beginning
	docs   []hit
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
func (w *web) add(h *hit) {
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
		if w.steps == w.bounds.steps || w.requests == w.bounds.requests {
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
	for most := len(frontier); len(frontier) > 0 && w.requests < w.bounds.requests; {
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
		if n > 0 && len(named)+len(names)+1 > linkIDsAtOnce {
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
//
// It does not search by message id. Whatever Postfix links it names by queue id, and a message id alone,
// which anyone can make up, would never be enough.
func (w *web) ask(ctx context.Context, own, named []string) (whole bool, err error) {
	w.requests++
	size := min(maxHits, w.bounds.documents+w.found)
	hits, total, err := w.d.client.hits(ctx, Request{
		Op: "search linked messages", Method: http.MethodPost, Path: "/" + url.PathEscape(w.d.alias) + "/_search",
		Query: url.Values{"allow_partial_search_results": {"false"}}, Idempotent: true,
		Body: object{
			"size": size, "track_total_hits": size + 1,
			"query": object{"bool": object{"filter": []object{either(
				object{"terms": object{"queue_id": named}},
				object{"terms": object{"links.queue_id": own}},
				object{"terms": object{"recipients.remote_queue_id": own}},
			)}}},
			"sort": []object{
				{"@timestamp": object{"order": "asc"}},
				{"queue_id": object{"order": "asc", "missing": "_last"}},
				{"host.name": object{"order": "asc"}},
			},
		}.json(),
	})
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
	if documents > w.bounds.documents || bytes > w.bounds.bytes {
		return false, nil
	}
	for i := range hits {
		w.add(&hits[i])
	}
	return true, nil
}

// journeys hands out what hangs together with the documents found.
func (w *web) journeys() Journeys {
	out := Journeys{Bounded: w.bounded, Messages: make([]LinkedMessage, 0, len(w.order))}
	shown := make([]bool, len(w.ends))
	for _, s := range w.order {
		m := LinkedMessage{Step: s, Source: w.docs[s.End].Source, Found: s.End < w.found}
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
