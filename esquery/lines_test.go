package esquery

import (
	"testing"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// capsOf makes fields that dynamic mapping would have made of strings.
func capsOf(names ...string) map[string]capability {
	caps := map[string]capability{"@timestamp": {true, true}}
	for _, n := range names {
		caps[n] = capability{true, false}
		caps[n+".keyword"] = capability{true, true}
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
		if f.layout.Name != test.name || f.host != test.host || f.queueID != test.id || f.programs[0] != test.program || f.idExists != test.exists {
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
	keyword := map[string]capability{"@timestamp": {true, true}, "syslog_hostname": {true, true}, "syslog_program": {true, true}, "syslog_message": {true, false}, "postfix_queueid": {true, false}}
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

func line(at time.Time, program, pid, text string) message.Line {
	return message.Line{Time: at, Program: program, PID: pid, Text: text}
}

// decodeLine reads a single document.
func (f *fields) decodeLine(source []byte) (decoded, bool) { return newLineDecoder(f).decode(source) }
