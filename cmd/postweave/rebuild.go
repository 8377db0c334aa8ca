package main

import (
	"context"
	"errors"
	"time"
)

var rebuildCommand = command{
	name:     "rebuild",
	synopsis: "--from DAY [--to DAY] | --days N | --all [FLAGS]",
	summary:  "merge documents again from their own lines",
	about: `Merges the documents of a range of arrival again from the lines that they carry, and writes
those whose bytes differ: after a newer postweave understands more, or other local domains
were set. It brings documents of an older schema up. The raw lines are not needed and not
read.

It may run beside a live "run", and be stopped and started again: what is done already is
read and not written. A document that says more than the lines that are left of it stays as
it is (exit code 6).`,
	example: `postweave rebuild --all --dry-run
postweave rebuild --from 2026-11-01 --to 2026-11-20`,
	settings: joined(connectionSettings, []string{"LOCAL_DOMAINS"}, writeSettings, []string{"MAX_RUNTIME"}, logSettings),
	service:  true,
	action:   func() action { return &rebuildOptions{} },
}

// rebuildOptions are the flags of rebuild.
type rebuildOptions struct {
	dayRange
	All    bool // whatever their time; From and To are not set
	JSON   bool
	DryRun bool // write nothing, say what would be written
}

func (o *rebuildOptions) flags(f *flagSet) {
	o.dayRange.flags(f)
	f.toggle(&o.All, "all", "all documents, instead of a range")
	f.toggle(&o.JSON, "json", "print the report as one line of JSON")
	f.toggle(&o.DryRun, "dry-run", "write nothing, report what would be written")
}

func (o *rebuildOptions) check(args []string, now time.Time) error {
	if err := noArguments(args); err != nil {
		return err
	}
	switch {
	case o.All && o.given():
		return errors.New("--all stands alone, leave out --from, --to and --days")
	case o.All:
		return nil
	case !o.given():
		return errors.New("which days? give --from (and --to), or --days, or --all")
	}
	return o.settle(now)
}

func (o *rebuildOptions) run(ctx context.Context, a *app) (err error) {
	title := "rebuild"
	if !o.All {
		title += " " + o.String()
	}
	shown := newProgress(title, "documents")
	work, closeAll, err := wireRebuild(ctx, a.cfg, a.logger, *o, shown)
	if err != nil {
		return err
	}
	defer closing(ctx, closeAll, &err)
	end := a.show(shown)
	result, err := work(ctx)
	end()
	return a.reportOn(result, o.JSON, err)
}
