package faults

import (
	"encoding/json"
	"testing"
)

// pitOf is the point in time that a search is of.
func pitOf(t testing.TB, q *request) string {
	var search struct{ PIT struct{ ID string } }
	if err := json.Unmarshal(q.Body, &search); err != nil || search.PIT.ID == "" {
		t.Errorf("a search without a point in time: %.200s", q.Body)
	}
	return search.PIT.ID
}
