package esquery

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"go.uber.org/zap"
)

// patience is a network on which nothing is answered. It notes how long each
// request would have waited.
type patience struct{ waits []time.Duration }

func (p *patience) RoundTrip(r *http.Request) (*http.Response, error) {
	until, ok := r.Context().Deadline()
	if !ok {
		return nil, errors.New("a request without a deadline")
	}
	p.waits = append(p.waits, time.Until(until))
	return nil, errors.New("no answer")
}

// What a run gives back at its end is asked for even after a signal, and does not
// hold up the end where the node is silent.
func TestGivingBackAfterTheEnd(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	for name, ctx := range map[string]context.Context{"at work": t.Context(), "after a signal": ended} {
		var network patience
		c, err := Connect(Config{Addresses: []string{"http://node.test:9200"}, RetryBudget: time.Nanosecond, Transport: &network})
		if err != nil {
			t.Fatal(err)
		}
		(&pit{client: c, id: "a"}).close(ctx)
		l := lease{doc: newStateDoc(c, "state", "lease", "source", "target"), log: zap.NewNop()}
		l.doc.found = true
		l.release(ctx)
		if len(network.waits) < 2 {
			t.Errorf("%s: %d requests, want one for the point in time and one for the lease", name, len(network.waits))
		}
		for _, wait := range network.waits {
			if short := wait <= partingBound; short != (ctx == ended) {
				t.Errorf("%s: a request may wait %v", name, wait)
			}
		}
	}
}
