//go:build faults

package faults

import (
	"encoding/json"
	"testing"

	"github.com/postweave/postweave/test/esnode"
)

// pitOf is the point in time that a search is of.
func pitOf(t testing.TB, q *request) string {
	var search struct{ PIT struct{ ID string } }
	if err := json.Unmarshal(q.Body, &search); err != nil || search.PIT.ID == "" {
		t.Errorf("a search without a point in time: %.200s", q.Body)
	}
	return search.PIT.ID
}

// startReaper is a node that looks every second for points in time that have run out.
func startReaper(t *testing.T) string {
	return startNode(t, esnode.Options{Settings: map[string]string{"search.keep_alive_interval": "1s"}}).URL
}
