package main

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// parseDuration reads a Go duration, with days added: 90m, 144h, 6d, 1d12h.
// A day is 24 hours. Negative durations are refused, no setting has a use for one.
func parseDuration(s string) (time.Duration, error) {
	const want = "want a duration such as 30s, 90m, 144h or 6d"
	days, rest := time.Duration(0), s
	if number, after, found := strings.Cut(s, "d"); found {
		n, err := strconv.ParseFloat(number, 64)
		if err != nil || math.IsNaN(n) || n < 0 || n > maxDays {
			return 0, fmt.Errorf("%q is not valid, %s", s, want)
		}
		days, rest = time.Duration(n*float64(24*time.Hour)), after
		if rest == "" {
			return days, nil
		}
		if rest[0] < '0' || rest[0] > '9' {
			return 0, fmt.Errorf("%q is not valid, %s", s, want)
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || d > maxDays*24*time.Hour {
		return 0, fmt.Errorf("%q is not valid, %s", s, want)
	}
	return days + d, nil
}

// maxDays bounds durations and backfills: a hundred years, so that no sum of
// two overflows.
const maxDays = 36500

// durationText is the inverse, in the largest unit that says it exactly.
func durationText(d time.Duration) string {
	switch {
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d >= time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.String()
}

// parseBool reads a switch's value in the words people use for one.
func parseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return false, fmt.Errorf("%q is not valid, want true or false", s)
}

var sizePattern = regexp.MustCompile(`^([0-9]{1,9})\s?([KMGT]?)(i?B)?$`)

// parseSize reads a number of bytes: 268435456, 256MiB, 256M. Units are powers
// of 1024, whichever way they are spelled.
func parseSize(s string) (int64, error) {
	m := sizePattern.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("%q is not valid, want a size such as 512KiB, 256MiB or 2GiB", s)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not valid, want a size such as 256MiB", s)
	}
	shift := 10 * strings.Index(" KMGT", m[2]) // without a unit 0
	if n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("%q is not valid, that is more than there is", s)
	}
	return n << shift, nil
}

// sizeText is the inverse of parseSize, in the largest unit that says it exactly.
func sizeText(n int64) string {
	for shift, unit := range map[int]string{30: "GiB", 20: "MiB", 10: "KiB"} {
		if n>>shift > 0 && n>>shift < 1024 && n&(1<<shift-1) == 0 {
			return fmt.Sprintf("%d%s", n>>shift, unit)
		}
	}
	return fmt.Sprintf("%dB", n)
}

// parseZone reads an IANA time zone name.
func parseZone(s string) (*time.Location, error) {
	zone, err := time.LoadLocation(s)
	if err != nil {
		return nil, fmt.Errorf("%q is not valid, want a time zone such as UTC or Europe/Berlin", s)
	}
	return zone, nil
}

// parseDay reads a moment given as a day (UTC, as daily indices are cut) or
// with RFC 3339. isDay tells which it was, so that an upper bound can include
// the whole day.
func parseDay(s string) (t time.Time, isDay bool, err error) {
	if t, err = time.Parse(time.DateOnly, s); err == nil {
		return t, true, checkYear(s, t)
	}
	if t, err = time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), false, checkYear(s, t)
	}
	return time.Time{}, false, fmt.Errorf("%q is not valid, want a day such as 2026-11-01 or a time such as 2026-11-01T06:00:00Z", s)
}

// checkYear refuses what is a typing mistake rather than a date of a mail.
func checkYear(s string, t time.Time) error {
	if t.Year() < 1980 || t.Year() > 2200 {
		return fmt.Errorf("%q is not valid, want a year from 1980 to 2200", s)
	}
	return nil
}

// parseMoment reads what parseDay reads, or a duration that counts back from now.
// endOfDay moves a day to its end, for an upper bound that includes it. Beside these it takes today and
// yesterday, and a time as tables show it.
func parseMoment(s string, now time.Time, endOfDay bool) (time.Time, error) {
	today := now.UTC().Truncate(24 * time.Hour)
	switch s {
	case "today":
		s = today.Format(time.DateOnly)
	case "yesterday":
		s = today.AddDate(0, 0, -1).Format(time.DateOnly)
	}
	for _, layout := range []string{time.DateTime, "2006-01-02 15:04"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, checkYear(s, t)
		}
	}
	t, isDay, err := parseDay(s)
	switch {
	case err == nil && isDay && endOfDay:
		return t.AddDate(0, 0, 1), nil
	case err == nil:
		return t, nil
	}
	ago, durationErr := parseDuration(s)
	if durationErr != nil {
		return time.Time{}, errors.New(err.Error() + ", or how long ago such as 6d")
	}
	return now.UTC().Add(-ago), nil
}
