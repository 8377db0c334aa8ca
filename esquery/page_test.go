package esquery

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// A page shrinks while the circuit breaker trips, soon enough for the budget, and
// a failure at the floor is one of the run.
func TestPageShrinksToItsFloor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tripped := &Error{Class: ClassUnavailable, Status: http.StatusTooManyRequests, Type: "circuit_breaking_exception", divide: true}
		p := newPage(sliceKeys)
		begin := time.Now()
		for n := 0; ; n++ {
			if n > 20 {
				t.Fatalf("still asking for %d after %d failures", p.size, n)
			}
			if err := p.smaller(t.Context(), tripped); err != nil {
				if !errors.Is(err, tripped) || p.size != leastPage {
					t.Errorf("%v at a page of %d", err, p.size)
				}
				break
			}
		}
		if took := time.Since(begin); took == 0 || took > 10*time.Second {
			t.Errorf("the way down took %v", took)
		}
		for range 20 * calmPages {
			p.done()
		}
		if p.size != sliceKeys {
			t.Errorf("a page of %d after a long peace", p.size)
		}
		if err := p.smaller(t.Context(), &Error{Status: http.StatusServiceUnavailable}); err == nil || p.size != sliceKeys {
			t.Errorf("%v: a page of %d after a failure that is no question of size", err, p.size)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		if err := newPage(sliceKeys).smaller(t.Context(), &Error{Status: http.StatusTooManyRequests, divide: true, after: 7 * time.Second}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took < 7*time.Second {
			t.Errorf("waited %v of the 7 s that were asked for", took)
		}
	})
	if got := retryAfter(http.Header{"Retry-After": {time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}}); got > backoffCap {
		t.Errorf("a proxy whose clock is an hour ahead is waited for %v", got)
	}
}
