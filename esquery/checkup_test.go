package esquery

import (
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// Stamps of another time zone are told from lines that are late for any other reason.
func TestZoneOff(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	around := func(n int, middle, width time.Duration) []time.Duration {
		out := make([]time.Duration, n)
		for i := range out {
			out[i] = middle + time.Duration(r.Int64N(int64(width))) - width/2
		}
		return out
	}
	for name, c := range map[string]struct {
		lags []time.Duration
		want time.Duration
	}{
		"in time":                     {around(100, time.Second, 2*time.Second), 0},
		"an hour behind":              {around(100, time.Hour+time.Second, 2*time.Second), time.Hour},
		"two hours ahead":             {around(100, -2*time.Hour+time.Second, 2*time.Second), -2 * time.Hour},
		"half hours exist":            {around(100, 5*time.Hour+30*time.Minute, time.Minute), 5*time.Hour + 30*time.Minute},
		"quarters too":                {around(100, 5*time.Hour+45*time.Minute, time.Minute), 5*time.Hour + 45*time.Minute},
		"a queue that stood still":    {around(100, time.Hour, 2*time.Hour), 0},
		"a log that was read in late": {around(100, 36*time.Hour, 24*time.Hour), 0},
		"days behind":                 {around(100, 48*time.Hour, time.Second), 0},
		"too few to say":              {around(10, time.Hour, time.Second), 0},
		"some of another day":         {slices.Concat(around(95, time.Hour, time.Second), around(5, 30*time.Hour, time.Second)), time.Hour},
		"half of them":                {slices.Concat(around(50, time.Hour, time.Second), around(50, 0, time.Second)), 0},
		"none":                        {nil, 0},
	} {
		if got := (&sampledHost{lags: c.lags}).zoneOff(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// Notices alone, which header_checks never see, tell nothing of subjects.
func TestMailsOfASample(t *testing.T) {
	s := &sample{hosts: map[string]*sampledHost{}, seen: map[uint64]bool{}, seed: maphash.MakeSeed()}
	for i, text := range []string{
		"1A000001: message-id=<notice@x>", "1A000002: message-id=<one@x>", "1A000002: client=c.example[192.0.2.1]", "1A000002: message-id=<again@x>",
		"1A000003: client=c.example[192.0.2.1]", "1A000004: uid=1000 from=<root>", "1A000004: message-id=<two@x>",
	} {
		s.add(decoded{host: "mx1", line: message.Line{Time: time.Unix(int64(i), 0), Program: program(text), Text: text}}, time.Time{})
	}
	if got := s.hosts["mx1"].mails(); got != 2 {
		t.Errorf("%d mails, want the two that were handed in and have a message id", got)
	}
}

func program(text string) string {
	switch {
	case strings.Contains(text, "client="):
		return "postfix/smtpd"
	case strings.Contains(text, "uid="):
		return "postfix/pickup"
	}
	return "postfix/cleanup"
}

func TestVersionBefore(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"7.17.28", "8", true},
		{"8.0.0", "8", false},
		{"8.9.2", "8.15", true},
		{"8.15.0", "8.15", false},
		{"9.2.0", "9.2.999", true},
		{"9.3.0", "9.2.999", false},
		{"10.0.0", "9.2.999", false},
		{"", "8", true},
	} {
		if got := versionBefore(c.a, c.b); got != c.want {
			t.Errorf("%s before %s: %v", c.a, c.b, got)
		}
	}
}

func TestLeftOut(t *testing.T) {
	f := &fields{layout: layout{Time: []string{"@timestamp"}, Host: []string{"host.name", "hostname"}, Text: []string{"message"}}}
	for name, c := range map[string]struct {
		includes, excludes []string
		want               string
	}{
		"all is kept":             {nil, nil, ""},
		"the text is left out":    {nil, []string{"message"}, "message"},
		"by a pattern":            {nil, []string{"mess*"}, "message"},
		"one of two names":        {nil, []string{"hostname"}, ""},
		"an object above":         {nil, []string{"host", "hostname"}, "host.name, hostname"},
		"only some are kept":      {[]string{"@timestamp", "host.*"}, nil, "message"},
		"all that is needed":      {[]string{"@timestamp", "host", "message"}, nil, ""},
		"something else left out": {nil, []string{"tags", "message_id"}, ""},
	} {
		if got := leftOut(f, c.includes, c.excludes); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// What is missing is said of the profile that comes closest.
func TestLacking(t *testing.T) {
	text := capability{searchable: true}
	for name, c := range map[string]struct {
		caps map[string]capability
		want string
	}{
		"no host":               {map[string]capability{"@timestamp": {date: true}, "syslog_program": text, "syslog_message": text}, "profile syslog has no field for the host (syslog_hostname)"},
		"a time that is a text": {map[string]capability{"@timestamp": text, "logsource": text, "program": text, "message": text}, "profile logstash has no date field for the time (@timestamp)"},
	} {
		if got := lacking(layouts, c.caps); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Each kind of finding says what it costs and what to do, and only failures have an exit code.
func TestSymptoms(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Symptoms() {
		if s.Costs == "" || s.Do == "" || s.Check == "" || seen[s.Name] {
			t.Errorf("%s: %+v", s.Name, s)
		}
		seen[s.Name] = true
		if (s.ExitCode() != 0) != (s.Level == LevelFailure) {
			t.Errorf("%s is a %s and exits %d", s.Name, s.Level, s.ExitCode())
		}
		if f := s.finding("syslog-1", "x"); strings.Contains(f.Do, "{on}") {
			t.Errorf("%s: %s", s.Name, f.Do)
		}
	}
}
