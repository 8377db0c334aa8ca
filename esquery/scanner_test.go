package esquery

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// plainDecode reads a document by encoding/json: what the scanner must agree
// with. Names without dots only.
func plainDecode(f *fields, source []byte) (d decoded, ok bool) {
	var doc map[string]json.RawMessage
	if json.Unmarshal(source, &doc) != nil {
		return d, false
	}
	read := func(names []string) []string {
		for _, name := range names {
			if v := plainValues(doc[name]); len(v) > 0 {
				return v
			}
		}
		return nil
	}
	l := &f.layout
	hosts := read(l.Host)
	d.host, d.hosts, d.ids = last(hosts), distinct(hosts, ""), distinct(read(l.QueueID), "NOQUEUE")
	d.line.Program, d.line.PID, d.line.Text = first(read(l.Program)), first(read(l.PID)), last(read(l.Text))
	var stamp bool
	d.line.Time, stamp = parseTime(first(read(l.Time)))
	return d, stamp && d.host != "" && d.line.Text != ""
}

func plainValues(raw json.RawMessage) (out []string) {
	var text string
	var number json.Number
	var list []json.RawMessage
	switch {
	case len(raw) == 0 || raw[0] == 'n':
	case raw[0] == '"' && json.Unmarshal(raw, &text) == nil:
		return []string{text}
	case raw[0] == '[' && json.Unmarshal(raw, &list) == nil:
		for _, r := range list {
			out = append(out, plainValues(r)...)
		}
	case json.Unmarshal(raw, &number) == nil:
		return []string{string(raw)}
	}
	return out
}

func FuzzDecodeLine(f *testing.F) {
	for _, doc := range []string{
		`{"@timestamp":"2026-11-22T01:29:07.000Z","logsource":"mx1","program":"postfix/smtp","pid":"12","message":"A: b","postfix_queueid":"AAAAAA"}`,
		` { "@timestamp" : 1795310947000 , "logsource" : [ "mx1" , [ "mx2" , 7 ] ] , "message" : "a\\\"}]," , "x" : { "y" : [ { "z" : "\\" } ] } } `,
		`{"\u006dessage":"escaped name","@timestamp":"2026-11-22T01:29:07Z","logsource":"\ud800","pid":-1.5e3,"program":null}`,
		`{"message":"first","message":"second","@timestamp":["2026-11-22T01:29:07Z"],"logsource":"mx1","postfix_queueid":["NOQUEUE","A","A"]}`,
		"{\"message\":\"no \xff UTF-8\",\"@timestamp\":\"2026-11-22T01:29:07Z\",\"logsource\":\"m\xc3\xa9\"}",
		`{}`, `[]`, `null`, `{"message":}`, `{"message":"x`, `{"a":"\"`, `{"a":[`, `{"a":{"b":"}"}`,
	} {
		f.Add([]byte(doc))
	}
	fields := fit(&layouts[1], capsOf("logsource", "program", "pid", "message", "postfix_queueid"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		got, ok := fields.decodeLine(doc) // must not panic, whatever it is
		if !json.Valid(doc) {
			return
		}
		want, wantOK := plainDecode(fields, doc)
		if ok != wantOK || ok && got != want {
			t.Errorf("%s\n%+v, %v\nwant %+v, %v", doc, got, ok, want, wantOK)
		}
	})
}

// What a decoder keeps of one document must not show in the next.
func TestDocumentsDoNotMix(t *testing.T) {
	d := newLineDecoder(fitted(t, capsOf("logsource", "program", "pid", "message", "postfix_queueid")))
	whole := []byte(`{"@timestamp":"2026-11-22T01:29:07Z","logsource":"mx1","program":"p","pid":"7","message":"x","postfix_queueid":"AAAAAA"}`)
	if _, ok := d.decode(whole); !ok {
		t.Fatal("not read")
	}
	got, ok := d.decode([]byte(`{"@timestamp":"2026-11-22T01:29:08Z","logsource":"mx2","message":"y"}`))
	if want := (decoded{host: "mx2", hosts: 1, line: line(time.Date(2026, 11, 22, 1, 29, 8, 0, time.UTC), "", "", "y")}); !ok || got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if _, ok := d.decode([]byte(`{"logsource":"mx2","message":"y"}`)); ok {
		t.Error("the time of another document was taken")
	}
}

func TestDecodeAnswer(t *testing.T) {
	a, ok := decodeAnswer([]byte(`{"pit_id":"p","took":3,"timed_out":false,"_shards":{"total":2,"failed":1},
		"hits":{"total":{"value":7,"relation":"eq"},"max_score":null,"hits":[
			{"_index":"i","_id":"a\"b","_seq_no":4,"_primary_term":2,"_score":null,"_source":{"hits":{"hits":[1]},"x":"]}"},"sort":[5,"z"]},
			{"_index":"i","fields":{"host.name":["mx1"],"queue_id":["A"]},"sort":[6]}
		]},"aggregations":{"t":{"buckets":[]}}}`), nil)
	if !ok || a.PIT != "p" || a.Shards.Failed != 1 || a.Hits.Total.Value != 7 || string(a.Aggregations) != `{"t":{"buckets":[]}}` || len(a.Hits.Hits) != 2 {
		t.Fatalf("%+v", a)
	}
	one, two := a.Hits.Hits[0], a.Hits.Hits[1]
	if one.ID != `a"b` || one.SeqNo != 4 || one.PrimaryTerm != 2 || string(one.Source) != `{"hits":{"hits":[1]},"x":"]}"}` || string(one.Sort) != `[5,"z"]` {
		t.Errorf("%+v", one)
	}
	if two.field("host.name") != "mx1" || two.field("queue_id") != "A" || two.field("other") != "" || two.Source != nil {
		t.Errorf("%+v", two)
	}
	for _, none := range []string{`{"_shards":{},"hits":{"hits":[]}}`, `{"hits":{"hits":null},"_shards":{"total":1}}`, `{"_shards":{"total":1},"hits":{"total":{"value":0}}}`} {
		if a, ok := decodeAnswer([]byte(none), nil); !ok || len(a.Hits.Hits) != 0 {
			t.Errorf("%s: %+v, %v", none, a, ok)
		}
	}
	for _, broken := range []string{
		``, `[]`, `{"hits":{"hits":[{"_id":"a"}`, `{"a":1`,
		`{"_shards":{},"hits":{"hits":[{"_seq_no":"x"}]}}`, `{"_shards":{},"hits":{},"timed_out":"no"}`,
		// It would read as the answer of a search that looked everywhere and found nothing.
		`{}`, `{"_shards":{"total":1,"failed":0}}`, `{"hits":{"total":{"value":0},"hits":[]}}`, `{"_shards":null,"hits":{"hits":[]}}`, `{"_shards":{"total":1},"hits":null}`,
	} {
		if _, ok := decodeAnswer([]byte(broken), nil); ok {
			t.Errorf("%s: taken", broken)
		}
	}
}

func BenchmarkDecodeLine(b *testing.B) {
	f := fit(&layouts[0], capsOf("syslog_hostname", "syslog_program", "syslog_pid", "syslog_message", "postfix_queueid"))
	doc := []byte(`{"@timestamp":"2026-11-22T01:29:07.000Z","@version":"1","type":"syslog","host":"192.0.2.53",` +
		`"message":"<22>Nov 22 01:29:07 mx1 postfix/smtp[4711]: 4F9D195432C: to=<ada@example.org>, relay=mail.example.org[192.0.2.7]:25, delay=0.52, delays=0.1/0.01/0.2/0.21, dsn=2.0.0, status=sent (250 2.0.0 OK)",` +
		`"syslog_hostname":"mx1","syslog_program":"postfix/smtp","syslog_pid":"4711",` +
		`"syslog_message":"4F9D195432C: to=<ada@example.org>, relay=mail.example.org[192.0.2.7]:25, delay=0.52, delays=0.1/0.01/0.2/0.21, dsn=2.0.0, status=sent (250 2.0.0 OK)",` +
		`"postfix_queueid":"4F9D195432C",` + strings.Repeat(`"postfix_some_field":"some value",`, 15) + `"tags":["_grok_postfix_success"]}`)
	d := newLineDecoder(f)
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := d.decode(doc); !ok {
			b.Fatal("not read")
		}
	}
}
