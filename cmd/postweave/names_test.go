package main

import (
	"strings"
	"testing"
)

// Names of indices, clusters and servers that would mean something else in a request, or that no such thing has.
func TestNamesAreChecked(t *testing.T) {
	for _, c := range []struct{ variable, want string }{
		{"SOURCE=**", "which postweave itself writes"},
		{"SOURCE=*-log", `matches "postfix-messages-log"`},
		{"SOURCE=postweave-s*", `matches "postweave-state"`},
		{"SOURCE=_all", "it begins with _"},
		{"SOURCE=a/../b", "it holds '/'"},
		{"SOURCE=..", "it is empty"},
		{"SOURCE=a?b", "it holds '?'"},
		{"SOURCE=a#b", "it holds '#'"},
		{"SOURCE=a b", "it holds ' '"},
		{"SOURCE=a\nb", `it holds '\n'`},
		{"SOURCE=a\x7fb", `it holds '\x7f'`},
		{"SOURCE=a\u009bb", `it holds '\u009b'`},
		{"SOURCE=a\u202eb", `it holds '\u202e'`},
		{"SOURCE=a\xffb", "it holds '\ufffd'"},
		{"SOURCE=" + strings.Repeat("a", 300), "longer than 200 bytes"},
		{"SOURCE=-remote:a", "of its cluster's name, it begins with -"},
		{"SOURCE=<r>:a", "of its cluster's name, it holds '<'"},
		{"SOURCE=r/..:a", "of its cluster's name, it holds '/'"},
		{"SOURCE=remote:-a", "it begins with -"},
		{"SOURCE=syslog-*::failures", "cluster:pattern"},
		{"TARGET=.security", "it begins with a dot"},
		{"TARGET=_all", "it begins with _"},
		{"TARGET=<x-{now/d}>", "it holds '<'"},
		{"TARGET=remote:idx", "it holds ':'"},
		{"TARGET=a,b", "it holds ','"},
		{"TARGET=Mail", "capital letters"},
		{"TARGET=a\u2066b", `it holds '\u2066'`},
		{"STATE=.postweave", "it begins with a dot"},
		{"STATE=*", "it holds '*'"},
		{"STATE=a/../b", "it holds '/'"},
		{"STATE=" + strings.Repeat("ä", 101), "longer than 200 bytes"},
		{"HOST_MAP=a=b\nc", "want pairs"},
		{"HOST_MAP=a=\x1b[2J", "want pairs"},
		{"HOST_MAP=a=" + strings.Repeat("h", 300), "want pairs"},
	} {
		_, err := load(t, nil, c.variable)
		name, _, _ := strings.Cut(c.variable, "=")
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%.60q: %v, want … %s", c.variable, err, c.want)
		}
	}
}
