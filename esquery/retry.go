package esquery

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

const (
	backoffBase = 200 * time.Millisecond
	backoffCap  = 30 * time.Second
)

// backoff spaces the attempts of one operation.
//
// It is our own and not cenkalti/backoff because most of what matters here lies
// outside a formula: a budget that ends attempts that hang, a Retry-After, and
// no wait while there is another address to try. The wait is drawn from the
// whole range between nothing and the exponential ("full jitter"), so that the
// jobs of many servers that failed in one second do not come back in one second.
type backoff struct {
	budget   time.Duration
	deadline time.Time // set by the first failure
	failures int
	refused  int // addresses in a row that gave no answer
}

// next is called after a failed attempt. It returns how long to wait before the
// next one, and false if the budget does not reach so far. addresses is their
// number; retryAfter is 0 or what the server asked for.
func (b *backoff) next(e *Error, addresses int, retryAfter time.Duration) (time.Duration, bool) {
	now := time.Now()
	if b.deadline.IsZero() {
		// The first attempt does not count: one that hung for the whole
		// request timeout would leave nothing to try again with.
		b.deadline = now.Add(b.budget)
	}
	if e.Status == 0 {
		b.refused++
		if b.refused%addresses != 0 {
			return 0, now.Before(b.deadline)
		}
	} else {
		b.refused = 0
	}
	wait := rand.N(exponential(b.failures) + 1)
	b.failures++
	wait = max(wait, min(retryAfter, backoffCap))
	return wait, now.Add(wait).Before(b.deadline)
}

// timeout returns how long the coming attempt may last.
func (b *backoff) timeout(perRequest time.Duration) time.Duration {
	if b.deadline.IsZero() {
		return perRequest
	}
	return min(perRequest, time.Until(b.deadline))
}

// spared gives back time that passed while nothing was tried: an attempt that has to
// wait for its place or its turn does not use up the budget.
func (b *backoff) spared(d time.Duration) {
	if !b.deadline.IsZero() {
		b.deadline = b.deadline.Add(d)
	}
}

func exponential(failures int) time.Duration {
	if failures >= 8 { // 200 ms << 8 is above the cap
		return backoffCap
	}
	return min(backoffBase<<failures, backoffCap)
}

// retryAfter reads the header of that name, which holds seconds or a date. It
// returns 0 where there is none or it makes no sense.
func retryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if value == "" {
		return 0
	}
	if seconds, err := strconv.Atoi(value); err == nil {
		// Capped before it is multiplied, so that it cannot overflow.
		return time.Duration(min(max(seconds, 0), int(backoffCap/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(time.Until(at), 0), backoffCap)
	}
	return 0
}

// sleep waits, and returns ctx's error at once when ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
