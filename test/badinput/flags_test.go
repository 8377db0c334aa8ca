package badinput

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// weapons are values that would mean something in a query, a path, a script or a template, were
// they ever a part of one. A NUL cannot be in an argument.
var weapons = []string{
	`*" OR "1`, `" OR queue_id:*`, `*`, `?`, `?*`, `a OR b AND NOT c`, `{"match_all":{}}`, `"}},{"match_all":{}}`, `{{#toJson}}_source{{/toJson}}`, `{{`,
	`doc['queue_id'].value`, `';return true;//`, `${jndi:ldap://x.example}`, `<x-{now/d}>`, `/.*/`, `a~5^9`, `_exists_:from`,
	"a\nb\r\tc", "\x1b[2J", "\u009b31m\u202e", "\xff\xfe", `\`, `\"`, `'`, `/`, `..`, `../../_all/_search`, `%2f%2e%2e`, `a#b?c=d&e`, `-`, `--`, ` `, `_all`,
	`fe80::1%eth0`, `203.0.113.199/8`, `::ffff:203.0.113.199`, strings.Repeat("a ", 4000), strings.Repeat("(", 8000), strings.Repeat("é", 4000),
}

// The parts of a search that trace may send, beside the names of fields.
var searchWords = []string{
	"size", "track_total_hits", "query", "bool", "filter", "should", "minimum_should_match", "term", "terms", "match", "range", "value", "operator",
	"sort", "order", "missing", "format", "gte", "lt", "_source",
	"from", "from_domain", "to", "to_domain", "recipients.orig_to", "subject", "message_id", "queue_id", "client.ip", "client.hostname", "status",
	"nested", "path", "must_not", "excludes", "kind", "counts.sent", "wildcard", "case_insensitive", "ids", "values", "match_none", "search", "subjects", "sasl.username", "mode",
	"recipients.to", "recipients.domain", "recipients.delay", "recipients.relay.ip", "recipients.relay.hostname", "recipients.relay.name",
	"recipients.status", "@timestamp", "open", "host.name", "links.queue_id", "recipients.remote_queue_id", "seq_no_primary_term", "docvalue_fields",
}

// The flags of trace that take any text.
var traceFlags = []string{"from", "to", "text", "subject", "message-id", "queue-id", "client", "user", "relay", "server"}

// What is given to a flag is a value in a query, and nothing of it is ever its syntax or a part of a path.
func TestFlagsStayValues(t *testing.T) {
	s := site.New(t)
	r := &row{number: 52}
	s.Index(s.Shipped(loggen.LayoutSyslog, r.neighbour()...))
	s.Run()
	seen := record(t, s)
	through := s.Through(seen.url)
	for _, flag := range traceFlags {
		t.Run(flag, func(t *testing.T) {
			through := *through
			through.T = t
			for i, weapon := range weapons {
				if flag == "message-id" && strings.Trim(weapon, " <>") == "" {
					refusedUnasked(t, &through, seen, []string{"trace", "--message-id", weapon})
					refusedUnasked(t, &through, seen, []string{"trace", "--message-id", "<>"})
					continue
				}
				args := []string{"trace", "--" + flag + "=" + weapon, "--json"}
				if len(weapon) > 256 && slices.Contains([]string{"from", "to", "client", "user", "relay", "server"}, flag) { // a part of an address, or a name
					refusedUnasked(t, &through, seen, args)
					continue
				}
				if i%3 == 0 {
					args = append(args, "--follow-links")
				}
				o := through.Call(args...)
				if o.Code != 0 || o.Stdout != "" && !strings.Contains(weapon, "*") { // which stands for anything
					t.Errorf("%.60q: exit %d\n%.300s%.300s", weapon, o.Code, o.Stdout, o.Stderr)
				}
				safe(t, o.Stderr)
				if len(o.Stderr) > 1000 {
					t.Errorf("%.60q: %d bytes are said", weapon, len(o.Stderr))
				}
				searched(t, s, seen.take(), weapon)
			}
		})
	}
	t.Run("several at once", func(t *testing.T) {
		through := *through
		through.T = t
		o := through.Must("trace", "--json", "--from", weapons[6], "--to", weapons[0], "--subject", weapons[6], "--message-id", weapons[6], "--queue-id", weapons[6], "--client", weapons[6], "--text", weapons[6], "--user", weapons[6], "--relay", weapons[6], "--server", weapons[6], "--larger", "1", "--slower", "1s", "--open", "--sort", "delay", "--status", "sent", "--since", "2026-03-01", "--until", "2026-03-31")
		if o.Stdout != "" {
			t.Errorf("found %s", o.Stdout)
		}
		searched(t, s, seen.take(), weapons[6])
	})
	t.Run("what is there is found", func(t *testing.T) { // so that the searches above are of the right kind
		through := *through
		through.T = t
		for _, args := range [][]string{{"--from", "ALICE@example.com"}, {"--to", "@example.net"}, {"--subject", "news good"}, {"--message-id", "<neighbour@example.com>"}, {"--queue-id", neighbourID}, {"--client", "192.0.2.11"}, {"--client", "web.example.com"}, {"--client", ".EXAMPLE.com"}, {"--client", "192.0.2.0/24"}, {"--from", "lice"}, {"--to", "*@example.net"}, {"--text", "alice good"}, {"--status", "sent"}} {
			if o := through.Must(append([]string{"trace", "--json"}, args...)...); strings.Count(o.Stdout, "\n") != 1 {
				t.Errorf("%q: %s%s", args, o.Stdout, o.Stderr)
			}
		}
		seen.take()
	})
	t.Run("refused before anything is asked", func(t *testing.T) {
		through := *through
		through.T = t
		work := [][]string{{"run"}, {"backfill", "--days", "1"}, {"verify", "--days", "1"}}
		for setting, names := range map[string][]string{
			"source": {"*", "_all", "*,-secret", "-secret", "<x-{now/d}>", "-remote:x", "a/../b", "..", "A", strings.Repeat("a", 300), "a\nb", "a\x1b[2J", "a\u202eb", "a b", "a?b", "a#b", `a"b`, "a%00\x7f", "\xff"},
			"target": {"*", "_all", ".security", "<x-{now/d}>", "remote:x", "a/../b", "..", "A", strings.Repeat("a", 300), "a\nb", "a,b", "a*"},
			"state":  {"*", "_all", ".security", "<x-{now/d}>", "remote:x", "a/../b", "..", "A", strings.Repeat("a", 300), "a\nb", "a,b", s.Target + "-state"},
		} {
			for _, name := range names {
				for _, args := range work {
					refusedUnasked(t, &through, seen, append(slices.Clone(args), "--"+setting+"="+name))
				}
			}
		}
		for _, weapon := range append(slices.Clone(weapons), "9999y", "99999999999d", "NaN", "-1", "2026-02-30", "0000-00-00", strings.Repeat("9", 100_000)) {
			if weapon == "-" || weapon == "--" {
				continue // take the next argument's place, which is another mistake
			}
			for _, args := range [][]string{
				{"trace", "--since=" + weapon},
				{"trace", "--until=" + weapon},
				{"trace", "--status=" + weapon},
				{"trace", "--limit=" + weapon},
				{"trace", "--larger=" + weapon},
				{"trace", "--slower=" + weapon},
				{"trace", "--sort=" + weapon},
				{"trace", "--each=" + weapon},
				{"trace", "-o=" + weapon},
				{"backfill", "--from=" + weapon},
				{"backfill", "--days=" + weapon},
				{"verify", "--from=2026-03-20", "--to=" + weapon},
				{"run", "--since=" + weapon},
				{"rebuild", "--from=" + weapon},
				{"setup", "--print=" + weapon},
				{weapon},
				{"run", weapon + "x"},
				{"run", "--" + weapon},
				{"help", weapon},
				{"completion", weapon},
			} {
				refusedUnasked(t, &through, seen, args)
			}
		}
		for _, flag := range traceFlags {
			refusedUnasked(t, &through, seen, []string{"trace", "--" + flag + "=" + strings.Repeat("x", 100_000)})
		}
	})
}

// refusedUnasked wants exit code 1, few words, and no request.
func refusedUnasked(t *testing.T, s *site.Site, seen *recorder, args []string) {
	t.Helper()
	o := s.Call(args...)
	what := fmt.Sprintf("%.100q", args)
	if o.Code != 1 || o.Stdout != "" && args[0] != "--" {
		t.Errorf("%s: exit %d\n%.300s%.300s", what, o.Code, o.Stdout, o.Stderr)
	}
	if asked := seen.take(); len(asked) > 0 {
		t.Errorf("%s: %s %s was asked", what, asked[0].method, asked[0].uri)
	}
	safe(t, o.Stderr)
	if len(o.Stderr) > 20_000 {
		t.Errorf("%s: %d bytes are said", what, len(o.Stderr))
	}
	for line := range strings.Lines(o.Stderr) {
		if !strings.HasPrefix(line, "postweave: ") {
			t.Errorf("%s: %.200q looks like no line of ours", what, line)
		}
	}
}

// searched wants searches of the target, in which the value is a value.
func searched(t *testing.T, s *site.Site, all []asked, value string) {
	t.Helper()
	searches := 0
	for _, a := range all {
		u, err := url.Parse(a.uri)
		switch {
		case err != nil:
			t.Errorf("%.60q: asked for %q", value, a.uri)
		case a.uri == "/": // who answers
			continue
		case u.EscapedPath() != "/"+s.Target+"/_search" || u.RawQuery != "allow_partial_search_results=false" || u.Fragment != "":
			t.Errorf("%.60q: asked for %q", value, a.uri)
		}
		var body any
		if err := json.Unmarshal(a.body, &body); err != nil {
			t.Errorf("%.60q: %v", value, err)
			continue
		}
		searches++
		if word := strange(body); word != "" {
			t.Errorf("%.60q: %q stands in the search as a part of it: %.400s", value, word, a.body)
		}
	}
	if searches == 0 {
		t.Errorf("%.60q: nothing was searched for", value)
	}
}

// strange is a name in JSON that is none of those which a search may have.
func strange(v any) string {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if !slices.Contains(searchWords, name) {
				return name
			}
			if word := strange(inner); word != "" {
				return word
			}
		}
	case []any:
		for _, inner := range v {
			if word := strange(inner); word != "" {
				return word
			}
		}
	}
	return ""
}
