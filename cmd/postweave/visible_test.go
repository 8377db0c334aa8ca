package main

import (
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
