package bench

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Settle waits until an index has been at rest for a moment: what was written is visible, and its segments are merged as far as
// Elasticsearch merges them by itself.
func (n *Node) Settle(ctx context.Context, index string) error {
	if err := n.Refresh(ctx, index); err != nil {
		return err
	}
	for calm, deadline := 0, time.Now().Add(10*time.Minute); calm < 3; time.Sleep(500 * time.Millisecond) {
		var stats struct {
			All struct {
				Total struct{ Merges struct{ Current int } }
			} `json:"_all"`
		}
		if err := n.json(ctx, http.MethodGet, "/"+index+"/_stats/merge", "", &stats); err != nil {
			return err
		}
		if calm++; stats.All.Total.Merges.Current > 0 {
			calm = 0
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is still merged", index)
		}
	}
	return nil
}
