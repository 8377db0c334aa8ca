package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/postweave/postweave/test/lives"
	"github.com/postweave/postweave/test/loggen"
)

// arrival is a raw line on its way into an index.
type arrival struct {
	sourceDoc
	at    time.Time // when it gets there
	index string
	hold  bool // it gets its number long before it takes effect
}

var monday = time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)

// mail draws the lines of a week: short queue ids that come back within the day and over midnight, long ones, retries
// over days, holds, requeues, rejects, and lines that are no mail.
//
// In a duel all is written around midnight, where the day of a message is in doubt. Either each message has an id of its
// own, and no later line of the key mends what two workers left that each had a half; or all have one id, and
// the workers cut the same documents at the same time.
func mail(r *rand.Rand, duel bool) (out []loggen.Line) {
	hosts := []string{"mx1", "mx2"}
	if duel {
		ids := []int{1, 100}[r.IntN(2)]
		for i := range 3 + r.IntN(6) {
			at := monday.AddDate(0, 0, 1+r.IntN(2)).Add(-time.Duration(1+r.IntN(2)) * time.Second)
			out = append(out, life(r, hosts[r.IntN(2)], fmt.Sprintf("3A9C96%04X", i%ids), at)...)
		}
		return out
	}
	// With few ids a later line of a key mends what went wrong before; with many it stays as it was left.
	short := []string{"3A9C96093D", "4B9C96093E", "5C9C96093F", "6D9C960940", "7E9C960941", "8F9C960942"}[:[]int{1, 2, 6}[r.IntN(3)]]
	for range 4 + r.IntN(8) {
		host := hosts[r.IntN(len(hosts))]
		at := moment(r)
		id := short[r.IntN(len(short))]
		if r.IntN(5) == 0 {
			id = loggen.LongID(at.Add(time.Duration(r.IntN(1_000_000))*time.Microsecond), uint64(1000+r.IntN(1000)))
		}
		if r.IntN(3) == 0 {
			out = append(out, drawn(r, lives.Config{Host: host, ID: id, At: at})...)
		} else {
			out = append(out, life(r, host, id, at)...)
		}
	}
	for range r.IntN(4) {
		out = append(out, loggen.Line{
			Time: moment(r), Host: hosts[r.IntN(2)], Program: "postfix/smtpd", PID: "9",
			Text: fmt.Sprintf("NOQUEUE: reject: RCPT from c.example[192.0.2.9]: 554 5.7.1 <x%d@y.example>: Relay access denied; from=<a@b.example> to=<x@y.example> proto=ESMTP helo=<c>", r.IntN(3)),
		})
	}
	for range r.IntN(6) {
		out = append(out, loggen.Line{Time: moment(r), Host: hosts[r.IntN(2)], Program: "cron", PID: "1", Text: "(root) CMD (true)"})
	}
	for i := range out {
		if r.IntN(12) == 0 { // clocks differ, and stamps are taken late
			out[i].Time = out[i].Time.Add(time.Duration(r.IntN(9)-4) * time.Second)
		}
	}
	return out
}

// moment is some second of the week; midnight is where ids change.
func moment(r *rand.Rand) time.Time {
	day := monday.AddDate(0, 0, r.IntN(4))
	switch r.IntN(3) {
	case 0:
		return day.Add(24*time.Hour - time.Duration(r.IntN(8))*time.Second)
	case 1:
		return day.Add(9*time.Hour + time.Duration(r.IntN(5))*time.Minute)
	}
	return day.Add(time.Duration(r.IntN(86_400)) * time.Second)
}

// drawn is a life of any kind. The seed of the example is ours, so that it is
// the same each time.
func drawn(r *rand.Rand, c lives.Config) []loggen.Line {
	return rapid.Custom(func(t *rapid.T) []loggen.Line { return lives.Draw(t, c) }).Example(int(r.Uint32() >> 1))
}

// life is a message with a first attempt that is deferred and a second one
// that is not, after seconds or days.
func life(r *rand.Rand, host, id string, at time.Time) (out []loggen.Line) {
	say := func(at time.Time, program, text string) {
		out = append(out, loggen.Line{Time: at, Host: host, Program: "postfix/" + program, PID: "42", Text: id + ": " + text})
	}
	size := 1000 + r.IntN(2)
	active := fmt.Sprintf("from=<s@a.example>, size=%d, nrcpt=1 (queue active)", size)
	to := fmt.Sprintf("to=<r%d@b.example>, relay=b.example[192.0.2.2]:25", r.IntN(3))
	switch r.IntN(6) {
	case 0:
		say(at, "pickup", "uid=0 from=<root>")
	case 1: // its first line is missing
	default:
		say(at, "smtpd", fmt.Sprintf("client=a.example[192.0.2.%d]", 1+r.IntN(3)))
	}
	say(at, "cleanup", fmt.Sprintf("message-id=<%s%d@a.example>", id, r.IntN(100)))
	say(at.Add(time.Second), "qmgr", active)
	end := at.Add(2 * time.Second)
	if r.IntN(2) == 0 {
		say(end, "smtp", to+", delay=2, delays=1/0/0/1, dsn=4.2.0, status=deferred (try again)")
		end = at.Add([]time.Duration{time.Minute, 3 * time.Hour, 30 * time.Hour, 21 * 24 * time.Hour}[r.IntN(4)])
		say(end, "qmgr", active)
	}
	say(end, "smtp", fmt.Sprintf("%s, delay=%d, delays=1/0/0/1, dsn=2.0.0, status=sent (250 ok: queued as 4ABC)", to, int(end.Sub(at).Seconds())))
	if r.IntN(6) > 0 {
		say(end, "qmgr", "removed")
	}
	return out
}

// shipped says when each line arrives and where: mostly soon and in the index of
// its day, some late by days, some twice, some in an index of another day.
//
// In a duel all come soon, and into one index of each feed, so that a worker reads them at one go.
func shipped(r *rand.Rand, lines []loggen.Line, feeds []string, duel bool) (out []arrival) {
	for _, l := range lines {
		times := 1
		if r.IntN(8) == 0 {
			times = 2
		}
		for range times {
			a := arrival{sourceDoc: sourceDoc{Time: l.Time, Host: l.Host, Program: l.Program, PID: l.PID, Text: l.Text}, hold: r.IntN(10) == 0}
			if id := queueID(l.Text); id != "" && r.IntN(5) > 0 {
				a.ID = id
				if r.IntN(20) == 0 {
					a.ID = []string{id, "NOQUEUE", id}
				}
			}
			delay := time.Duration(r.IntN(30)) * time.Second
			late := r.IntN(8)
			if duel {
				late = -1
			}
			switch late {
			case 0:
				delay = time.Duration(r.IntN(48)) * time.Hour
			case 1:
				delay = time.Duration(r.IntN(10*24)) * time.Hour
			}
			a.at = l.Time.Add(delay)
			day := l.Time
			if r.IntN(4) == 0 { // by its arrival
				day = a.at
			} else if r.IntN(10) == 0 {
				day = monday.AddDate(0, 0, r.IntN(8))
			}
			if duel {
				day, a.hold = monday, false
			}
			a.index = feeds[r.IntN(len(feeds))] + "-" + day.Format("2006.01.02")
			out = append(out, a)
		}
	}
	slices.SortStableFunc(out, func(a, b arrival) int { return a.at.Compare(b.at) })
	return out
}

func queueID(text string) string {
	for i := range len(text) {
		c := text[i]
		if c == ':' && i >= 6 && text[:i] != "NOQUEUE" {
			return text[:i]
		}
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return ""
		}
	}
	return ""
}
