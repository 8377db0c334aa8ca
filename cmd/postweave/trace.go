package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/postweave/postweave/worker/message"
)

var traceCommand = command{
	name:     "trace",
	synopsis: "[FLAGS]",
	summary:  "list who wrote to whom",
	about: `Lists merged messages, newest first, that fit every flag given: from the index, or with -f from
log files, without a server.

` + selectionText + `

--each recipient has a line for each recipient, with the next server and what it answered.
--count only says how many there are.

--show ID draws what happened to one message, moment by moment, with its log lines below. ID is a
queue id, a message id or a document's _id; where several messages have it, the newest comes first. With
--json a line is {"document": {…}, "timeline": [{"time": …, "elapsed": 1.2, "kind": "sent", …}]}.

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
postweave trace --to bob -f /var/log/mail.log
postweave trace --to @example.org --status bounced --each recipient --since 2026-11-01 --until 2026-11-20
postweave trace --queue-id 4bXyz12345zAbC --json
postweave trace --show 4bXyz12345zAbC
postweave trace --message-id 20261101.4711@example.com --follow-links
postweave trace --since 7d --larger 20MB --sort size
postweave trace --since 7d --status bounced -o csv > bounced.csv`,
	settings: joined(connectionSettings, []string{"TARGET", "LOCAL_DOMAINS"}, logSettings),
	action:   func() action { return &traceOptions{logFiles: newLogFiles()} },
}

const (
	defaultTraceLimit = 100
	// maxTraceLimit is what Elasticsearch returns in one answer by default
	// (index.max_result_window).
	maxTraceLimit = 10000
)

// The values of --each and --sort.
const (
	eachMessage   = "message"
	eachRecipient = "recipient"

	sortTime  = "time"
	sortSize  = "size"
	sortDelay = "delay"
)

// traceOptions are the flags of trace.
type traceOptions struct {
	selectionFlags
	logFiles
	Limit  int
	Each   string // a line for each message, or each recipient
	Sort   string
	Count  bool
	Follow bool
	Output string // "table", "ndjson" or "csv"

	show string
	json bool
}

func (o *traceOptions) flags(f *flagSet) {
	o.selectionFlags.flags(f)
	f.number(&o.Limit, "limit", 1, maxTraceLimit, fmt.Sprintf("most messages to list (default %d)", defaultTraceLimit))
	f.choice(&o.Sort, "sort", []string{sortTime, sortSize, sortDelay}, "newest first (time, default), biggest or slowest")
	f.choice(&o.Each, "each", []string{eachMessage, eachRecipient}, "a line for each message (default) or each recipient that fits")
	f.toggle(&o.Count, "count", "only say how many messages fit")
	f.value(&o.show, "show", "ID", "draw what happened to this message, moment by moment")
	f.toggle(&o.Follow, "follow-links", "show the whole journey of each message, from server to server")
	f.choice(&o.Output, "o", []string{outputTable, outputJSON, outputCSV}, "output: a table (default), one JSON document a line, or comma-separated values")
	f.toggle(&o.json, "json", "the same as -o ndjson")
	o.fileFlag(f)
	o.logFiles.flags(f)
}

func (o *traceOptions) check(args []string, now time.Time) error {
	if err := o.logFiles.settle(args); err != nil {
		return err
	}
	if err := settleOutput(&o.Output, o.json, outputTable); err != nil {
		return err
	}
	if err := o.checkShow(); err != nil {
		return err
	}
	if err := o.selectionFlags.settle(now); err != nil {
		return err
	}
	switch {
	case o.Limit > 0:
	case o.show != "":
		o.Limit = defaultShowLimit
	default:
		o.Limit = defaultTraceLimit
	}
	switch {
	case o.Count && (o.Follow || o.Each == eachRecipient):
		return errors.New("--count counts messages, leave out --follow-links and --each recipient")
	case o.Follow && o.Each == eachRecipient:
		return errors.New("--follow-links shows messages, leave out --each recipient")
	case o.Follow && slices.Contains(o.Files, stdinName):
		return errors.New("--follow-links reads a log several times, which stdin cannot be: name a file")
	}
	return nil
}

func (o *traceOptions) run(ctx context.Context, a *app) error {
	switch {
	case o.show != "":
		return o.showAll(ctx, a)
	case o.Count:
		return o.count(ctx, a)
	case o.Follow:
		return o.follow(ctx, a)
	}
	out := newTracePrinter(o, a.stdout)
	listed := 0
	more, err := o.find(ctx, a, func(d document) error {
		listed++
		return out.print(d)
	})
	if err = errors.Join(err, out.close()); err != nil {
		return err
	}
	o.sayListed(a, listed, more)
	if p, ok := out.(*recipientPrinter); ok && p.beyond > 0 {
		a.say("%s more recipients than a document lists: only those are shown here", counted(p.beyond, "message has", "messages have"))
	}
	return nil
}

// find hands over the messages that fit, in order, and tells whether there are more.
func (o *traceOptions) find(ctx context.Context, a *app, emit func(document) error) (more bool, err error) {
	if o.given() {
		return o.findInLogs(ctx, a, emit)
	}
	return wireTrace(ctx, a.cfg, a.logger, *o, emit)
}

// newTracePrinter makes the printer of an output.
func newTracePrinter(o *traceOptions, w io.Writer) printer {
	if o.Each == eachRecipient {
		return newRecipientPrinter(o.Output, o.Filter(), w)
	}
	return newPrinter(o.Output, w)
}

// count prints the number of messages that fit.
func (o *traceOptions) count(ctx context.Context, a *app) error {
	n, err := int64(0), error(nil)
	if o.given() {
		filter := o.Filter()
		err = o.read(ctx, a, func(d *message.Document) error {
			if filter.Matches(d) {
				n++
			}
			return nil
		})
	} else {
		n, err = wireCount(ctx, a.cfg, a.logger, *o)
	}
	if err != nil {
		return err
	}
	if o.Output == outputJSON {
		return a.printJSON(fmt.Appendf(nil, `{"messages":%d}`, n))
	}
	return a.printNumber(n)
}

// sayListed says what the list alone does not show.
func (o *traceOptions) sayListed(a *app, listed int, more bool) {
	switch {
	case listed == 0:
		o.sayNothingFits(a)
	case more:
		a.say("there are more messages that fit, see --limit")
	}
}
