package main

import (
	"context"
	"time"

	"go.uber.org/zap"
)

var daemonCommand = command{
	name:     "daemon",
	synopsis: "[FLAGS]",
	summary:  "run on a schedule until told to stop",
	about: `Does what "run" does whenever the schedule says so, never two at once. A pass that fails
is logged and tried again at the next turn; only what cannot heal by itself ends the
daemon: a wrong configuration (exit code 1), or a target that a newer postweave has
brought up (8). SIGTERM or SIGINT lets the pass under way finish its slice, and
the exit code is 0; a second signal ends it at once.`,
	example: `postweave daemon --schedule "*/5 * * * *" --timezone Europe/Berlin
POSTWEAVE_SCHEDULE=@hourly postweave daemon`,
	settings: joined(connectionSettings, sourceSettings, writeSettings, []string{"SCHEDULE", "TIMEZONE", "MAX_RUNTIME"}, logSettings),
	service:  true,
	resumes:  true,
	action:   func() action { return &daemonOptions{} },
}

// daemonOptions are the flags of daemon.
type daemonOptions struct{ JSON bool }

func (o *daemonOptions) flags(f *flagSet) {
	f.toggle(&o.JSON, "json", "print each pass's report as one line of JSON")
}

func (o *daemonOptions) check(args []string, _ time.Time) error { return noArguments(args) }

func (o *daemonOptions) run(ctx context.Context, a *app) (err error) {
	// A report that cannot be printed must not stop the passes.
	each := func(result report, passErr error) {
		if err := a.reportOn(result, o.JSON, nil); err != nil {
			a.logger.Warn("the report was not printed", zap.Error(err))
		}
		if passErr != nil {
			a.logger.Error("the pass failed", zap.Int("exit_code", exitCode(ctx, passErr)), zap.Error(passErr))
		}
	}
	serve, closeAll, err := wireDaemon(ctx, a.cfg, a.logger, each)
	if err != nil {
		return err
	}
	defer closing(ctx, closeAll, &err)
	return serve(ctx)
}
