package faults

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/esnode"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// startNode brings up a node of the test's own.
func startNode(t *testing.T, o esnode.Options) *esnode.Node {
	t.Helper()
	o.Heap = "512m"
	node, err := esnode.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Stop(); err != nil {
			t.Error(err)
		}
	})
	return node
}

// overlapping makes one complete pass that has to follow ingest times.
func overlapping(s *site.Site, why string) site.Report {
	s.T.Helper()
	r := s.Report(s.Must("run", "--json"))
	notes := strings.Join(r.Notes, "\n")
	if r.More || r.Guarantee != "overlap" || !strings.Contains(notes, "guarantee: overlap") || !strings.Contains(notes, why) {
		s.T.Errorf("more: %v, guarantee: %s, notes %q; want a complete pass by overlap because of %q", r.More, r.Guarantee, r.Notes, why)
	}
	return r
}

// everything fails the test where the target is not what a backfill makes of the lines. All are of these days.
func everything(s *site.Site, what string) {
	s.T.Helper()
	clean := s.Beside("clean" + strings.ReplaceAll(what, " ", ""))
	clean.Backfill("2026-02-01", "2026-03-31")
	site.Same(s.T, what, site.Identified(s.Documents()), site.Identified(clean.Documents()))
}

var noon = time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)

// arrived are a message's lines as Logstash ships them, all into the index of one day, whatever their own.
func arrived(s *site.Site, day, at time.Time, id string) []site.Raw {
	docs := s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", id, at)...)
	for i := range docs {
		docs[i].Index = s.Daily(day)
	}
	return docs
}

// sourceRoles are users who lack one privilege on the raw lines and have all others that a run needs.
func sourceRoles() []esnode.User {
	var users []esnode.User
	for _, lacks := range []string{"nothing", "monitor", "maintenance", "read"} {
		users = append(users, esnode.User{Name: lacks, Password: "password-of-" + lacks, Indices: []esnode.Grant{
			{Names: []string{"it-*-syslog-*"}, Privileges: slices.DeleteFunc([]string{"read", "view_index_metadata", "monitor", "maintenance"}, func(p string) bool { return p == lacks })},
			{Names: []string{"it-*-messages*", "it-*-clean*", "it-*-state"}, Privileges: []string{"read", "write", "view_index_metadata", "maintenance"}},
		}})
	}
	return users
}

// Without monitor or maintenance a run follows ingest times and says so. Without
// read it ends and says what is missing where.
func TestMissingPrivileges(t *testing.T) {
	node := startNode(t, esnode.Options{Users: sourceRoles()})
	s := site.On(t, node.URL)
	s.SetUp()
	as := func(target *site.Site, user string) *site.Site { return target.Through(node.As(user)) }
	s.Index(arrived(s, noon, noon, "1A2B3C4D5E6"))

	if r := as(s, "nothing").Run(); r.Created != 1 {
		t.Errorf("with all privileges: %+v", r)
	}
	t.Run("without read", func(t *testing.T) {
		refused(t, as(s.Beside("noread-messages"), "read").Call("run"), 4, "read", s.Daily(noon))
	})
	for _, lacks := range []string{"monitor", "maintenance"} {
		t.Run("without "+lacks, func(t *testing.T) {
			target := as(s.Beside("no"+lacks+"-messages"), lacks)
			why := "the user lacks the privilege " + lacks
			overlapping(target, why)
			begun := target.Cursor()
			// Late by its stamp and by its ingest time, within the overlap.
			id := map[string]string{"monitor": "2A2B3C4D5E6", "maintenance": "3A2B3C4D5E6"}[lacks]
			s.Index(arrived(s, noon, noon.Add(-5*time.Minute), id))
			if lacks == "maintenance" { // nobody else refreshes for it here
				s.ES(http.MethodPost, "/"+s.Source+"*/_refresh", nil, nil)
			}
			if r := overlapping(target, why); r.Created != 1 {
				t.Errorf("late within the overlap: %+v", r)
			}
			if target.Cursor() == begun {
				t.Error("the cursor does not know of what was read")
			}
			if r := overlapping(target, why); r.Lines != 0 {
				t.Errorf("nothing is new, and it reads again: %+v", r)
			}
			everything(target.Through(node.URL), "without "+lacks)
			o := target.Call("run")
			if o.Code != 0 || !strings.Contains(o.Stderr, "guarantee: overlap") || !strings.Contains(o.Stderr, lacks) {
				t.Errorf("exit %d, and people are not told:\n%s", o.Code, o.Stderr)
			}
		})
	}
	t.Run("what is not visible yet", func(t *testing.T) {
		target := as(s.Beside("invisible-messages"), "maintenance")
		day := noon.AddDate(0, 0, 1)
		s.ES(http.MethodPut, "/"+s.Daily(day), map[string]any{"settings": map[string]any{"index.refresh_interval": "-1"}}, nil)
		s.Index(arrived(s, day, day, "4A2B3C4D5E6"))
		overlapping(target, "maintenance")
		s.Index(arrived(s, day, day.Add(time.Minute), "5A2B3C4D5E6"))
		s.ES(http.MethodPost, "/"+s.Source+"*/_refresh", nil, nil)
		if r := overlapping(target, "maintenance"); r.Created != 2 {
			t.Errorf("once it shows itself: %+v", r)
		}
		everything(target.Through(node.URL), "invisible")
	})
	// Lines that are older than the horizon come between the last run of one kind and the first of the other. Neither
	// kind's first run would read them.
	t.Run("from one kind to the other", func(t *testing.T) {
		both := s.Beside("both-messages")
		old := noon.AddDate(0, 0, -30)
		overlapping(as(both, "monitor"), "monitor")
		s.Index(arrived(s, noon, old, "6A2B3C4D5E6"))
		if r := as(both, "nothing").Run(); r.Created == 0 {
			t.Errorf("from overlap to arrival: %+v", r)
		}
		for _, d := range both.Search(both.State) {
			if doc := string(d.Source); strings.Contains(doc, `"target":"`+both.Target+`"`) && (strings.Contains(doc, `"switched"`) || strings.Contains(doc, `"kind":"overlap"`)) {
				t.Errorf("the first run by arrival leaves behind: %s", doc)
			}
		}
		s.Index(arrived(s, noon, old.AddDate(0, 0, -1), "7A2B3C4D5E6"))
		if r := overlapping(as(both, "monitor"), "monitor"); r.Created != 1 || r.Lines != 6 {
			t.Errorf("from arrival to overlap: %+v", r)
		}
		s.Index(arrived(s, noon, old.AddDate(0, 0, -2), "8A2B3C4D5E6"))
		as(both, "nothing").Run()
		everything(both, "from one kind to the other")
	})
}

// A source in another cluster is followed by ingest time. Late lines come in; while the cluster is away a run
// says so and leaves its cursor; when it is back nothing is missing.
func TestRemoteCluster(t *testing.T) {
	far := startNode(t, esnode.Options{Settings: map[string]string{"cluster.name": "far"}})
	near := startNode(t, esnode.Options{})
	for _, skip := range []string{"true", "false"} {
		t.Run("skip_unavailable="+skip, func(t *testing.T) {
			esCall(t, near.URL, http.MethodPut, "/_cluster/settings", map[string]any{"persistent": map[string]any{
				"cluster.remote.x.seeds": far.Transport, "cluster.remote.x.skip_unavailable": skip,
			}})
			connected(t, near.URL)
			lines := site.On(t, far.URL) // no more than where they are
			// Three shards count for themselves: a number tells little of what is new.
			esCall(t, far.URL, http.MethodPut, "/_index_template/"+lines.Source, map[string]any{
				"index_patterns": []string{lines.Source + "*"}, "template": map[string]any{"settings": map[string]any{"number_of_shards": 3, "number_of_replicas": 0}},
			})
			s := site.On(t, near.URL)
			s.Env = []string{"POSTWEAVE_SOURCE=x:" + lines.Source + "*", "POSTWEAVE_RETRY_BUDGET=5s"}
			s.SetUp()
			why := "x:" + lines.Source + "* is in a remote cluster"

			var first []site.Raw
			for i := range 20 {
				at := noon.Add(time.Duration(i) * time.Minute)
				first = append(first, arrived(lines, noon, at, loggen.LongID(at, uint64(i+1)))...)
			}
			intoOneShard(lines, first) // the others are far behind it
			lines.Index(arrived(lines, noon.AddDate(0, 0, -9), noon.AddDate(0, 0, -9), "1A2B3C4D5E6"))
			visible(t, far.URL, lines)
			if r := overlapping(s, why); r.Created != 20 {
				t.Fatalf("a first run, within the horizon: %+v", r)
			}
			newest := noon.Add(20 * time.Minute)
			var late []site.Raw
			for i := range 20 { // eight minutes late and less
				late = append(late, arrived(lines, noon, newest.Add(-time.Duration(i*24)*time.Second), loggen.LongID(newest, uint64(100+i)))...)
			}
			lines.Index(late)
			lines.Index(arrived(lines, noon.AddDate(0, 0, 1), noon, "2A2B3C4D5E6")) // whatever its age, in an index that is new
			visible(t, far.URL, lines)
			if r := overlapping(s, why); r.Created != 21 {
				t.Errorf("late lines within the overlap: %+v", r)
			}
			if r := overlapping(s, why); r.Lines != 0 {
				t.Errorf("nothing is new, and it reads again: %+v", r)
			}

			s.Backfill("2026-03-11", "2026-03-11") // what the first run leaves out, and nothing else
			everything(s, "late lines")

			cursor := s.Cursor()
			lines.Index(arrived(lines, noon, newest.Add(time.Minute), "3A2B3C4D5E6"))
			if err := far.Kill(); err != nil {
				t.Fatal(err)
			}
			for _, command := range [][]string{{"run", "--json"}, {"backfill", "--json", "--from", "2026-03-01", "--to", "2026-03-31"}} {
				o := s.Call(command...)
				if o.Code != 5 && o.Code != 3 {
					t.Errorf("%v without the other cluster: exit %d\n%s%s", command, o.Code, o.Stdout, o.Stderr)
				}
			}
			if s.Cursor() != cursor {
				t.Error("the cursor moved without the other cluster")
			}
			if err := far.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			connected(t, near.URL)
			visible(t, far.URL, lines)
			if r := overlapping(s, why); r.Created != 1 {
				t.Errorf("when it is back: %+v", r)
			}
			everything(s, "remote")
		})
	}
}

// intoOneShard sends documents with one routing.
func intoOneShard(s *site.Site, docs []site.Raw) {
	s.T.Helper()
	var body bytes.Buffer
	for _, d := range docs {
		fmt.Fprintf(&body, "{\"create\":{\"_index\":%q,\"routing\":\"one\"}}\n%s\n", d.Index, d.Source)
	}
	var answer struct{ Errors bool }
	s.ES(http.MethodPost, "/_bulk", body.Bytes(), &answer)
	if answer.Errors {
		s.T.Fatal("the node refuses raw documents")
	}
}

// visible makes the remote lines searchable, which the worker cannot.
func visible(t *testing.T, node string, lines *site.Site) {
	t.Helper()
	esCall(t, node, http.MethodPost, "/"+lines.Source+"*/_refresh", nil)
}

func esCall(t *testing.T, node, method, path string, body any) {
	t.Helper()
	if err := esnode.Call(t.Context(), method, node+path, body, nil); err != nil {
		t.Fatal(err)
	}
}

// connected waits until a node has found its remote cluster again.
func connected(t *testing.T, node string) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < 2*time.Minute; time.Sleep(500 * time.Millisecond) {
		// It looks for it only when somebody asks for something there. The answer does not matter.
		_ = esnode.Call(t.Context(), http.MethodGet, node+"/x:*/_search?size=0", nil, nil)
		var info map[string]struct{ Connected bool }
		if err := esnode.Call(t.Context(), http.MethodGet, node+"/_remote/info", nil, &info); err == nil && info["x"].Connected {
			return
		}
	}
	t.Fatal("the remote cluster does not come back")
}
