package badinput

import (
	"strings"
	"testing"
	"time"
)

// lineRows are about lines as such: missing, endless, cut, folded.
func lineRows() []row {
	var rows []row
	add := func(number int, input, outcome string, more func(r *row)) {
		r := row{number: number, input: input, outcome: outcome}
		more(&r)
		rows = append(rows, r)
	}
	add(1, "a line without text, a document without its text field", "belongs to no message; counted as read", func(r *row) {
		r.lines = says(r.host(), "smtpd", "", "qmgr", "  ")
		r.raw = []string{
			`{"@timestamp":"2026-03-20T12:00:00Z","syslog_hostname":"HOST","syslog_program":"postfix/qmgr","syslog_pid":"1"}`,
			`{"@timestamp":"2026-03-20T12:00:01Z","syslog_hostname":"HOST","syslog_program":"postfix/qmgr","syslog_message":""}`,
			`{"@timestamp":"2026-03-20T12:00:01Z","syslog_program":"postfix/qmgr","syslog_message":"` + someID + `: removed"}`,
			`{"@timestamp":"2026-03-20T12:00:01Z","syslog_hostname":"","syslog_program":"postfix/qmgr","syslog_message":"` + someID + `: removed"}`,
		}
		r.check = none
	})
	add(2, "a text field that is a number, `null`, `true`, a list or an object", "of a list the last text is the line; what is none belongs to no message; an object is refused by Elasticsearch beside other lines", func(r *row) {
		shape := func(value string) string {
			return `{"@timestamp":"2026-03-20T12:00:00Z","syslog_hostname":["HOST"],"syslog_program":"postfix/qmgr","syslog_message":` + value + `}`
		}
		r.not = map[path]string{parser: "it has no fields, only text", command: "a log has no fields, only text"}
		r.raw = []string{
			shape("42"), shape("-1e999"), shape("null"), shape("true"), shape("[]"), shape(`[[null]]`), shape(`{"a":"` + someID + `: removed"}`),
			shape(`["<22>Mar 20 12:00:00 HOST postfix/qmgr[1]: ` + someID + `: from=<x@example.net>, size=1, nrcpt=1 (queue active)","` + someID + `: ` + active + `"]`),
			shape(`["` + someID + `: removed", 42, null]`),
		}
		r.refused = 1
		r.instead = "the last of a list, not the first: filters append the text that they stripped, and the whole line stands before it"
		r.check = func(t *testing.T, _ path, d documents) {
			x := d.one(t)
			equal(t, "lines", x.Lines, 1)
			equal(t, "sender", x.From, "jane@example.org")
			equal(t, "removed", x.Complete, false)
		}
	})
	add(3, "a line of 1 MiB", "cut at 32 KiB between two characters; warning `line_truncated`", func(r *row) {
		r.lines = append(of(r.host(), someID, "smtpd", client, "qmgr", active),
			of(r.host(), someID, "smtp", strings.TrimSuffix(delivered, "(250 ok)")+"("+strings.Repeat("ä€", 1<<20/5)+")")...)
		r.check = func(t *testing.T, _ path, d documents) {
			x := d.one(t)
			x.warned(t, "line_truncated", true)
			x.warned(t, "value_truncated", true)
			equal(t, "status", x.Status, "sent")
			if n := len(x.Log[2].Text) + len(x.Log[0].Text) + len(x.Log[1].Text); n > 40<<10 || n < 32<<10 {
				t.Errorf("%d bytes are kept", n)
			}
			if n := len(x.Recipients[0].Response); n > 8191 || n < 8000 {
				t.Errorf("%d bytes of the response", n)
			}
		}
	})
	add(4, "a line cut within a quoted address", "what is whole is taken; no address is made of a half one", func(r *row) {
		r.lines = of(r.host(), someID, "smtpd", client, "qmgr", `from=<"jane a> to=<b`, "smtp", `to=<"joe@exa`, "smtp", `to=<"joe, relay=none, dela`)
		r.unparsed = 3
		r.check = func(t *testing.T, _ path, d documents) {
			x := d.one(t)
			equal(t, "sender", x.From, "")
			equal(t, "recipients", len(x.To), 0)
			equal(t, "lines", x.Lines, 4)
		}
	})
	add(13, "a line break within a text", "stays one line of one message, in Elasticsearch; in a file it ends the line, and what follows is a line of its own", func(r *row) {
		forged := "Mar 20 12:00:00 " + r.host() + " postfix/qmgr[1]: " + neighbourID + ": removed"
		r.lines = of(r.host(), someID, "smtpd", client+"\n"+forged, "smtp", delivered+"\r\n"+forged+"\n\n"+neighbourID+": removed", "qmgr", active)
		r.not = map[path]string{command: "a file has lines, and nothing tells the break that a forger put there: what follows is a line of its own, as if that host had written it"}
		r.check = func(t *testing.T, _ path, d documents) {
			equal(t, "lines", d.one(t).Lines, 3)
		}
	})
	return rows
}

// numberRows are about times and numbers.
func numberRows() []row {
	var rows []row
	add := func(number int, input, outcome string, more func(r *row)) {
		r := row{number: number, input: input, outcome: outcome}
		more(&r)
		rows = append(rows, r)
	}
	add(45, "time stamps that are none: `Feb 30`, `0000-00-00`, 1969, `24:00:60`; the year 9999", "in a log file no syslog line, counted; the year 9999 is a time like others", func(r *row) {
		for _, stamp := range []string{"Feb 30 12:00:00", "Mar 20 24:00:60", "Mar  0 12:00:00", "Xxx 20 12:00:00", "0000-00-00T00:00:00Z", "1969-12-31T23:59:59Z", "2026-03-20T24:00:60Z", "10000-01-01T00:00:00Z", "2026-13-01T00:00:00Z"} {
			r.log += stamp + " HOST postfix/qmgr[1]: " + someID + ": removed\n"
			r.notSyslog++
		}
		r.log += "9999-12-31T23:59:59Z HOST postfix/qmgr[1]: " + someID + ": " + active + "\n"
		for _, stamp := range []string{"Feb 30 12:00:00", "0000-00-00T00:00:00Z", "2026-03-20T24:00:60Z", "soon", ""} {
			r.raw = append(r.raw, `{"@timestamp":"`+stamp+`","syslog_hostname":"HOST","syslog_program":"postfix/qmgr","syslog_message":"`+someID+`: removed"}`)
			r.refused++
		}
		r.raw = append(r.raw, `{"@timestamp":"9999-12-31T23:59:59Z","syslog_hostname":"HOST","syslog_program":"postfix/qmgr","syslog_message":"`+someID+`: `+active+`"}`)
		r.not = map[path]string{parser: "a header's time is read where the line comes from: by merge from the file, by Elasticsearch from the document"}
		r.instead = "no time of arrival stands in for a broken one: what syslog did not write is no line of a message"
		r.check = func(t *testing.T, _ path, d documents) {
			x := d.one(t)
			equal(t, "lines", x.Lines, 1)
			equal(t, "time", x.Timestamp, time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC))
		}
	})
	add(46, "`@timestamp` missing, far ahead, long ago, a list, a number", "without a time a line belongs to no message, and is counted; any other time is taken, of a list the first; the cursor follows arrival and does not care", func(r *row) {
		line := func(stamp, text string) string {
			return `{` + stamp + `"syslog_hostname":"HOST","syslog_program":"postfix/qmgr","syslog_message":"` + text + `"}`
		}
		r.raw = []string{
			line(``, someID+": removed"),
			line(`"@timestamp":null,`, someID+": removed"),
			line(`"@timestamp":[],`, someID+": removed"),
			line(`"@timestamp":"2099-01-01T00:00:00Z",`, "5F2A31B2C7: "+active),
			line(`"@timestamp":"1985-01-01T00:00:00Z",`, "6F2A31B2C7: "+active),
			line(`"@timestamp":["2026-03-20T12:00:05Z","2099-01-01T00:00:00Z"],`, "7F2A31B2C7: "+active),
			line(`"@timestamp":1774008005000,`, "8F2A31B2C7: "+active),
		}
		r.not = map[path]string{parser: "it is given a time", command: "a log has no such field; what its stamps may be is row 45"}
		r.check = func(t *testing.T, _ path, d documents) {
			years := map[string]int{"5F2A31B2C7": 2099, "6F2A31B2C7": 1985, "7F2A31B2C7": 2026, "8F2A31B2C7": 2026}
			equal(t, "documents", len(d), len(years))
			for i := range d {
				equal(t, "year of "+d[i].QueueID, d[i].Timestamp.Year(), years[d[i].QueueID])
			}
		}
	})
	add(47, "`delay=-1`, `1e308`, `NaN`, `delays=1/2`", "no number; the attempt counts, its line is kept", func(r *row) {
		r.bare = true
		try := func(delay string) string {
			return "to=<joe@example.com>, relay=none, " + delay + ", dsn=4.4.1, status=deferred (later)"
		}
		r.lines = of(r.host(), someID, "smtpd", client, "smtp", try("delay=-1, delays=-1/0/0/0"), "smtp", try("delay=1e308, delays=1/2"), "smtp", try("delay=NaN, delays=a/b/c/d"),
			"smtp", try("delay=Infinity, delays=1/2/3/4/5"), "smtp", try("delay=99999999999999999999, delays=9e9/9e9/9e9/9e9"))
		r.check = func(t *testing.T, _ path, d documents) {
			to := d.one(t).Recipients[0]
			equal(t, "attempts", to.Attempts, 5)
			if to.Delay != nil || len(to.Delays) != 0 {
				t.Errorf("delay %v, %v", to.Delay, to.Delays)
			}
		}
	})
	add(48, "`size=99999999999999999999`, `nrcpt=-5`", "no number; the sender is taken, the line is kept", func(r *row) {
		r.lines = of(r.host(), someID, "qmgr", "from=<jane@example.org>, size=99999999999999999999, nrcpt=-5 (queue active)",
			"qmgr", "from=<jane@example.org>, size=1e9, nrcpt=0x10 (queue active)")
		r.check = func(t *testing.T, _ path, d documents) {
			x := d.one(t)
			equal(t, "sender", x.From, "jane@example.org")
			if x.Size != nil || x.NRcpt != nil {
				t.Errorf("size %v, nrcpt %v", x.Size, x.NRcpt)
			}
		}
	})
	add(49, "`dsn=9.9.9`, `status=weird`", "no enhanced code; a status that is not known counts as deferred, with the warning `unknown_status`; the line keeps the word", func(r *row) {
		r.lines = of(r.host(), someID, "smtp", "to=<joe@example.com>, relay=none, delay=1, delays=0/0/0/1, dsn=9.9.9, status=weird (what)")
		r.instead = "not a status of its own: every query for what waits would have to know it"
		r.check = func(t *testing.T, _ path, d documents) {
			x := d.one(t)
			equal(t, "status", x.Status, "deferred")
			equal(t, "dsn", x.Recipients[0].DSN, "")
			equal(t, "response", x.Recipients[0].Response, "what")
			x.warned(t, "unknown_status", true)
		}
	})
	add(50, "an address with a zone, `[unknown]`, `unix:/…`, a host name of 1 KiB, port 99999", "`ip` takes addresses alone; the rest is a name, or in the line only", func(r *row) {
		long := strings.Repeat("h", 1<<10)
		r.lines = of(r.host(), someID, "smtpd", "client="+long+"[fe80::1%eth0]:99999",
			"smtp", strings.Replace(delivered, "mx.example.com[192.0.2.2]:25", "unix:/var/run/lmtp", 1),
			"smtp", strings.Replace(strings.Replace(delivered, "mx.example.com[192.0.2.2]:25", "mx[unknown]:25", 1), "joe@", "jim@", 1),
			"smtp", strings.Replace(strings.Replace(delivered, "mx.example.com[192.0.2.2]:25", "mx[256.1.1.1]:25", 1), "joe@", "tom@", 1))
		r.check = func(t *testing.T, _ path, d documents) {
			x := d.one(t)
			equal(t, "client", x.Client.Hostname, long)
			equal(t, "address", x.Client.IP, "")
			equal(t, "sent", x.Counts["sent"], 3)
			for _, to := range x.Recipients {
				equal(t, "relay's address", to.Relay.IP, "")
			}
			equal(t, "relay", x.Recipients[1].Relay.Name, "unix:/var/run/lmtp")
		}
	})
	return rows
}
