package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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
		return &mergeOptions{Zone: time.UTC, Window: defaultWindow, MaxMemory: defaultMaxMemory}
	},
}

const (
	defaultWindow    = 10 * time.Minute
	defaultMaxMemory = 96 << 20
	leastMaxMemory   = 1 << 20
	stdinName        = "-"
)

// mergeOptions are the flags and arguments of merge.
type mergeOptions struct {
	Output    string // "ndjson", "table" or "csv"
	Year      int    // 0: from each input's last change
	Zone      *time.Location
	Window    time.Duration // how much disorder is set right, in log time
	MaxMemory int64         // bytes of open messages before they spill to a temporary file
	Explain   bool
	Files     []string // at least one; "-" is stdin

	json bool
}

func (o *mergeOptions) flags(f *flagSet) {
	f.choice(&o.Output, "o", []string{outputJSON, outputTable, outputCSV}, "output: one JSON document a line (default), a table, or comma-separated values")
	f.toggle(&o.json, "json", "the same as -o ndjson")
	f.number(&o.Year, "year", 1980, 2200, "year of lines that name none (default: from the file's last change)")
	f.zone(&o.Zone, "timezone", "time zone of lines that name none (default UTC)")
	f.duration(&o.Window, "window", "how much disorder is set right, in log time (default 10m)")
	f.size(&o.MaxMemory, "max-memory", leastMaxMemory, "memory for messages that are still open (default 96MiB)")
	f.toggle(&o.Explain, "explain", "list what was not understood, by shape, on stderr")
}

func (o *mergeOptions) check(args []string, _ time.Time) error {
	o.Files = args
	if len(args) == 0 {
		o.Files = []string{stdinName}
	}
	stdins := 0
	for _, name := range o.Files {
		if name == stdinName {
			stdins++
		}
	}
	if stdins > 1 {
		return errors.New("stdin (-) can be read only once")
	}
	return settleOutput(&o.Output, o.json, outputJSON)
}

// mergeInput is one log to read.
type mergeInput struct {
	Name    string // as given, "stdin" for stdin
	Open    func() (io.ReadCloser, error)
	ModTime time.Time // last change, for lines without a year
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
	result, err := wireMerge(ctx, a.cfg, a.logger, *o, inputs, out)
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

// inputs looks at every file before the first is read, so that a wrong name
// among them stops the merge with nothing written.
func (o *mergeOptions) inputs(stdin io.Reader) ([]mergeInput, error) {
	var inputs []mergeInput
	var problems []error
	for _, name := range o.Files {
		input, err := inputOf(name, stdin)
		if err != nil {
			problems = append(problems, err)
		}
		inputs = append(inputs, input)
	}
	return inputs, errors.Join(problems...)
}

func inputOf(name string, stdin io.Reader) (mergeInput, error) {
	if name == stdinName {
		return stdinInput(stdin), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return mergeInput{}, fmt.Errorf("cannot read the log: %w%s", err, permissionHint(err))
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return mergeInput{}, fmt.Errorf("cannot read the log: %w", err)
	case info.IsDir():
		return mergeInput{}, fmt.Errorf("cannot read the log: %s is a directory, name the files in it", name)
	}
	return mergeInput{
		Name:    name,
		ModTime: info.ModTime(),
		Open:    func() (io.ReadCloser, error) { return os.Open(name) },
	}, nil
}

// stdinInput takes the time of a redirected file from the file, of a pipe from
// the clock: what is piped in is being written now.
func stdinInput(stdin io.Reader) mergeInput {
	modTime := time.Now()
	if f, ok := stdin.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			modTime = info.ModTime()
		}
	}
	return mergeInput{
		Name:    "stdin",
		ModTime: modTime,
		Open:    func() (io.ReadCloser, error) { return io.NopCloser(stdin), nil },
	}
}

func permissionHint(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return " (mail logs are often readable by the group adm only)"
	}
	return ""
}

// nothingMerged refuses input that was no mail log, of which an empty result
// would be a misleading success.
func (o *mergeOptions) nothingMerged(r mergeReport) error {
	if r.Lines > 0 && r.NotSyslog == r.Lines {
		return fmt.Errorf("%s is no log: not one of its %s begins as a syslog line does (Nov  1 06:25:01 host program[pid]: …, or an RFC 3339 time)",
			strings.Join(o.Files, ", "), counted(r.Lines, "line", "lines"))
	}
	return nil
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
	return strings.Join(parts, "; ")
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
