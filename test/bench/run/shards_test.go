package main

import (
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/bench"
)

// Where one worker leaves the cores idle, two of them have to be faster; where it does not, the reason is said.
func TestShardsLimitBindsWhereThereIsRoom(t *testing.T) {
	worker := func(node, own time.Duration) *bench.Result {
		return &bench.Result{Counts: []bench.Count{{Elapsed: 10 * time.Second, NodeCPU: node, CPU: own}}}
	}
	if why := noRoom(worker(5*time.Second, 4*time.Second), 2); why != "" {
		t.Error("45 % of two cores are busy:", why)
	}
	if why := noRoom(worker(10*time.Second, 6*time.Second), 2); !strings.Contains(why, "80 %") {
		t.Error("80 % of two cores are busy:", why)
	}
	others := worker(5*time.Second, 4*time.Second)
	others.Counts[0].Busy = 0.9
	if why := noRoom(others, 2); !strings.Contains(why, "90 %") {
		t.Error("others keep the cores busy:", why)
	}
	if said := busy(worker(10*time.Second, 6*time.Second), 2); !strings.Contains(said, "Elasticsearch used 50 %, the product 30 %;") {
		t.Error(said)
	}
}
