package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
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

// journeyReport is what the journeys themselves do not show.
type journeyReport struct {
	More    bool // more messages fit than --limit
	Doubts  int  // queue ids that fit several messages alike
	Bounded bool // following ended early
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
	found := 0
	report, err := wireFollow(ctx, a.cfg, a.logger, *o, func(s journeyStep) error {
		if s.Found {
			found++
		}
		return out.print(s)
	})
	if err = errors.Join(err, out.close()); err != nil {
		return err
	}
	a.sayListed(found, report.More)
	if report.Doubts > 0 {
		a.say("not followed, because they fit more than one message alike: %s", counted(report.Doubts, "queue id", "queue ids"))
	}
	if report.Bounded {
		a.say("too many links: not all were followed, so a journey may go on; ask for fewer messages")
	}
	return nil
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
