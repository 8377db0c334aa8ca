package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"

	"github.com/postweave/postweave/test/site"
)

// fieldLayout is a way in which shippers and pipelines name a line's parts.
type fieldLayout struct {
	profile string // as POSTWEAVE_FIELDS names it too; each profile once
	file    string // that POSTWEAVE_FIELDS must name
	// mapped are names that the index's mapping has before the first document, as Filebeat's template has all of ECS.
	mapped []string
	// document is a line's; grok is what the patterns for Postfix found in it.
	document func(i int, l loggen.Line, grok doc) doc
	noPID    bool
}

// agent is the machine that a shipper runs on, which must not be taken for the
// server that wrote the line.
const agent = "relay.corp.test"

// template is some of what Filebeat's maps, used or not.
var template = []string{
	"host.name", "host.hostname", "process.name", "process.program", "log.syslog.hostname", "log.syslog.appname", "log.syslog.procid", "event.original",
}

func wholeLine(l loggen.Line) string {
	return "<22>" + strings.TrimSuffix(string(l.AppendRFC3164(nil)), "\n")
}

// with adds to a document, dots in names being levels.
func with(d doc, pairs ...any) doc {
	for pair := range slices.Chunk(pairs, 2) {
		in := map[string]any(d)
		path := strings.Split(pair[0].(string), ".")
		for _, level := range path[:len(path)-1] {
			if in[level] == nil {
				in[level] = map[string]any{}
			}
			in = in[level].(map[string]any)
		}
		in[path[len(path)-1]] = pair[1]
	}
	return d
}

var fieldLayouts = map[string]fieldLayout{
	"syslog": {profile: "syslog", document: func(_ int, l loggen.Line, grok doc) doc {
		return with(grok, "host", agent, "message", wholeLine(l), "syslog_hostname", l.Host, "syslog_program", l.Program, "syslog_pid", l.PID, "syslog_message", l.Text)
	}},
	"logstash, host an object": {profile: "logstash", document: func(_ int, l loggen.Line, grok doc) doc {
		return with(grok, "host.ip", "192.0.2.53", "host.name", agent, "logsource", l.Host, "program", l.Program, "pid", l.PID, "message", l.Text)
	}},
	"ecs": {profile: "ecs", document: func(_ int, l loggen.Line, grok doc) doc {
		return with(grok, "host.hostname", l.Host, "host.ip", "192.0.2.53", "process.name", l.Program, "process.pid", l.PID, "message", l.Text,
			"event.original", wholeLine(l), "log.syslog.facility.code", 2, "log.syslog.priority", 22, "service.type", "system")
	}},
	"ecs, arrays and flat names, no grok": {document: func(i int, l loggen.Line, _ doc) doc {
		if i%2 == 0 {
			return doc{"host.hostname": l.Host, "process.name": l.Program, "process.pid": l.PID, "message": l.Text}
		}
		return with(doc{}, "host.hostname", []any{l.Host, l.Host}, "process.name", []any{l.Program, l.Program}, "process.pid", []any{l.PID}, "message", []any{wholeLine(l), l.Text})
	}},
	"ecs, the id among the programs": {document: func(i int, l loggen.Line, _ doc) doc {
		d := with(doc{}, "host.name", l.Host, "process.name", l.Program, "process.pid", l.PID, "message", l.Text)
		if id, text, ok := strings.Cut(l.Text, ":"); ok && i%2 == 0 && len(id) > 9 && strings.Trim(id, "0123456789ABCDEF") == "" {
			with(d, "process.name", []any{l.Program, id}, "message", text)
		}
		return d
	}},
	"ecs, nothing but the whole line": {document: func(_ int, l loggen.Line, grok doc) doc {
		return with(grok, "host.hostname", l.Host, "process.name", l.Program, "event.original", wholeLine(l))
	}},
	"ecs, the whole line for its text": {document: func(i int, l loggen.Line, grok doc) doc {
		text := []any{wholeLine(l), []any{l.Text, wholeLine(l)}, string(l.AppendRFC3339(nil)), []any{l.Text, l.Text}}[i%4]
		return with(grok, "host.hostname", l.Host, "process.name", l.Program, "process.pid", l.PID, "message", text)
	}},
	"ecs, ids in a field of several levels": {document: func(i int, l loggen.Line, grok doc) doc {
		id, there := grok["postfix_queueid"]
		d := with(doc{}, "host.hostname", l.Host, "process.name", l.Program, "process.pid", l.PID, "message", l.Text)
		if there {
			with(d, [...]string{"postfix.queueid", "postfix.queue_id"}[i%2], id)
		}
		return d
	}},
	"beats": {profile: "beats", mapped: template, document: func(_ int, l loggen.Line, grok doc) doc {
		return with(grok, "host.name", agent, "host.hostname", agent, "agent.type", "filebeat", "log.syslog.hostname", l.Host,
			"log.syslog.appname", l.Program, "log.syslog.procid", l.PID, "log.syslog.priority", 22, "message", l.Text)
	}},
	"beats, the older syslog input": {mapped: template, document: func(_ int, l loggen.Line, _ doc) doc {
		return with(doc{}, "host.name", agent, "host.hostname", agent, "hostname", l.Host, "process.program", l.Program, "process.pid", l.PID, "message", l.Text)
	}},
	"beats, files and a pattern": {mapped: template, noPID: true, document: func(_ int, l loggen.Line, grok doc) doc {
		return with(grok, "host.name", l.Host, "program", l.Program, "message", l.Text)
	}},
	"a file, and host is an object or not": {
		file: `{"time":["logged"],"host":["host.name","host"],"program":["unit"],"pid":["proc"],"text":["said"],"queue_id":["qid"]}`,
		document: func(i int, l loggen.Line, grok doc) doc {
			d := with(doc{}, "logged", l.Time.UTC().Format(time.RFC3339Nano), "unit", l.Program, "proc", l.PID, "said", l.Text)
			if id, there := grok["postfix_queueid"]; there {
				d["qid"] = id
			}
			if i%2 == 0 { // into an index of its own
				return with(d, "host.name", l.Host)
			}
			return with(d, "host", l.Host)
		},
	},
}

// documents are the lines in the layout, for an index of the given name. Shapes of
// host that cannot be in one index are put into two.
func (f *fieldLayout) documents(s *site.Site, index string, lines []loggen.Line) []site.Raw {
	s.T.Helper()
	ship := loggen.NewShipper(loggen.LayoutPlain, 1)
	docs := make([]site.Raw, len(lines))
	for i, l := range lines {
		var d doc
		if err := json.Unmarshal(ship.AppendDocument(nil, l), &d); err != nil {
			s.T.Fatal(err)
		}
		maps.DeleteFunc(d, func(name string, _ any) bool { return !strings.HasPrefix(name, "postfix_") })
		d = f.document(i, l, d)
		if f.file == "" {
			d["@timestamp"] = l.Time.UTC().Format(time.RFC3339Nano)
		}
		b, err := json.Marshal(d)
		if err != nil {
			s.T.Fatal(err)
		}
		docs[i] = site.Raw{Index: index, Source: b}
		if _, text := d["host"].(string); text {
			docs[i].Index += "-text"
		}
	}
	if f.mapped != nil {
		properties := map[string]any{}
		for _, name := range f.mapped {
			properties[name] = map[string]any{"type": "keyword"}
		}
		s.ES(http.MethodPut, "/"+index, map[string]any{"mappings": map[string]any{"properties": properties}}, nil)
	}
	return docs
}

// edgeLines is the edge corpus, with what merge makes of it: of all its text, and
// of the text without process ids.
func edgeLines(t *testing.T) (lines []loggen.Line, want, withoutPID []string) {
	t.Helper()
	text, err := os.ReadFile(site.CorpusFile("edge/mail.log"))
	if err != nil {
		t.Fatal(err)
	}
	if err := loggen.Read(strings.NewReader(string(text)), 2026, time.UTC, func(l loggen.Line) error { lines = append(lines, l); return nil }); err != nil {
		t.Fatal(err)
	}
	bare := string(text)
	for _, l := range lines {
		bare = strings.ReplaceAll(bare, l.Host+" "+l.Program+"["+l.PID+"]: ", l.Host+" "+l.Program+": ")
	}
	file := filepath.Join(t.TempDir(), "mail.log")
	if err := os.WriteFile(file, []byte(bare), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"--year", "2026", "--window", "9000h"}
	return lines, site.Merged(t, site.CorpusFile("edge/mail.log"), args...), site.Merged(t, file, args...)
}

// However the fields are named, the documents are those that merge makes of the
// text: where the layout is found out, and where it is named.
func TestFieldLayouts(t *testing.T) {
	lines, want, withoutPID := edgeLines(t)
	for _, name := range slices.Sorted(maps.Keys(fieldLayouts)) {
		t.Run(name, func(t *testing.T) {
			layout, want := fieldLayouts[name], want
			if layout.noPID {
				want = withoutPID
			}
			s := site.New(t)
			s.Index(layout.documents(s, s.Source+"2026.03.10", lines))
			profiles := []string{"auto"}
			if layout.profile != "" {
				profiles = append(profiles, layout.profile)
			}
			if layout.file != "" {
				profiles = []string{filepath.Join(t.TempDir(), "fields.json")}
				if err := os.WriteFile(profiles[0], []byte(layout.file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for i, profile := range profiles {
				to := s
				if i > 0 {
					to = s.Beside("named")
				}
				to.Report(to.Must("run", "--json", "--fields", profile))
				site.Same(t, fmt.Sprintf("run by %s, and merge", profile), site.Sources(to.Documents()), want)
			}
		})
	}
}

// One source may have all layouts, a day each: a message's lines lie in several of
// them and come together.
func TestFieldLayoutsInOneSource(t *testing.T) {
	lines, want, _ := edgeLines(t)
	s := site.New(t)
	var used []string
	for _, name := range slices.Sorted(maps.Keys(fieldLayouts)) {
		if l := fieldLayouts[name]; l.file == "" && !l.noPID {
			used = append(used, name)
		}
	}
	var docs []site.Raw
	for day, name := range used {
		layout := fieldLayouts[name]
		var some []loggen.Line
		for i, l := range lines {
			if i%len(used) == day {
				some = append(some, l)
			}
		}
		docs = append(docs, layout.documents(s, fmt.Sprintf("%s2026.03.%02d", s.Source, day+1), some)...)
	}
	s.Index(docs)
	s.Run()
	site.Same(t, "run and merge", site.Sources(s.Documents()), want)
}
