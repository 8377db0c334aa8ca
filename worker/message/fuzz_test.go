package message

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// FuzzSubject decodes any header value: text that can be shown and indexed comes out.
func FuzzSubject(f *testing.F) {
	for _, s := range []string{
		"hello", "=?utf-8?Q?h=C3?= =?utf-8?Q?=A9?=", "=?utf-8?B?aGk=?=", "=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "=?gb2312?B?1tDOxA==?=", "=?utf-8?q?cut=", "=?x?q?a?=", "=?=?=?",
	} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, raw string, cut bool) {
		text, ok := decodeSubject(raw, cut)
		if utf8.ValidString(raw) && !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("%q", text)
		}
		if !strings.Contains(raw, "=?") && (!ok || text != sanitize(raw)) {
			t.Errorf("%q of what is not encoded: %q", text, raw)
		}
		for _, word := range SearchWords(text) {
			if word == "" || strings.ContainsFunc(word, unicode.IsSpace) {
				t.Errorf("word %q", word)
			}
		}
	})
}

// FuzzStoredLines reads any bytes as a document, and each document that Merge
// makes of them back as the lines it was made of.
func FuzzStoredLines(f *testing.F) {
	f.Add([]byte(`{"schema":1,"log":[{"time":"2026-11-22T01:00:00.000Z","program":"postfix/qmgr","pid":"1","text":"4F2A31B2C7: removed"}]}`))
	f.Add([]byte(`{"log":[{"time":"2026-11-22T01:00:00.000001+01:00","text":"\u0000\ud800 "},{}]}`))
	f.Add([]byte(`{"log":null}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, source []byte) {
		lines, _, err := StoredLines(source)
		if err != nil || len(lines) == 0 {
			return
		}
		for _, d := range Merge(shortKey, lines, propertyOptions) {
			b := d.AppendJSON(nil)
			if !json.Valid(b) {
				t.Fatalf("no JSON: %s", b)
			}
			again, schema, err := StoredLines(b)
			if err != nil || schema != Schema || !slices.Equal(again, d.Log) {
				t.Fatalf("%v, schema %d\n%+v\n%+v", err, schema, again, d.Log)
			}
		}
	})
}

// FuzzMerge merges any lines, "seconds program text" each. Their order, repetition
// and a document's own lines beside them change nothing.
func FuzzMerge(f *testing.F) {
	f.Add([]byte("0 smtpd client=x[192.0.2.1]\n0 cleanup message-id=<1@x>\n1 qmgr from=<a@b>, size=1, nrcpt=1 (queue active)\n" +
		"2 smtp to=<c@d>, relay=none, delay=2, delays=0/0/0/2, dsn=2.0.0, status=sent (ok)\n2 qmgr removed\n200 qmgr removed"))
	f.Add([]byte("0 cleanup message-id=<1@x>\n5 cleanup message-id=<2@x>\n99 smtpd client=x[192.0.2.1]\n95 smtp to=<c@d>, relay=none, delay=1, status=sent (ok)"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4<<10 { // the same finds, sooner
			return
		}
		var lines []Line
		for row := range bytes.Lines(data) {
			second, rest, _ := bytes.Cut(bytes.TrimSuffix(row, []byte("\n")), []byte(" "))
			program, text, _ := bytes.Cut(rest, []byte(" "))
			n := 0
			for _, c := range second {
				n = (n*10 + int(c%10)) % 1_000_000
			}
			lines = append(lines, Line{lifeStart.Add(time.Duration(n) * time.Second), "postfix/" + string(program), "1", shortID + ": " + string(text)})
		}
		docs := Merge(shortKey, lines, propertyOptions)
		want := written(docs)
		turned := slices.Clone(lines)
		slices.Reverse(turned)
		turned = append(turned, lines[:len(lines)/2]...)
		for i := range docs {
			stored, _, err := StoredLines(docs[i].AppendJSON(nil))
			if err != nil {
				t.Fatal(err)
			}
			turned = append(turned, stored...)
		}
		if got := written(Merge(shortKey, turned, propertyOptions)); got != want {
			t.Fatalf("\n got %s\nwant %s", got, want)
		}
	})
}
