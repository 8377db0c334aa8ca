package esquery

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// ahead lets produce work on the next item while consume has the one before:
// at most two exist at a time. The first error ends both and is returned.
func ahead[T any](ctx context.Context, produce func(context.Context, func(T) error) error, consume func(context.Context, T) error) error {
	items := make(chan T)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(items)
		return produce(ctx, func(item T) error {
			select {
			case items <- item:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	group.Go(func() error {
		for item := range items {
			if err := consume(ctx, item); err != nil {
				return err
			}
		}
		return nil
	})
	return group.Wait()
}
