package esquery

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		c := scripted(t, Config{MaxRequestsPerSecond: 4}, s)
		for range 5 {
			if _, err := c.Do(t.Context(), reading); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(s.start); took != time.Second {
			t.Errorf("five requests took %v", took)
		}
		time.Sleep(time.Minute) // saves nothing up
		start := time.Now()
		for range 3 {
			if _, err := c.Do(t.Context(), reading); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != 500*time.Millisecond {
			t.Errorf("three requests took %v", took)
		}
	})
}

// load is a network that takes its time, and notes when requests begin and how many are under way.
type load struct {
	took func(n int) time.Duration // of the request with that number, counted from 0

	mu          sync.Mutex
	began       []time.Time
	ended       []time.Time
	under, most int
}

func (l *load) RoundTrip(r *http.Request) (*http.Response, error) {
	l.mu.Lock()
	n := len(l.began)
	l.began = append(l.began, time.Now())
	l.under++
	l.most = max(l.most, l.under)
	l.mu.Unlock()
	err := sleep(r.Context(), l.took(n))
	l.mu.Lock()
	l.under--
	l.ended = append(l.ended, time.Now())
	l.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return reply(200, `{"_seq_no":1,"_primary_term":1}`), nil
}

// gaps wants no two requests to begin closer to each other.
func (l *load) gaps(t *testing.T, least time.Duration) {
	t.Helper()
	for i := 1; i < len(l.began); i++ {
		if gap := l.began[i].Sub(l.began[i-1]); gap < least {
			t.Errorf("request %d begins %v after the one before it, want %v", i, gap, least)
		}
	}
}

func loaded(t *testing.T, cfg Config, l *load) *Client {
	t.Helper()
	cfg.Addresses, cfg.Transport = []string{"http://127.0.0.1:9200"}, l
	c, err := Connect(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// atOnce makes n requests at the same time and waits for their ends.
func atOnce(t *testing.T, c *Client, n int) {
	t.Helper()
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			if _, err := c.Do(t.Context(), reading); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// Whoever shares a client shares its ceiling.
func TestRequestsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &load{took: func(int) time.Duration { return time.Second }}
		c := loaded(t, Config{MaxConcurrency: 3}, l)
		start := time.Now()
		atOnce(t, c, 12)
		if took := time.Since(start); l.most != 3 || took != 4*time.Second {
			t.Errorf("%d under way, %v in all; want 3 and 4s", l.most, took)
		}
	})
}

// Requests that wait for a place do not wait for their turn meanwhile: they would go out together
// once there is a place.
func TestPaceAfterALongRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &load{took: func(n int) time.Duration {
			if n < 2 {
				return 10 * time.Second
			}
			return 0
		}}
		c := loaded(t, Config{MaxConcurrency: 2, MaxRequestsPerSecond: 10}, l)
		atOnce(t, c, 20)
		l.gaps(t, 100*time.Millisecond)
		if l.most != 2 {
			t.Errorf("%d under way, want 2", l.most)
		}
	})
}

// An attempt that is repeated has to wait for its turn like any other.
func TestPaceOfAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: repeat(4, refuse)}
		c := scripted(t, Config{MaxRequestsPerSecond: 0.5, Addresses: []string{"http://a:1", "http://b:1"}}, s)
		if _, err := c.Do(t.Context(), reading); err != nil {
			t.Fatal(err)
		}
		for i := 1; i < len(s.at); i++ {
			if gap := s.at[i] - s.at[i-1]; gap < 2*time.Second {
				t.Errorf("attempts at %v, want two seconds between them", s.at)
			}
		}
	})
}

// The time that an attempt waits below the ceiling is none in which Elasticsearch failed.
func TestCeilingUsesUpNoBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: repeat(3, status(503))}
		c := scripted(t, Config{MaxRequestsPerSecond: 0.02, RetryBudget: 10 * time.Second}, s)
		if _, err := c.Do(t.Context(), reading); err != nil {
			t.Fatalf("%v after attempts at %v", err, s.at)
		}
	})
}

// One who stops waiting takes nobody's place or turn.
func TestCeilingGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &load{took: func(int) time.Duration { return 0 }}
		c := loaded(t, Config{MaxConcurrency: 1, MaxRequestsPerSecond: 0.1}, l)
		atOnce(t, c, 1)
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := c.Do(ctx, reading); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v, want the end of the wait", err)
			}
			cancel()
		}
		atOnce(t, c, 1)
		if len(l.began) != 2 || l.began[1].Sub(l.began[0]) != 10*time.Second {
			t.Errorf("requests began at %v, want two, 10s apart", l.began)
		}
	})
}

// A slow answer holds the only place, and the run renews its lease all the same: nobody is to think that it is gone.
func TestLeaseBelowTheCeiling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &load{took: func(n int) time.Duration {
			if n == 0 {
				return 31 * time.Second
			}
			return 0
		}}
		c := loaded(t, Config{MaxConcurrency: 1}, l)
		held := lease{doc: newStateDoc(c, "state", "lease", "source", "target"), holder: "me", log: zap.NewNop()}
		held.doc.found = true
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			held.renew(ctx)
		}()
		atOnce(t, c, 1)
		stop()
		<-done
		if want := 1 + int(31*time.Second/leaseRenewed); len(l.began) != want {
			t.Errorf("%d requests, want %d: a renewal every %v", len(l.began), want, leaseRenewed)
		}
	})
}

// The doctor asks each address by itself, and has one ceiling for all of them.
func TestCeilingOfTheDoctor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &load{took: func(int) time.Duration { return 0 }}
		checkup := Checkup{Config: Config{
			Addresses: []string{"http://127.0.0.1:9200", "http://127.0.0.1:9201", "http://127.0.0.1:9202"}, Transport: l, MaxRequestsPerSecond: 2,
		}}
		x := &examination{Checkup: &checkup, tell: func(Finding) {}}
		if err := x.connect(t.Context()); err != nil || x.client == nil {
			t.Fatal(err)
		}
		atOnce(t, x.client, 1)
		if len(l.began) != 4 {
			t.Errorf("%d requests, want one to each address and one more", len(l.began))
		}
		l.gaps(t, 500*time.Millisecond)
	})
}
