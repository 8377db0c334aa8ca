package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/postweave/postweave/esquery"
	"github.com/postweave/postweave/worker/journey"
	"github.com/postweave/postweave/worker/message"
)

// defaultShowLimit is how many messages --show shows of those that have a queue id or message id alike.
const defaultShowLimit = 20

// shown is one message with its timeline.
type shown struct {
	source  []byte // the document's JSON
	head    shownMessage
	moments []message.Moment
	place   string // where in a journey it stands; empty elsewhere
	wrap    []byte // the JSON object that holds the document; nil where there is none
}

// showOf reads a document's JSON and the further lines of its log, where that is in pieces.
func showOf(source []byte, further []message.Line) (s shown, err error) {
	s.source = source
	if err := json.Unmarshal(source, &s.head); err != nil {
		return s, fmt.Errorf("stored document: it cannot be read (%T)", err)
	}
	s.moments, err = message.ReadTimeline(source, further)
	return s, err
}

// AppendJSON wraps the document, whose own bytes stay as they are, with its timeline.
func (s *shown) AppendJSON(dst []byte) []byte {
	wrap := s.wrap
	if wrap == nil {
		wrap = slices.Concat([]byte(`{"document":`), s.source, []byte("}"))
	}
	dst = append(append(dst, bytes.TrimSuffix(wrap, []byte("}"))...), `,"timeline":`...)
	return append(message.AppendTimelineJSON(dst, s.moments, s.head.Timestamp), '}')
}

// restOfLog reads what of a message's log lies beside its document, so many pieces. What it returns beside an error is right too.
type restOfLog func(ctx context.Context, id string, pieces int) ([]message.Line, error)

// checkShow says what --show cannot be joined with.
func (o *traceOptions) checkShow() error {
	if o.show == "" {
		return nil
	}
	// As documents have it: a message id stands in angle brackets everywhere else.
	if o.ID = strings.TrimRight(bareMessageID(o.show), ":,"); o.ID == "" {
		return fmt.Errorf("--show: %q holds no id", o.show)
	}
	switch {
	case o.Output == outputCSV:
		return errors.New("--show draws timelines, which a table cannot hold: leave out -o csv")
	case o.Count, o.Each == eachRecipient:
		return errors.New("--show shows whole messages, leave out --count and --each recipient")
	}
	return nil
}

// showAll shows the messages that have the id, each with its timeline.
func (o *traceOptions) showAll(ctx context.Context, a *app) error {
	found, rest, closeAll, err := o.toShow(ctx, a)
	if err != nil {
		return err
	}
	defer closeAll()
	out := newShownPrinter(o.Output, a.stdout)
	listed := 0
	var missing error // of logs that could not be read to their end; what is there is shown
	for i := range found.Messages {
		notWhole, printErr := o.showOne(ctx, out, &found.Messages[i], rest)
		if err = printErr; err != nil {
			break
		}
		if found.Messages[i].Found {
			listed++
		}
		switch {
		case errors.Is(notWhole, esquery.ErrLogNotWhole), errors.Is(notWhole, errPiecesElsewhere), errors.Is(notWhole, errUnreadable):
			a.say("%v", notWhole)
		case missing == nil:
			missing = notWhole
		}
	}
	if err = errors.Join(err, out.close(), missing); err != nil {
		return err
	}
	a.sayShown(listed, &found, o.Selection != message.Selection{ID: o.ID})
	return nil
}

// showOne prints a message. notWhole tells that lines of its log are missing, and why.
func (o *traceOptions) showOne(ctx context.Context, out shownPrinter, m *journey.Message, rest restOfLog) (notWhole, err error) {
	further, notWhole := rest(ctx, m.ID, message.StoredParts(m.Source))
	s, err := showOf(m.Source, further)
	if err != nil { // somebody else's document must not end the list
		return fmt.Errorf("%s is not shown, %w: %w", m.ID, errUnreadable, err), nil
	}
	if notWhole != nil {
		notWhole = fmt.Errorf("%s on %s is shown without all of its lines: %w", s.head.QueueID, s.head.Host.Name, notWhole)
	}
	if o.Follow {
		step := stepOf(m)
		s.place, s.wrap = step.sentence(), step.AppendJSON(nil)
	}
	return notWhole, out.print(&s)
}

// sentence says where in its journey a document stands.
func (s journeyStep) sentence() string {
	if s.Depth == 0 {
		return fmt.Sprintf("Journey %d", s.Journey)
	}
	return fmt.Sprintf("Journey %d: %s, of %s on %s", s.Journey, relationWords[s.Relation], s.OfQueueID, s.OfHost)
}

// sayShown says what the timelines alone do not show.
func (a *app) sayShown(found int, j *journey.Journeys, filtered bool) {
	switch {
	case found == 0 && filtered:
		a.say("no message with this queue id, message id or _id fits the other flags too")
	case found == 0:
		a.say("no message has this queue id, message id or _id; queue ids mind upper and lower case")
	case j.More:
		a.say("there are more messages with this id, see --limit and --since")
	case found > 1:
		a.say("%s have this id, the newest first", counted(found, "message", "messages"))
	}
	a.sayFollowed(j)
}

// toShow finds the messages, with those that they are linked with under --follow-links.
func (o *traceOptions) toShow(ctx context.Context, a *app) (found journey.Journeys, rest restOfLog, closeAll func(), err error) {
	if !o.given() {
		return wireShow(ctx, a.cfg, a.logger, *o)
	}
	if o.Follow {
		if err := o.notFromPipes(a); err != nil {
			return found, nil, nil, err
		}
	}
	picked, more, err := o.pickFromLogs(ctx, a)
	if err != nil {
		return found, nil, nil, err
	}
	rest = restFrom(picked)
	if o.Follow {
		found, err = o.followInLogs(ctx, a, picked)
	} else {
		for _, d := range picked {
			found.Messages = append(found.Messages, journey.Message{ID: d.ID, Source: d.AppendJSON(nil), Found: true})
		}
	}
	found.More = more
	return found, rest, func() {}, err
}

// errPiecesElsewhere is for messages of a log that were followed to: of those no more than what a document holds is kept.
var errPiecesElsewhere = errors.New("its log is longer than a document's, show it without --follow-links")

// errUnreadable is of a document in the index that is none of ours.
var errUnreadable = errors.New("it has not the shape of a message")

// restFrom finds the rest of long logs among documents that were merged from log files.
func restFrom(documents []*message.Document) restOfLog {
	return func(_ context.Context, id string, pieces int) (lines []message.Line, err error) {
		if pieces == 0 {
			return nil, nil
		}
		for _, d := range documents {
			if d.ID != id {
				continue
			}
			for _, p := range d.Parts() {
				lines = append(lines, p.Lines...)
			}
			return lines, nil
		}
		return nil, errPiecesElsewhere
	}
}

// shownPrinter prints messages with their timelines.
type shownPrinter interface {
	print(s *shown) error
	close() error
}

func newShownPrinter(output string, w io.Writer) shownPrinter {
	if output == outputTable {
		return newShowPrinter(w)
	}
	return shownJSON{newJSONPrinter(w)}
}

// shownJSON writes a message and its timeline a line.
type shownJSON struct{ *jsonPrinter }

func (p shownJSON) print(s *shown) error {
	p.line = append(s.AppendJSON(p.line[:0]), '\n')
	return p.printLines(p.line)
}
