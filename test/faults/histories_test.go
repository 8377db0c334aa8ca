package faults

import (
	"net/http"
	"os"
	"testing"

	"github.com/postweave/postweave/test/esnode"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// settles makes one run that has to read lines, one that must find nothing, and compares with a reading of all that the
// source holds. Where the source has lost lines, the documents keep them, and only what there is to read is compared.
func settles(s *site.Site, what string, least int) {
	s.T.Helper()
	if r := s.Run(); r.Lines < least {
		s.T.Errorf("%s: %d lines read, want %d and more: %+v", what, r.Lines, least, r)
	}
	if r := s.Run(); r.Lines != 0 {
		s.T.Errorf("%s: a second run reads %d lines again", what, r.Lines)
	}
}

// A shard whose operations are numbered anew is read from its beginning, and no
// new line is missed, whatever happened to the index.
func TestHistoriesOfAnIndex(t *testing.T) {
	repository, err := os.MkdirTemp("", "postweave-repository-") //nolint:usetesting // t.TempDir lies in a folder that the node's user may not enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(repository); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(repository, 0o777); err != nil { // the node may run as another user
		t.Fatal(err)
	}
	node := startNode(t, esnode.Options{Settings: map[string]string{"path.repo": repository}})
	esCall(t, node.URL, http.MethodPut, "/_snapshot/r", map[string]any{"type": "fs", "settings": map[string]any{"location": repository}})

	ids := []string{"1A2B3C4D5E6", "2A2B3C4D5E6", "3A2B3C4D5E6", "4A2B3C4D5E6", "5A2B3C4D5E6"}
	begin := func(t *testing.T) (s *site.Site, index string) {
		t.Helper()
		s = site.On(t, node.URL)
		s.SetUp()
		s.Index(arrived(s, noon, noon, ids[0]))
		s.Run()
		return s, s.Daily(noon)
	}
	created := func(t *testing.T, s *site.Site, want ...string) {
		t.Helper()
		if got := len(s.Documents()); got != len(want) {
			t.Errorf("%d documents, want those of %q", got, want)
		}
	}

	t.Run("deleted and made anew", func(t *testing.T) {
		s, index := begin(t)
		s.ES(http.MethodDelete, "/"+index, nil, nil)
		s.Index(arrived(s, noon, noon, ids[1])) // as many lines as before
		settles(s, t.Name(), 6)
		created(t, s, ids[:2]...)
	})
	t.Run("closed and opened", func(t *testing.T) {
		s, index := begin(t)
		s.ES(http.MethodPost, "/"+index+"/_close", nil, nil)
		refused(t, s.Call("run"), 5, index, "closed")
		s.ES(http.MethodPost, "/"+index+"/_open?wait_for_active_shards=1", nil, nil)
		s.Index(arrived(s, noon, noon, ids[1]))
		settles(s, t.Name(), 6)
		everything(s, "opened")
	})
	t.Run("restored under its own name, older than what was read", func(t *testing.T) {
		s, index := begin(t)
		s.ES(http.MethodPut, "/_snapshot/r/old-"+s.Target+"?wait_for_completion=true", map[string]any{"indices": index}, nil)
		s.Index(arrived(s, noon, noon, ids[1]))
		s.Run()
		s.ES(http.MethodPost, "/"+index+"/_close", nil, nil)
		s.ES(http.MethodPost, "/_snapshot/r/old-"+s.Target+"/_restore?wait_for_completion=true", map[string]any{"indices": index}, nil)
		// These get the numbers that the lost ones had.
		s.Index(arrived(s, noon, noon, ids[2]))
		settles(s, t.Name(), 12)
		created(t, s, ids[:3]...)

		s.ES(http.MethodDelete, "/"+index, nil, nil)
		s.ES(http.MethodPost, "/_snapshot/r/old-"+s.Target+"/_restore?wait_for_completion=true", map[string]any{"indices": index}, nil)
		s.Index(arrived(s, noon, noon, ids[3]))
		settles(s, t.Name(), 12)
		created(t, s, ids[:4]...)
	})
	t.Run("resized", func(t *testing.T) {
		s, index := begin(t)
		docs := []string{ids[0]}
		for i, step := range []struct{ how, settings string }{{"_clone", "1"}, {"_split", "2"}, {"_shrink", "1"}} {
			s.ES(http.MethodPut, "/"+index+"/_settings", map[string]any{"index.blocks.write": true}, nil)
			next := s.Source + step.how[1:]
			s.ES(http.MethodPost, "/"+index+"/"+step.how+"/"+next+"?wait_for_active_shards=1", map[string]any{"settings": map[string]any{
				"index.number_of_shards": step.settings, "index.number_of_replicas": 0, "index.blocks.write": nil,
			}}, nil)
			s.ES(http.MethodGet, "/_cluster/health/"+next+"?wait_for_status=green&timeout=60s", nil, nil)
			raw := arrived(s, noon, noon, ids[1+i])
			for n := range raw {
				raw[n].Index = next
			}
			if i == 1 { // both are there for a while: nothing is doubled
				s.Run()
			}
			s.Index(raw)
			docs = append(docs, ids[1+i])
			s.ES(http.MethodDelete, "/"+index, nil, nil)
			settles(s, step.how, 6)
			created(t, s, docs...)
			everything(s, step.how[1:])
			index = next
		}
	})
	// Last, since it takes the node away. What the source forgot by its own rules (its translog is written out every 100 s)
	// is not the question; that the numbers of the forgotten lines are given out again is.
	t.Run("killed with translog.durability async", func(t *testing.T) {
		s := site.On(t, node.URL)
		s.SetUp()
		index := s.Daily(noon)
		s.ES(http.MethodPut, "/"+index, map[string]any{"settings": map[string]any{
			"index.translog.durability": "async", "index.translog.sync_interval": "100s", "number_of_replicas": 0,
		}}, nil)
		s.Index(arrived(s, noon, noon, ids[0]))
		s.ES(http.MethodPost, "/"+index+"/_flush?force=true", nil, nil)
		s.Run()
		s.Index(arrived(s, noon, noon, ids[1]))
		s.Call("run")
		if err := node.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := node.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		var left struct{ Count int }
		s.ES(http.MethodPost, "/"+index+"/_refresh", nil, nil)
		s.ES(http.MethodGet, "/"+index+"/_count", nil, &left)
		if left.Count != 6 {
			t.Fatalf("%d lines survived, want 6: the crash lost nothing, and the test shows nothing", left.Count)
		}
		s.Index(arrived(s, noon, noon, ids[2])) // with the numbers of the lost ones
		s.Index(arrived(s, noon, noon, ids[3]))
		s.ES(http.MethodPost, "/"+index+"/_flush?force=true", nil, nil)
		settles(s, t.Name(), 12)
		clean := s.Beside("clean")
		clean.Run()
		have := map[string]bool{}
		for _, d := range site.Identified(s.Documents()) {
			have[site.Promised(d)] = true
		}
		for _, d := range site.Identified(clean.Documents()) {
			if !have[site.Promised(d)] {
				t.Errorf("missing after the crash: %.300s", d)
			}
		}
	})
}

// The node with the primary dies, its replica takes over and numbers go on: nothing is missed, and what was read is not
// read again.
func TestFailoverOfAShard(t *testing.T) {
	a := startNode(t, esnode.Options{Settings: map[string]string{"node.name": "a", "discovery.type": "multi-node", "cluster.initial_master_nodes": "a"}})
	b := startNode(t, esnode.Options{Join: a, Settings: map[string]string{"node.name": "b", "node.roles": "data"}})
	s := site.On(t, a.URL)
	s.SetUp()
	index := s.Daily(noon)
	s.ES(http.MethodPut, "/"+index, map[string]any{"settings": map[string]any{
		"number_of_replicas": 0, "index.routing.allocation.include._name": "b", "index.unassigned.node_left.delayed_timeout": "0",
	}}, nil)
	s.ES(http.MethodPut, "/"+index+"/_settings", map[string]any{"index.routing.allocation.include._name": nil, "number_of_replicas": 1}, nil)
	s.ES(http.MethodGet, "/_cluster/health/"+index+"?wait_for_status=green&timeout=60s", nil, nil)
	var shards []struct{ Node, Prirep string }
	where := func() (primary string) {
		s.ES(http.MethodGet, "/_cat/shards/"+index+"?format=json&h=node,prirep", nil, &shards)
		for _, x := range shards {
			if x.Prirep == "p" {
				primary = x.Node
			}
		}
		return primary
	}
	if at := where(); at != "b" {
		t.Fatalf("the primary is on %s, want b", at)
	}
	for i := range 5 {
		s.Index(arrived(s, noon, noon, loggen.LongID(noon, uint64(i+1))))
	}
	s.Run()
	s.Index(arrived(s, noon, noon, loggen.LongID(noon, 10)))
	if err := b.Kill(); err != nil {
		t.Fatal(err)
	}
	s.ES(http.MethodGet, "/_cluster/health/"+index+"?wait_for_nodes=1&wait_for_status=yellow&timeout=60s", nil, nil)
	if at := where(); at != "a" {
		t.Fatalf("the primary is on %s, want a", at)
	}
	s.Index(arrived(s, noon, noon, loggen.LongID(noon, 11)))
	if r := s.Run(); r.Lines != 12 || r.Created != 2 {
		t.Errorf("after the failover: %+v", r)
	}
	settles(s, "failover", 0)
	if err := b.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.ES(http.MethodGet, "/_cluster/health/"+index+"?wait_for_status=green&timeout=60s", nil, nil)
	s.Index(arrived(s, noon, noon, loggen.LongID(noon, 12)))
	if r := s.Run(); r.Lines != 6 || r.Created != 1 {
		t.Errorf("with the other node back: %+v", r)
	}
	settled(t, s)
}
