package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
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
	action:   func() action { return &backfillOptions{} },
}

// backfillOptions are the flags of backfill.
type backfillOptions struct {
	From, To time.Time // From ≤ line < To, in UTC
	JSON     bool
	DryRun   bool // write nothing, say what would be written

	from, to string
	days     int
}

func (o *backfillOptions) flags(f *flagSet) {
	f.text(&o.from, "from", "DAY|TIME", "first day (2026-11-01) or moment (RFC 3339)")
	f.text(&o.to, "to", "DAY|TIME", "last day, included, or the moment it ends before (default: today)")
	f.number(&o.days, "days", 1, maxDays, "today and the days before it, N in all, instead of --from and --to")
	f.toggle(&o.JSON, "json", "print the report as one line of JSON")
	f.toggle(&o.DryRun, "dry-run", "write nothing, report what would be written")
}

func (o *backfillOptions) check(args []string, now time.Time) error {
	if err := noArguments(args); err != nil {
		return err
	}
	return o.settleRange(now)
}

// settleRange turns the flags into From and To. --days is cut at midnight UTC,
// not so many hours before now: a backfill started again on the same day then
// has the same slices, and finds those it has finished.
func (o *backfillOptions) settleRange(now time.Time) error {
	today := now.UTC().Truncate(24 * time.Hour)
	tomorrow := today.AddDate(0, 0, 1)
	switch {
	case o.days > 0 && (o.from != "" || o.to != ""):
		return errors.New("--days stands alone, leave out --from and --to")
	case o.days > 0:
		o.From, o.To = tomorrow.AddDate(0, 0, -o.days), tomorrow
		return nil
	case o.from == "":
		return errors.New("which days? give --from (and --to), or --days")
	}
	from, _, fromErr := parseDay(o.from)
	if fromErr != nil {
		fromErr = fmt.Errorf("--from: %w", fromErr)
	}
	to, isDay, toErr := tomorrow, false, error(nil)
	if o.to != "" {
		if to, isDay, toErr = parseDay(o.to); toErr != nil {
			toErr = fmt.Errorf("--to: %w", toErr)
		}
	}
	if err := errors.Join(fromErr, toErr); err != nil {
		return err
	}
	if isDay {
		to = to.AddDate(0, 0, 1)
	}
	if !from.Before(to) {
		end := "--to " + o.to
		if o.to == "" {
			end = "today"
		}
		return fmt.Errorf("--from %s lies after %s", o.from, end)
	}
	o.From, o.To = from, to
	return nil
}

func (o *backfillOptions) run(ctx context.Context, a *app) (err error) {
	shown := newProgress(a.stderr, fmt.Sprintf("backfill %s to %s", o.From.Format(time.DateOnly), o.To.Add(-1).Format(time.DateOnly)))
	logger := a.logger
	if isTerminal(a.stderr) && a.cfg.LogLevel == "info" {
		logger = logger.WithOptions(zap.IncreaseLevel(zap.WarnLevel)) // the bar says what an entry for each slice would
	}
	work, closeAll, err := wireBackfill(ctx, a.cfg, logger, *o, shown.update)
	if err != nil {
		return err
	}
	defer closing(ctx, closeAll, &err)
	result, err := work(ctx)
	shown.finish()
	return a.reportOn(result, o.JSON, err)
}
