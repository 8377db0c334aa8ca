package worker

import (
	"context"
	"slices"

	"github.com/postweave/postweave/worker/message"
)

// firstStrays is the round of conflicts from which on strays are looked for. In
// the rounds before, it is another writer as a rule.
const firstStrays = 2

// findStrays looks for documents that are there under their right _id and are
// not found by their queue id, because somebody altered that by hand: to create them conflicts for ever.
// Found, they are united and written like any other.
func (m *Merger) findStrays(ctx context.Context, work []*keyWork) error {
	wanted := make(map[string]*keyWork)
	var ids []string
	for _, w := range work {
		w.strays = nil
		for i := range w.steps {
			if c := &w.steps[i].change; c.Action == message.Create && !c.Part {
				wanted[c.ID] = w
				ids = append(ids, c.ID)
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	found, err := m.Target.Identified(ctx, ids)
	if err != nil {
		return err
	}
	for _, s := range found {
		if w := wanted[s.ID]; w != nil && s.Key != w.key {
			w.strays = append(w.strays, s)
		}
	}
	return nil
}

// withStrays adds the strays that are not among the stored documents by now.
func withStrays(stored, strays []message.Stored) []message.Stored {
	for _, s := range strays {
		if !slices.ContainsFunc(stored, func(had message.Stored) bool { return had.ID == s.ID }) {
			stored = append(slices.Clip(stored), s)
		}
	}
	return stored
}
