package message

import (
	"fmt"
	"testing"
)

func TestDirection(t *testing.T) {
	local := []string{"ours.test", "corp.example"}
	for _, tt := range []struct{ from, to, origin, want string }{
		{"a@far.test", "b@ours.test", "smtp", "inbound"},
		{"a@far.test", "b@sub.Ours.TEST", "smtp", "inbound"},
		{"a@ours.test", "b@far.test", "smtp", "outbound"},
		{"a@ours.test", "b@corp.example", "smtp", "internal"},
		{"root", "b@corp.example", "local", "internal"},
		{"root", "b@far.test", "local", "outbound"},
		{"a@far.test", "b@elsewhere.test", "smtp", "relay"},
		{"a@far.test", "b@notours.test", "smtp", "relay"}, // no sub-domain
		{"<>", "b@ours.test", "smtp", "inbound"},
		{"<>", "b@far.test", "internal", "outbound"},
		{"<>", "b@ours.test", "internal", "internal"},
		{`"a@ours.test"@far.test`, "b@ours.test", "smtp", "inbound"},
		{"", "b@ours.test", "smtp", ""},
		{"a@far.test", "", "smtp", ""},
	} {
		d := Document{From: tt.from, Origin: tt.origin}
		if tt.to != "" {
			d.To = []string{tt.to}
		}
		if got := direction(&d, local); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
		if got := direction(&d, nil); got != "" {
			t.Errorf("without local domains: %q", got)
		}
	}
	for _, tt := range []struct{ from, want string }{{"a@far.test", "inbound"}, {"a@ours.test", "outbound"}} {
		d := Document{From: tt.from, To: []string{"b@far.test", "c@ours.test"}}
		if got := direction(&d, local); got != tt.want {
			t.Errorf("%s to both: %q", tt.from, got)
		}
	}
}

func TestSearchWords(t *testing.T) {
	for text, want := range map[string]string{
		"O'Brien+Tag@Mail.Corp.TEST":     "[o brien tag mail corp test]",
		"Rechnung für März — Nº 42":      "[rechnung fur marz no 42]",
		"Привет ÅNGSTRÖM":                "[привет angstrom]",
		"日本語の件名":                         "[日本語の件名]",
		"":                               "[]",
		"<>":                             "[]",
		"straße ﬁne\u202e ½":             "[straße fine 1 2]",
		"a\xffb":                         "[a b]",
		"=?x?Q?a?= (re: 10%) http://x/y": "[x q a re 10 http x y]",
	} {
		if got := fmt.Sprint(SearchWords(text)); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestSearchField(t *testing.T) {
	if got := string(one(t, wholeMail).searchedWords); got != "a partner example hello b ok test" {
		t.Errorf("search %q", got)
	}
	var d Document
	for i := range 20_000 {
		d.To = append(d.To, fmt.Sprintf("user%05d@ours.test", i))
	}
	d.Counts.Total = len(d.To) // none of them is among the recipients shown
	got := string(searchWords(&d))
	if len(got) > maxSearch || len(got) < maxSearch-16 {
		t.Errorf("%d bytes", len(got))
	}
}
