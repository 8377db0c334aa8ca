package test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/esnode"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// named is the site with another POSTWEAVE_SOURCE.
func named(s *site.Site, source string) *site.Site {
	n := *s
	// A first run is to read all of a log, however long it goes on.
	n.Env = append([]string{"POSTWEAVE_SOURCE=" + source, "POSTWEAVE_HORIZON=2000h"}, s.Env...)
	return &n
}

// readOnce wants a first run, over lines that lie behind whatever names, to read each line once and to make the
// documents of the log. A backfill then finds nothing to write, and verify no difference.
func readOnce(s *site.Site, log generated) {
	s.T.Helper()
	if r := s.Run(); r.Lines != len(log.lines) {
		s.T.Errorf("a first run read %d lines of %d", r.Lines, len(log.lines))
	}
	allRead(s, log)
}

func allRead(s *site.Site, log generated) {
	s.T.Helper()
	want := site.Merged(s.T, log.file, "--year", "2026")
	site.Same(s.T, "run and merge", site.Sources(s.Documents()), want)
	if r := s.Run(); r.Lines != 0 {
		s.T.Errorf("another run read %d lines", r.Lines)
	}
	r := s.Backfill("2026-03-01", "2026-03-31")
	if r.Lines != len(log.lines) || r.Created+r.Updated+r.Deleted != 0 {
		s.T.Errorf("a backfill over %d lines that are merged: %+v", len(log.lines), r)
	}
	if o := s.Call("verify", "--from", "2026-03-01", "--to", "2026-03-31"); o.Code != 0 {
		s.T.Errorf("verify: exit %d\n%s%s", o.Code, o.Stdout, o.Stderr)
	}
}

// sourceLog is two days and a half of mail.
func sourceLog(t *testing.T, seed uint64) generated {
	return generate(t, loggen.Config{Seed: seed, Messages: 60, Span: 60 * time.Hour, ReuseIDs: 0.1})
}

// Daily indices can be named by an alias, by several, and by an alias beside the pattern that it covers too: the cursor
// knows an index by its uuid and not by the name under which it was found.
func TestSourceByAlias(t *testing.T) {
	for what, source := range map[string]string{
		"pattern": "%s*", "alias": "%sall", "alias that begins like the indices, beside the pattern": "%s*,%sall",
		"two aliases for the same indices": "%sall,%sagain", "indices one by one, and their alias": "%sall,%s2026.03.*",
		"hidden indices behind an alias": "%sall",
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := site.New(t)
			log := sourceLog(t, 61)
			docs := s.Shipped(loggen.LayoutSyslog, log.lines...)
			days := map[string]bool{}
			for _, d := range docs {
				days[d.Index] = true
			}
			for day := range days {
				s.ES(http.MethodPut, "/"+day, map[string]any{
					"settings": map[string]any{"index.hidden": strings.HasPrefix(what, "hidden")},
					"aliases":  map[string]any{s.Source + "all": map[string]any{}, s.Source + "again": map[string]any{}},
				}, nil)
			}
			s.Index(docs)
			readOnce(named(s, strings.ReplaceAll(source, "%s", s.Source)), log)
		})
	}
}

// What the cursor holds of an index found by an alias holds for the same index found by a pattern: only the cursor's
// document, which belongs to the setting as a whole, is another.
func TestNewNameOfASource(t *testing.T) {
	t.Parallel()
	s := site.New(t)
	log := sourceLog(t, 62)
	s.Index(s.Shipped(loggen.LayoutSyslog, log.lines...))
	s.ES(http.MethodPost, "/_aliases", map[string]any{"actions": []any{map[string]any{"add": map[string]any{
		"index": s.Source + "2026*", "alias": s.Source + "all",
	}}}}, nil)
	s.Run()
	if r := named(s, s.Source+"all").Run(); r.Created+r.Updated+r.Deleted != 0 {
		t.Errorf("the same lines by another name: %+v, want nothing written", r)
	}
	if _, all, _ := counted(named(s, s.Source+"all")); all > 7 {
		t.Errorf("%d requests of a run that finds nothing by an alias, want at most 7", all)
	}
}

// A shipper writes through an alias that is rolled over to a new index now and then. The new one joins, nothing of the old
// one is read again, and a late line that somebody puts into the old one is read as well.
func TestSourceRolledOver(t *testing.T) {
	t.Parallel()
	s := site.New(t)
	rolledOver(t, s, s.Source+"write", s.Source+"write", func() {
		s.ES(http.MethodPut, "/"+s.Source+"000001", map[string]any{"aliases": map[string]any{s.Source + "write": map[string]any{"is_write_index": true}}}, nil)
	}, s.Source+"000001")
}

// rolledOver indexes a log under one name, which is rolled over between two runs. late is an index that a late line goes
// to, "" where none can be put into an older one.
func rolledOver(t *testing.T, s *site.Site, to, source string, prepare func(), late string) {
	t.Helper()
	log := sourceLog(t, 63)
	docs := s.Shipped(loggen.LayoutSyslog, log.lines...)
	for i := range docs {
		docs[i].Index = to
	}
	prepare()
	n := named(s, source)
	parts := inRounds(docs, 3)
	s.Index(parts[0])
	for i, part := range parts[1:] {
		if r := n.Run(); r.Lines != len(parts[i]) {
			t.Errorf("run %d read %d lines, want the %d that are new", i, r.Lines, len(parts[i]))
		}
		s.ES(http.MethodPost, "/"+to+"/_rollover", nil, nil)
		if late != "" {
			part[0].Index = late
		}
		s.Index(part)
	}
	if r := n.Run(); r.Lines != len(parts[2]) {
		t.Errorf("the last run read %d lines, want the %d that are new", r.Lines, len(parts[2]))
	}
	allRead(n, log)
}

// An alias with a filter shows some of an index's lines. postweave reads by the indices' own names, where the filter does
// not hold, and so refuses to read what it was not to see.
func TestSourceByFilteredAlias(t *testing.T) {
	t.Parallel()
	s := site.New(t)
	log := sourceLog(t, 64)
	s.Index(s.Shipped(loggen.LayoutSyslog, log.lines...))
	add := func(alias string, more map[string]any) {
		more["index"], more["alias"] = s.Source+"2026*", s.Source+alias
		s.ES(http.MethodPost, "/_aliases", map[string]any{"actions": []any{map[string]any{"add": more}}}, nil)
	}
	filter := map[string]any{"match": map[string]any{"syslog_program": "postfix"}}
	add("some", map[string]any{"filter": filter})
	add("routed", map[string]any{"search_routing": "1"})
	add("all", map[string]any{})
	before := written(s)
	for _, alias := range []string{"some", "routed", "some,no-such-*", "some,other:syslog-*"} {
		n := named(s, s.Source+alias)
		for _, args := range [][]string{{"run"}, {"backfill", "--from", "2026-03-01", "--to", "2026-03-31"}, {"verify", "--from", "2026-03-01", "--to", "2026-03-31"}} {
			if o := n.Call(args...); o.Code != 1 || !strings.Contains(o.Stderr, "filter") {
				t.Errorf("%q by %s: exit %d, want 1 and the reason\n%s%s", args, alias, o.Code, o.Stdout, o.Stderr)
			}
		}
	}
	if written(s) != before {
		t.Error("something was written on the way to the refusal")
	}
	// Beside a name that shows all of the same indices a filter leaves nothing out.
	readOnce(named(s, s.Source+"*"), log)
	if r := named(s, s.Source+"some,"+s.Source+"all").Run(); r.Lines != len(log.lines) {
		t.Errorf("%d lines", r.Lines)
	}
}

// A data stream is read by its own name, by a pattern, by an alias and by two of these at once. Its backing indices are
// hidden, and no pattern matches them by their names. A rollover makes a new one; retention deletes the oldest.
func TestSourceDataStream(t *testing.T) {
	t.Parallel()
	node, err := esnode.Start(t.Context(), esnode.Options{Heap: "512m"}) // whose data streams cannot be removed: it lacks that module
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Stop(); err != nil {
			t.Error(err)
		}
	})
	for what, source := range map[string]string{
		"name": "%sapp", "pattern": "%s*", "alias": "%salias", "pattern and alias": "%s*,%salias", "name and alias": "%sapp,%salias",
	} {
		t.Run(what, func(t *testing.T) {
			s := site.On(t, node.URL)
			s.SetUp()
			stream := s.Source + "app"
			rolledOver(t, s, stream, strings.ReplaceAll(source, "%s", s.Source), func() {
				s.ES(http.MethodPut, "/_index_template/"+stream, map[string]any{"index_patterns": []string{stream}, "data_stream": map[string]any{}}, nil)
				s.Index([]site.Raw{{Index: stream, Source: []byte(`{"@timestamp":"2026-03-01T00:00:00Z","syslog_hostname":"h","syslog_program":"cron","syslog_message":"x"}`)}})
				s.ES(http.MethodPost, "/_aliases", map[string]any{"actions": []any{map[string]any{"add": map[string]any{"index": stream, "alias": s.Source + "alias"}}}}, nil)
			}, "")
			n := named(s, strings.ReplaceAll(source, "%s", s.Source))
			docs := site.Identified(s.Documents())
			var behind struct {
				Streams []struct {
					Backing []string `json:"backing_indices"`
				} `json:"data_streams"`
			}
			s.ES(http.MethodGet, "/_resolve/index/"+stream, nil, &behind)
			if len(behind.Streams) != 1 || len(behind.Streams[0].Backing) != 3 {
				t.Fatalf("the stream has the indices %v, want 3", behind)
			}
			s.ES(http.MethodDelete, "/"+behind.Streams[0].Backing[0], nil, nil)
			if r := n.Run(); r.Lines != 0 {
				t.Errorf("after retention: %+v", r)
			}
			site.SameBytes(t, "after retention", site.Identified(s.Documents()), docs)
		})
	}
	t.Run("filtered alias", func(t *testing.T) {
		s := site.On(t, node.URL)
		s.SetUp()
		stream := s.Source + "app"
		s.ES(http.MethodPut, "/_index_template/"+stream, map[string]any{"index_patterns": []string{stream}, "data_stream": map[string]any{}}, nil)
		docs := s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "1A2B3C4D5E6", march)...)
		for i := range docs {
			docs[i].Index = stream
		}
		s.Index(docs)
		s.ES(http.MethodPost, "/_aliases", map[string]any{"actions": []any{map[string]any{"add": map[string]any{
			"index": stream, "alias": s.Source + "some", "filter": map[string]any{"term": map[string]any{"syslog_pid": "77"}},
		}}}}, nil)
		if o := named(s, s.Source+"some").Call("run"); o.Code != 1 || !strings.Contains(o.Stderr, "filter") {
			t.Errorf("exit %d, want 1 and the reason\n%s%s", o.Code, o.Stdout, o.Stderr)
		}
		if r := s.Run(); r.Lines != len(docs) { // the stream by a pattern
			t.Errorf("%d lines of %d", r.Lines, len(docs))
		}
	})
}
