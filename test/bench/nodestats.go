package bench

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// statsAge is how long Elasticsearch keeps an answer about its process before it looks again (monitor.process.refresh_interval).
const statsAge = 1100 * time.Millisecond

// Metered gives a measurement what the node took meanwhile: its processor time, and the requests it answered where the measurement
// does not count them itself. Elasticsearch before 8.14 does not count requests.
func (n *Node) Metered(m Measurement) Measurement {
	run := m.Run
	m.Run = func(ctx context.Context) (Count, error) {
		before, err := n.stats(ctx)
		if err != nil {
			return Count{}, err
		}
		ticks := machineTicks()
		c, err := run(ctx)
		if err != nil {
			return c, err
		}
		c.Busy = machineTicks().since(ticks) // without the wait for the node's figures
		after, err := n.stats(ctx)
		if err != nil {
			return c, err
		}
		c.NodeCPU = after.cpu - before.cpu
		if c.Requests == 0 {
			c.Requests = after.requests - before.requests
		}
		return c, nil
	}
	return m
}

type nodeStats struct {
	cpu      time.Duration
	requests int
}

// stats asks all nodes. It waits until the answer is a fresh one.
func (n *Node) stats(ctx context.Context) (nodeStats, error) {
	if wait := statsAge - time.Since(n.asked); wait > 0 {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nodeStats{}, ctx.Err()
		}
	}
	n.asked = time.Now()
	var answer struct {
		Nodes map[string]struct {
			Process struct {
				CPU struct {
					Millis int64 `json:"total_in_millis"`
				} `json:"cpu"`
			} `json:"process"`
			HTTP struct {
				Routes map[string]struct {
					Requests struct{ Count int } `json:"requests"`
				} `json:"routes"`
			} `json:"http"`
		} `json:"nodes"`
	}
	var s nodeStats
	err := n.json(ctx, http.MethodGet, "/_nodes/stats/process,http", "", &answer)
	for _, node := range answer.Nodes {
		s.cpu += time.Duration(node.Process.CPU.Millis) * time.Millisecond
		for route, r := range node.HTTP.Routes {
			if !strings.HasPrefix(route, "/_nodes") { // the benchmark's own
				s.requests += r.Requests.Count
			}
		}
	}
	return s, err
}

// Processors is how many cores Elasticsearch's nodes have together.
func (n *Node) Processors(ctx context.Context) (int, error) {
	var answer struct {
		Nodes map[string]struct {
			OS struct {
				Allocated int `json:"allocated_processors"`
			} `json:"os"`
		} `json:"nodes"`
	}
	err := n.json(ctx, http.MethodGet, "/_nodes/os", "", &answer)
	all := 0
	for _, node := range answer.Nodes {
		all += node.OS.Allocated
	}
	return all, err
}

// Written is how many documents have been written into some indices, each as often as it was, and how many there are.
func (n *Node) Written(ctx context.Context, pattern string) (written, stored int, err error) {
	if err := n.Refresh(ctx, pattern); err != nil {
		return 0, 0, err
	}
	var stats struct {
		All struct {
			Primaries struct {
				Indexing struct {
					Total int `json:"index_total"`
				} `json:"indexing"`
			} `json:"primaries"`
		} `json:"_all"`
	}
	if err := n.json(ctx, http.MethodGet, "/"+url.PathEscape(pattern)+"/_stats/indexing", "", &stats); err != nil {
		return 0, 0, err
	}
	var found struct{ Count int } // not of the stats, which count each recipient as one too
	err = n.json(ctx, http.MethodGet, "/"+url.PathEscape(pattern)+"/_count", "", &found)
	return stats.All.Primaries.Indexing.Total, found.Count, err
}
