package message

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postweave/postweave/worker/postlog"
)

// simpleStarts are the rules of findStarts as one would write them down, line by
// line and list by list. It is quadratic: what it takes a second for, findStarts must not.
func simpleStarts(facts []fact) []start {
	var starts []start
	insert := func(s start) {
		i, _ := slices.BinarySearchFunc(starts, s, func(a, b start) int { return a.at.Compare(b.at) })
		starts = slices.Insert(starts, i, s)
	}
	current := func(t time.Time) int {
		for i := len(starts) - 1; i >= 0; i-- {
			if !begin(starts[i]).After(t) {
				return i
			}
		}
		return -1
	}
	for i := range facts {
		if isOrigin(&facts[i]) {
			starts = append(starts, start{facts[i].Time, true, facts[i].kind == postlog.Pickup})
		}
	}
	for _, a := range simpleArrivals(facts) {
		i := max(current(a.line), 0)
		if i < len(starts) && !a.at.After(starts[i].at.Add(arrivalTolerance)) && !a.line.Before(starts[i].at.Add(-arrivalTolerance)) {
			continue
		}
		if i := slices.IndexFunc(facts, func(f fact) bool { return isOrigin(&f) && f.Time.After(a.line) }); i >= 0 {
			soon := facts[i].Time.Add(-arrivalTolerance)
			if !a.line.Before(soon) && (facts[i].kind == postlog.Pickup || !a.at.Before(soon)) {
				continue
			}
		}
		insert(start{at: a.at})
	}
	for i := range facts {
		f := &facts[i]
		if !returning(f) {
			continue
		}
		s := current(f.Time)
		var since time.Time
		if s >= 0 {
			since = starts[s].at
		}
		ended, sized := false, -1
		for j := range facts[:i] {
			x := &facts[j]
			if !x.Time.Add(arrivalTolerance).Before(f.Time) {
				continue
			}
			if x.kind == postlog.QueueActive && x.hasSize {
				sized = j
			}
			says := x.kind == postlog.Removed || x.kind == postlog.MessageID && f.kind == postlog.MessageID
			ended = ended || says && !x.Time.Before(since.Add(-arrivalTolerance))
		}
		if f.kind == postlog.QueueActive && f.hasSize && sized >= 0 && facts[sized].size != f.size {
			ended = ended || !facts[sized].Time.Before(since.Add(-arrivalTolerance))
		}
		old := false
		for j := i; j < len(facts) && (s+1 == len(starts) || facts[j].Time.Before(starts[s+1].soon())); j++ {
			at, ok := arrivalOf(&facts[j])
			old = old || ok && at.Add(arrivalTolerance).Before(f.Time)
		}
		soon := s+1 < len(starts) && !f.Time.Before(starts[s+1].at.Add(-arrivalTolerance))
		if ended && !old && !soon {
			insert(start{at: f.Time})
		}
	}
	if len(starts) == 0 || facts[0].Time.Before(begin(starts[0])) && headless(facts, starts[0]) {
		starts = slices.Insert(starts, 0, start{at: facts[0].Time})
	}
	return starts
}

func isOrigin(f *fact) bool { return f.kind == postlog.Client || f.kind == postlog.Pickup }

func simpleArrivals(facts []fact) (arrivals []arrival) {
	for i := range facts {
		if at, ok := arrivalOf(&facts[i]); ok {
			arrivals = append(arrivals, arrival{at, facts[i].Time})
		}
	}
	slices.SortStableFunc(arrivals, func(a, b arrival) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return a.line.Compare(b.line)
	})
	return arrivals
}

// Any lines at all, close together and far apart, are parted as by the simple
// rules.
func TestStartsAreThoseOfTheSimpleRules(t *testing.T) {
	texts := []string{
		"smtpd: client=x[192.0.2.1]", "pickup: uid=0 from=<a>", "cleanup: message-id=<1@x>", "cleanup: message-id=<2@x>", "qmgr: from=<a@b>, size=1, nrcpt=1 (queue active)", "qmgr: from=<a@b>, size=2, nrcpt=1 (queue active)", "qmgr: from=<a@b>, size=2",
		"smtp: to=<c@d>, relay=none, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (x)", "smtp: to=<c@d>, relay=none, delay=3, delays=0/0/0/0, dsn=2.0.0, status=sent (x)",
		"smtp: to=<c@d>, relay=none, delay=14, delays=0/0/0/0, dsn=4.0.0, status=deferred (x)", "smtp: to=<c@d>, relay=none, delay=60, delays=0/0/0/0, dsn=2.0.0, status=sent (x)",
		"qmgr: from=<a@b>, status=expired, returned to sender", "qmgr: removed", "bounce: sender non-delivery notification: AAAAAA1", "smtpd: what",
	}
	origin := at(t, "01:00:00")
	rapid.Check(t, func(t *rapid.T) {
		var lines []Line
		for i := range rapid.IntRange(1, 25).Draw(t, "lines") {
			program, text, _ := strings.Cut(rapid.SampledFrom(texts).Draw(t, "text"), ": ")
			stamp := origin.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "second")) * time.Second)
			lines = append(lines, Line{stamp, "postfix/" + program, fmt.Sprint(i), shortID + ": " + text})
		}
		facts := read(lines, "", new(factBuffer))
		if got, want := findStarts(facts, origins(facts, nil)), simpleStarts(facts); !slices.Equal(got, want) {
			t.Fatalf("got  %v\nwant %v", got, want)
		}
	})
}
