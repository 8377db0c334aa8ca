package esquery

import (
	"context"
	"time"
)

// partingBound is for a request that gives something back after the caller's end
// has come. A daemon has 10 s to end, of which the slice in work may take 8, and such requests follow one after the other.
const partingBound = 500 * time.Millisecond

// parting returns a context for a request that gives something back. It is made
// even where ctx has ended; but then somebody waits for the end, and a node that does not answer must not
// hold it up. How long it may last otherwise is the request's patience, since it may have to wait for its turn.
func parting(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Err() != nil {
		return context.WithTimeout(context.WithoutCancel(ctx), partingBound)
	}
	out, end := context.WithCancel(context.WithoutCancel(ctx))
	unwatch := context.AfterFunc(ctx, func() { time.AfterFunc(partingBound, end) })
	return out, func() {
		unwatch()
		end()
	}
}
