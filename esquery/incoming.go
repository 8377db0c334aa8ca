package esquery

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/postweave/postweave/worker/message"
)

// Incoming reads the lines that are new: in order of arrival where the source
// tells it ([Arrivals]), by ingest time with an overlap elsewhere ([Overlap]).
// It satisfies worker.Source.
//
// One remote pattern puts all of the source under the overlap. To follow the local indices by arrival beside it would
// make two cursors and two promises of one run.
type Incoming struct {
	*Source
	arrivals *Arrivals
	overlap  *Overlap
	overlaps bool

	// Progress is called when it is known how much there is to read, and after each slice: of how many operations
	// of the indices, read ones and others. It may be nil, and is not called where arrival cannot be followed.
	Progress func(done, all int64)
}

// Incoming returns a reader of what is new.
func (s *Source) Incoming() *Incoming {
	return &Incoming{Source: s, arrivals: s.Arrivals(), overlap: s.Overlap()}
}

// Describe says how new lines are known, and what the user should know.
func (n *Incoming) Describe() (guarantee string, notes []string) {
	if n.overlaps {
		return n.overlap.Describe()
	}
	return n.arrivals.Describe()
}

// Reset forgets both cursors: the next run is a first run. See [Arrivals.Reset].
func (n *Incoming) Reset(ctx context.Context) error {
	if err := n.overlap.Reset(ctx); err != nil {
		return err
	}
	return n.arrivals.Reset(ctx)
}

// Each hands over what is new, slice by slice. See worker.Source.
func (n *Incoming) Each(ctx context.Context, take func(context.Context, *message.Batch) error) error {
	n.notes, n.overlaps, n.lenient, n.unrefreshed = nil, false, false, false
	reason := remoteReason(n.options.Patterns)
	if reason == "" {
		taken := false
		n.arrivals.progress = n.Progress
		err := n.arrivals.Each(ctx, func(ctx context.Context, b *message.Batch) error {
			taken = true
			return take(ctx, b)
		})
		if reason = lackReason(err); reason == "" || taken {
			if err == nil && n.arrivals.cursor.Switched {
				return n.endSwitch(ctx, take)
			}
			return err
		}
	}
	n.notes, n.overlaps = nil, true
	n.note("guarantee: overlap. New lines are known by their ingest time, because %s; one that shows itself more than %s after it may be missed", reason, n.options.Overlap)
	return n.overlap.Each(ctx, take)
}

// endSwitch ends the first run by arrival after runs by overlap. It left out what
// is older than the horizon; late lines among that which came since the last run by overlap are
// above the overlap's cursor, and are read by it one more time.
func (n *Incoming) endSwitch(ctx context.Context, take func(context.Context, *message.Batch) error) error {
	if err := n.overlap.Each(ctx, take); err != nil || n.options.DryRun {
		return err
	}
	n.arrivals.cursor.Switched = false
	if err := n.arrivals.save(ctx); err != nil {
		return err
	}
	if err := n.overlap.doc.remove(ctx); err != nil && !errors.Is(err, errStateRace) {
		return err
	}
	return nil
}

// switched tells whether this run by arrival is the first after runs by overlap,
// or goes on where such a one ended early.
func (a *Arrivals) switched(ctx context.Context, old cursor, found bool) (bool, error) {
	if found || a.forget {
		return old.Switched, nil
	}
	return a.Overlap().doc.exists(ctx)
}

// remoteReason says why a source in several clusters cannot be followed by
// arrival; "" where it is in one.
func remoteReason(patterns []string) string {
	for _, p := range patterns {
		if isRemote(p) {
			return fmt.Sprintf("%s is in a remote cluster, which tells neither its shards' checkpoints nor their history", p)
		}
	}
	return ""
}

func isRemote(name string) bool { return strings.Contains(name, ":") }

// What is asked with a privilege that can be done without.
const (
	opCheckpoints = "read the source's checkpoints"
	opRefresh     = "refresh"
)

const reasonMaintenance = "the user lacks the privilege maintenance on the raw lines"

// lackReason names the missing privilege that an error of the source is about,
// where that privilege can be done without; "" for any other error.
func lackReason(err error) string {
	var e *Error
	if !errors.As(err, &e) || e.Status != http.StatusForbidden || e.Type != "security_exception" {
		return ""
	}
	switch e.Op {
	case opCheckpoints:
		return "the user lacks the privilege monitor on the raw lines"
	case opRefresh:
		return reasonMaintenance
	}
	return ""
}

// refreshed makes what was indexed searchable. Remote indices cannot be
// refreshed from here. Without the privilege, a lenient source does without.
func (s *Source) refreshed(ctx context.Context, indices []string) error {
	local := make([]string, 0, len(indices))
	for _, name := range indices {
		if !isRemote(name) {
			local = append(local, name)
		}
	}
	if s.unrefreshed || len(local) == 0 {
		return nil
	}
	err := s.client.refresh(ctx, indexPath(local), ClassSource)
	if reason := lackReason(err); s.lenient && reason != "" {
		s.unrefreshed = true
		return nil
	}
	return err
}

func errSinceCursor() *Error {
	return &Error{
		Class: ClassSetup, Op: "begin at --since", Err: errors.New("earlier runs have left a cursor, and lines between the two would be skipped"),
		Hint: "give --reset-cursor too; no document is lost by that",
	}
}
