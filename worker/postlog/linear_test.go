package postlog

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// beginnings are texts up to the place where a stranger's words begin, one at
// least for each parser.
var beginnings = []struct{ program, text string }{
	{"postfix/smtpd", testID + ": client="},
	{"postfix/smtpd", testID + ": client=x[192.0.2.1], sasl_username="},
	{"postfix/smtpd", testID + ": client=x[192.0.2.1]"},
	{"postfix/smtpd", testID + ": reject: RCPT from x[192.0.2.1]: 550 5.1.1 "},
	{"postfix/smtpd", "NOQUEUE: reject: RCPT from x[192.0.2.1]: 550 no; from=<"},
	{"postfix/smtpd", "NOQUEUE: reject: CONNECT from x[192.0.2.1]: 550 no; proto="},
	{"postfix/smtpd", testID + ": lost connection after DATA "},
	{"postfix/postscreen", "NOQUEUE: reject: RCPT from [192.0.2.1]:25: 550 "},
	{"postfix/cleanup", testID + ": warning: header Subject: "},
	{"postfix/cleanup", testID + ": milter-reject: END-OF-MESSAGE from x[192.0.2.1]: "},
	{"postfix/cleanup", testID + ": message-id="},
	{"postfix/qmgr", testID + ": from=<"},
	{"postfix/qmgr", testID + `: from=<"`},
	{"postfix/pickup", testID + ": uid=0 from=<"},
	{"postfix/bounce", testID + ": sender "},
	{"postfix/smtp", testID + ": to=<"},
	{"postfix/smtp", testID + `: to=<"`},
	{"postfix/smtp", testID + ": to=<a@b>, orig_to=<"},
	{"postfix/smtp", testID + ": to=<a@b>, relay=none, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent ("},
	{"postfix/smtp", testID + ": to=<a@b>, relay="},
	{"postfix/smtp", testID + ": host "},
	{"postfix/postsuper", testID + ": "},
	{"postfix/smtpd", "disconnect from "},
	{"postfix/smtpd", "Anonymous TLS connection established from "},
	{"postfix/smtp", "connect to "},
	{"amavis", "(1-2) Passed CLEAN, "},
	{"rspamd", "<1>; task; rspamd_task_write_log: id: <"},
	{"opendkim", testID + ": "},
	{"opendmarc", testID + ": "},
	{"milter-greylist", testID + ": "},
	{"mimedefang", testID + ": "},
	{"spamd", "spamd: result: "},
	{"dovecot", "lmtp(x): "},
	{"", ""},
}

// hostile are what a stranger may repeat.
var hostileUnits = []string{
	"[", "(", ")", "<", ">", `"`, `\"`, "'", " ", ",", ", ", ": ", "; ", "=", "a", "é", "\x00", " from ", " from x[192.0.2.1]", "; from=<", `; from=<"`, "; from=<> ", "; from=<>: ",
	"; from=<" + strings.Repeat("a", 100), `; from=<"` + strings.Repeat("a", 100), "; from=<a> to=<b> proto=c helo=<d>: ", "; proto=", "; proto=" + strings.Repeat("a", 100), " sasl_method=", ", sasl_username=",
	"queued as ", "queued as ABCDEF0 ", "=?utf-8?", ">, relay=", ">, orig_to=<", ", status=", "status=sent (", "x[192.0.2.1]:25", "a=b ", "<a> ", "Message-ID: <", "mail_id: ", "qid: <", "Queue-ID: ",
}

// Each parser takes time in proportion to its text: sixteen times as much takes
// less than eighty times as long, where reading on from each place to the end takes 256.
func TestEachParserIsLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures time")
	}
	const n, times, most = 4 << 10, 16, 80
	for _, b := range beginnings {
		for _, unit := range hostileUnits {
			few, many := b.text+strings.Repeat(unit, n/len(unit)), b.text+strings.Repeat(unit, n*times/len(unit))
			ratio := 0.0
			for range 10 {
				if ratio = took(b.program, many) / took(b.program, few); ratio < most {
					break
				}
			}
			if ratio >= most {
				t.Errorf("%s: %s, and many %.20q: %d bytes take %.0f times as long as %d", b.program, b.text, unit, len(many), ratio, len(few))
			}
		}
	}
}

// parseAll gives a text to all that reads one.
func parseAll(program, text string) {
	e := Parse(program, text)
	_ = e.Kind
	c := ParseContext(program, text)
	_ = c
	_ = Shape(text)
	_, _ = LeadingQueueID(text)
	_, _ = ParseLine(text, 2026, nil)
	_, _ = ParseLine("Nov 22 01:00:00 mx1 "+text, 2026, nil)
	_, _ = SavedSession(text)
}

// took is the shortest time of three in seconds, each of some calls.
func took(program, text string) float64 {
	best := time.Duration(1 << 62)
	for range 3 {
		calls := 0
		from := time.Now()
		for calls == 0 || time.Since(from) < 20*time.Microsecond {
			parseAll(program, text)
			calls++
		}
		best = min(best, time.Since(from)/time.Duration(calls))
	}
	return best.Seconds()
}

// BenchmarkHostileText shows the time a byte for texts of more and more bytes,
// and how many times as long the longest takes as one of an eighth.
func BenchmarkHostileText(b *testing.B) {
	for _, begin := range beginnings {
		b.Run(strings.ReplaceAll(begin.program+" "+begin.text, "/", "_"), func(b *testing.B) {
			for _, n := range []int{4 << 10, 8 << 10, 16 << 10, 32 << 10} {
				b.Run(fmt.Sprint(n), func(b *testing.B) {
					var texts []string
					for _, unit := range hostileUnits {
						texts = append(texts, begin.text+strings.Repeat(unit, n/len(unit)))
					}
					b.SetBytes(int64(n * len(texts)))
					for b.Loop() {
						for _, text := range texts {
							parseAll(begin.program, text)
						}
					}
				})
			}
		})
	}
}
