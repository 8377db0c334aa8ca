package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

var mergeCommand = command{
	name:     "merge",
	synopsis: "[FLAGS] [FILE…|-]",
	summary:  "merge log files, no server needed",
	about: `Reads Postfix log files, plain or gzip, or stdin (-), and writes one JSON document a line for
each message, or a table (-o table). What is wrong or was left out is said on stderr.

-o csv is for spreadsheets and scripts: ` + csvText + `

Log lines without a year are placed by the file's last change, so that its newest line
lies before it; --year overrules that. Lines may stand in any order within --window of log
time; what comes later still makes a document of its own and is counted.`,
	example: `postweave merge -o table /var/log/mail.log
zcat mail.log.*.gz | postweave merge --year 2026 - > messages.ndjson
postweave merge --explain mail.log > /dev/null`,
	settings: joined([]string{"LOCAL_DOMAINS"}, logSettings),
	action: func() action {
		return &mergeOptions{logFiles: newLogFiles(), MaxMemory: defaultMaxMemory}
	},
}

const (
	defaultMaxMemory = 96 << 20
	leastMaxMemory   = 1 << 20
)

// mergeOptions are the flags and arguments of merge.
type mergeOptions struct {
	logFiles         // at least one
	Output    string // "ndjson", "table" or "csv"
	MaxMemory int64  // bytes of open messages before they spill to a temporary file
	Explain   bool

	json bool
}

func (o *mergeOptions) flags(f *flagSet) {
	f.choice(&o.Output, "o", []string{outputJSON, outputTable, outputCSV}, "output: one JSON document a line (default), a table, or comma-separated values")
	f.toggle(&o.json, "json", "the same as -o ndjson")
	o.logFiles.flags(f)
	f.size(&o.MaxMemory, "max-memory", leastMaxMemory, "memory for messages that are still open (default 96MiB)")
	f.toggle(&o.Explain, "explain", "list what was not understood, by shape, on stderr")
}

func (o *mergeOptions) check(args []string, _ time.Time) error {
	o.Files = args
	if len(args) == 0 {
		o.Files = []string{stdinName}
	}
	if err := o.checkStdin(); err != nil {
		return err
	}
	return settleOutput(&o.Output, o.json, outputJSON)
}

// mergeReport is what merge says at the end.
type mergeReport struct {
	Lines     int // lines read
	Messages  int // documents of kind message or probe
	Rejects   int // documents of kind reject
	Unparsed  int // lines of Postfix that were not understood; they are in their documents
	NotSyslog int // lines without a syslog header
	Late      int // lines further apart than the window
	Spilled   int // messages that went through the temporary file
	Unjoined  int // lines about sessions that were let go unread
	Shapes    []mergeShape
}

// mergeShape is a kind of line that was not understood, addresses masked.
type mergeShape struct {
	Daemon, Text string
	Count        int
}

func (o *mergeOptions) run(ctx context.Context, a *app) error {
	if len(o.Files) == 1 && o.Files[0] == stdinName && isTerminal(a.stdin) {
		return errors.New("nothing to read: name a log file, or send one to stdin (postweave merge /var/log/mail.log)")
	}
	inputs, err := o.inputs(a.stdin)
	if err != nil {
		return err
	}
	fewerCollections(200, o.MaxMemory+spareMemory) // more is lost again in asking the system for memory
	out := newPrinter(o.Output, a.stdout)
	shown := newProgress("merge", "lines")
	end := a.show(shown)
	result, err := wireMerge(ctx, a.cfg, *o, inputs, shown, out)
	end()
	// What was merged before an error is right and is printed.
	err = errors.Join(err, out.close())
	if err == nil {
		err = o.nothingMerged(result)
	}
	switch {
	case result.Lines > 0:
		a.say("%s", result)
	case err == nil:
		// A log is empty after each rotation: no reason for a cron job to fail.
		a.say("nothing to merge: %s is empty", strings.Join(o.Files, ", "))
	}
	if o.Explain {
		if explainErr := a.explain(result.Shapes); explainErr != nil {
			err = errors.Join(err, explainErr)
		}
	}
	return err
}

// String is the line for people.
func (r mergeReport) String() string {
	parts := []string{fmt.Sprintf("%s merged into %s", counted(r.Lines, "line", "lines"), counted(r.Messages, "message", "messages"))}
	if r.Rejects > 0 {
		parts[0] += " and " + counted(r.Rejects, "reject", "rejects")
	}
	if r.Unparsed > 0 {
		parts = append(parts, counted(r.Unparsed, "line", "lines")+" not understood (--explain lists them)")
	}
	return strings.Join(append(parts, r.notes()...), "; ")
}

// notes are what went into no document, or may be in the wrong one.
func (r mergeReport) notes() []string {
	var parts []string
	if r.NotSyslog > 0 {
		parts = append(parts, counted(r.NotSyslog, "line is", "lines are")+" no syslog")
	}
	if r.Late > 0 {
		parts = append(parts, counted(r.Late, "line", "lines")+" further out of order than --window")
	}
	if r.Spilled > 0 {
		parts = append(parts, counted(r.Spilled, "message", "messages")+" spilled to a temporary file (--max-memory)")
	}
	if r.Unjoined > 0 {
		parts = append(parts, counted(r.Unjoined, "line", "lines")+" about sessions let go unread (--max-memory)")
	}
	return parts
}

// explain lists the shapes of lines that were not understood.
func (a *app) explain(shapes []mergeShape) error {
	if len(shapes) == 0 {
		a.say("every line was understood")
		return nil
	}
	t := newTable(a.stderr, terminalWidth(a.stderr), column{title: "COUNT", fixed: true}, column{title: "DAEMON", fixed: true}, column{title: "SHAPE"})
	for _, s := range shapes {
		if err := t.row(thousands(int64(s.Count)), s.Daemon, s.Text); err != nil {
			return err
		}
	}
	return t.flush()
}
