package test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"

	"github.com/postweave/postweave/test/site"
)

// doc is a raw document taken apart.
type doc map[string]any

// change takes raw documents apart for change, and puts them together again.
func change(t *testing.T, docs []site.Raw, how func(i int, d doc)) []site.Raw {
	t.Helper()
	out := make([]site.Raw, len(docs))
	for i, x := range docs {
		var d doc
		if err := json.Unmarshal(x.Source, &d); err != nil {
			t.Fatal(err)
		}
		how(i, d)
		b, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = site.Raw{Index: x.Index, Source: b}
	}
	return out
}

// mixedLog is a generated log, with mail whose short ids are digits alone, some
// with a zero in front.
func mixedLog(t *testing.T) generated {
	t.Helper()
	g := generate(t, loggen.Config{Seed: 81, Messages: 150, Start: march, Span: time.Hour})
	var text []byte
	for i, id := range []string{"12345678901", "04321123456", "00001123456", "98765432100", "012345678901"} {
		g.lines = append(g.lines, site.Mail("mx1", id, march.Add(time.Duration(i)*time.Minute))...)
	}
	slices.SortStableFunc(g.lines, func(a, b loggen.Line) int { return a.Time.Compare(b.Time) })
	for _, l := range g.lines {
		text = l.AppendRFC3164(text)
	}
	if err := os.WriteFile(g.file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return g
}

func digits(d doc) bool {
	id, there := d["postfix_queueid"].(string)
	return !there || strings.Trim(id, "0123456789") == ""
}

// What an index calls its fields' types is settled index by index: ids as text,
// as keyword and as numbers, parts of a line as keyword alone or as text alone, in one source.
func TestTypesThatDifferByDay(t *testing.T) {
	type props = map[string]any
	typed := func(kind string, more ...any) props {
		p := props{"type": kind}
		for pair := range slices.Chunk(more, 2) {
			p[pair[0].(string)] = pair[1]
		}
		return p
	}
	all := func(names map[string]string, host, program, pid, text, id props) props {
		return props{"mappings": props{"properties": props{
			names["host"]: host, names["program"]: program, names["pid"]: pid, names["text"]: text, "postfix_queueid": id,
		}}}
	}
	names := map[string]map[string]string{
		"syslog": {"host": "syslog_hostname", "program": "syslog_program", "pid": "syslog_pid", "text": "syslog_message"},
		"plain":  {"host": "logsource", "program": "program", "pid": "pid", "text": "message"},
	}
	log := mixedLog(t)
	want := site.Merged(t, log.file, "--year", "2026")
	for layout, l := range layouts {
		t.Run(layout, func(t *testing.T) {
			s := site.New(t)
			n := names[layout]
			k, x := typed("keyword"), typed("text")
			indices := []struct {
				day     string
				mapping props
				takes   func(doc) bool
			}{
				{"01", all(n, k, k, k, x, x), nil},
				{"02", all(n, k, k, typed("integer"), typed("text", "index", false), k), nil},
				{"03", all(n, k, k, typed("long"), typed("keyword", "index", false, "doc_values", false), typed("long")), digits},
				{"04", all(n, k, x, x, x, typed("long", "ignore_malformed", true)), nil},
				{"05", all(n, x, x, k, x, k), nil},
				{"06", all(n, k, k, k, x, typed("keyword", "doc_values", false)), nil},
				{"07", props{}, nil}, // by dynamic mapping
				{"08", all(n, k, k, k, x, typed("integer", "ignore_malformed", true)), nil},
				{"09", all(n, typed("keyword", "ignore_above", 2), k, k, x, typed("keyword", "ignore_above", 5)), nil},
			}
			for _, i := range indices {
				s.ES(http.MethodPut, "/"+s.Source+"2026.03."+i.day, i.mapping, nil)
			}
			docs := s.Shipped(l, log.lines...)
			for i, d := range docs {
				var parsed doc
				if err := json.Unmarshal(d.Source, &parsed); err != nil {
					t.Fatal(err)
				}
				to := indices[i%len(indices)]
				if to.takes != nil && !to.takes(parsed) {
					to = indices[(i+1)%len(indices)]
				}
				docs[i].Index = s.Source + "2026.03." + to.day
				if id, _ := parsed["postfix_queueid"].(string); to.day == "03" && id != "" && id[0] != '0' && i%2 == 0 {
					docs[i].Source = bytes.Replace(d.Source, []byte(`"postfix_queueid":"`+id+`"`), []byte(`"postfix_queueid":`+id), 1)
				}
			}
			s.Index(docs)
			s.Run()
			site.Same(t, "run and merge", site.Sources(s.Documents()), want)
			back := s.Beside("backfill")
			back.Backfill("2026-03-20", "2026-03-26")
			site.Same(t, "backfill and run", site.Identified(back.Documents()), site.Identified(s.Documents()))
		})
	}
}

// Fields may be arrays, numbers, wrong or missing: a line belongs to the queue
// id its text begins with, and to no other.
func TestFieldsThatAreOdd(t *testing.T) {
	log := mixedLog(t)
	want := site.Merged(t, log.file, "--year", "2026")
	twice := func(d doc, names ...string) {
		for _, name := range names {
			if v, ok := d[name]; ok {
				d[name] = []any{v, v}
			}
		}
	}
	cases := map[string]func(i int, d doc){
		"every value twice": func(_ int, d doc) {
			twice(d, "postfix_queueid", "program", "pid", "logsource", "syslog_program", "syslog_pid", "syslog_hostname", "syslog_message")
		},
		"the whole line before its text": func(_ int, d doc) {
			if text, ok := d["syslog_message"]; ok {
				d["syslog_message"] = []any{"<22>Mar 20 12:00:00 mx1 postfix/x[1]: whole", text}
			} else {
				d["message"] = []any{"<22>Mar 20 12:00:00 mx1 postfix/x[1]: whole", d["message"]}
			}
		},
		"grok found no id": func(_ int, d doc) { delete(d, "postfix_queueid") },
		"grok missed some": func(i int, d doc) {
			if i%3 == 0 {
				delete(d, "postfix_queueid")
			}
		},
		"a wrong id": func(i int, d doc) {
			if i%2 == 0 {
				d["postfix_queueid"] = "1A2B3C4D5E6"
			}
		},
		"several ids": func(_ int, d doc) {
			d["postfix_queueid"] = []any{"NOQUEUE", "1A2B3C4D5E6", "", "4fVYrJ000pz8Lh", d["postfix_queueid"]}
		},
		"an id without end": func(i int, d doc) {
			if i%5 == 0 {
				d["postfix_queueid"] = strings.Repeat("A", 300)
			}
		},
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) {
			s := site.New(t)
			for layout, l := range layouts {
				var some []loggen.Line
				for i, line := range log.lines {
					if (i%2 == 0) == (layout == "plain") {
						some = append(some, line)
					}
				}
				docs := change(t, s.Shipped(l, some...), cases[name])
				for i := range docs {
					docs[i].Index = s.Source + layout
				}
				s.Index(docs)
			}
			s.Run()
			site.Same(t, "run and merge", site.Sources(s.Documents()), want)
		})
	}
}

// A host name of any length, as forged syslog may have it, must not stop a run.
func TestHostNameWithoutEnd(t *testing.T) {
	s := site.New(t)
	host := strings.Repeat("h", 300)
	s.Index(s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "1A2B3C4D5E6", march)...))
	s.Index(s.Shipped(loggen.LayoutSyslog, site.Mail(host, "2A2B3C4D5E6", march)...))
	s.Run()
	if docs := site.Sources(s.Documents()); len(docs) != 2 || !bytes.Contains([]byte(docs[0]+docs[1]), []byte(host)) {
		t.Errorf("%d documents, want 2", len(docs))
	}
}
