package main

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/postweave/postweave/esquery"
	"github.com/postweave/postweave/mappings"
	"github.com/postweave/postweave/worker"
	"github.com/postweave/postweave/worker/journey"
	"github.com/postweave/postweave/worker/maillog"
	"github.com/postweave/postweave/worker/message"
	"github.com/postweave/postweave/worker/traffic"
)

// This file is the one place that joins the parts: worker knows no
// Elasticsearch, esquery knows no worker.
var (
	_ worker.Source = (*esquery.Incoming)(nil)
	_ worker.Source = (*esquery.Days)(nil)
	_ worker.Target = (*esquery.Documents)(nil)

	_ worker.Overlapping = (*esquery.Days)(nil)

	_ worker.Range    = (*esquery.Range)(nil)
	_ worker.Archive  = (*esquery.Documents)(nil)
	_ worker.Outlines = (*esquery.Documents)(nil)
)

// The documents and the mapping that takes them have one revision: this does not
// compile where one was raised without the other.
const (
	_ = uint(message.Schema - mappings.Schema)
	_ = uint(mappings.Schema - message.Schema)
)

// connect opens the connection that the settings describe. Nothing is sent.
func connect(cfg Config, log *zap.Logger) (*esquery.Client, error) {
	return esquery.Connect(connection(cfg, log))
}

// connection is how Elasticsearch is reached.
func connection(cfg Config, log *zap.Logger) esquery.Config {
	return esquery.Config{
		Addresses: cfg.Addresses, CloudID: cfg.CloudID,
		Username: cfg.Username, Password: cfg.Password, APIKey: cfg.APIKey, Credentials: cfg.credentials(),
		CAFile: cfg.CAFile, CAFingerprint: cfg.CAFingerprint, ClientCert: cfg.ClientCert, ClientKey: cfg.ClientKey,
		UserAgent: userAgent(), RetryBudget: cfg.RetryBudget,
		MaxRequestsPerSecond: cfg.MaxRequestsPerSecond, MaxConcurrency: cfg.MaxConcurrency, Logger: log,
	}
}

// parts is what run, daemon and backfill work with.
type parts struct {
	cfg    Config
	client *esquery.Client
	source *esquery.Source
	log    *zap.Logger
}

func joinParts(cfg Config, log *zap.Logger, since time.Time, dryRun bool) (*parts, error) {
	client, err := connect(cfg, log)
	if err != nil {
		return nil, err
	}
	options := sourceOf(cfg, log)
	options.Since, options.DryRun = since, dryRun
	source, err := client.Source(options)
	if err != nil {
		client.Close()
		return nil, err
	}
	return &parts{cfg: cfg, client: client, source: source, log: log}, nil
}

// sourceOf names what is read and written.
func sourceOf(cfg Config, log *zap.Logger) esquery.SourceOptions {
	return esquery.SourceOptions{
		Patterns: cfg.Source, Target: cfg.Target, State: cfg.State, Fields: cfg.Fields, Programs: cfg.Programs,
		Horizon: cfg.Horizon, HostMap: cfg.HostMap, Overlap: cfg.Overlap, Logger: log,
	}
}

func (p *parts) close(context.Context) error {
	p.client.Close()
	return nil
}

// work makes one run over a source.
func (p *parts) work(source worker.Source, command string, dryRun bool) *worker.Run {
	return &worker.Run{
		Source: source, Target: p.client.Documents(p.cfg.Target), Options: message.Options{LocalDomains: p.cfg.LocalDomains},
		Command: command, Concurrency: p.cfg.MaxConcurrency, DryRun: dryRun, MaxRuntime: p.cfg.MaxRuntime, Logger: p.log,
	}
}

// pass makes the run over what is new.
func (p *parts) pass(incoming *esquery.Incoming, dryRun bool, shown *progress) *worker.Run {
	run := p.work(incoming, "run", dryRun)
	incoming.Progress, run.Progress = shown.set, linesTo(shown)
	return run
}

// linesTo tells a progress of a run's lines.
func linesTo(shown *progress) func(worker.Report) {
	return func(sofar worker.Report) { shown.count(sofar.Lines) }
}

// check looks at the target, before anything is read or written.
func (p *parts) check(ctx context.Context) error {
	return p.client.CheckTarget(ctx, p.cfg.Target, p.cfg.State)
}

// do runs. The target must have been checked.
func (p *parts) do(ctx context.Context, run *worker.Run) (report, error) {
	result, err := run.Do(ctx)
	for _, early := range []error{esquery.ErrSuperseded, esquery.ErrBusy} {
		if errors.Is(err, early) { // the other run does what this one leaves
			result.More, err = true, nil
			result.Notes = append(result.Notes, early.Error())
		}
	}
	err = targetError(p.cfg.Target, err)
	if err != nil && result.Slices == 0 {
		return nil, err // a report of zeros would look like one of nothing new
	}
	return result, err
}

// wireRun connects, and returns one pass and what closes the connections. The
// pass may return a report beside an error, and tells shown of each slice. Both may be called once.
func wireRun(_ context.Context, cfg Config, log *zap.Logger, o runOptions, shown *progress) (pass func(context.Context) (report, error), closeAll func(context.Context) error, err error) {
	p, err := joinParts(cfg, log, o.Since, o.DryRun)
	if err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context) (report, error) {
		if err := p.check(ctx); err != nil {
			return nil, err
		}
		fewerCollections(400, passMemory)
		incoming := p.source.Incoming()
		if o.ResetCursor {
			if err := incoming.Reset(ctx); err != nil {
				return nil, err
			}
		}
		return p.do(ctx, p.pass(incoming, o.DryRun, shown))
	}, p.close, nil
}

// wireDaemon connects, and returns what serves the schedule until the context
// is cancelled, nil after a clean drain. seen is told of the passes, from one goroutine at a time.
func wireDaemon(_ context.Context, cfg Config, log *zap.Logger, seen daemonWatcher) (serve func(context.Context) error, closeAll func(context.Context) error, err error) {
	p, err := joinParts(cfg, log, time.Time{}, false)
	if err != nil {
		return nil, nil, err
	}
	d := worker.Daemon{
		Schedule: cfg.Schedule, Zone: cfg.Timezone.Location(), Logger: log, Next: seen.next,
		Final: newerSchema, // no later pass of this binary could do better
		Job: func(ctx context.Context, stop <-chan struct{}) error {
			var result report
			shown := seen.begin()
			err := p.check(ctx)
			if err == nil {
				run := p.pass(p.source.Incoming(), false, shown)
				run.Stop = stop
				result, err = p.do(ctx, run)
			}
			if newerSchema(err) {
				seen.end(result, nil)
				return err
			}
			seen.end(result, err)
			return nil // it was told of
		},
	}
	return d.Run, p.close, nil
}

// daemonWatcher is told what a daemon does.
type daemonWatcher interface {
	next(time.Time)    // when a pass is due
	begin() *progress  // of a pass
	end(report, error) // of the same; either may be nil
}

// newerSchema tells an error that only another binary can mend.
func newerSchema(err error) bool {
	var e *esquery.Error
	return errors.As(err, &e) && e.Class == esquery.ClassSchema
}

// wireBackfill connects, and returns the work over o.From ≤ time < o.To, or on the part of it that
// o names. shown is told of each finished slice.
func wireBackfill(_ context.Context, cfg Config, log *zap.Logger, o backfillOptions, shown *progress) (work func(context.Context) (report, error), closeAll func(context.Context) error, err error) {
	p, err := joinParts(cfg, log, time.Time{}, o.DryRun)
	if err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context) (report, error) {
		if err := p.check(ctx); err != nil {
			return nil, err
		}
		fewerCollections(400, passMemory)
		run, err := p.backfill(ctx, o, shown)
		if err != nil {
			return nil, o.shard.named(err)
		}
		result, err := p.do(ctx, run)
		return result, o.shard.named(err)
	}, p.close, nil
}

// backfill prepares the work on a range or on one part of it.
func (p *parts) backfill(ctx context.Context, o backfillOptions, shown *progress) (*worker.Run, error) {
	within := dayRange{From: o.From, To: o.To}
	var part *worker.Part
	if o.shard.given() {
		var err error
		if within.From, within.To, err = p.source.Part(ctx, o.From, o.To, o.shard.number, o.shard.of); err != nil {
			return nil, err
		}
		part = &worker.Part{Number: o.shard.number, Of: o.shard.of, From: within.From, To: within.To}
		p.log.Info("backfill of a part", zap.Int("part", part.Number), zap.Int("of", part.Of), zap.Time("from", part.From), zap.Time("to", part.To))
	}
	days := p.source.Days(within.From, within.To)
	shown.through(within.From, within.To)
	days.GoingOn, days.Progress = shown.goneOn, shown.upTo
	run := p.work(days, "backfill", o.DryRun)
	run.Progress = linesTo(shown)
	run.Part = part
	return run, nil
}

// wireMerge reads the inputs, tells shown of it, and hands every document to out, whose error ends it.
func wireMerge(ctx context.Context, cfg Config, o mergeOptions, inputs []mergeInput, shown *progress, out printer) (mergeReport, error) {
	options := logOptions(cfg, o.logFiles, inputs, shown)
	options.MaxMemory, options.Explain = o.MaxMemory, o.Explain
	var result maillog.Report
	var err error
	if lines, ok := out.(*jsonPrinter); ok {
		result, err = maillog.MergeJSON(ctx, options, lines.printLines)
	} else {
		result, err = maillog.Merge(ctx, options, func(d *message.Document) error { return out.print(mergedDocument{d}) })
	}
	if brokenOff(err) {
		err = codedError{exitSource, err}
	}
	return mergeReportOf(result), err
}

// wireRead reads the logs, tells shown of it, and hands every document to each, which may keep it and whose error ends it.
func wireRead(ctx context.Context, cfg Config, l logFiles, inputs []mergeInput, shown *progress, each func(*message.Document) error) (mergeReport, error) {
	result, err := maillog.Merge(ctx, logOptions(cfg, l, inputs, shown), each)
	if brokenOff(err) {
		err = codedError{exitSource, err}
	}
	return mergeReportOf(result), err
}

func logOptions(cfg Config, l logFiles, inputs []mergeInput, shown *progress) maillog.Options {
	in := make([]maillog.Input, len(inputs))
	for i, x := range shown.over(inputs) {
		in[i] = maillog.Input{Name: x.Name, Open: x.Open, ModTime: x.ModTime}
	}
	return maillog.Options{
		Inputs: in, Year: l.Year, Zone: l.Zone, Window: l.Window, MaxMemory: defaultMaxMemory, Message: message.Options{LocalDomains: cfg.LocalDomains},
		Progress: shown.read,
	}
}

// brokenOff tells a log that could not be read to its end, whose messages are
// not all of them, from one that was refused.
func brokenOff(err error) bool {
	var failed *fs.PathError
	return errors.Is(err, maillog.ErrDamaged) || errors.As(err, &failed) && failed.Op == "read"
}

// wireTrace hands at most o.Limit messages to emit, newest first, and tells
// whether there are more.
func wireTrace(ctx context.Context, cfg Config, log *zap.Logger, o traceOptions, emit func(document) error) (more bool, err error) {
	client, err := connect(cfg, log)
	if err != nil {
		return false, err
	}
	defer client.Close()
	asked := o.trace()
	asked.Brief = o.Output != outputJSON || o.Each == eachRecipient
	return client.Documents(cfg.Target).Each(ctx, asked, func(source []byte) error { return emit(storedDocument(source)) })
}

// wireTraffic has the index count what a selection fits.
func wireTraffic(ctx context.Context, cfg Config, log *zap.Logger, sel message.Selection, top int) (traffic.Figures, error) {
	client, err := connect(cfg, log)
	if err != nil {
		return traffic.Figures{}, err
	}
	defer client.Close()
	return client.Documents(cfg.Target).Traffic(ctx, sel, top)
}

// wireFollow finds the same messages, and the journeys that they are on.
func wireFollow(ctx context.Context, cfg Config, log *zap.Logger, o traceOptions) (journey.Journeys, error) {
	client, err := connect(cfg, log)
	if err != nil {
		return journey.Journeys{}, err
	}
	defer client.Close()
	return client.Documents(cfg.Target).Follow(ctx, o.trace())
}

// wireShow finds the messages to be shown, with those that they are linked with where links are followed. rest reads on in
// their logs, until closeAll is called.
func wireShow(ctx context.Context, cfg Config, log *zap.Logger, o traceOptions) (found journey.Journeys, rest restOfLog, closeAll func(), err error) {
	client, err := connect(cfg, log)
	if err != nil {
		return found, nil, nil, err
	}
	documents := client.Documents(cfg.Target)
	find := documents.Found
	if o.Follow {
		find = documents.Follow
	}
	if found, err = find(ctx, o.trace()); err != nil {
		client.Close()
		return found, nil, nil, err
	}
	return found, documents.LogParts, client.Close, nil
}

// wireCount counts them.
func wireCount(ctx context.Context, cfg Config, log *zap.Logger, o traceOptions) (int64, error) {
	client, err := connect(cfg, log)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	return client.Documents(cfg.Target).Count(ctx, o.Selection)
}

// trace is what the flags select.
func (o *traceOptions) trace() esquery.Trace {
	sort := esquery.Sort(o.Sort)
	if o.Sort == sortTime {
		sort = esquery.SortTime
	}
	return esquery.Trace{Selection: o.Selection, Limit: o.Limit, Sort: sort}
}

// wireSetup installs template, alias and first index, and reports what it did.
func wireSetup(ctx context.Context, cfg Config, log *zap.Logger, o setupOptions) (report, error) {
	client, err := connect(cfg, log)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	result, err := client.Setup(ctx, esquery.SetupOptions{Target: cfg.Target, State: cfg.State, DryRun: o.DryRun})
	if err != nil {
		return nil, err
	}
	return setupReport{result}, nil
}

// wirePrint returns what setup --print writes, without line end. No server is asked.
func wirePrint(cfg Config, what string) ([]byte, error) {
	if what == printTemplate {
		return mappings.Template(cfg.Target)
	}
	one := strings.TrimPrefix(what, printRoles)
	if one != "" {
		one = "postweave" + one
	}
	return mappings.PrintRole(one, cfg.Source, cfg.Target, cfg.State)
}
