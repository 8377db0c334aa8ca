package faults

import (
	"net/http"
	"testing"
	"time"

	"github.com/postweave/postweave/test/esnode"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// block sets or lifts a block on the target's index.
func block(s *site.Site, kind string, on any) {
	s.ES(http.MethodPut, "/"+s.Target+"-000001/_settings", map[string]any{"index.blocks." + kind: on}, nil)
}

// blocked lets a block come over the target while a run is about to write, and
// wants the run to end with 7, at once and without asking again.
func blocked(t *testing.T, kind string, words ...string) {
	s := site.New(t)
	indexMails(s, 10)
	s.Run()
	indexMails(s, 20) // ten known, ten new
	p := newProxy(t, s.Node)
	p.on(func(q *request) fault {
		if isBulk(q) {
			return fault{Name: kind, Before: func() { block(s, kind, true) }}
		}
		return fault{}
	})
	t.Cleanup(func() {
		// The cursor's index is not blocked, but the target cannot be deleted while it is.
		_ = esnode.Call(t.Context(), http.MethodPut, s.Node+"/"+s.Target+"-000001/_settings", map[string]any{"index.blocks." + kind: nil}, nil)
	})
	begin := time.Now()
	lasting(s.Through(p.URL), 7, words, "run")
	p.happened(t, kind)
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("it took %v", took)
	}
	writes, after := 0, 0
	for _, q := range p.requests() {
		if isBulk(&q) {
			writes++
		}
		if writes > 0 {
			after++
		}
	}
	// The one write of each of two slices that may be in work, the point in time and the lease given back.
	if writes > 2 || after > 8 {
		t.Errorf("%d writes, %d requests from the first on:\n%s", writes, after, p)
	}
	p.on(nil)
	// With the block on, the next run is refused too.
	lasting(s, 7, words, "run")
	block(s, kind, nil)
	settled(t, s)
}

func TestF10FloodStage(t *testing.T) {
	blocked(t, "read_only_allow_delete", "429 cluster_block_exception", "disk", "free space")
}

// A write block is no missing privilege, though both are a 403.
func TestF11WriteBlock(t *testing.T) {
	t.Run("write", func(t *testing.T) {
		blocked(t, "write", "403 cluster_block_exception", "write-blocked", "remove the block")
	})
	t.Run("read only", func(t *testing.T) {
		blocked(t, "read_only", "403 cluster_block_exception", "write-blocked", "remove the block")
	})
}

var _ = loggen.LayoutSyslog
