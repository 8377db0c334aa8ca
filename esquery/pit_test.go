package esquery

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// deadNode is a cluster in which the node that kept the first points in time has died. Shards are there again on others
// after so many refusals to open one.
type deadNode struct {
	failure        string
	lost, refusals int
	opened         int
	asked          []string
}

func (d *deadNode) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(r.URL.Path, "/_pit") {
		d.asked = append(d.asked, "open")
		if d.opened >= d.lost && d.refusals > 0 {
			d.refusals--
			return reply(503, `{"error":{"type":"no_shard_available_action_exception"},"status":503}`), nil
		}
		d.opened++
		return reply(200, fmt.Sprintf(`{"id":"pit%d"}`, d.opened)), nil
	}
	d.asked = append(d.asked, "search")
	for i := range d.lost {
		if strings.Contains(string(body), fmt.Sprintf(`"pit%d"`, i+1)) {
			status := 503
			if strings.HasPrefix(d.failure, "node_") {
				status = 502
			}
			return reply(status, `{"error":{"type":"`+d.failure+`","failed_shards":[]}}`), nil
		}
	}
	return reply(200, `{"_shards":{"total":1},"hits":{"total":{"value":0},"hits":[]}}`), nil
}

// With the node that keeps a point in time the point in time is gone, for ever, and the copies of its shards are not: a slice
// is begun again from another one, and not asked for again from that one until the budget is used up.
func TestPointInTimeOfADeadNode(t *testing.T) {
	for _, failure := range []string{"search_phase_execution_exception", "no_shard_available_action_exception", "node_disconnected_exception", "node_not_connected_exception"} {
		synctest.Test(t, func(t *testing.T) {
			d := &deadNode{failure: failure, lost: 2, refusals: 1}
			c, err := Connect(Config{Addresses: []string{"http://127.0.0.1:9200"}, Transport: d})
			if err != nil {
				t.Fatal(err)
			}
			source, err := c.Source(SourceOptions{Patterns: []string{"a"}, Target: "t", State: "s"})
			if err != nil {
				t.Fatal(err)
			}
			p, err := c.openPIT(t.Context(), []string{"a"})
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			s := source.Days(begin, begin.Add(time.Hour)).slice(&group{indices: []string{"a"}, fields: &fields{time: "@timestamp"}, pit: p}, begin, begin.Add(time.Hour))
			if _, err := s.read(t.Context()); err != nil {
				t.Fatalf("%s: %v", failure, err)
			}
			if got := strings.Join(d.asked, " "); got != "open search open search open open search" {
				t.Errorf("%s: %s", failure, got)
			}
		})
	}
}
