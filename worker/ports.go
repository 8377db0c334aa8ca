package worker

import (
	"context"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// Source hands over the lines that have not been merged yet.
type Source interface {
	// Each calls take with one slice after the other. When take returns nil the slice is
	// confirmed: its lines need not be handed over again. When take fails Each returns that error
	// and confirms nothing more. The batch is take's to keep.
	//
	// A nil error means that every line which had arrived when Each began was
	// handed over and confirmed.
	Each(ctx context.Context, take func(ctx context.Context, b *message.Batch) error) error
}

// Overlapping is a source that has the next slice begun while the one before is confirmed.
type Overlapping interface {
	// EachOverlapping is Each in two steps. begin returns when all of a slice but its last check is done, and confirm, which may
	// be called once, makes that. The next slice may be begun meanwhile, and is not confirmed before confirm has returned.
	EachOverlapping(ctx context.Context, begin func(ctx context.Context, b *message.Batch) (confirm func(context.Context) error, err error)) error
}

// Target holds the documents.
type Target interface {
	// Find returns all documents of the keys, in any order, as of the last Refresh or
	// later.
	Find(ctx context.Context, keys []message.Key) ([]message.Stored, error)
	// Revisions is Find without the documents' JSON, and without their IDs where a
	// revision is enough to tell the target's documents apart.
	Revisions(ctx context.Context, keys []message.Key) ([]message.Stored, error)
	// Identified returns those documents of the ids that there are, in any order, as of the last
	// Refresh or later.
	Identified(ctx context.Context, ids []string) ([]message.Stored, error)
	// Parts returns the pieces of long logs that are stored for a key beside its documents,
	// whichever write left them, as of now.
	Parts(ctx context.Context, key message.Key) ([]message.Stored, error)
	// Refresh makes all confirmed writes, whoever did them, visible to Find.
	Refresh(ctx context.Context) error
	// Write carries out the changes, each on its condition, and returns one outcome for each.
	// An error means that the outcome of at least one change is not known.
	Write(ctx context.Context, changes []message.Change) ([]message.Outcome, error)
}

// Range is the source's lines of a range of time.
type Range interface {
	// Each calls take with one slice of time after the other, from ≤ time < to, until
	// the range is covered or take fails. The batch is take's to keep.
	Each(ctx context.Context, take func(ctx context.Context, from, to time.Time, b *message.Batch) error) error
}

// Archive is what a target holds by time. Documents that come or go meanwhile
// may be in an answer or not.
type Archive interface {
	// Within calls take with pages of the outlines of the messages whose @timestamp is from
	// ≤ @timestamp < to, in any order.
	Within(ctx context.Context, from, to time.Time, take func(ctx context.Context, page []message.Outline) error) error
	// Rejects does the same with the documents of NOQUEUE rejects.
	Rejects(ctx context.Context, from, to time.Time, take func(ctx context.Context, page []message.Stored) error) error
}

// Outlines is a target that need not be read whole.
type Outlines interface {
	// Outlines returns those of all documents of the keys, in any order, as of the last
	// Refresh or later.
	Outlines(ctx context.Context, keys []message.Key) ([]message.Outline, error)
}
