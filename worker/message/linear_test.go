package message

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// hotKeys make n lines about one queue id, each list of a kind that some step of the
// merge has to look through.
var hotKeys = map[string]func(n int) []string{
	"recipients": func(n int) []string {
		return each(n, func(i int) string {
			return fmt.Sprintf("0 smtp to=<u%d@d>, relay=none, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (x)", i)
		})
	},
	"attempts": func(n int) []string {
		return each(n, func(i int) string {
			return fmt.Sprintf("%d smtp to=<c@d>, relay=none, delay=%[1]d, delays=0/0/0/0, dsn=4.0.0, status=deferred (x)", i)
		})
	},
	"refused recipients": func(n int) []string {
		return each(n, func(i int) string {
			return fmt.Sprintf("0 smtpd reject: RCPT from x[192.0.2.1]: 550 5.1.1 no; from=<a@b> to=<u%d@d> proto=SMTP helo=<h>", i)
		})
	},
	"announced recipients": func(n int) []string {
		return each(n, func(i int) string {
			return fmt.Sprintf("0 cleanup warning: header X: y from x[192.0.2.1]; from=<a@b> to=<u%d@d> proto=SMTP helo=<h>", i)
		})
	},
	"announced and delivered to others": func(n int) []string {
		return each(n, func(i int) string {
			if i%2 == 0 {
				return fmt.Sprintf("0 smtp to=<u%d@d>, relay=none, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (x)", i)
			}
			return fmt.Sprintf("0 cleanup warning: header X: y from x[192.0.2.1]; from=<a@b> to=<u%d@d> proto=SMTP helo=<h>", i)
		})
	},
	"subjects": func(n int) []string {
		return each(n, func(i int) string {
			return fmt.Sprintf("0 cleanup warning: header Subject: no %d from local; from=<a@b> to=<c@d>", i)
		})
	},
	"notices": func(n int) []string {
		return each(n, func(i int) string { return fmt.Sprintf("%d bounce sender delay notification: AA%06d", i/100, i) })
	},
	"message-ids": func(n int) []string {
		return each(n, func(i int) string { return fmt.Sprintf("0 cleanup message-id=<%d@x>", i) })
	},
	"lines not understood": func(n int) []string {
		return each(n, func(i int) string { return fmt.Sprintf("%d smtpd what %d", i/7, i) })
	},
	"messages, an hour apart": func(n int) []string {
		return each(n, func(i int) string { return fmt.Sprintf("%d smtpd client=x[192.0.2.1]", i*3600) })
	},
	"messages in one second": func(n int) []string {
		return each(n, func(i int) string { return fmt.Sprintf("0 smtpd client=x%d[192.0.2.1]", i) })
	},
	"messages in one second, delivered in it": func(n int) []string {
		return each(n, func(i int) string {
			if i%2 == 0 {
				return fmt.Sprintf("1 smtpd client=x%d[192.0.2.1]", i)
			}
			return fmt.Sprintf("0 smtp to=<c@d>, relay=none, delay=%d, delays=0/0/0/0, dsn=2.0.0, status=sent (x)", i)
		})
	},
	"bounces, an hour apart": func(n int) []string {
		return each(n, func(i int) string {
			return [...]string{
				fmt.Sprintf("%d cleanup message-id=<1@x>", i/4*3600),
				fmt.Sprintf("%d qmgr from=<>, size=1, nrcpt=1 (queue active)", i/4*3600),
				fmt.Sprintf("%d smtp to=<c@d>, relay=none, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (x)", i/4*3600),
				fmt.Sprintf("%d qmgr removed", i/4*3600),
			}[i%4]
		})
	},
	"removed and back, an hour apart": func(n int) []string {
		return each(n, func(i int) string {
			return [...]string{
				fmt.Sprintf("%d cleanup message-id=<1@x>", i/2*3600),
				fmt.Sprintf("%d qmgr removed", i/2*3600),
			}[i%2]
		})
	},
	"removed, and retried for ever": func(n int) []string {
		return each(n, func(i int) string {
			switch i {
			case 0:
				return "0 qmgr removed"
			case n - 1:
				return fmt.Sprintf("%d smtp to=<c@d>, relay=none, delay=%[1]d, delays=0/0/0/0, dsn=2.0.0, status=sent (x)", n*60)
			}
			return fmt.Sprintf("%d qmgr from=<>, size=1, nrcpt=1 (queue active)", i*60)
		})
	},
	"deliveries of other arrivals": func(n int) []string {
		return each(n, func(i int) string {
			return fmt.Sprintf("%d smtp to=<c@d>, relay=none, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (x)", i*3600)
		})
	},
}

func each(n int, line func(i int) string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = line(i)
	}
	return out
}

// hotLines reads "second program text".
func hotLines(texts []string) []Line {
	origin := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	lines := make([]Line, len(texts))
	for i, s := range texts {
		second, s, _ := strings.Cut(s, " ")
		program, text, _ := strings.Cut(s, " ")
		at, err := time.ParseDuration(second + "s")
		if err != nil {
			panic(err)
		}
		lines[i] = Line{origin.Add(at), "postfix/" + program, "1", shortID + ": " + text}
	}
	return lines
}

// A merge takes time in proportion to its lines, whatever they are: sixteen times
// as many take some twenty to forty times as long, since they leave the processor's caches, where a step
// that looks through all lines for each takes 256. The clock is other people's too, so the best of several
// looks counts.
func TestOneKeyIsMergedInLinearTime(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures time")
	}
	const n, times, most = 2000, 16, 80
	for name, make := range hotKeys {
		few, many := hotLines(make(n)), hotLines(make(n*times))
		ratio := 0.0
		for range 8 {
			if ratio = took(many) / took(few); ratio < most {
				break
			}
		}
		if ratio >= most {
			t.Errorf("%s: %d lines take %.0f times as long as %d", name, len(many), ratio, len(few))
		}
	}
}

// took is the shorter time in seconds of two merges.
func took(lines []Line) float64 {
	best := time.Duration(1 << 62)
	for range 2 {
		from := time.Now()
		Merge(shortKey, lines, Options{})
		best = min(best, time.Since(from))
	}
	return best.Seconds()
}

// BenchmarkHotKey shows the time a line for keys of more and more lines.
func BenchmarkHotKey(b *testing.B) {
	for name, lines := range hotKeys {
		for _, n := range []int{1000, 2000, 4000, 8000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				all := hotLines(lines(n))
				for b.Loop() {
					Merge(shortKey, all, Options{})
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/line")
			})
		}
	}
}

// Subjects are decoded in linear time, though each "=?" may begin a word.
func TestSubjectsAreDecodedInLinearTime(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures time")
	}
	const n, times, most = 8 << 10, 16, 80
	for _, unit := range []string{
		"=?", "=?a", "=?utf-8?", "=?utf-8?q?", "=?a?b?x", "=?a?q?x", "=?a?q?x ", "=?utf-8?q?a?=", "=?utf-8?q?a?= ", "=?utf-8?q?a?==?iso-8859-1?q?b?=", "=?x?q?a?= ", "?=", "?", "é", "a\u0301\u0316", "\xff",
	} {
		for _, cut := range []bool{false, true} {
			decode := func(size int) float64 {
				raw := strings.Repeat(unit, size/len(unit))
				best := time.Duration(1 << 62)
				for range 3 {
					from := time.Now()
					text, _ := decodeSubject(raw, cut)
					SearchWords(text)
					best = min(best, time.Since(from))
				}
				return best.Seconds()
			}
			ratio := 0.0
			for range 8 {
				if ratio = decode(n*times) / decode(n); ratio < most {
					break
				}
			}
			if ratio >= most {
				t.Errorf("many %q, cut %v: %d bytes take %.0f times as long as %d", unit, cut, n*times, ratio, n)
			}
		}
	}
}
