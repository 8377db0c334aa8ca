package hard

import (
	"fmt"
	"strings"
	"time"

	"github.com/postweave/postweave/test/loggen"
)

// Scenario is a sequence of steps that leaves a target in a state that is
// known: what one clean merge of all its lines makes.
type Scenario struct {
	Name  string
	Steps []Step
}

// Step is what happens to source and target, followed by runs.
//
// The first of the runs is the one that is broken off or held up at its k-th
// write; the others are made one after the other while it stands there. Then it is killed, or goes on.
// Before the next step each run that did not exit 0 is made again, with the same arguments, until it does.
type Step struct {
	Arrive []Line   // indexed in this order
	Drop   []string // indices of the source that retention deletes, as [Line.Index]; all in them was confirmed
	// DeleteDocuments says that somebody deletes all documents of the target by
	// hand, before the runs.
	DeleteDocuments bool
	Runs            []Run
}

// Line is a raw line and where it lies.
type Line struct {
	Feed string // "a", "b" or "c": a set of indices of its own, which a worker has as its source
	Day  string // 2026-11-20: the daily index of that feed, which need not be the line's own day
	loggen.Line
}

// Index names the line's index within the source: feed and day, as "a-2026.11.20".
func (l Line) Index() string { return l.Feed + "-" + strings.ReplaceAll(l.Day, "-", ".") }

// Run is one call of a command over a feed.
type Run struct {
	Feed string
	// Reset is --reset-cursor.
	Reset bool
	// From and To are days, both included, of a backfill; empty for a run.
	From, To string
}

// Args are the command line of the run.
func (r Run) Args() []string {
	switch {
	case r.From != "":
		return []string{"backfill", "--from", r.From, "--to", r.To}
	case r.Reset:
		return []string{"run", "--reset-cursor"}
	}
	return []string{"run"}
}

// Lines are all that ever arrive.
func (s Scenario) Lines() []Line {
	var all []Line
	for _, step := range s.Steps {
		all = append(all, step.Arrive...)
	}
	return all
}

// Feeds are the feeds that any line lies in, sorted.
func (s Scenario) Feeds() []string {
	var out []string
	for _, feed := range []string{"a", "b", "c"} {
		for _, l := range s.Lines() {
			if l.Feed == feed {
				out = append(out, feed)
				break
			}
		}
	}
	return out
}

// arrive reads rows of the form "20 15:04:05 smtp: text" of November 2026 on
// host mx1. The queue id is put before the text.
func arrive(feed, day, id, block string) (out []Line) {
	for row := range strings.Lines(strings.TrimSpace(block)) {
		row = strings.TrimSpace(row)
		at, err := time.Parse("2006-01-02 15:04:05", "2026-11-"+row[:11])
		program, text, ok := strings.Cut(row[12:], ": ")
		if err != nil || !ok {
			panic(fmt.Sprintf("scenario: %s: %v", row, err))
		}
		out = append(out, Line{Feed: feed, Day: day, Line: loggen.Line{Time: at, Host: "mx1", Program: "postfix/" + program, PID: "7", Text: id + ": " + text}})
	}
	return out
}

func all(lists ...[]Line) (out []Line) {
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}
