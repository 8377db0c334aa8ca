package esquery

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// capsOf makes fields that dynamic mapping would have made of strings.
func capsOf(names ...string) map[string]capability {
	caps := map[string]capability{"@timestamp": {searchable: true, aggregatable: true, date: true}}
	for _, n := range names {
		caps[n] = capability{searchable: true}
		caps[n+".keyword"] = capability{searchable: true, aggregatable: true}
	}
	return caps
}

func fitted(t *testing.T, caps map[string]capability) *fields {
	t.Helper()
	for i := range layouts {
		if f := fit(&layouts[i], caps); f != nil {
			return f
		}
	}
	t.Fatal("no layout fits")
	return nil
}

func TestLayoutsAreChosen(t *testing.T) {
	syslog := capsOf("syslog_hostname", "syslog_program", "syslog_pid", "syslog_message", "message", "host", "postfix_queueid")
	plain := capsOf("logsource", "program", "pid", "message", "host", "postfix_queueid")
	ecs := capsOf("host.hostname", "process.name", "message")
	for _, test := range []struct {
		caps            map[string]capability
		name, host, id  string
		program, exists string
	}{
		{syslog, "syslog", "syslog_hostname.keyword", "postfix_queueid.keyword", "syslog_program.keyword", "postfix_queueid"},
		{plain, "logstash", "logsource.keyword", "postfix_queueid.keyword", "program.keyword", "postfix_queueid"},
		{ecs, "ecs", "host.hostname.keyword", "", "process.name.keyword", ""},
	} {
		f := fitted(t, test.caps)
		if f.layout.Name != test.name || f.host != test.host || f.queueID != test.id || f.programs[0] != test.program || strings.Join(f.idExists, " ") != test.exists {
			t.Errorf("%s: %+v", test.name, f)
		}
	}
	for _, missing := range []string{"syslog_hostname", "syslog_program", "syslog_message", "@timestamp"} {
		caps := capsOf("syslog_hostname", "syslog_program", "syslog_message")
		delete(caps, missing)
		if f := fit(&layouts[0], caps); f != nil {
			t.Errorf("without %s: %+v", missing, f)
		}
	}
	keyword := map[string]capability{"@timestamp": {searchable: true, aggregatable: true, date: true}, "syslog_hostname": {searchable: true, aggregatable: true}, "syslog_program": {searchable: true, aggregatable: true}, "syslog_message": {searchable: true}, "postfix_queueid": {searchable: true}}
	stamped := capsOf("syslog_hostname", "syslog_program", "syslog_message")
	stamped["@timestamp"] = capability{searchable: true, aggregatable: true} // a keyword
	if f := fit(&layouts[0], stamped); f != nil {
		t.Errorf("time is no date: %+v", f)
	}
	if f := fitted(t, keyword); f.host != "syslog_hostname" || f.queueID != "" || f.aggregated() {
		t.Errorf("keyword host, text queue id: %+v", f)
	}
}

func TestDecodeLine(t *testing.T) {
	f := fitted(t, capsOf("logsource", "program", "pid", "message", "postfix_queueid"))
	when := time.Date(2026, 11, 22, 1, 29, 7, 0, time.UTC)
	for _, test := range []struct {
		name, doc string
		want      decoded
		ok        bool
	}{
		{
			"plain", `{"@timestamp":"2026-11-22T01:29:07.000Z","logsource":"mx1","program":"postfix/smtp","pid":"12","message":"A: b","postfix_queueid":"AAAAAA"}`,
			decoded{"mx1", line(when, "postfix/smtp", "12", "A: b"), 1, 1},
			true,
		},
		{
			"arrays, numbers", `{"@timestamp":["2026-11-22T02:29:07+01:00"],"logsource":["mx1","mx1"],"program":["postfix/smtp"],"pid":12,"message":["<22>raw","A: b"],"postfix_queueid":["AAAAAA","AAAAAA"]}`,
			decoded{"mx1", line(when, "postfix/smtp", "12", "A: b"), 1, 1},
			true,
		},
		{
			"two ids", `{"@timestamp":"2026-11-22T01:29:07Z","logsource":"mx1","program":"p","message":"x","postfix_queueid":["AAAAAA","BBBBBB","NOQUEUE"]}`,
			decoded{"mx1", line(when, "p", "", "x"), 2, 1},
			true,
		},
		{
			"no queue id", `{"@timestamp":1795310947000,"logsource":"mx1","program":"p","message":"x"}`,
			decoded{"mx1", line(when, "p", "", "x"), 0, 1},
			true,
		},
		{
			"the id among the programs", `{"@timestamp":"2026-11-22T01:29:07Z","logsource":"mx1","program":["postfix/smtp","4101B87FB4"],"message":" to=<a@b.example>, relay=none"}`,
			decoded{"mx1", line(when, "postfix/smtp", "", "4101B87FB4: to=<a@b.example>, relay=none"), 0, 1},
			true,
		},
		{
			"the id among the programs and in the text", `{"@timestamp":"2026-11-22T01:29:07Z","logsource":"mx1","program":["postfix/smtp","4101B87FB4"],"message":"4101B87FB5: removed"}`,
			decoded{"mx1", line(when, "postfix/smtp", "", "4101B87FB5: removed"), 0, 1},
			true,
		},
		{
			"escapes", `{"@timestamp":"2026-11-22T01:29:07Z","logsource":"mx1","program":"p","message":"a\u0000\ud83d\ude00\"\\"}`,
			decoded{"mx1", line(when, "p", "", "a\x00😀\"\\"), 0, 1},
			true,
		},
		{"null text", `{"@timestamp":"2026-11-22T01:29:07Z","logsource":"mx1","program":"p","message":null}`, decoded{}, false},
		{"no host", `{"@timestamp":"2026-11-22T01:29:07Z","program":"p","message":"x"}`, decoded{}, false},
		{"no time", `{"logsource":"mx1","program":"p","message":"x"}`, decoded{}, false},
		{"odd time", `{"@timestamp":"yesterday","logsource":"mx1","program":"p","message":"x"}`, decoded{}, false},
		{"object for text", `{"@timestamp":"2026-11-22T01:29:07Z","logsource":"mx1","program":"p","message":{"a":1}}`, decoded{}, false},
		{"no object", `[]`, decoded{}, false},
	} {
		got, ok := f.decodeLine([]byte(test.doc))
		if ok != test.ok || ok && got != test.want {
			t.Errorf("%s: %+v, %v\nwant %+v", test.name, got, ok, test.want)
		}
	}
}

// A name with dots may be one key or several levels; both occur in one index.
func TestDottedNames(t *testing.T) {
	f := fitted(t, capsOf("host.hostname", "process.name", "process.pid", "message"))
	for _, doc := range []string{
		`{"@timestamp":"2026-11-22T01:29:07Z","host":{"hostname":"mx1"},"process":{"name":"postfix/smtp","pid":7},"message":"x"}`,
		`{"@timestamp":"2026-11-22T01:29:07Z","host.hostname":"mx1","process":{"name":"postfix/smtp"},"process.pid":"7","message":"x"}`,
	} {
		d, ok := f.decodeLine([]byte(doc))
		if !ok || d.host != "mx1" || d.line.Program != "postfix/smtp" || d.line.PID != "7" {
			t.Errorf("%s: %+v", doc, d)
		}
	}
}

// A mapping may have all names, used or not: each document says which are. The
// syslog header's host comes before the agent's.
func TestNamesThatAreMappedAndNotUsed(t *testing.T) {
	f := fitted(t, capsOf("host.name", "host.hostname", "hostname", "process.name", "process.program", "program", "log.syslog.hostname",
		"log.syslog.appname", "log.syslog.procid", "process.pid", "pid", "message", "event.original"))
	for _, parts := range []string{
		`"host":{"hostname":"mx1","name":"x"},"process":{"name":"postfix/smtp","pid":7},"message":"t"`,
		`"host":{"hostname":"agent","name":"agent"},"log":{"syslog":{"hostname":"mx1","appname":"postfix/smtp","procid":"7"}},"message":"t"`,
		`"host":{"hostname":"agent"},"hostname":"mx1","process":{"program":"postfix/smtp","pid":7},"message":"t"`,
		`"host":{"name":"mx1"},"program":"postfix/smtp","pid":"7","message":"t","event":{"original":"u"}`,
	} {
		d, ok := f.decodeLine([]byte(`{"@timestamp":"2026-11-22T01:29:07Z",` + parts + `}`))
		if !ok || d.host != "mx1" || d.line.Program != "postfix/smtp" || d.line.PID != "7" || d.line.Text != "t" {
			t.Errorf("%s: %+v", parts, d)
		}
	}
	if slices.Contains(f.sources, "event.original") {
		t.Error("each line is fetched twice")
	}
}

// The aggregation counts by one field alone; so does the decoder.
func TestCountedFields(t *testing.T) {
	f := fitted(t, capsOf("host.hostname", "host.name", "process.name", "message", "postfix_queueid", "postfix.queueid"))
	if strings.Join(f.idExists, " ") != "postfix_queueid postfix.queueid" {
		t.Errorf("looked for: %q", f.idExists)
	}
	for doc, want := range map[string][2]int{
		`"host":{"hostname":"mx1","name":"x"},"postfix_queueid":"AAAAAA"`:      {1, 1},
		`"host":{"name":"mx1"},"postfix_queueid":["AAAAAA","BBBBBB","AAAAAA"]`: {0, 2},
		`"host":{"hostname":["mx0","mx1"]},"postfix":{"queueid":"AAAAAA"}`:     {2, 0},
		`"host":{"hostname":"mx1"},"postfix_queueid":"NOQUEUE"`:                {1, 0},
	} {
		d, ok := f.decodeLine([]byte(`{"@timestamp":"2026-11-22T01:29:07Z","process":{"name":"p"},"message":"t",` + doc + `}`))
		if got := [2]int{d.hosts, d.ids}; !ok || d.host != "mx1" || got != want {
			t.Errorf("%s: %v, %s, want %v", doc, got, d.host, want)
		}
	}
}

// A header goes only where it is one of the same program, at the beginning.
func TestWholeLines(t *testing.T) {
	for text, want := range map[string]string{
		"<22>Feb 29 12:00:00 mx1 postfix/smtp[9]: A: b":         "9 A: b",
		"Mar 20 12:00:00 mx1 postfix/smtp[9]: A: b":             "9 A: b",
		"2026-03-20T12:00:00.5+01:00 mx1 postfix/smtp[9]: A: b": "9 A: b",
		"Mar 20 12:00:00 mx1 postfix/smtp: A: b":                " A: b",
		"Mar 20 12:00:00 mx1 postfix/smtpd[9]: A: b":            " Mar 20 12:00:00 mx1 postfix/smtpd[9]: A: b",
		"A: b Mar 20 12:00:00 mx1 postfix/smtp[9]: c":           " A: b Mar 20 12:00:00 mx1 postfix/smtp[9]: c",
		"<22>warning: mx1 postfix/smtp[9]: c":                   " <22>warning: mx1 postfix/smtp[9]: c",
		"":                                                      " ",
	} {
		l := line(time.Time{}, "postfix/smtp", "", text)
		if stripHeader(&l); l.PID+" "+l.Text != want {
			t.Errorf("%q: %q %q, want %q", text, l.PID, l.Text, want)
		}
	}
}

// An index without any text is read by the whole line.
func TestWholeLineWithoutText(t *testing.T) {
	f := fitted(t, capsOf("host.hostname", "process.name", "event.original"))
	d, ok := f.decodeLine([]byte(`{"@timestamp":"2026-11-22T01:29:07Z","host":{"hostname":"mx1"},"process":{"name":"postfix/smtp"},"event":{"original":"Nov 22 01:29:07 mx1 postfix/smtp[9]: A: b"}}`))
	if !ok || d.line.Text != "A: b" || d.line.PID != "9" {
		t.Errorf("%+v, %v", d, ok)
	}
}

func line(at time.Time, program, pid, text string) message.Line {
	return message.Line{Time: at, Program: program, PID: pid, Text: text}
}

// decodeLine reads a single document.
func (f *fields) decodeLine(source []byte) (decoded, bool) { return newLineDecoder(f).decode(source) }
