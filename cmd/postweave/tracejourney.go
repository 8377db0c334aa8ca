package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/postweave/postweave/worker/journey"
	"github.com/postweave/postweave/worker/message"
)

// journeyStep is one document of a message's way through our servers.
type journeyStep struct {
	Journey           int    // counted from 1
	Depth             int    // 0 for a journey's first document
	Relation          string // what it is to the one it came of
	OfHost, OfQueueID string // that one
	Found             bool   // the filters found it
	document
}

// AppendJSON wraps the document, whose own bytes stay as they are.
func (s journeyStep) AppendJSON(dst []byte) []byte {
	type name struct {
		Host    string `json:"host"`
		QueueID string `json:"queue_id"`
	}
	head := struct {
		Journey  int    `json:"journey"`
		Depth    int    `json:"depth"`
		Relation string `json:"relation,omitempty"`
		Of       *name  `json:"of,omitempty"`
		Found    bool   `json:"found"`
	}{Journey: s.Journey, Depth: s.Depth, Relation: s.Relation, Found: s.Found}
	if s.Relation != "" {
		head.Of = &name{s.OfHost, s.OfQueueID}
	}
	b, err := json.Marshal(head)
	if err != nil { // cannot happen: numbers and strings
		b = []byte("{}")
	}
	dst = append(append(dst, b[:len(b)-1]...), `,"document":`...)
	return append(s.document.AppendJSON(dst), '}')
}

// relationWords are what a table calls the relations.
var relationWords = map[string]string{
	"next_server": "next server", "reinjected": "re-injected", "forwarded": "forwarded", "requeued": "requeued",
	"bounce": "bounce", "delay_notice": "delay notice", "dsn": "success notice",
}

// deepest is how far a table indents; a longer journey goes on below.
const deepest = 12

// place is the cell that shows where in its journey a document stands.
func (s journeyStep) place() string {
	if s.Depth == 0 {
		return strconv.Itoa(s.Journey)
	}
	return strings.Repeat("  ", min(s.Depth, deepest)) + "└ " + relationWords[s.Relation]
}

// journeyPrinter writes a table of journeys.
type journeyPrinter struct{ *tablePrinter }

func newJourneyPrinter(w io.Writer) journeyPrinter {
	p := newTablePrinter(w)
	p.table.columns = append([]column{{title: "JOURNEY", fixed: true}}, p.table.columns...)
	return journeyPrinter{p}
}

func (p journeyPrinter) print(s journeyStep) error {
	return p.table.row(append([]string{s.place()}, s.Row().cells()...)...)
}

// follow lists journeys in place of messages.
func (o *traceOptions) follow(ctx context.Context, a *app) error {
	var out interface {
		print(s journeyStep) error
		close() error
	}
	switch o.Output {
	case outputTable:
		out = newJourneyPrinter(a.stdout)
	case outputCSV:
		out = newJourneyCSV(a.stdout)
	default:
		out = journeyJSON{newJSONPrinter(a.stdout)}
	}
	journeys, err := o.journeys(ctx, a)
	if err != nil {
		return errors.Join(err, out.close())
	}
	found := 0
	for _, m := range journeys.Messages {
		if m.Found {
			found++
		}
		if err = out.print(stepOf(&m)); err != nil {
			break
		}
	}
	if err = errors.Join(err, out.close()); err != nil {
		return err
	}
	o.sayListed(a, found, journeys.More)
	a.sayFollowed(&journeys)
	return nil
}

func stepOf(m *journey.Message) journeyStep {
	return journeyStep{
		Journey: m.Journey, Depth: m.Depth, Relation: m.Rel, OfHost: m.OfHost, OfQueueID: m.OfQueueID, Found: m.Found,
		document: storedDocument(m.Source),
	}
}

// sayFollowed says where journeys may be more than what is listed.
func (a *app) sayFollowed(journeys *journey.Journeys) {
	if journeys.Doubts > 0 {
		a.say("not followed, because they fit more than one message alike: %s", counted(journeys.Doubts, "queue id", "queue ids"))
	}
	if journeys.Bounded {
		a.say("too many links: not all were followed, so a journey may go on; ask for fewer messages")
	}
}

// journeys finds messages and what they are linked with.
func (o *traceOptions) journeys(ctx context.Context, a *app) (journey.Journeys, error) {
	if !o.given() {
		return wireFollow(ctx, a.cfg, a.logger, *o)
	}
	if err := o.notFromPipes(a); err != nil {
		return journey.Journeys{}, err
	}
	picked, more, err := o.pickFromLogs(ctx, a)
	if err != nil {
		return journey.Journeys{}, err
	}
	out, err := o.followInLogs(ctx, a, picked)
	out.More = more
	return out, err
}

// notFromPipes refuses what cannot be read twice: a journey would end where the pipe does.
func (o *traceOptions) notFromPipes(a *app) error {
	inputs, err := o.inputs(a.stdin)
	if err != nil {
		return err
	}
	for _, in := range inputs {
		if in.Size == sizeUnknown {
			return fmt.Errorf("--follow-links reads a log several times, which %s cannot be: name a file", in.Name)
		}
	}
	return nil
}

// followInLogs finds what messages of the logs are linked with there.
func (o *traceOptions) followInLogs(ctx context.Context, a *app, picked []*message.Document) (journey.Journeys, error) {
	found := make([]journey.Document, len(picked))
	for i, d := range picked {
		found[i] = asJourneyDocument(d)
	}
	bounds := journey.DefaultBounds
	bounds.AtOnce = 1 << 20 // to ask for more is cheap, to ask again is to read all once more
	return journey.Follow(ctx, found, o.neighboursInLogs(a), bounds)
}

// neighboursInLogs reads the logs through once more for each step of a journey: it has few, and to keep what
// hangs together with what would take memory for every message of the logs.
func (o *traceOptions) neighboursInLogs(a *app) journey.Neighbours {
	return func(ctx context.Context, own, named []string, atMost int) (found []journey.Document, total int64, err error) {
		linked := linkedWith(own, named)
		var documents []*message.Document
		held := int64(0)
		err = o.readAgain(ctx, a, func(d *message.Document) error {
			if linked(d) {
				held += weight(d)
				if total++; total <= int64(atMost) && held <= int64(journey.DefaultBounds.Bytes) {
					documents = append(documents, d)
				}
			}
			return nil
		})
		if held > int64(journey.DefaultBounds.Bytes) { // as many as make it too much, too
			return nil, int64(atMost) + 1, err
		}
		slices.SortStableFunc(documents, func(a, b *message.Document) int {
			return cmp.Or(a.Timestamp.Compare(b.Timestamp), cmp.Compare(a.QueueID, b.QueueID), cmp.Compare(a.Host, b.Host))
		})
		for _, d := range documents {
			found = append(found, asJourneyDocument(d))
		}
		return found, total, err
	}
}

// linkedWith tells the documents that a [journey.Neighbours] looks up.
func linkedWith(own, named []string) func(*message.Document) bool {
	among := func(ids []string, id string) bool {
		_, found := slices.BinarySearch(ids, id)
		return id != "" && found
	}
	return func(d *message.Document) bool {
		return among(named, d.QueueID) ||
			slices.ContainsFunc(d.Links, func(l message.Link) bool { return among(own, l.QueueID) }) ||
			slices.ContainsFunc(d.Recipients, func(r message.Recipient) bool { return among(own, r.QueuedAs) })
	}
}

func asJourneyDocument(d *message.Document) journey.Document {
	return journey.Document{ID: d.ID, Source: d.AppendJSON(nil)}
}

// journeyJSON writes a wrapped document a line.
type journeyJSON struct{ *jsonPrinter }

func (p journeyJSON) print(s journeyStep) error { return p.jsonPrinter.print(s) }

// journeyCSV writes comma-separated values with the place in the journey in front.
type journeyCSV struct{ *csvPrinter }

func newJourneyCSV(w io.Writer) journeyCSV {
	p := newCSVPrinter(w)
	p.names = append([]string{"journey", "depth", "relation"}, p.names...)
	return journeyCSV{p}
}

func (p journeyCSV) print(s journeyStep) error {
	return p.row(append([]string{strconv.Itoa(s.Journey), strconv.Itoa(s.Depth), s.Relation}, s.Row().csvCells()...)...)
}
