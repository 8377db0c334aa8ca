package faults

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// The product's own bound on one operation: a request's deadline, and then the
// budget of trying again.
const (
	requestDeadline = 60 * time.Second
	slowBudget      = 5 * time.Second
)

// A network on which no answer comes to its end in time: none at all, drop by
// drop, too slow for its size, and cut into pieces that trickle. The run ends with 3 when the first
// operation's deadline and budget are over.
func TestF35TooSlow(t *testing.T) {
	t.Parallel() // it waits
	for name, toxic := range map[string]struct {
		kind       string
		attributes map[string]any
	}{
		"no answer":        {"latency", map[string]any{"latency": 300_000}},
		"little by little": {"bandwidth", map[string]any{"rate": 1}},
		"drop by drop":     {"slicer", map[string]any{"average_size": 2, "delay": 1_000_000}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := site.New(t)
			logged(t, s, loggen.Config{Seed: 351, Messages: 60, Span: time.Hour})
			before := s.Cursor()
			n := newNetwork(t, s.Node)
			n.turns(toxic.kind, "downstream", toxic.attributes)
			var mu sync.Mutex
			last, seen := time.Time{}, map[string]bool{} // when the operation began that was to fail
			n.on(func(q *request) fault {
				mu.Lock()
				defer mu.Unlock()
				if what := q.Path + string(q.Body); !seen[what] && q.Method != http.MethodDelete {
					last, seen[what] = time.Now(), true
				}
				return fault{Name: "slow"}
			})
			via := n.local(s)
			via.Env = []string{"POSTWEAVE_RETRY_BUDGET=" + slowBudget.String()}
			o := via.Call("run", "--json")
			took := time.Since(last)
			n.happened(t, "slow")
			refused(t, o, 3, n.wire.Listen, "no answer in time", "Elasticsearch is overloaded or not ready")
			if most := (requestDeadline + slowBudget) * 11 / 10; took > most {
				t.Errorf("the operation took %v to fail, want at most %v", took, most)
			}
			if took < requestDeadline/2 {
				t.Errorf("the operation failed after %v, which no slowness explains\n%s", took, o.Stderr)
			}
			if q := n.requests()[0]; q.Status/100 != 2 {
				t.Errorf("the node itself did not answer: %d", q.Status)
			}
			if s.Cursor() != before || len(s.Documents()) != 0 {
				t.Error("something was taken from answers that never ended")
			}
			n.heals()
			settled(t, s)
		})
	}
}

// Slow, in small pieces and of changing delay, but within the deadline: nothing
// is lost and nothing is sent twice.
func TestF35SlowButInTime(t *testing.T) {
	t.Parallel() // it waits
	s := site.New(t)
	logged(t, s, loggen.Config{Seed: 352, Messages: 60, Span: time.Hour})
	n := newNetwork(t, s.Node)
	n.turns("latency", "downstream", map[string]any{"latency": 150, "jitter": 100})
	n.turns("slicer", "downstream", map[string]any{"average_size": 64, "size_variation": 32, "delay": 20})
	n.turns("bandwidth", "upstream", map[string]any{"rate": 200})
	begin := time.Now()
	o := n.remote(s).Call("run", "--json")
	unscathed(t, o)
	if took := time.Since(begin); took < 20*150*time.Millisecond {
		t.Errorf("the run took %v, as if the network were not slow", took)
	}
	if strings.Contains(o.Stderr, "trying again") {
		t.Errorf("a request was given up before its deadline:\n%s", o.Stderr)
	}
	n.heals()
	settled(t, s)
	neverRewritten(t, s)
}
