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
included. Without --to it goes up to the end of today.

Several workers can share a range. --shard 2/4 does the second of four parts of about equally
many lines; parts are counted from 1, and each line is read by one of them. The first worker
to come divides the range and notes the division in the index of the cursors, and all others
go by it, whenever they start: a part that failed is run again by itself. The range is done
when each part has exited 0. In a Kubernetes Job with completionMode Indexed give --shards 4,
the completions of the Job: JOB_COMPLETION_INDEX, counted from 0, says which part a pod does.`,
	example: `postweave backfill --from 2026-11-01 --to 2026-11-20
postweave backfill --days 7 --json
postweave backfill --from 2026-01-01 --to 2026-06-30 --shard 2/4`,
	settings: joined(connectionSettings, sourceSettings, writeSettings, []string{"MAX_RUNTIME", "SHARDS"}, logSettings),
	service:  true,
	resumes:  true,
	action:   func() action { return &backfillOptions{} },
}

// backfillOptions are the flags of backfill.
type backfillOptions struct {
	dayRange
	shard  shard // the part that is done
	JSON   bool
	DryRun bool // write nothing, say what would be written
}

func (o *backfillOptions) flags(f *flagSet) {
	o.dayRange.flags(f)
	f.add(flagInfo{name: "shard", meta: "I/N", usage: "do one of N parts, counted from 1, such as 2/4"}, func(s string) (err error) {
		o.shard, err = parseShard(s)
		return err
	})
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
	title := "backfill " + o.String()
	if o.shard.given() {
		title += ", " + o.shard.String()
	}
	shown := newProgress(title, "lines")
	work, closeAll, err := wireBackfill(ctx, a.cfg, a.logger, *o, shown)
	if err != nil {
		return err
	}
	defer closing(ctx, closeAll, &err)
	end := a.show(shown)
	result, err := work(ctx)
	end()
	return a.reportOn(result, o.JSON, err)
}
