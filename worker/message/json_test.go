package message

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// decoded reads a document's JSON and fails where it is not valid.
func decoded(t testing.TB, d *Document) map[string]any {
	t.Helper()
	b := d.AppendJSON(nil)
	if !utf8.Valid(b) || bytes.IndexByte(b, '\n') >= 0 {
		t.Fatalf("no line of UTF-8: %q", b)
	}
	var m map[string]any
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(&m); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	if dec.More() {
		t.Fatalf("more than one value: %s", b)
	}
	return m
}

func TestAppendJSON(t *testing.T) {
	d := one(t, wholeMail)
	got := string(d.AppendJSON([]byte("before ")))
	const want = `before {"kind":"message","@timestamp":"2026-11-22T01:29:07.000Z","first_seen":"2026-11-22T01:29:07.000Z",` +
		`"last_seen":"2026-11-22T01:29:08.000Z","duration":1,"host":{"name":"mx1"},"instance":"postfix","queue_id":"4F2A31B2C7","origin":"smtp",` +
		`"from":"a@partner.example","from_domain":"partner.example","to":["b@ok.test"],"to_domain":["ok.test"],"subject":"hello",` +
		`"search":"a partner example hello b ok test","message_id":"1@partner.example","size":844,"nrcpt":1,` +
		`"client":{"hostname":"mail.partner.example","ip":"198.51.100.7","helo":"helo.example","proto":"ESMTP"},` +
		`"sasl":{"method":"PLAIN","username":"user1"},"status":"sent","complete":true,"open":false,"lines":6,` +
		`"recipients":[{"to":"b@ok.test","domain":"ok.test","status":"sent","dsn":"2.0.0","response":"250 2.0.0 Ok: queued as C8C84F008CC7","transport":"smtp",` +
		`"relay":{"hostname":"mx.ok.test","ip":"192.0.2.7","port":25},"remote_queue_id":"C8C84F008CC7","attempts":1,"first_attempt":"2026-11-22T01:29:08.000Z",` +
		`"last_attempt":"2026-11-22T01:29:08.000Z","delay":0.22,"delays":{"before_qmgr":0.1,"in_qmgr":0.05,"conn_setup":0.04,"transmission":0.03}}],` +
		`"counts":{"sent":1,"deferred":0,"bounced":0,"expired":0,"rejected":0,"discarded":0,"deleted":0,"held":0,"queued":0,"total":1},"unparsed":0,"log":[`
	if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, `],"schema":2}`) {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// What encoding/json reads back is what the document holds.
func TestJSONValues(t *testing.T) {
	d := one(t, wholeMail+`
		01:29:09 smtp: to=<"q\"\\ é 日"@x.test>, orig_to=<o@x.test>, relay=local, delay=120000, delays=0.01/1e/2/3, tls=may, dsn=4.0.0, status=deferred (a"b\c	d)
		01:30:09 smtp: to=<"q\"\\ é 日"@x.test>, orig_to=<o@x.test>, relay=local, delay=120060.5, delays=0.01/0/2/3, dsn=4.0.0, status=deferred (again)
		01:31:09 bounce: sender delay notification: AAAAAA5
		01:31:10 cleanup: reject: body x from y[192.0.2.1]; from=<a@b> to=<c@d>: 5.7.1 no
		01:31:11 pickup: what?`)
	m := decoded(t, d)
	r := m["recipients"].([]any)[0].(map[string]any)
	for _, c := range []struct{ got, want any }{
		{r["to"], d.Recipients[0].To},
		{r["to"], `"q\"\\ é 日"@x.test`},
		{r["orig_to"], "o@x.test"},
		{r["delay"], 120060.5},
		{r["attempts"], 2.},
		{r["tls"], nil},
		{r["history"].([]any)[0].(map[string]any)["response"], "a\"b\\c\td"},
		{r["relay"], map[string]any{"name": "local"}},
		{r["delays"], map[string]any{"before_qmgr": .01, "in_qmgr": 0., "conn_setup": 2., "transmission": 3.}},
		{m["links"], []any{map[string]any{"rel": "delay_notice", "queue_id": "AAAAAA5", "host": "mx1"}}},
		{m["checks"].([]any)[0].(map[string]any)["dsn"], "5.7.1"},
		{m["unparsed"], 1.},
		{m["duration"], 124.},
		{m["status"], Mixed},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%v, want %v", c.got, c.want)
		}
	}
}

func TestJSONStrings(t *testing.T) {
	for _, s := range []string{"", "plain", "é 日本 😀", "\x00\x01\x1f\x7f", "\"\\/\b\f\n\r\t", "\u2028\u2029\u202e", "<script>&", "a\xffb\xc3", "\xed\xa0\x80", "\ufffd"} {
		b := appendString(nil, s)
		var got string
		if err := json.Unmarshal(b, &got); err != nil || got != strings.ToValidUTF8(s, "\ufffd") && !strings.Contains(s, "\xed") {
			t.Errorf("%q: %s, %v", s, b, err)
		}
	}
}

func TestJSONTimes(t *testing.T) {
	for stamp, want := range map[string]string{
		"01:00:00": "01:00:00.000", "01:00:00.5": "01:00:00.500", "01:00:00.000123": "01:00:00.000123", "01:00:00.1234567": "01:00:00.123456",
	} {
		d := Merge(shortKey, []Line{{at(t, stamp), "postfix/qmgr", "1", shortID + ": removed"}}, Options{})[0]
		if got := decoded(t, &d)["@timestamp"]; got != day+want+"Z" {
			t.Errorf("%s: %v", stamp, got)
		}
	}
}

// storedAgain reads a document's lines back.
func storedAgain(t testing.TB, d *Document) []Line {
	t.Helper()
	lines, schema, err := StoredLines(d.AppendJSON(nil))
	if err != nil || schema != Schema {
		t.Fatalf("schema %d, %v", schema, err)
	}
	return lines
}

func TestStoredLines(t *testing.T) {
	lines := logLines(t, shortID, wholeMail)
	lines = append(lines,
		Line{at(t, "01:29:09.123456789"), "postfix/smtp", "", shortID + ": bytes \xff\xfe and \x00 and a tab\t \r\n"},
		Line{at(t, "01:29:09").In(time.FixedZone("", 3600)), "postfix/smtp", "1", shortID + ": \"\\\u2028<&>"},
		Line{at(t, "01:29:10"), "postfix/smtp", "1", shortID + ": " + strings.Repeat("x", 2*MaxLine)},
		Line{at(t, "01:29:11"), "postfix/smtp", "1", shortID + ": " + strings.Repeat("日", MaxLine)},
		Line{at(t, "01:29:12"), "postfix/smtp", "1", shortID + ": " + strings.Repeat("x", MaxLine-40) + strings.Repeat(" ", 100) + "end"},
		Line{at(t, "01:29:13"), "postfix/smtp", "1", shortID + ": " + strings.Repeat("x", MaxLine-12)},
	)
	d := Merge(shortKey, lines, Options{})[0]
	stored := storedAgain(t, &d)
	if !reflect.DeepEqual(stored, d.Log) {
		t.Errorf("stored lines differ")
	}
	again := Merge(shortKey, stored, Options{})[0]
	if !bytes.Equal(again.AppendJSON(nil), d.AppendJSON(nil)) {
		t.Errorf("another document of the stored lines: %v, %v", d.Warnings, again.Warnings)
	}
	both := Merge(shortKey, append(stored, lines...), Options{})[0]
	if !bytes.Equal(both.AppendJSON(nil), d.AppendJSON(nil)) {
		t.Errorf("another document of the stored lines and their originals: %d lines", both.Lines)
	}
	if fmt.Sprint(d.Warnings) != "["+WarnLineCut+"]" {
		t.Errorf("warnings %v", d.Warnings)
	}
	for _, l := range d.Log {
		if len(l.Text) > MaxLine || !utf8.ValidString(l.Text) || strings.ContainsRune(l.Text, 0) {
			t.Errorf("%d bytes", len(l.Text))
		}
	}
	if _, _, err := StoredLines([]byte(`{"log":"secret"}`)); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
}

// Each length around the cut, and each place of white space there.
func TestCutLines(t *testing.T) {
	for _, tail := range []string{"x", "日", " ", "é \t"} {
		for n := MaxLine - 12; n < MaxLine+6; n++ {
			l := Line{at(t, "01:00:00"), "postfix/smtp", "1", (strings.Repeat("x", n-6) + strings.Repeat(tail, 20))[:n] + "end"}
			once, cut := l.normal()
			twice, still := once.normal()
			if once != twice || cut != still || len(once.Text) > MaxLine || cut != (len(strings.ToValidUTF8(l.Text, "\ufffd")) > MaxLine) {
				t.Fatalf("%q at %d: cut %v then %v, %d then %d bytes", tail, n, cut, still, len(once.Text), len(twice.Text))
			}
		}
	}
}

// Each byte at each place of a string, and each pair of odd ones: strings are
// escaped by blocks where they need no escaping.
func TestJSONBytes(t *testing.T) {
	odd := []string{"\x00", "\x1f", "\"", "\\", "\x7f", "\x80", "\xff", "é", "日", "😀", "\xe6\x97", "\u2028"}
	check := func(s string) {
		var got string
		b := appendString(nil, s)
		if err := json.Unmarshal(b, &got); err != nil || got != string([]rune(s)) || !utf8.Valid(b) {
			t.Fatalf("%q: %s, %v", s, b, err)
		}
	}
	for c := range 256 {
		for place := range 24 {
			s := []byte("abcdefghijklmnopqrstuvwx")
			s[place] = byte(c)
			check(string(s))
		}
	}
	for _, a := range odd {
		for _, b := range odd {
			for n := range 10 {
				check(strings.Repeat("x", n) + a + strings.Repeat("y", n/2) + b + "z")
			}
		}
	}
}

func TestJSONTimeForms(t *testing.T) {
	from := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 20_000 {
		x := from.Add(time.Duration(i) * 987_654_321 * time.Microsecond * 300).Truncate(time.Microsecond)
		if i%3 == 0 {
			x = x.Truncate(time.Millisecond)
		}
		w := writer{}
		w.time(`"t":`, x)
		layout := `"t":"2006-01-02T15:04:05.000Z",`
		if x.Nanosecond()%1e6 != 0 {
			layout = `"t":"2006-01-02T15:04:05.000000Z",`
		}
		if got := string(w.b); got != x.Format(layout) {
			t.Fatalf("%s, want %s", got, x.Format(layout))
		}
	}
}
