package main

import (
	"context"
	"time"
)

// runCommand is one pass over what has arrived.
var runCommand = command{
	name:     "run",
	synopsis: "[FLAGS]",
	summary:  "merge what arrived since the last run, once",
	about: `One pass: read the lines that arrived since the cursor, merge each with its message's
other lines, write the messages and move the cursor. Repeating it does no harm, a run
that finds nothing new writes nothing. This is what a cron job calls.

The report goes to stdout, a line for people or (--json) a line of JSON; the log goes
to stderr.`,
	example: `postweave run --es-url https://es1:9200 --es-ca /etc/ssl/es-ca.pem --es-api-key-file /run/secrets/es
postweave run --json | jq .`,
	settings: joined(connectionSettings, sourceSettings, writeSettings, []string{"MAX_RUNTIME"}, logSettings),
	service:  true,
	resumes:  true,
	action:   func() action { return &runOptions{} },
}

// runOptions are the flags of run.
type runOptions struct {
	JSON        bool
	DryRun      bool      // write nothing, say what would be written
	ResetCursor bool      // begin as a first run does
	Since       time.Time // read only lines from then on that are new; zero: no bound

	since string
}

func (o *runOptions) flags(f *flagSet) {
	f.toggle(&o.JSON, "json", "print the report as one line of JSON")
	f.toggle(&o.DryRun, "dry-run", "write nothing, report what would be written")
	f.toggle(&o.ResetCursor, "reset-cursor", "forget the cursor and begin as a first run does")
	f.text(&o.since, "since", "DAY|TIME|AGO", "leave out lines older than this (UTC day, RFC 3339 or 6d)")
}

func (o *runOptions) check(args []string, now time.Time) (err error) {
	if err := noArguments(args); err != nil {
		return err
	}
	o.Since, err = optionalMoment("since", o.since, now, false)
	return err
}

func (o *runOptions) run(ctx context.Context, a *app) (err error) {
	shown := newProgress("run", "lines")
	pass, closeAll, err := wireRun(ctx, a.cfg, a.logger, *o, shown)
	if err != nil {
		return err
	}
	defer closing(ctx, closeAll, &err)
	end := a.show(shown)
	result, err := pass(ctx)
	end()
	return a.reportOn(result, o.JSON, err)
}
