package maillog

import (
	"errors"
	"strings"
	"time"

	"github.com/postweave/postweave/worker/postlog"
)

// halfYear is what tells the turn of a year from mere disorder.
const halfYear = 183 * 24 * time.Hour

// parse reads a line. A stamp without a year is placed within half a year of
// the one before it, so that January follows December, and a December line that comes a little
// late stays where it belongs.
func (s *logReader) parseInto(line *postlog.Line, raw string) bool {
	var err error
	switch {
	case namesYear(raw):
		err = s.headers.Parse(line, raw, 0, s.zone)
	case s.last.IsZero():
		err = s.parseFirst(line, raw)
	default:
		err = s.parseNext(line, raw)
	}
	s.found = s.found || err == nil
	return err == nil
}

// namesYear tells an RFC 3339 stamp, perhaps behind a priority.
func namesYear(raw string) bool {
	if raw != "" && raw[0] == '<' {
		raw = raw[min(strings.IndexByte(raw, '>')+1, len(raw)):]
	}
	return raw != "" && raw[0] >= '0' && raw[0] <= '9'
}

func (s *logReader) parseNext(line *postlog.Line, raw string) error {
	err := s.headers.Parse(line, raw, s.year, s.zone)
	if err == nil && line.Time == s.stamp { //nolint:staticcheck // the very same, as most are
		line.Time = s.last
		return nil
	}
	if err != nil && (!errors.Is(err, postlog.ErrNoTime) || !leapDay(raw)) {
		return err
	}
	// Without a time, this is the February 29 of a leap year that begins here.
	year := s.year
	switch away := line.Time.Sub(s.last); {
	case err != nil || away < -halfYear:
		year++
	case away > halfYear:
		year--
	}
	if year != s.year {
		if err = s.headers.Parse(line, raw, year, s.zone); err != nil {
			return err
		}
	}
	s.stamp = line.Time
	if away := line.Time.Sub(s.last); (away > foldGap || away < -DefaultWindow) && s.zone != time.UTC {
		line.Time = s.unfold(line.Time)
	}
	s.last, s.year = line.Time, year
	return nil
}

// foldGap is how far a stamp must be ahead of the one before to be looked at
// twice: less than any hour that is repeated.
const foldGap = 20 * time.Minute

// unfold settles the hour that a clock repeats in autumn, when a stamp without
// a zone may mean two times: the earlier one, unless that is long past.
//
// Which of the two time.Date gives depends on the zone.
func (s *logReader) unfold(t time.Time) time.Time {
	_, offset := t.In(s.zone).Zone()
	for _, shift := range [...]time.Duration{-time.Hour, time.Hour, -30 * time.Minute, 30 * time.Minute, -2 * time.Hour, 2 * time.Hour} {
		other := t.Add(shift)
		if _, o := other.In(s.zone).Zone(); time.Duration(offset-o)*time.Second != shift {
			continue // another time of day
		}
		earlier, later := t, other
		if shift < 0 {
			earlier, later = other, t
		}
		if earlier.Before(s.last.Add(-DefaultWindow)) {
			return later
		}
		return earlier
	}
	return t
}

// parseFirst settles the year by the first stamp without one. A date after the
// last change is of the year before; the loop goes further back only for a February 29.
func (s *logReader) parseFirst(line *postlog.Line, raw string) error {
	year, newest := s.fixed, s.mod.Add(24*time.Hour)
	if year == 0 {
		year = s.mod.In(s.zone).Year()
	}
	err := s.headers.Parse(line, raw, year, s.zone)
	for back := 0; s.fixed == 0 && back < 8 && (errors.Is(err, postlog.ErrNoTime) && leapDay(raw) || err == nil && line.Time.After(newest)); back++ {
		year--
		err = s.headers.Parse(line, raw, year, s.zone)
	}
	if err == nil {
		// Nothing is before it: in the hour that comes twice it is the earlier one, whatever time.Date gives.
		line.Time = s.unfold(line.Time)
		s.last, s.year = line.Time, year
	}
	return err
}

func leapDay(raw string) bool {
	return strings.Contains(raw[:min(len(raw), 16)], "Feb 29")
}
