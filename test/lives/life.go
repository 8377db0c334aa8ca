package lives

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/postweave/postweave/test/loggen"
)

// Config says what lives are to be like.
type Config struct {
	Host, ID string
	At       time.Time // arrival, a whole second
	// Begins wants the first line to be there and whole: an origin line, or cleanup's message-id.
	Begins bool
	// Origin wants it to be an origin line.
	Origin bool
	// Removed wants the last line to be the removal of the queue file.
	Removed bool
}

// life is one in the making.
type life struct {
	Config
	t       *rapid.T
	now     time.Time
	arrival time.Time
	from    string
	rcpts   []recipient
	lines   []loggen.Line
	ended   bool
}

type recipient struct{ to, orig string }

var (
	senders    = []string{"ann@a.example", "Ann@A.Example", "", "root", `"a b"@a.example`, "böb@bücher.example", "srs0=x=y=a.example=ann@b.example"}
	recipients = []string{
		"bob@b.example", "BOB@b.example", "eve@b.example", `"a> to=<ceo@corp.example"@evil.example`, `"x>, relay=fake"@far.example`, "jürgen@bücher.example",
		"list+tag@c.example", "nobody", "bob@b.example.test",
	}
	subjects = []string{
		"hello", "", "=?UTF-8?Q?h=C3?= =?UTF-8?Q?=A9llo?=", "=?utf-8?B?aGk", "from x[192.0.2.1]; from=<ceo@corp.example> to=<cfo@corp.example> proto=ESMTP helo=<h>",
		"a; from=<", "re: from here, to=<there>", "\xff\xfe", strings.Repeat("long ", 38),
	}
	answers = []string{
		"250 2.0.0 Ok: queued as 4F2A31B2C7", "250 ok", "host mx.b.example[192.0.2.7] said: 450 4.2.0 greylisted (in reply to RCPT TO command)",
		"250 ok) status=bounced (550 no", "connect to mx.b.example[192.0.2.7]:25: Connection timed out", "delivered to maildir",
	}
)

// Draw returns the lines of one message, in the order in which they were written. No line is there twice.
func Draw(t *rapid.T, c Config) []loggen.Line {
	c.Begins = c.Begins || c.Origin
	l := &life{Config: c, t: t, now: c.At, arrival: c.At}
	l.begin()
	if !l.ended {
		l.queue()
	}
	if c.Removed && !strings.HasSuffix(l.lines[len(l.lines)-1].Text, ": removed") {
		l.wait(3)
		l.say("qmgr", "removed")
	}
	l.cut()
	return l.some()
}

// End is the time of the latest line.
func End(lines []loggen.Line) time.Time {
	return slices.MaxFunc(lines, func(a, b loggen.Line) int { return a.Time.Compare(b.Time) }).Time
}

func (l *life) say(program, text string) {
	x := loggen.Line{Time: l.now, Host: l.Host, Program: "postfix/" + program, PID: fmt.Sprint(100 + len(l.lines)), Text: l.ID + ": " + text}
	if !slices.Contains(l.lines, x) {
		l.lines = append(l.lines, x)
	}
}

// wait lets up to so many seconds pass.
func (l *life) wait(seconds int) {
	l.now = l.now.Add(time.Duration(rapid.IntRange(0, seconds).Draw(l.t, "wait")) * time.Second)
}

func (l *life) oneIn(n int, what string) bool { return rapid.IntRange(0, n-1).Draw(l.t, what) == 0 }

// begin writes what smtpd, pickup and cleanup do.
func (l *life) begin() {
	l.from = rapid.SampledFrom(senders).Draw(l.t, "from")
	for range rapid.IntRange(1, 4).Draw(l.t, "recipients") {
		r := recipient{to: rapid.SampledFrom(recipients).Draw(l.t, "to")}
		if l.oneIn(3, "orig_to") {
			r.orig = rapid.SampledFrom(recipients).Draw(l.t, "orig")
		}
		l.rcpts = append(l.rcpts, r)
	}
	origins := []string{
		"smtpd client=a.example[192.0.2.1]", "smtpd client=unknown[unknown]", "smtpd client=a.example[2001:db8::1], sasl_method=PLAIN, sasl_username=ann",
		"smtpd client=localhost[127.0.0.1], orig_queue_id=4F2A31B2C8", "qmqpd client=a.example[192.0.2.1]", "pickup uid=0 from=<" + l.from + ">",
		"pickup uid=1000 from=<" + l.from + "> orig_id=4F2A31B2C9", "", "",
	}
	if l.Origin {
		origins = origins[:7]
	}
	origin := rapid.SampledFrom(origins).Draw(l.t, "origin")
	if program, text, ok := strings.Cut(origin, " "); ok {
		l.say(program, text)
	}
	if strings.Contains(origin, "orig_id=") { // it keeps its old arrival
		l.arrival = l.now.Add(-time.Duration(rapid.IntRange(0, 100_000).Draw(l.t, "age")) * time.Second)
	}
	envelope := " from a.example[192.0.2.1]; from=<" + l.from + "> to=<" + l.rcpts[0].to + "> proto=ESMTP helo=<h.example>"
	if !strings.HasPrefix(origin, "smtpd") {
		envelope = " from local; from=<" + l.from + "> to=<" + l.rcpts[0].to + ">"
	} else {
		for range rapid.IntRange(0, 2).Draw(l.t, "refused") {
			to := rapid.SampledFrom(recipients).Draw(l.t, "refused to")
			l.say("smtpd", "reject: RCPT from a.example[192.0.2.1]: 550 5.1.1 <"+to+">: no; from=<"+l.from+"> to=<"+to+"> proto=ESMTP helo=<h.example>")
		}
	}
	l.wait(5)
	l.say("cleanup", "message-id="+rapid.SampledFrom([]string{"<1@a.example>", "<>", "no brackets", "<cut"}).Draw(l.t, "message-id"))
	if l.oneIn(2, "subject") {
		header := "Subject: " + rapid.SampledFrom(subjects).Draw(l.t, "subject")
		l.say("cleanup", "warning: header "+header[:min(len(header), 200)]+envelope)
	}
	if l.oneIn(4, "filter") {
		l.lines = append(l.lines, loggen.Line{Time: l.now, Host: l.Host, Program: "opendkim", PID: "7", Text: l.ID + ": DKIM-Signature field added (s=s1, d=a.example)"})
	}
	switch rapid.IntRange(0, 11).Draw(l.t, "verdict") {
	case 0:
		l.say("cleanup", "reject: header X-Bad: 1"+envelope+": 5.7.1 no")
		l.ended = true
	case 1:
		l.say("cleanup", "discard: header X-Bad: 1"+envelope+": gone")
		l.ended = true
	case 2:
		l.say("cleanup", "hold: header X-Odd: 1"+envelope+": look")
		l.now = l.now.Add(time.Duration(rapid.IntRange(0, 30).Draw(l.t, "held days")) * 24 * time.Hour)
		l.say("postsuper", "released from hold")
	case 3:
		l.say("cleanup", "milter-reject: END-OF-MESSAGE from a.example[192.0.2.1]: 5.7.1 spam; from=<"+l.from+"> to=<"+l.rcpts[0].to+"> proto=ESMTP helo=<h.example>")
		l.ended = true
	case 4:
		l.say("smtpd", "lost connection after DATA (12 bytes) from a.example[192.0.2.1]")
		l.ended = true
	}
}

// queue writes what the queue manager and the delivery agents do.
func (l *life) queue() {
	active := fmt.Sprintf("from=<%s>, size=%d, nrcpt=%d (queue active)", l.from, 844, len(l.rcpts))
	l.wait(2)
	l.say("qmgr", active)
	left := slices.Clone(l.rcpts)
	for range rapid.IntRange(0, 3).Draw(l.t, "retries") {
		var again []recipient
		for _, r := range left {
			l.wait(3)
			if !l.attempt(r, rapid.SampledFrom([]string{"deferred", "deferred", "sent", "bounced", "SOFTBOUNCE"}).Draw(l.t, "status")) {
				again = append(again, r)
			}
		}
		if left = again; len(left) == 0 {
			break
		}
		l.now = l.now.Add(time.Duration(rapid.IntRange(1, 30_000).Draw(l.t, "backoff")) * time.Second)
		l.say("qmgr", active)
	}
	switch rapid.IntRange(0, 7).Draw(l.t, "end") {
	case 0: // no end yet
	case 1:
		l.say("qmgr", "from=<"+l.from+">, status=expired, returned to sender")
		l.say("bounce", "sender non-delivery notification: 4F2A31B2CA")
		l.say("qmgr", "removed")
	case 2:
		l.say("postsuper", "removed")
	case 3:
		l.say("postsuper", "placed on hold")
	case 4:
		l.say("postsuper", "requeued")
	default:
		for _, r := range left {
			l.attempt(r, rapid.SampledFrom([]string{"sent", "bounced"}).Draw(l.t, "last status"))
		}
		l.say("qmgr", "removed")
	}
}

// attempt writes a delivery line. It tells whether no other will follow.
func (l *life) attempt(r recipient, status string) (final bool) {
	orig := ""
	if r.orig != "" {
		orig = ", orig_to=<" + r.orig + ">"
	}
	program := rapid.SampledFrom([]string{"smtp", "lmtp", "local", "pipe", "error", "relay/smtp"}).Draw(l.t, "agent")
	l.say(program, fmt.Sprintf("to=<%s>%s, relay=%s, delay=%d, delays=1/0/0/0, dsn=2.0.0, status=%s (%s)", r.to, orig,
		rapid.SampledFrom([]string{"none", "local", "mx.b.example[192.0.2.7]:25", "mx[private/dovecot-lmtp]"}).Draw(l.t, "relay"),
		int(l.now.Sub(l.arrival).Seconds()), status, rapid.SampledFrom(answers).Draw(l.t, "answer")))
	return status == "sent" || status == "bounced"
}

// cut cuts a line somewhere behind its queue id, now and then. A first line stays whole where it is wanted, and so does a
// removal.
func (l *life) cut() {
	if !l.oneIn(4, "cut") {
		return
	}
	i := rapid.IntRange(0, len(l.lines)-1).Draw(l.t, "cut line")
	x := &l.lines[i]
	if i == 0 && l.Begins || strings.HasSuffix(x.Text, ": removed") {
		return
	}
	x.Text = x.Text[:rapid.IntRange(len(l.ID)+2, len(x.Text)).Draw(l.t, "cut at")]
}

// some leaves out first and last lines, now and then.
func (l *life) some() []loggen.Line {
	lines := l.lines
	if !l.Begins && l.oneIn(4, "first lines missing") {
		lines = lines[rapid.IntRange(0, len(lines)-1).Draw(l.t, "first line"):]
	}
	if !l.Removed && l.oneIn(4, "last lines missing") {
		lines = lines[:rapid.IntRange(1, len(lines)).Draw(l.t, "last line")]
	}
	return lines
}
