package main

import (
	"slices"
	"strings"
	"time"
)

// sayNothingFits says what to try where nothing fits.
func (s *selectionFlags) sayNothingFits(a *app) {
	a.say("%s", strings.Join(append([]string{"no message fits"}, s.hints()...), "; "))
}

// hints says what to try where nothing fits, as far as the flags given are concerned.
func (s *selectionFlags) hints() (hints []string) {
	hint := func(given bool, text string) {
		if given {
			hints = append(hints, text)
		}
	}
	for _, address := range []string{s.From, s.To} {
		whole := strings.Contains(address, "@") && !strings.Contains(address, "*")
		hint(whole && !strings.HasPrefix(address, "@") && !strings.HasSuffix(address, "@"), "an address with an @ is taken for a whole one, unless it has a *")
		hint(strings.HasPrefix(address, "@") && whole, "a domain is taken for a whole one, unless it has a *")
	}
	hint(s.Subject != "" || s.Text != "", "words are whole ones, unless they have a *")
	hint(s.QueueID != "" || s.MessageID != "", "ids are whole ones, queue ids mind upper and lower case")
	hint(s.Client != "" || s.Relay != "" || s.Server != "", "names of hosts are whole ones, unless they have a * or a dot in front")
	hint(!s.Since.IsZero() || !s.Until.IsZero(), "the range is "+rangeText(s.Since, s.Until))
	return slices.Compact(hints)
}

// rangeText names a range of which one end may be open.
func rangeText(since, until time.Time) string {
	text := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }
	switch {
	case until.IsZero():
		return "from " + text(since) + " UTC"
	case since.IsZero():
		return "up to " + text(until) + " UTC"
	}
	return text(since) + " to " + text(until) + " UTC"
}
