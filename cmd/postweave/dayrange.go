package main

import (
	"errors"
	"fmt"
	"time"
)

// dayRange is the flags that name a range of time.
type dayRange struct {
	From, To time.Time // From ≤ time < To, in UTC

	from, to string
	days     int
}

func (r *dayRange) flags(f *flagSet) {
	f.text(&r.from, "from", "DAY|TIME", "first day (2026-11-01) or moment (RFC 3339)")
	f.text(&r.to, "to", "DAY|TIME", "last day, included, or the moment it ends before (default: today)")
	f.number(&r.days, "days", 1, maxDays, "today and the days before it, N in all, instead of --from and --to")
}

// given tells whether any of the flags is there.
func (r *dayRange) given() bool { return r.from != "" || r.to != "" || r.days > 0 }

// fixed tells whether the flags name the same range on every day.
func (r *dayRange) fixed() bool { return r.from != "" && r.to != "" }

// settle turns the flags into From and To. --days is cut at midnight UTC,
// not so many hours before now: a backfill started again on the same day then
// has the same slices, and finds those it has finished.
func (r *dayRange) settle(now time.Time) error {
	today := now.UTC().Truncate(24 * time.Hour)
	tomorrow := today.AddDate(0, 0, 1)
	switch {
	case r.days > 0 && (r.from != "" || r.to != ""):
		return errors.New("--days stands alone, leave out --from and --to")
	case r.days > 0:
		r.From, r.To = tomorrow.AddDate(0, 0, -r.days), tomorrow
		return nil
	case r.from == "":
		return errors.New("which days? give --from (and --to), or --days")
	}
	from, _, fromErr := parseDay(r.from)
	if fromErr != nil {
		fromErr = fmt.Errorf("--from: %w", fromErr)
	}
	to, isDay, toErr := tomorrow, false, error(nil)
	if r.to != "" {
		if to, isDay, toErr = parseDay(r.to); toErr != nil {
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
		end := "--to " + r.to
		if r.to == "" {
			end = "today"
		}
		return fmt.Errorf("--from %s lies after %s", r.from, end)
	}
	r.From, r.To = from, to
	return nil
}

// String is the range as it stands in the title of a bar.
func (r *dayRange) String() string {
	return r.From.Format(time.DateOnly) + " to " + r.To.Add(-1).Format(time.DateOnly)
}
