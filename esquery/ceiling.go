package esquery

import (
	"context"
	"errors"
	"time"
)

// ceiling bounds what a client asks of the cluster: how many of its requests are under way at once, and how many begin
// in a second. It stands before each attempt of each request, whoever makes it, so that what all streams of a command do
// together is never more. The zero value does not bound.
type ceiling struct {
	// places has an element for each request under way.
	places chan struct{}

	// interval is the shortest time between the beginnings of two requests. turn holds
	// one element while somebody is to begin next, and guards last, when the latest one began.
	interval time.Duration
	turn     chan struct{}
	last     time.Time
}

// newCeiling makes one of the most requests under way and in a second; zero is no bound.
func newCeiling(concurrency int, perSecond float64) (*ceiling, error) {
	c := &ceiling{}
	switch {
	case concurrency < 0:
		return nil, errors.New("POSTWEAVE_MAX_CONCURRENCY: requests under way at once must not be negative")
	case concurrency > 0:
		c.places = make(chan struct{}, concurrency)
	}
	switch {
	case perSecond == 0:
	case !(perSecond > 0): // NaN too
		return nil, errors.New("POSTWEAVE_MAX_REQUESTS_PER_SECOND: requests per second must not be negative")
	case perSecond < LeastPerSecond:
		return nil, errors.New("POSTWEAVE_MAX_REQUESTS_PER_SECOND: less than one request in 100 s")
	default:
		c.interval, c.turn = time.Duration(float64(time.Second)/perSecond), make(chan struct{}, 1)
	}
	return c, nil
}

// LeastPerSecond is the lowest rate of requests that may be asked for. It keeps points in time from ending between two requests, and anybody from waiting for a day.
const LeastPerSecond = 0.01

// enter returns when a request may begin, or with ctx's error. leave must be called when it has ended.
//
// The place comes before the turn: requests that had their turn and then waited for a place would go out together as
// places are given back. The time between two is counted from when the first really began and not from when it could
// have: nobody can save up for a burst, and one who comes late does not make the next one early.
//
// beside is for a sign of life, which needs a turn and no place: where slow answers hold all places, nobody is to think
// that the process is gone.
func (c *ceiling) enter(ctx context.Context, beside bool) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	leave = func() {}
	if c.places != nil && !beside {
		select {
		case c.places <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		leave = func() { <-c.places }
	}
	if err := c.await(ctx); err != nil {
		leave()
		return nil, err
	}
	return leave, nil
}

// await returns when it is the caller's turn to begin.
func (c *ceiling) await(ctx context.Context) error {
	if c.interval == 0 {
		return ctx.Err()
	}
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.turn }()
	if err := sleep(ctx, time.Until(c.last.Add(c.interval))); err != nil {
		return err
	}
	c.last = time.Now()
	return nil
}
