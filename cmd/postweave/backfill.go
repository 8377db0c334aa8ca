package main

import (
	"context"
	"time"
)

var backfillCommand = command{
	name:     "backfill",
	synopsis: "--from DAY [--to DAY] | --days N [FLAGS]",
	summary:  "merge past days, in slices, with progress and resume",
	about: `Merges the lines of past days, each slice read once. Slices that are finished stay finished:
started again after an interruption, it goes on where it stood. It may run beside a live
"run" or "daemon".

--from and --to are days in UTC, both included, or RFC 3339 times, the later one not
included. Without --to it goes up to the end of today.`,
	example: `postweave backfill --from 2026-11-01 --to 2026-11-20
postweave backfill --days 7 --json`,
	settings: joined(connectionSettings, sourceSettings, writeSettings, []string{"MAX_RUNTIME"}, logSettings),
	service:  true,
	resumes:  true,
	action:   func() action { return &backfillOptions{} },
}

// backfillOptions are the flags of backfill.
type backfillOptions struct {
	dayRange
	JSON   bool
	DryRun bool // write nothing, say what would be written
}

func (o *backfillOptions) flags(f *flagSet) {
	o.dayRange.flags(f)
	f.toggle(&o.JSON, "json", "print the report as one line of JSON")
	f.toggle(&o.DryRun, "dry-run", "write nothing, report what would be written")
}

func (o *backfillOptions) check(args []string, now time.Time) error {
	if err := noArguments(args); err != nil {
		return err
	}
	return o.settle(now)
}

func (o *backfillOptions) run(ctx context.Context, a *app) (err error) {
	shown := newProgress(a.stderr, "backfill "+o.String())
	work, closeAll, err := wireBackfill(ctx, a.cfg, a.quietBesideBar(), *o, shown.update)
	if err != nil {
		return err
	}
	defer closing(ctx, closeAll, &err)
	result, err := work(ctx)
	shown.finish()
	return a.reportOn(result, o.JSON, err)
}
