package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSay(t *testing.T) {
	said := func(do func(*app)) string {
		var out bytes.Buffer
		do(&app{stderr: &out})
		return out.String()
	}
	// A file's name may hold a line break, and must not look like a line of ours.
	name := fmt.Errorf("cannot read the log: open %s: no such file", "a\npostweave: all is well\x1b[2J\u202e")
	if got, want := said(func(a *app) { a.sayError(name) }), `postweave: cannot read the log: open a\npostweave: all is well\x1b[2J\u202e: no such file`+"\n"; got != want {
		t.Errorf("have %q\nwant %q", got, want)
	}
	several := codedError{exitSource, errors.Join(errors.Join(errors.New("one"), name), errors.New("three"))}
	if got := said(func(a *app) { a.sayError(several) }); strings.Count(got, "\n") != 3 || !strings.HasSuffix(got, "\npostweave: three\n") {
		t.Errorf("several: %q", got)
	}
	// Nor does a value of a megabyte fill the screen.
	long := strings.Repeat("ä\u202e", 1<<18)
	got := said(func(a *app) { a.say("--status: %q is not valid, want sent", long) })
	if len(got) > maxSaid+100 || !utf8.ValidString(got) || !strings.HasPrefix(got, `postweave: --status: "ä`) || !strings.HasSuffix(got, "is not valid, want sent\n") {
		t.Errorf("%d bytes: %.40q … %q", len(got), got, got[len(got)-40:])
	}
}

// An argument of a mebibyte, which no shell would hand on, is refused in a few words wherever it stands.
func TestArgumentsOfAMebibyte(t *testing.T) {
	long := strings.Repeat("x\u202e", 1<<18)
	for _, args := range [][]string{
		{long},
		{"help", long},
		{"merge", long},
		{"merge", "--" + long},
		{"merge", "-o", long},
		{"merge", "--timezone", long},
		{"run", "--source", long},
		{"run", "--target", long},
		{"run", "--fields", "./" + long},
		{"run", "--host-map", long},
		{"run", "--horizon", long},
		{"run", "--schedule", long},
		{"run", "--es-url", long},
		{"run", long},
		{"completion", long},
		{"trace", "--from", long},
		{"trace", "--to", long},
		{"trace", "--subject", long},
		{"trace", "--message-id", long},
		{"trace", "--queue-id", long},
		{"trace", "--client", long},
		{"trace", "--status", long},
		{"trace", "--since", long},
		{"trace", "--until", long},
		{"trace", "--limit", long},
		{"backfill", "--from", long},
		{"verify", "--days", long},
	} {
		var out, said bytes.Buffer
		if code := run(t.Context(), args, strings.NewReader(""), &out, &said, nil); code != exitUsage || out.Len() > 0 {
			t.Errorf("%.40q: exit %d", args, code)
		}
		if said.Len() > 4*maxSaid || strings.ContainsFunc(strings.ReplaceAll(said.String(), "\n", ""), unsafeRune) {
			t.Errorf("%.40q: %d bytes are said", args, said.Len())
		}
	}
}
