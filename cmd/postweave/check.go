package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/postweave/postweave/esquery"
)

var checkCommand = command{
	name:     "check",
	synopsis: "[FLAGS]",
	summary:  "look at everything that a run stands on, and say what to do",
	about: `The doctor: connection, TLS, login, version, privileges one by one, the raw lines with the
fields and types of each index, how well a sample of the newest lines is understood, whether
header_checks logs subjects, which guarantee the cursor gives, the target's mapping and blocks,
and the clocks. Give it the settings and the login that a run has. It writes nothing.

Each finding says what is there; where that is not as it should be, what it costs and what to
do. A notice is worth knowing; with a warning a run works and something is lost; a failure
ends a run, and check ends with the exit code of the first one, as the run would.
docs/check.md lists all that may be found.`,
	example: `postweave check
postweave check --json | jq 'select(.level == "failure")'`,
	settings: joined(connectionSettings, sourceSettings, writeSettings, logSettings),
	action:   func() action { return &checkOptions{} },
}

// checkOptions are the flags of check.
type checkOptions struct {
	JSON bool
}

func (o *checkOptions) flags(f *flagSet) {
	f.toggle(&o.JSON, "json", "print a line of JSON for each finding, and the sum as the last")
}

func (o *checkOptions) check(args []string, _ time.Time) error { return noArguments(args) }

func (o *checkOptions) run(ctx context.Context, a *app) error {
	sum := checkSum{}
	var failed error // to write
	err := wireCheck(ctx, a.cfg, func(f esquery.Finding) {
		sum.add(f)
		if failed == nil {
			failed = a.printFinding(f, o.JSON)
		}
	})
	if err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	if err := a.reportOn(sum, o.JSON, nil); err != nil {
		return err
	}
	if sum.ExitCode != 0 {
		return codedError{sum.ExitCode, fmt.Errorf("a run would end with exit code %d", sum.ExitCode)}
	}
	return nil
}

// findingColumn is how far the first two columns of a finding reach.
const findingColumn = 22

// printFinding writes a finding as it comes: the whole may take a while.
func (a *app) printFinding(f esquery.Finding, asJSON bool) error {
	if asJSON {
		line, err := json.Marshal(f)
		if err != nil {
			return err
		}
		return a.printJSON(line)
	}
	found := f.Found
	if f.On != "" && !strings.Contains(found, f.On) {
		found = f.On + ": " + found
	}
	lines := []string{fmt.Sprintf("%-8s %-12s %s", f.Level, f.Check, visible(found))}
	if f.Costs != "" {
		lines = append(lines, strings.Repeat(" ", findingColumn)+"costs: "+visible(f.Costs))
	}
	if f.Do != "" {
		lines = append(lines, strings.Repeat(" ", findingColumn)+"do:    "+visible(f.Do))
	}
	return a.printLine([]byte(strings.Join(lines, "\n")))
}

// checkSum is what a check found in all.
type checkSum struct {
	OK       int `json:"ok"`
	Notices  int `json:"notices"`
	Warnings int `json:"warnings"`
	Failures int `json:"failures"`
	// ExitCode is how a run would end.
	ExitCode int `json:"exit_code"`
}

func (s *checkSum) add(f esquery.Finding) {
	switch f.Level {
	case esquery.LevelOK:
		s.OK++
	case esquery.LevelNotice:
		s.Notices++
	case esquery.LevelWarning:
		s.Warnings++
	case esquery.LevelFailure:
		s.Failures++
		if s.ExitCode == 0 {
			s.ExitCode = f.ExitCode
		}
	}
}

// JSON is the sum as one line.
func (s checkSum) JSON() []byte {
	b, err := json.Marshal(s)
	if err != nil { // cannot happen: numbers
		return []byte("{}")
	}
	return b
}

// String is the sum for people.
func (s checkSum) String() string {
	return fmt.Sprintf("check: %d in order, %s, %s, %s", s.OK,
		counted(s.Notices, "notice", "notices"), counted(s.Warnings, "warning", "warnings"), counted(s.Failures, "failure", "failures"))
}
