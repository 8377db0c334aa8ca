package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var verifyCommand = command{
	name:     "verify",
	synopsis: "--from DAY [--to DAY] | --days N [FLAGS]",
	summary:  "compare the target with the source, and mend it",
	about: `Reads the lines of a range and compares, byte by byte, what a run would make of them with
what the target holds. Documents whose lines the source has no more are compared with what
their own lines give; that the source has dropped its lines is no difference. It writes
nothing, and costs about what a backfill of the range does.

Each difference is a line: its kind, server, queue id and _id. Kinds are missing (no
document), incomplete (lines are not in it), different (other bytes than its lines give),
orphan (its lines belong into another document), quarantined (a stub) and older_schema. What
no run has picked up yet is missing too: end the range before the last run, or run first.

--heal mends them as a run would, beside which it may run. It takes no line away: a document
that says more than the lines that are left of it is told of as "spared" and left as it is.
--quick merges and compares only where the numbers of lines differ or cannot be told from one
slice of the range. It does not see what was altered and has the right number of lines, nor
anything in documents whose lines the source has no more.

It exits 6 where something is not as it should be and was not mended.`,
	example: `postweave verify --days 2
postweave verify --from 2026-11-01 --to 2026-11-20 --heal --dry-run
postweave verify --days 7 --heal --json`,
	settings: joined(connectionSettings, sourceSettings, writeSettings, []string{"MAX_RUNTIME"}, logSettings),
	service:  true,
	action:   func() action { return &verifyOptions{Limit: defaultVerifyLimit} },
}

const (
	defaultVerifyLimit = 1000
	maxVerifyLimit     = 10_000_000
)

// verifyOptions are the flags of verify.
type verifyOptions struct {
	dayRange
	Heal   bool // mend what differs
	DryRun bool // with Heal: write nothing, say what would be written
	Quick  bool // merge only where numbers of lines differ
	Limit  int  // most differences listed
	JSON   bool
}

func (o *verifyOptions) flags(f *flagSet) {
	o.dayRange.flags(f)
	f.toggle(&o.Heal, "heal", "mend what differs")
	f.toggle(&o.DryRun, "dry-run", "with --heal: write nothing, report what would be written")
	f.toggle(&o.Quick, "quick", "compare only where the numbers of lines differ")
	f.number(&o.Limit, "limit", 0, maxVerifyLimit, fmt.Sprintf("most differences to list (default %d)", defaultVerifyLimit))
	f.toggle(&o.JSON, "json", "print a line of JSON for each difference, and the report as the last")
}

func (o *verifyOptions) check(args []string, now time.Time) error {
	if err := noArguments(args); err != nil {
		return err
	}
	var alone error
	if o.DryRun && !o.Heal {
		alone = errors.New("--dry-run goes with --heal; without it nothing is written anyway")
	}
	return errors.Join(alone, o.settle(now))
}

func (o *verifyOptions) run(ctx context.Context, a *app) (err error) {
	shown := newProgress("verify "+o.String(), "lines")
	list := differenceList{a: a, limit: o.Limit, asJSON: o.JSON}
	work, closeAll, err := wireVerify(ctx, a.cfg, a.logger, *o, list.add, shown)
	if err != nil {
		return err
	}
	defer closing(ctx, closeAll, &err)
	end := a.show(shown)
	result, err := work(ctx)
	end()
	if more := list.found - list.listed; more > 0 {
		a.say("%s not listed, see --limit", counted(more, "difference is", "differences are"))
	}
	return a.reportOn(result, o.JSON, err)
}

// difference is one document that is not as it should be.
type difference interface {
	// JSON is the difference as one line without line end.
	JSON() []byte
	// String is the difference as one line for people.
	String() string
}

// differenceList prints differences as they are found, up to a limit.
type differenceList struct {
	a             *app
	limit         int
	asJSON        bool
	found, listed int
}

func (l *differenceList) add(d difference) error {
	l.found++
	if l.listed >= l.limit {
		return nil
	}
	l.listed++
	if l.asJSON {
		return l.a.printJSON(d.JSON())
	}
	return l.a.printLine([]byte(visible(d.String())))
}
