package message

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// drawnLine is a line in the order in which it is read.
type drawnLine struct {
	id string
	Line
}

// drawProcess draws what one smtpd or smtp says, in whole seconds.
func drawProcess(t *rapid.T) (lines []drawnLine) {
	at := time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)
	program := rapid.SampledFrom([]string{"postfix/smtpd", "postfix/smtp"}).Draw(t, "program")
	hosts := rapid.SampledFrom([]string{"a.example[192.0.2.1]", "b.example[192.0.2.2]"})
	for i := range rapid.IntRange(1, 40).Draw(t, "lines") {
		at = at.Add(time.Duration(rapid.SampledFrom([]int{0, 0, 0, 1, 1, 2, 40}).Draw(t, "seconds")) * time.Second)
		host := hosts.Draw(t, "host")
		l := drawnLine{Line: Line{Time: at, Program: program, PID: "1"}}
		own := func(text string) {
			l.id = fmt.Sprintf("A%05X", i)
			l.Text = l.id + ": " + text
		}
		what := rapid.IntRange(0, 5).Draw(t, "what")
		switch {
		case program == "postfix/smtp" && what > 2:
			own(fmt.Sprintf("to=<x@%s>, relay=%s:25, delay=9, delays=1/1/%d/1, dsn=2.0.0, status=sent (250 ok)", host[:9], host, rapid.IntRange(0, 1).Draw(t, "took")))
		case program == "postfix/smtp":
			l.Text = fmt.Sprintf("connect to %s:25: Connection refused", host)
		case what < 2:
			l.Text = "connect from " + host
		case what == 2:
			l.Text = fmt.Sprintf("disconnect from %s mail=%d", host, i)
		case what == 3:
			l.Text = fmt.Sprintf("Anonymous TLS connection established from %s: TLSv1.3 with cipher C%d (256/256 bits)", host, i)
		default:
			own("client=" + host)
		}
		lines = append(lines, l)
	}
	return lines
}

// Lines that are settled bit by bit, as a log streams by, give what all of them
// at once give.
func TestSettlingBitByBit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := drawProcess(t)
		window := time.Duration(rapid.IntRange(90, 120).Draw(t, "window")) * time.Second
		end := lines[len(lines)-1].Time.Add(2 * longest)
		feed := func(s *Sessions, l drawnLine) {
			if l.id == "" {
				s.Add(l.Line)
			} else {
				s.Claim(l.id, l.Line)
			}
		}
		collect := func(found map[string][]string) func(string, Finding) {
			return func(id string, f Finding) {
				found[id] = append(found[id], short(f.session))
				slices.Sort(found[id])
			}
		}
		want := map[string][]string{}
		var whole Sessions
		for _, l := range lines {
			feed(&whole, l)
		}
		whole.Settle(end, end, collect(want))

		got := map[string][]string{}
		var s Sessions
		var clock time.Time
		for _, l := range lines {
			if l.Time.After(clock) {
				clock = l.Time
				s.Settle(clock.Add(-window), clock.Add(-window), collect(got))
			}
			feed(&s, l)
		}
		s.Settle(end, end, collect(got))
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("bit by bit %v\n  at once %v", got, want)
		}
		if s.held != 0 || len(s.processes)+len(s.others) != 0 {
			t.Fatalf("%d events of %d processes are left", s.held, len(s.processes))
		}
	})
}
