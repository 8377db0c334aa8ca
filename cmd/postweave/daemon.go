package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
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
	passes := &daemonPasses{app: a, asJSON: o.JSON, code: func(err error) int { return exitCode(ctx, err) }, hide: func() {}}
	a.watched.put(passes)
	serve, closeAll, err := wireDaemon(ctx, a.cfg, a.logger, passes)
	if err != nil {
		return err
	}
	defer closing(ctx, closeAll, &err)
	return serve(ctx)
}

// daemonPasses tells of the passes of a daemon, and between them where it is.
type daemonPasses struct {
	app    *app
	asJSON bool
	code   func(error) int
	hide   func() // ends what is shown of the pass under way

	mu     sync.Mutex
	due    time.Time // of the next pass
	ended  time.Time // of the last one; zero: there was none
	result report    // its report; may be nil
	failed int       // its exit code
}

func (d *daemonPasses) next(due time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.due = due
}

func (d *daemonPasses) begin() *progress {
	shown := newProgress("daemon: pass", "lines")
	d.hide = d.app.show(shown)
	return shown
}

// end prints the report. One that cannot be printed must not stop the passes.
func (d *daemonPasses) end(result report, passErr error) {
	d.hide()
	d.mu.Lock()
	d.ended, d.result, d.failed = time.Now(), result, d.code(passErr)
	d.mu.Unlock()
	if err := d.app.reportOn(result, d.asJSON, nil); err != nil {
		d.app.logger.Warn("the report was not printed", zap.Error(err))
	}
	if passErr != nil {
		d.app.logger.Error("the pass failed", zap.Int("exit_code", d.code(passErr)), zap.Error(passErr))
	}
}

// facts are those of a daemon between two passes.
func (d *daemonPasses) facts(time.Time) (title string, facts []fact) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.due.IsZero() {
		facts = append(facts, fact{"waits for the next pass at " + d.due.Format(time.RFC3339), zap.Time("next_pass", d.due)})
	}
	if d.ended.IsZero() {
		return "daemon", append(facts, fact{text: "no pass has ended yet"})
	}
	facts = append(facts,
		fact{fmt.Sprintf("the last one ended at %s with exit code %d", d.ended.In(d.due.Location()).Format(time.RFC3339), d.failed), zap.Time("last_pass", d.ended)},
		fact{field: zap.Int("exit_code", d.failed)})
	if d.result != nil {
		facts = append(facts, fact{d.result.String(), zap.Reflect("report", json.RawMessage(d.result.JSON()))})
	}
	return "daemon", facts
}
