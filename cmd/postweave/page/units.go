package page

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/postweave/postweave/worker/traffic"
)

// Show writes a cell for people.
func Show(kind Kind, cell any) string {
	switch v := cell.(type) {
	case int64:
		if kind == Bytes {
			return bytesText(v)
		}
		return Thousands(v)
	case float64:
		return secondsText(v)
	case time.Time:
		return v.UTC().Format("2006-01-02 15:04:05")
	case string:
		return v
	}
	return fmt.Sprint(cell)
}

// Raw writes a cell for programs: numbers in full, seconds to the millisecond, times as RFC 3339.
func Raw(cell any) string {
	switch v := cell.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(math.Round(v*1000)/1000, 'f', -1, 64)
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case string:
		return v
	}
	return fmt.Sprint(cell)
}

// Thousands writes a number with its thousands apart.
func Thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// bytesText writes a size in decimal units, with three digits.
func bytesText(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n)/1000, 0
	for f >= 999.5 && unit < 5 {
		f, unit = f/1000, unit+1
	}
	return digits(f) + " " + [...]string{"kB", "MB", "GB", "TB", "PB", "EB"}[unit]
}

func digits(f float64) string {
	switch {
	case f < 9.995:
		return strconv.FormatFloat(f, 'f', 2, 64)
	case f < 99.95:
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return strconv.FormatFloat(f, 'f', 0, 64)
}

// secondsText writes a time in the unit that suits it.
func secondsText(s float64) string {
	switch {
	case s < 99.95:
		return digits(s) + " s"
	case s < 99.5*60:
		return strconv.FormatFloat(s/60, 'f', 0, 64) + " min"
	case s < 99.5*3600:
		return strconv.FormatFloat(s/3600, 'f', 0, 64) + " h"
	}
	return strconv.FormatFloat(s/86400, 'f', 0, 64) + " d"
}

func spanText(s traffic.Span) string {
	unit := func(seconds float64) string {
		switch {
		case seconds >= 86400:
			return strconv.FormatFloat(seconds/86400, 'f', -1, 64) + " d"
		case seconds >= 3600:
			return strconv.FormatFloat(seconds/3600, 'f', -1, 64) + " h"
		case seconds >= 60:
			return strconv.FormatFloat(seconds/60, 'f', -1, 64) + " min"
		}
		return strconv.FormatFloat(seconds, 'f', -1, 64) + " s"
	}
	switch {
	case s.From == 0:
		return "under " + unit(s.To)
	case s.To == 0:
		return unit(s.From) + " or more"
	}
	return unit(s.From) + " to " + unit(s.To)
}

// share is a part of a whole in percent, for people.
func share(part, whole int64) string {
	if whole <= 0 {
		return "–"
	}
	p := float64(part) / float64(whole) * 100
	switch {
	case part > 0 && p < 0.05:
		return "< 0.1 %"
	case part < whole && p >= 99.95:
		return "> 99.9 %"
	}
	return strconv.FormatFloat(p, 'f', 1, 64) + " %"
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
