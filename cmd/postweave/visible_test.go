package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"":                          "",
		"plain <a@example.com>":     "plain <a@example.com>",
		"Grüße, 世界 👩‍👩‍👧":           "Grüße, 世界 👩‍👩‍👧",
		"\x1b[2J\x1b]0;pwn\x07":     `\x1b[2J\x1b]0;pwn\x07`,
		"\u009b31mred":              `\u009b31mred`,
		"\x9b31m":                   `\x9b31m`,
		"a\r\nb\tc\x00\x7f":         `a\r\nb\tc\x00\x7f`,
		"invoice\u202efdp.exe":      `invoice\u202efdp.exe`,
		"\u2066x\u2069\u200f\u061c": `\u2066x\u2069\u200f\u061c`,
		"one\u2028two\u2029":        `one\u2028two\u2029`,
		"caf\xe9":                   `caf\xe9`,
		"\xed\xa0\x80":              `\xed\xa0\x80`,
		"\U000e0041":                `\U000e0041`,
		"\ufffd":                    "\ufffd",
		`DOMAIN\user`:               `DOMAIN\user`,
	} {
		if got := visible(in); got != want {
			t.Errorf("visible(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzVisible(f *testing.F) {
	f.Add("a\x1b[0m\u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		got := visible(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, unsafeRune) {
			t.Errorf("visible(%q) = %q is not safe", s, got)
		}
		if visible(got) != got {
			t.Errorf("visible(%q) is not stable", s)
		}
	})
}

func TestEscapeJSON(t *testing.T) {
	for in, want := range map[string]string{
		`{"a":"b"}` + "\n":           `{"a":"b"}` + "\n",
		`{"a":"Grüße 👩‍👧 �"}`:        `{"a":"Grüße 👩\u200d👧 �"}`,
		"{\"a\":\"\u009b31m\x7f\"}":  `{"a":"\u009b31m\u007f"}`,
		"\"\u202e\u2028\U000e0041\"": `"\u202e\u2028\udb40\udc41"`,
		"{\t\"a\":1}":                `{ "a":1}`,
		"\"\xff\"":                   `"\ufffd"`,
	} {
		if got := string(escapeJSON([]byte(in))); got != want {
			t.Errorf("escapeJSON(%q) = %q, want %q", in, got, want)
		}
	}
}

// What goes to a terminal has the same value, and nothing that a terminal acts on.
func FuzzEscapeJSON(f *testing.F) {
	f.Add("a\x1b[0m\u202e\u009b\u2028\x7f\U000e0041")
	f.Fuzz(func(t *testing.T, s string) {
		line, err := json.Marshal(map[string]string{"value": s})
		if err != nil {
			t.Fatal(err)
		}
		// As our own documents are written: with the characters themselves.
		line = []byte(strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029").Replace(string(line)))
		got := escapeJSON(line)
		if strings.ContainsFunc(string(got), unsafeRune) || !utf8.Valid(got) {
			t.Fatalf("%q is not safe", got)
		}
		var before, after map[string]string
		if json.Unmarshal(line, &before) != nil {
			t.Skip("the replacement hit an escaped backslash")
		}
		if err := json.Unmarshal(got, &after); err != nil || after["value"] != before["value"] {
			t.Fatalf("%q is another value than %q (%v)", got, line, err)
		}
	})
}
