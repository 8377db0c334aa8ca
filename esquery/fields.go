package esquery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// layout names the fields of one way to index a syslog line. Several names for
// one part are tried in order, document by document.
type layout struct {
	Name    string   `json:"name"`
	Time    []string `json:"time"`
	Host    []string `json:"host"`
	Program []string `json:"program"`
	PID     []string `json:"pid"`
	Text    []string `json:"text"`
	QueueID []string `json:"queue_id"`
	// whole are names of the line with its header. They are read only where an index has no text: shippers that keep
	// both would send each line twice.
	whole []string
}

// layouts are the known profiles, the surest first: an index that has a
// syslog_message keeps the whole line in message.
var layouts = []layout{
	{
		Name: "syslog", Time: []string{"@timestamp"}, Host: []string{"syslog_hostname"}, Program: []string{"syslog_program"},
		PID: []string{"syslog_pid"}, Text: []string{"syslog_message"}, QueueID: []string{"postfix_queueid"},
	},
	{
		Name: "logstash", Time: []string{"@timestamp"}, Host: []string{"logsource"}, Program: []string{"program"},
		PID: []string{"pid"}, Text: []string{"message"}, QueueID: []string{"postfix_queueid"},
	},
	// Filebeat's index template maps every name of ECS, used or not, so that an index may fit both of these whoever wrote
	// to it. Both know all names, and differ in which they believe first. The syslog header's own host comes before
	// that of the machine that an agent runs on.
	{
		Name: "ecs", Time: []string{"@timestamp"}, Host: []string{"log.syslog.hostname", "hostname", "host.hostname", "host.name"},
		Program: []string{"process.name", "log.syslog.appname", "process.program", "program"},
		PID:     []string{"process.pid", "log.syslog.procid", "pid"}, Text: []string{"message"}, whole: []string{"event.original"},
		QueueID: []string{"postfix_queueid", "postfix.queueid", "postfix.queue_id"},
	},
	{
		Name: "beats", Time: []string{"@timestamp"}, Host: []string{"log.syslog.hostname", "hostname", "host.hostname", "host.name"},
		Program: []string{"log.syslog.appname", "program", "process.program", "process.name"},
		PID:     []string{"log.syslog.procid", "pid", "process.pid"}, Text: []string{"message"}, whole: []string{"event.original"},
		QueueID: []string{"postfix_queueid", "postfix.queueid", "postfix.queue_id"},
	},
}

// Profiles names the field profiles that can be asked for beside "auto" and a
// file.
func Profiles() []string {
	names := make([]string, len(layouts))
	for i, l := range layouts {
		names[i] = l.Name
	}
	return names
}

// profile returns the layouts to try: all for "auto", else the one of that name
// or from that file, a JSON object with a list of names for each of time, host, program, pid,
// text and queue_id.
func profile(name string) ([]layout, error) {
	if name == "" || name == "auto" {
		return layouts, nil
	}
	for _, l := range layouts {
		if l.Name == name {
			return []layout{l}, nil
		}
	}
	if !strings.ContainsAny(name, "./") {
		return nil, profileError(fmt.Errorf("no field profile %q", name), "use auto, "+strings.Join(Profiles(), ", ")+", or the path of a file")
	}
	l, err := readProfile(name)
	if err != nil {
		return nil, profileError(fmt.Errorf("field profile %s: %w", name, err), `it must look like {"time":["@timestamp"],"host":["…"],"program":["…"],"pid":["…"],"text":["…"],"queue_id":["…"]}`)
	}
	return []layout{l}, nil
}

func profileError(err error, hint string) *Error {
	return &Error{Class: ClassSetup, Op: "read POSTWEAVE_FIELDS", Err: err, Hint: hint}
}

// fields is how one index is read: the names that it has, as queries need them.
type fields struct {
	layout layout // names that the index has, and no others
	// host, queueID and time are what is aggregated and filtered by. host and queueID are empty
	// where the index has no form of the field with doc values.
	host, queueID, time string
	// hostName and queueIDName are the names that host and queueID are forms of.
	hostName, queueIDName string
	// idExists are the fields whose presence says that grok found a queue id.
	idExists []string
	// programs are the fields that the program filter looks at.
	programs []string
	// ingest are those of ingestFields that the index has as a date.
	ingest []string
	// sources is what is fetched of each document.
	sources []string
}

// capability is what _field_caps says about one field in one index.
type capability struct {
	searchable, aggregatable, date bool
}

// resolve asks for the fields of each index. An index that none of the layouts
// fits is missing from the result.
func (c *Client) resolve(ctx context.Context, indices []string, tried []layout) (map[string]*fields, error) {
	out := make(map[string]*fields, len(indices))
	for group := range inPaths(indices) {
		caps, err := c.fieldCaps(ctx, group, tried)
		if err != nil {
			return nil, err
		}
		for _, index := range group {
			if caps[index] == nil { // left out without a word: it must not look like one without fields
				return nil, &Error{Class: ClassSource, Op: "look up the source's fields", Index: indexName(index), Err: errors.New("the index did not answer"), Hint: hintNotWhole}
			}
			for i := range tried {
				if f := fit(&tried[i], caps[index]); f != nil {
					out[index] = f
					break
				}
			}
		}
	}
	return out, nil
}

func (c *Client) fieldCaps(ctx context.Context, indices []string, tried []layout) (map[string]map[string]capability, error) {
	var names []string
	for _, l := range tried {
		for _, list := range [][]string{l.Time, l.Host, l.Program, l.PID, l.Text, l.whole, l.QueueID} {
			for _, n := range list {
				names = append(names, n, n+".keyword")
			}
		}
	}
	names = append(names, ingestFields...)
	slices.Sort(names)
	names = slices.Compact(names)
	res, err := c.Do(ctx, Request{
		Op: "look up the source's fields", Method: http.MethodGet, Path: "/" + indexPath(indices) + "/_field_caps",
		Query:  url.Values{"fields": {strings.Join(names, ",")}, "include_unmapped": {"true"}, "ignore_unavailable": {"false"}},
		Source: true,
	})
	if err != nil {
		return nil, err
	}
	var answer struct {
		Indices []string `json:"indices"`
		Fields  map[string]map[string]struct {
			Searchable   bool     `json:"searchable"`
			Aggregatable bool     `json:"aggregatable"`
			Indices      []string `json:"indices"`
		} `json:"fields"`
		Failures []struct {
			Indices []string `json:"indices"`
		} `json:"failures"`
	}
	if err := json.Unmarshal(res.Body, &answer); err != nil {
		return nil, &Error{Class: ClassSource, Op: "look up the source's fields", Err: errors.New("the answer is no JSON")}
	}
	if len(answer.Failures) > 0 {
		failed := &Error{Class: ClassSource, Op: "look up the source's fields", Err: fmt.Errorf("%d indices did not answer", len(answer.Failures)), Hint: "look at the cluster's health"}
		if list := answer.Failures[0].Indices; len(list) > 0 {
			failed.Index = indexName(list[0])
		}
		return nil, failed
	}
	out := make(map[string]map[string]capability, len(indices))
	for _, index := range answer.Indices {
		out[index] = make(map[string]capability)
	}
	for name, types := range answer.Fields {
		for kind, t := range types {
			if kind == "unmapped" || kind == "object" || kind == "nested" {
				continue
			}
			in := t.Indices
			if in == nil {
				in = answer.Indices
			}
			for _, index := range in {
				if out[index] != nil {
					out[index][name] = capability{t.Searchable, t.Aggregatable, kind == "date" || kind == "date_nanos"}
				}
			}
		}
	}
	return out, nil
}

// fit returns how an index is read by a layout, or nil where it lacks a part.
// A missing queue id field is no obstacle: the text names the id.
func fit(l *layout, caps map[string]capability) *fields {
	have := func(names []string) (in []string) {
		for _, n := range names {
			if _, ok := caps[n]; ok {
				in = append(in, n)
			}
		}
		return in
	}
	f := &fields{layout: layout{
		Name: l.Name, Time: have(l.Time), Host: have(l.Host), Program: have(l.Program), PID: have(l.PID), Text: have(l.Text), QueueID: have(l.QueueID),
	}}
	got := &f.layout
	// A range of time is asked for; an index where it is a text has none to ask.
	got.Time = slices.DeleteFunc(got.Time, func(n string) bool { return !caps[n].date })
	if len(got.Text) == 0 {
		got.Text = have(l.whole)
	}
	if len(got.Time) == 0 || len(got.Host) == 0 || len(got.Program) == 0 || len(got.Text) == 0 {
		return nil
	}
	f.time = got.Time[0]
	f.hostName, f.host = aggregatable(got.Host, caps)
	f.queueIDName, f.queueID = aggregatable(got.QueueID, caps)
	f.idExists = got.QueueID
	for _, p := range got.Program {
		if _, ok := caps[p+".keyword"]; ok {
			p += ".keyword"
		}
		f.programs = append(f.programs, p)
	}
	for _, n := range ingestFields {
		if caps[n].date {
			f.ingest = append(f.ingest, n)
		}
	}
	f.sources = slices.Concat(got.Time, got.Host, got.Program, got.PID, got.Text, got.QueueID)
	return f
}

// aggregatable returns the first field that has doc values, and the form that has
// them: the field itself, or the keyword beside a text.
func aggregatable(names []string, caps map[string]capability) (name, form string) {
	for _, n := range names {
		for _, form := range []string{n, n + ".keyword"} {
			if c, ok := caps[form]; ok && c.aggregatable {
				return n, form
			}
		}
	}
	return "", ""
}

// pathBytes bounds the names in one URL. Elasticsearch refuses a first line of a request of over 4,096 bytes, and what is
// asked of them needs room beside.
const pathBytes = 2_500

// inPaths cuts names into lists that each fit a URL.
func inPaths(names []string) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for from := 0; from < len(names); {
			to, size := from, 0
			for to < len(names) && (to == from || size+len(url.PathEscape(names[to]))+1 <= pathBytes) {
				size += len(url.PathEscape(names[to])) + 1
				to++
			}
			if !yield(names[from:to:to]) {
				return
			}
			from = to
		}
	}
}

// indexPath joins index names for a URL.
func indexPath(names []string) string {
	escaped := make([]string, len(names))
	for i, n := range names {
		escaped[i] = url.PathEscape(n)
	}
	return strings.Join(escaped, ",")
}
