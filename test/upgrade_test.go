package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/mappings"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

const exitSchema = 8

// writing is every command that writes, over days that hold the lines of this file.
var writing = [][]string{
	{"run"},
	{"run", "--reset-cursor"},
	{"daemon", "--schedule", "@every 1s"},
	{"backfill", "--from", "2026-03-19", "--to", "2026-03-21"},
	{"verify", "--heal", "--from", "2026-03-19", "--to", "2026-03-21"},
	{"rebuild", "--all"},
	{"setup"},
}

// written is all that a command could have changed: every operation on a document has a number, and every change of
// a mapping, an alias or a setting a version. Whatever is in the site's names counts.
func written(s *site.Site) string {
	s.T.Helper()
	all := strings.TrimSuffix(s.Source, "syslog-") + "*"
	var stats struct {
		Indices map[string]struct {
			UUID   string
			Shards map[string][]struct {
				SeqNo struct {
					Max int64 `json:"max_seq_no"`
				} `json:"seq_no"`
			}
		}
	}
	s.ES(http.MethodGet, "/"+all+"/_stats/docs?level=shards", nil, &stats)
	var versions, templates any
	s.ES(http.MethodGet, "/_cluster/state/metadata/"+all+"?filter_path=metadata.indices.*.*_version", nil, &versions)
	s.ES(http.MethodGet, "/_index_template/"+strings.TrimSuffix(all, "*")+"*", nil, &templates)
	out, err := json.Marshal([]any{stats, versions, templates})
	if err != nil {
		s.T.Fatal(err)
	}
	return string(out)
}

// A mark of a newer postweave on any of what setup makes ends every command that writes with 8, before it
// has written anything: to the target, to the state, to a template. Without the mark the same command has work to do.
func TestNewerSchemaIsNotWrittenTo(t *testing.T) {
	newer := map[string]any{"product": mappings.Product, "schema": mappings.Schema + 1}
	mark := func(index string) func(*site.Site, any) {
		return func(s *site.Site, meta any) {
			name := strings.NewReplacer("TARGET", s.Target, "STATE", s.State).Replace(index)
			s.ES(http.MethodPut, "/"+name+"/_mapping", map[string]any{"_meta": meta}, nil)
		}
	}
	for place, put := range map[string]func(*site.Site, any){
		"the target's index":      mark("TARGET-000001"),
		"one of several indices":  mark("TARGET-000002"),
		"the state":               mark("STATE"),
		"the index for long logs": mark("TARGET-log"),
		"the template":            markTemplate,
	} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			s := site.New(t)
			s.ES(http.MethodPut, "/"+s.Target+"-000002", map[string]any{"aliases": map[string]any{s.Target: map[string]any{"is_write_index": false}}}, nil)
			s.Index(s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "1A2B3C4D5E6", march)...))
			s.Run()
			age(s)
			s.Index(s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "2A2B3C4D5E6", march)...))
			put(s, newer)
			before := written(s)
			for _, args := range writing {
				o := ends(s, args)
				if o.Code != exitSchema || !strings.Contains(o.Stderr, "newer postweave") || !strings.Contains(o.Stderr, fmt.Sprint(mappings.Schema+1)) {
					t.Errorf("%q: exit %d, want %d and the schema that was found\n%s%s", args, o.Code, exitSchema, o.Stdout, o.Stderr)
				}
				if after := written(s); after != before {
					t.Fatalf("%q wrote before it refused:\n%s\nafter\n%s", args, after, before)
				}
			}
			put(s, map[string]any{"product": mappings.Product, "schema": mappings.Schema})
			if r := s.Run(); r.Created != 1 {
				t.Errorf("without the mark there was nothing to write: %+v", r)
			}
			if r := s.Report(s.Must("rebuild", "--all", "--json")); r.Updated != 1 {
				t.Errorf("without the mark there was nothing to rebuild: %+v", r)
			}
		})
	}
}

// ends runs a command that must end by itself, a daemon too.
func ends(s *site.Site, args []string) site.Outcome {
	s.T.Helper()
	c, stdout, stderr := s.Command(args...)
	if err := c.Start(); err != nil {
		s.T.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	select {
	case err := <-ended:
		return site.Outcome{Code: site.ExitCodeOf(s.T, err), Stdout: stdout.String(), Stderr: stderr.String()}
	case <-time.After(time.Minute):
		_ = c.Process.Kill()
		err := <-ended // else the output would still be written to
		s.T.Fatalf("%q does not end: %v\n%s%s", args, err, stdout, stderr)
	}
	return site.Outcome{}
}

// markTemplate puts the template anew, with another mark.
func markTemplate(s *site.Site, meta any) {
	s.T.Helper()
	var found struct {
		Templates []struct {
			Body map[string]any `json:"index_template"`
		} `json:"index_templates"`
	}
	s.ES(http.MethodGet, "/_index_template/"+s.Target, nil, &found)
	body := found.Templates[0].Body
	body["_meta"] = meta
	for _, own := range []string{"created_date", "created_date_millis", "modified_date", "modified_date_millis"} {
		delete(body, own) // told by Elasticsearch 9, and not taken from others
	}
	s.ES(http.MethodPut, "/_index_template/"+s.Target, body, nil)
}

// age makes each document look like one of the schema before.
func age(s *site.Site) {
	s.T.Helper()
	for _, d := range s.Documents() {
		is, was := fmt.Sprintf(`"schema":%d`, mappings.Schema), fmt.Sprintf(`"schema":%d`, mappings.Schema-1)
		if !strings.Contains(string(d.Source), is) {
			s.T.Fatalf("a document without its schema: %s", d.Source)
		}
		s.ES(http.MethodPut, "/"+s.Target+"/_doc/"+d.ID+"?refresh=true", json.RawMessage(strings.Replace(string(d.Source), is, was, 1)), nil)
	}
}

// A daemon whose target is brought up by a newer postweave under its feet ends with 8 and writes nothing more.
func TestDaemonMeetsANewerSchema(t *testing.T) {
	t.Parallel()
	s := site.New(t)
	s.Index(s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "1A2B3C4D5E6", march)...))
	d := startDaemon(s)
	d.settle()
	s.ES(http.MethodPut, "/"+mappings.FirstIndex(s.Target)+"/_mapping",
		map[string]any{"_meta": map[string]any{"product": mappings.Product, "schema": mappings.Schema + 1}}, nil)
	// A pass that began before may still write.
	select {
	case <-d.ended:
	case <-time.After(time.Minute):
		t.Fatalf("the daemon goes on\n%s", &d.stderr)
	}
	if code := site.ExitCodeOf(t, d.err); code != exitSchema || !strings.Contains(d.stderr.String(), "newer postweave") {
		t.Errorf("exit %d, want %d\n%s", code, exitSchema, &d.stderr)
	}
	if n := strings.Count(d.stderr.String(), "newer postweave"); n != 1 {
		t.Errorf("the reason is told %d times\n%s", n, &d.stderr)
	}
}

// What a postweave of schema 1 installed and wrote is refused by a run, which says what to do; setup brings up every
// index behind the alias and the template, rebuild the documents. They
// are then those of a fresh installation, and both find nothing to do a second time.
func TestUpgradeFromSchema1(t *testing.T) {
	for _, indices := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d indices", indices), func(t *testing.T) {
			t.Parallel()
			fresh := site.New(t)
			fresh.Index(fresh.OlderSource())
			fresh.Run()
			want := fresh.Documents()

			s := site.Bare(t)
			s.InstallOlder(indices)
			s.Index(s.OlderSource())
			old := site.Identified(s.Documents())
			before := written(s)
			for _, args := range writing {
				if args[0] == "setup" || args[0] == "daemon" {
					continue // the one mends it, the other waits for it: see TestDaemonWaitsForSetup
				}
				o := s.Call(args...)
				if o.Code != 1 || !strings.Contains(o.Stderr, "postweave setup") {
					t.Errorf("%q over schema 1: exit %d, want 1 and what to do\n%s%s", args, o.Code, o.Stdout, o.Stderr)
				}
			}
			if written(s) != before {
				t.Error("something was written to an installation of schema 1 before setup")
			}

			type step struct{ Object, Name, Action string }
			var report struct{ Steps []step }
			setUp := func() {
				report.Steps = nil
				if err := json.Unmarshal([]byte(s.Must("setup", "--json").Stdout), &report); err != nil {
					t.Fatal(err)
				}
			}
			setUp()
			steps := []step{{"index template", s.Target, "update"}, {"index", mappings.LogIndex(s.Target), "create"}}
			for n := range indices {
				steps = append(steps, step{"mapping", fmt.Sprintf("%s-%06d", s.Target, n+1), "update"})
			}
			for _, want := range steps {
				if !slices.Contains(report.Steps, want) {
					t.Errorf("setup did not %s %s %s: %v", want.Action, want.Object, want.Name, report.Steps)
				}
			}
			site.SameBytes(t, "documents after setup", site.Identified(s.Documents()), old)
			before = written(s)
			setUp()
			for _, x := range report.Steps {
				if x.Action != "unchanged" {
					t.Errorf("a second setup would %s %s %s", x.Action, x.Object, x.Name)
				}
			}
			if written(s) != before {
				t.Error("a second setup writes")
			}

			r := s.Report(s.Must("rebuild", "--all", "--json"))
			if r.Updated != len(old) || r.Created+r.Deleted+r.Quarantined != 0 {
				t.Errorf("rebuild of %d documents: %+v", len(old), r)
			}
			rebuilt := s.Documents()
			site.Same(t, "rebuilt, and of a fresh installation", site.Identified(rebuilt), site.Identified(want))
			before = written(s)
			if r := s.Report(s.Must("rebuild", "--all", "--json")); r.Unchanged != len(old) || r.Updated != 0 {
				t.Errorf("a second rebuild: %+v", r)
			}
			if written(s) != before {
				t.Error("a second rebuild writes")
			}

			s.Run() // reads all lines anew, for the cursor of schema 1 was of other indices
			site.Same(t, "after a run", site.Identified(s.Documents()), site.Identified(want))
		})
	}
}

// Where an installation is still to be brought up, a daemon says so and goes on as soon as setup was run.
func TestDaemonWaitsForSetup(t *testing.T) {
	t.Parallel()
	s := site.Bare(t)
	s.InstallOlder(1)
	s.Index(s.OlderSource())
	d := startDaemon(s)
	for deadline := time.Now().Add(time.Minute); strings.Count(d.stderr.String(), "postweave setup") < 2; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the daemon does not say what to do\n%s%s", &d.stdout, &d.stderr)
		}
	}
	s.Must("setup")
	d.settle()
	d.terminate()
	d.drained()
	if r := s.Run(); r.Lines != 0 {
		t.Errorf("the daemon left %d lines", r.Lines)
	}
}
