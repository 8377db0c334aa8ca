package main

import (
	"slices"
	"testing"
)

func TestFlagsAmongArguments(t *testing.T) {
	for name, c := range map[string]struct {
		args, rest []string
		problems   int
	}{
		"after the arguments":     {[]string{"mail.log", "-o", "table"}, []string{"mail.log"}, 0},
		"stdin":                   {[]string{"-", "--explain"}, []string{"-"}, 0},
		"after --":                {[]string{"--explain", "--", "-o", "--x"}, []string{"-o", "--x"}, 0},
		"switch taken back":       {[]string{"--explain", "--explain=false"}, nil, 0},
		"several mistakes":        {[]string{"--x=1", "-o", "xml", "mail.log", "--explain=perhaps", "--year"}, []string{"mail.log"}, 4},
		"no flag but hyphens":     {[]string{"---"}, nil, 1},
		"nothing":                 {nil, nil, 0},
		"value that looks a flag": {[]string{"--local-domains", "--explain"}, nil, 0},
	} {
		f := flagsOf(mergeCommand)
		rest, err := f.parse(c.args)
		if err != nil || !slices.Equal(rest, c.rest) || len(f.problems) != c.problems {
			t.Errorf("%s: %q, %v, %v", name, rest, err, f.problems)
		}
	}
}

func TestNearest(t *testing.T) {
	for word, want := range map[string]string{"bakfill": "backfill", "mrege": "merge", "rnu": "run", "verson": "version", "xyz": "", "": ""} {
		if got := nearest(word, commandNames()); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}
