package esquery

import (
	"context"
	"errors"
	"math/rand/v2"
)

// leastPage is the smallest page that is asked for where a circuit breaker says
// that larger ones are too much. Below that it is not the page that is to blame.
const leastPage = 10

// calmPages is how many pages are fetched in peace before a larger one is tried.
const calmPages = 20

// page is how much one search asks for: as much as is good, and less while it is
// too much for Elasticsearch.
type page struct {
	size, most int
	trips      int // failures in a row
	calm       int // successes in a row
}

func newPage(most int) *page { return &page{size: most, most: most} }

// divisible tells whether less can be asked for.
func (p *page) divisible() bool { return p.size > leastPage }

// smaller is called after a failure. It halves the page and waits, or returns the
// failure where a smaller page would not help.
func (p *page) smaller(ctx context.Context, failed error) error {
	large := errors.Is(failed, errAnswerTooLarge)
	var e *Error
	tripped := errors.As(failed, &e) && e.divide
	if !large && (!tripped || !p.divisible()) || p.size <= 1 {
		return failed
	}
	p.size /= 2
	p.calm = 0
	if large { // it is the lines that are long: nothing to wait for
		return nil
	}
	p.size = max(leastPage, p.size)
	p.trips++
	return sleep(ctx, max(e.after, rand.N(exponential(min(p.trips, mostWhileHalved))+1)))
}

// done is called after each page that came.
func (p *page) done() {
	p.trips = 0
	if p.calm++; p.calm >= calmPages && p.size < p.most {
		p.size, p.calm = min(p.most, 2*p.size), 0
	}
}
