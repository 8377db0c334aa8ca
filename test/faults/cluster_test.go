package faults

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postweave/postweave/test/esnode"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// threeNodes is a cluster of a node that stays and two that hold data and may be killed, with a source of five shards,
// each on two of the nodes.
func threeNodes(t *testing.T) (stays *esnode.Node, may []*esnode.Node, s *site.Site) {
	t.Helper()
	a := startNode(t, esnode.Options{Settings: map[string]string{"node.name": "a", "discovery.type": "multi-node", "cluster.initial_master_nodes": "a"}})
	for _, name := range []string{"b", "c"} {
		may = append(may, startNode(t, esnode.Options{Join: a, Settings: map[string]string{"node.name": name, "node.roles": "data"}}))
	}
	s = site.On(t, a.URL)
	s.SetUp()
	return a, may, s
}

// sharded makes the indices of the days on which lines are stamped, and waits until each shard has its copy.
func sharded(s *site.Site, lines []loggen.Line) {
	s.T.Helper()
	made := map[string]bool{}
	for _, l := range lines {
		if day := s.Daily(l.Time); !made[day] {
			made[day] = true
			s.ES(http.MethodPut, "/"+day, map[string]any{"settings": map[string]any{
				"number_of_shards": 5, "number_of_replicas": 1, "index.unassigned.node_left.delayed_timeout": "0",
			}}, nil)
		}
	}
	green(s)
}

func green(s *site.Site) {
	s.T.Helper()
	s.ES(http.MethodGet, "/_cluster/health?wait_for_status=green&wait_for_no_relocating_shards=true&timeout=120s", nil, nil)
}

// A backfill in parts and a run, of a source of five shards on three nodes: a data node dies in the middle of each. The
// copies on the others serve, or the command says that they cannot and goes on when it is called again; and what is there
// in the end is what one clean backfill leaves.
func TestNodeOfThreeDies(t *testing.T) {
	_, may, s := threeNodes(t)
	s.Env = append(s.Env, "POSTWEAVE_RETRY_BUDGET=2m", "POSTWEAVE_HORIZON=1000d")
	const from, to = "2026-02-27", "2026-03-12"
	lines := saidBy(t, loggen.Config{Seed: 501, Messages: 500, Span: 26 * time.Hour, Start: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), ReuseIDs: 0.1})
	sharded(s, lines)
	s.Index(s.Shipped(loggen.LayoutSyslog, lines...))
	clean := s.Beside("clean")
	whole := clean.Backfill(from, to)
	green(s)

	for i, x := range []struct {
		name  string
		calls [][]string
	}{
		{"parts", [][]string{
			{"backfill", "--json", "--from", from, "--to", to, "--shard", "1/3"},
			{"backfill", "--json", "--from", from, "--to", to, "--shard", "2/3"},
			{"backfill", "--json", "--from", from, "--to", to, "--shard", "3/3"},
		}},
		{"run", [][]string{{"run", "--json"}}},
	} {
		t.Run(x.name, func(t *testing.T) {
			tried := s.Beside(x.name)
			tried.T = t
			green(tried)
			outcomes := withoutNode(t, tried, may[i], x.calls)
			for c, o := range outcomes {
				for tries := 0; o.Code != 0; tries++ {
					t.Logf("postweave %q with a node less: exit %d\n%s", x.calls[c], o.Code, o.Stderr)
					if o.Code != 3 && o.Code != 5 || tries == 3 {
						t.Fatalf("exit %d\n%s", o.Code, o.Stderr)
					}
					o = tried.Call(x.calls[c]...)
				}
				outcomes[c] = o
			}
			read := 0
			for _, o := range outcomes {
				r := tried.Report(o)
				if r.More {
					t.Errorf("not complete: %+v", r)
				}
				read += r.Lines
			}
			if read > whole.Lines {
				t.Errorf("%d lines were read, of %d", read, whole.Lines)
			}
			if x.name == "run" {
				if r := tried.Run(); r.Lines != 0 {
					t.Errorf("the run after it finds %d lines", r.Lines)
				}
			}
			site.Same(t, "with a node less, and one clean backfill", site.Identified(tried.Documents()), site.Identified(clean.Documents()))
			if err := may[i].Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			green(tried)
		})
	}
}

// withoutNode makes the calls at once, and kills a node when the first of them has written something. Other requests
// that are under way go on.
func withoutNode(t *testing.T, s *site.Site, n *esnode.Node, calls [][]string) []site.Outcome {
	t.Helper()
	p := newProxy(t, s.Node)
	var once sync.Once
	p.on(func(q *request) fault {
		if !strings.HasSuffix(q.Path, "/_bulk") {
			return fault{}
		}
		return fault{Name: "a node killed", After: func() {
			once.Do(func() {
				if err := n.Kill(); err != nil {
					t.Error(err)
				}
			})
		}}
	})
	outcomes := make([]site.Outcome, len(calls))
	var all sync.WaitGroup
	for i, args := range calls {
		all.Go(func() { outcomes[i] = s.Through(p.URL).Call(args...) })
	}
	all.Wait()
	p.happened(t, "a node killed")
	after := 0
	for _, q := range p.requests() {
		if strings.HasSuffix(q.Path, "/_bulk") {
			after++
		}
	}
	if after < 3 {
		t.Errorf("%s", fmt.Sprint("the node died at the end of the work: nothing is shown\n", p))
	}
	return outcomes
}
