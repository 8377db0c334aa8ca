package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

var traceCommand = command{
	name:     "trace",
	synopsis: "[FLAGS]",
	summary:  "list who wrote to whom",
	about: `Lists merged messages, newest first, that fit every flag given. --from and --to take an
address, or a domain with an @ in front.

-o csv is for spreadsheets and scripts: ` + csvText + `

--follow-links shows each of them with the journey it is on: the servers before and after,
the way through a filter and back, forwarded mail, notices and the mail they are about, what
was put back into the queue. In the table what came of a message stands below it. With --json
a line is {"journey": 1, "depth": 1, "relation": "next_server", "of": {"host": …, "queue_id": …},
"found": false, "document": {…}}: of names the message above it, found tells those that the
filters found from those that were followed to. Relations are next_server, reinjected, forwarded,
requeued, bounce, delay_notice and dsn. A queue id that another server names is followed only to
a message of ours that it fits: its time, its message id, its sender and its recipients.`,
	example: `postweave trace --from alice@example.com --since 7d
postweave trace --to @example.org --status bounced --since 2026-11-01 --until 2026-11-20
postweave trace --queue-id 4bXyz12345zAbC --json
postweave trace --message-id 20261101.4711@example.com --follow-links
postweave trace --since 7d --status bounced -o csv > bounced.csv`,
	settings: joined(connectionSettings, []string{"TARGET"}, logSettings),
	action:   func() action { return &traceOptions{Limit: defaultTraceLimit} },
}

const (
	defaultTraceLimit = 100
	// maxTraceLimit is what Elasticsearch returns in one answer by default
	// (index.max_result_window).
	maxTraceLimit = 10000
)

// messageStatuses are the values of a document's status.
var messageStatuses = []string{
	"sent", "deferred", "bounced", "expired", "rejected", "held", "discarded", "deleted", "aborted", "queued", "receiving", "mixed",
}

// traceOptions are the flags of trace; empty ones do not filter.
type traceOptions struct {
	From, To  string // an address, or "@domain"
	Subject   string // words in it
	MessageID string // without angle brackets
	QueueID   string // case-sensitive
	Client    string // host name or address
	Status    string
	Since     time.Time // arrival ≥ Since
	Until     time.Time // arrival < Until
	Limit     int
	Follow    bool
	Output    string // "table", "ndjson" or "csv"

	since, until string
	json         bool
}

func (o *traceOptions) flags(f *flagSet) {
	f.text(&o.From, "from", "ADDRESS", "sender, or @domain; <> for bounces")
	f.text(&o.To, "to", "ADDRESS", "recipient, or @domain")
	f.text(&o.Subject, "subject", "WORDS", "words of the subject")
	f.text(&o.MessageID, "message-id", "ID", "message id")
	f.text(&o.QueueID, "queue-id", "ID", "queue id, upper and lower case as logged")
	f.text(&o.Client, "client", "HOST|IP", "who handed the mail in")
	f.choice(&o.Status, "status", messageStatuses, "what became of it")
	f.text(&o.since, "since", "DAY|TIME|AGO", "arrived then or later (UTC day, RFC 3339 or 6d)")
	f.text(&o.until, "until", "DAY|TIME|AGO", "arrived before then; a day is included")
	f.number(&o.Limit, "limit", 1, maxTraceLimit, fmt.Sprintf("most messages to list (default %d)", defaultTraceLimit))
	f.toggle(&o.Follow, "follow-links", "show the whole journey of each message, from server to server")
	f.choice(&o.Output, "o", []string{outputTable, outputJSON, outputCSV}, "output: a table (default), one JSON document a line, or comma-separated values")
	f.toggle(&o.json, "json", "the same as -o ndjson")
}

func (o *traceOptions) check(args []string, now time.Time) error {
	if err := noArguments(args); err != nil {
		return err
	}
	if err := settleOutput(&o.Output, o.json, outputTable); err != nil {
		return err
	}
	if given := o.MessageID; given != "" {
		// As documents have it. Without anything left it would not filter at all.
		o.MessageID = strings.TrimSpace(strings.Trim(strings.TrimSpace(given), "<>"))
		if o.MessageID == "" {
			return fmt.Errorf("--message-id: %q holds no message id", given)
		}
	}
	var sinceErr, untilErr error
	o.Since, sinceErr = optionalMoment("since", o.since, now, false)
	o.Until, untilErr = optionalMoment("until", o.until, now, true)
	if err := errors.Join(sinceErr, untilErr, o.checkText()); err != nil {
		return err
	}
	if !o.Since.IsZero() && !o.Until.IsZero() && !o.Since.Before(o.Until) {
		return fmt.Errorf("--since %s lies after --until %s", o.since, o.until)
	}
	return nil
}

// maxTraceText bounds a search term: the longest keyword Elasticsearch keeps is 32 KiB.
const maxTraceText = 8 << 10

func (o *traceOptions) checkText() error {
	for _, text := range []string{o.From, o.To, o.Subject, o.MessageID, o.QueueID, o.Client} {
		if len(text) > maxTraceText {
			return errors.New("a search term is longer than 8 KiB")
		}
	}
	if slices.Contains([]string{o.From, o.To}, "@") {
		return errors.New("@ alone is no domain, want an address or @example.com")
	}
	return nil
}

func (o *traceOptions) run(ctx context.Context, a *app) error {
	if o.Follow {
		return o.follow(ctx, a)
	}
	out := newPrinter(o.Output, a.stdout)
	listed := 0
	more, err := wireTrace(ctx, a.cfg, a.logger, *o, func(d document) error {
		listed++
		return out.print(d)
	})
	if err = errors.Join(err, out.close()); err != nil {
		return err
	}
	a.sayListed(listed, more)
	return nil
}

// sayListed says what the list alone does not show.
func (a *app) sayListed(listed int, more bool) {
	switch {
	case listed == 0:
		a.say("no message fits; --subject takes whole words, --from and --to a whole address or @domain, --queue-id minds upper and lower case")
	case more:
		a.say("there are more than these %s, see --limit", counted(listed, "message", "messages"))
	}
}
