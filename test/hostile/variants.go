package hostile

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/postweave/postweave/test/loggen"
)

// Log is the lines of one or more servers in the order of the log.
type Log []loggen.Line

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 77)) }

// Text writes the log with RFC 3339 stamps, whose order need not be that of the lines.
func (l Log) Text() string {
	var b []byte
	for _, x := range l {
		b = x.AppendRFC3339(b)
	}
	return string(b)
}

// Once is the log without repeated lines.
func (l Log) Once() Log {
	seen := make(map[loggen.Line]bool, len(l))
	var out Log
	for _, x := range l {
		if !seen[x] {
			seen[x] = true
			out = append(out, x)
		}
	}
	return out
}

// Doubled has every third line twice, the second up to fifty lines later.
func (l Log) Doubled(seed uint64) Log {
	r := random(seed)
	again := make(map[int]Log) // after the line of that index
	var out Log
	for i, x := range l {
		out = append(append(out, x), again[i]...)
		delete(again, i)
		if at := i + 1 + r.IntN(50); i%3 == 0 && at < len(l) {
			again[at] = append(again[at], x)
		} else if i%3 == 0 {
			out = append(out, x)
		}
	}
	return out
}

// Moved has the stamp of each line moved by up to so many seconds, back or forth. No two lines become the same
// by it: they would be one.
func (l Log) Moved(seed uint64, seconds int) Log {
	r := random(seed)
	out := slices.Clone(l)
	seen := make(map[loggen.Line]bool, len(l))
	for i := range out {
		for range 20 {
			out[i].Time = l[i].Time.Add(time.Duration(r.IntN(2*seconds+1)-seconds) * time.Second)
			if !seen[out[i]] {
				break
			}
		}
		seen[out[i]] = true
	}
	return out
}

// Shuffled has the lines in another order; stamps stay.
func (l Log) Shuffled(seed uint64) Log {
	out := slices.Clone(l)
	random(seed).Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// Later is the lines of short queue ids and of none, so many days later. Long ids are never given out
// again.
func (l Log) Later(days int) Log {
	var out Log
	for _, x := range l {
		if _, long := loggen.LongIDTime(LeadingID(x.Text)); !long {
			x.Time = x.Time.AddDate(0, 0, days)
			out = append(out, x)
		}
	}
	return out
}

// Days is how many whole days the log takes, and one more.
func (l Log) Days() int {
	if len(l) == 0 {
		return 1
	}
	first, last := l[0].Time, l[0].Time
	for _, x := range l {
		if x.Time.Before(first) {
			first = x.Time
		}
		if x.Time.After(last) {
			last = x.Time
		}
	}
	return int(last.Sub(first)/(24*time.Hour)) + 1
}

// Elsewhere is the same log of other servers, whose names end in the suffix.
func (l Log) Elsewhere(suffix string) Log {
	out := slices.Clone(l)
	for i := range out {
		out[i].Host += suffix
	}
	return out
}

// Foreign is the log with other programs' lines strewn in, one after every fourth line: words that look like a
// queue id, ids of this log in the mouth of a program that has none, and lines of Postfix that have an id further on.
func (l Log) Foreign(seed uint64) Log {
	r := random(seed)
	var out Log
	for i, x := range l {
		out = append(out, x)
		if i%4 != 0 {
			continue
		}
		id := LeadingID(x.Text)
		if id == "" {
			id = "4F2A31B2C7"
		}
		strange := [...]struct{ program, text string }{
			{"kernel", id + ": removed"},
			{"sshd", id + ": client=evil.example[203.0.113.66]"},
			{"CRON", "ABCDEF: to=<x@evil.example>, relay=none, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (x)"},
			{"app", "DEBUG: " + id + ": removed"},
			{"app", "CLEANUP99: message-id=<x@evil.example>"},
			{"postfix/smtpd", "CLEANUP99: removed"},
			{"postfix/smtpd", "FEEDFACE02x: removed"},
			{"postfix/smtpd", "statistics for " + id + ": removed"},
			{"postfix/master", "warning: process " + id + " exit status 1"},
			{"postfix/postfix-script", "DEADBEEF"},
			{"postfix/anvil", "statistics: max connection rate 1/60s for (smtp:192.0.2.1) at Mar  2 00:00:00"},
			{"postfix/smtpd", "NOQUEUE: client=a.example[192.0.2.1]"},
		}
		s := strange[r.IntN(len(strange))]
		out = append(out, loggen.Line{Time: x.Time, Host: x.Host, Program: s.program, PID: "4242", Text: s.text})
	}
	return out
}

// Without leaves out so many percent of the lines at the start and at the end.
func (l Log) Without(first, last int) Log {
	return l[len(l)*first/100 : len(l)-len(l)*last/100]
}

// LeadingID is what a text has before its first colon, after a level word, where it may be a queue id.
func LeadingID(text string) string {
	for _, level := range [...]string{"warning: ", "error: ", "fatal: ", "panic: "} {
		if rest, ok := strings.CutPrefix(text, level); ok {
			text = rest
		}
	}
	id, _, ok := strings.Cut(text, ": ")
	if _, long := loggen.LongIDTime(id); ok && (long || len(id) >= 6 && strings.Trim(id, "0123456789ABCDEF") == "") {
		return id
	}
	return ""
}

// Key names a line's server and queue id.
func Key(x loggen.Line) string { return fmt.Sprint(x.Host, " ", LeadingID(x.Text)) }
