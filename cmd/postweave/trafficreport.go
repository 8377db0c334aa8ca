package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/postweave/postweave/cmd/postweave/page"
	"github.com/postweave/postweave/worker/message"
	"github.com/postweave/postweave/worker/traffic"
)

var reportCommand = command{
	name:     "report",
	synopsis: "[FLAGS]",
	summary:  "show the figures of a range: an HTML page, tables, JSON or CSV",
	about: `Counts the messages that fit every flag given, of the last 7 days without --since or --until, or
of all of a log with -f: how many there were, what became of them, who sent and received most,
how fast the next servers took them, and why mail bounced, waits or was rejected. The figures
are the same from the index as from a log. What each of them counts stands in docs/report.md.

-o html is one page that needs nothing else, to be opened, printed or sent on: no script, no
file beside it, nothing fetched. -o text is tables; -o json one object; -o csv one section, safe
for spreadsheets as trace's. Without -o it is html, and text where stdout is a terminal.

The sections are totals, time, outcomes, recipient-outcomes, delivery-times, senders, sender-domains,
recipients, recipient-domains, clients, users, servers, relays, slow-relays, biggest, bounces,
deferrals and rejects.

` + selectionText,
	example: `postweave report --since 30d > mail.html
postweave report --since 1d -o text --section clients
postweave report --to @example.org --since 7d -o text --section deferrals,slow-relays
postweave report --since 1d -o csv --section senders --top 1000 > senders.csv
postweave report -f /var/log/mail.log > mail.html`,
	settings: joined(connectionSettings, []string{"TARGET", "LOCAL_DOMAINS"}, logSettings),
	action:   func() action { return &figuresOptions{logFiles: newLogFiles(), Top: traffic.DefaultTop} },
}

// The values of report's -o beside outputCSV.
const (
	outputHTML   = "html"
	outputText   = "text"
	outputObject = "json"
)

const (
	// defaultReport is how much of an index is counted where no range is given.
	defaultReport = 7 * 24 * time.Hour
	maxTop        = 1000
)

// figuresOptions are the flags of report.
type figuresOptions struct {
	selectionFlags
	logFiles
	Output   string   // "html", "text", "json" or "csv"; empty: as stdout is
	Sections []string // those shown; empty: all
	Top      int

	json   bool
	target string // of the settings, for the page
	// unasked tells that the range is the default.
	unasked bool
}

func (o *figuresOptions) flags(f *flagSet) {
	o.selectionFlags.flags(f)
	f.choice(&o.Output, "o", []string{outputHTML, outputText, outputObject, outputCSV}, "output (default html; text where stdout is a terminal)")
	f.toggle(&o.json, "json", "the same as -o json")
	f.add(flagInfo{name: "section", meta: "NAME,…", usage: "only these sections, with commas"}, o.addSections)
	f.number(&o.Top, "top", 1, maxTop, fmt.Sprintf("most entries of a list (default %d)", traffic.DefaultTop))
	o.fileFlag(f)
	o.logFiles.flags(f)
}

func (o *figuresOptions) addSections(names string) error {
	for name := range strings.SplitSeq(names, ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains(page.Sections, name) {
			return fmt.Errorf("%q is not valid, want %s%s", name, oneOf(page.Sections), didYouMean(name, "", page.Sections))
		}
		if !slices.Contains(o.Sections, name) {
			o.Sections = append(o.Sections, name)
		}
	}
	return nil
}

func (o *figuresOptions) check(args []string, now time.Time) error {
	if err := o.logFiles.settle(args); err != nil {
		return err
	}
	if o.json {
		if o.Output != "" && o.Output != outputObject {
			return fmt.Errorf("--json and -o %s contradict each other", o.Output)
		}
		o.Output = outputObject
	}
	if o.Output == outputCSV && len(o.Sections) != 1 {
		return errors.New("-o csv writes one section: name it with --section")
	}
	if err := o.selectionFlags.settle(now); err != nil {
		return err
	}
	if !o.given() && o.since == "" && o.until == "" {
		// Up to now, and not to the newest message: what stood still, or one from the future, is to be seen.
		o.Since, o.Until = now.UTC().Add(-defaultReport), now.UTC()
		o.unasked = true
	}
	return nil
}

func (o *figuresOptions) run(ctx context.Context, a *app) error {
	if o.Output == "" {
		o.Output = outputHTML
		if isTerminal(a.stdout) {
			o.Output = outputText
		}
	}
	o.target = a.cfg.Target
	figures, err := o.count(ctx, a)
	if err != nil {
		return err
	}
	if figures.First.IsZero() {
		o.sayNothingFits(a)
	}
	if o.unasked && o.Output != outputHTML && o.Output != outputObject {
		a.say("the range is %s: --since and --until name another", rangeText(o.Since, o.Until))
	}
	if o.Output == outputText || o.Output == outputCSV { // in the other outputs they stand beside the figures
		for _, n := range figures.Notes {
			a.say("%s: %s", n.Section, n.Text)
		}
	}
	return newFiguresPrinter(o, a.stdout).print(&figures)
}

// count makes the figures: by the index, or message by message of a log.
func (o *figuresOptions) count(ctx context.Context, a *app) (traffic.Figures, error) {
	if !o.given() {
		return wireTraffic(ctx, a.cfg, a.logger, o.Selection, o.Top)
	}
	tally := traffic.NewTally(traffic.Options{Top: o.Top, Since: o.Since, Until: o.Until})
	filter := o.Filter()
	err := o.read(ctx, a, func(d *message.Document) error {
		if filter.Matches(d) {
			tally.Add(d)
		}
		return nil
	})
	return tally.Figures(), err
}

// source says where the messages lie.
func (o *figuresOptions) source() string {
	if o.given() {
		names := make([]string, len(o.Files)) // without their folders: a page is sent on
		for i, path := range o.Files {
			names[i] = filepath.Base(path)
			if path == stdinName {
				names[i] = "stdin"
			}
		}
		return strings.Join(names, ", ")
	}
	return "Elasticsearch, " + o.target
}

// words is what was asked for beside the range, as flags.
func (s *selectionFlags) words() string {
	var out []string
	for _, f := range []struct{ name, value string }{
		{"from", s.From},
		{"to", s.To},
		{"text", s.Text},
		{"subject", s.Subject},
		{"message-id", s.MessageID},
		{"queue-id", s.QueueID},
		{"client", s.Client},
		{"user", s.User},
		{"relay", s.Relay},
		{"server", s.Server},
		{"status", s.Status},
	} {
		if f.value != "" {
			out = append(out, f.name+" "+f.value)
		}
	}
	if s.Larger > 0 {
		out = append(out, "larger "+sizeText(s.Larger))
	}
	if s.Slower > 0 {
		out = append(out, "slower "+durationText(s.Slower))
	}
	if s.Open {
		out = append(out, "open")
	}
	return strings.Join(out, ", ")
}
