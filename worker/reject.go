package worker

import (
	"context"
	"slices"

	"github.com/postweave/postweave/worker/message"
)

// rejectWork is the work on one NOQUEUE reject. What a source has is its line;
// where only a stored document is known the line is that of its log.
func rejectWork(host string, line message.Line, id string) *keyWork {
	return &keyWork{key: message.Key{Host: host}, reject: true, careful: true, lines: []message.Line{line}, ids: []string{id}}
}

// storedReject is the work on a reject's stored document. One whose log is not
// the one line of a reject has no line to be merged from.
func storedReject(s *message.Stored, o message.Options) (w *keyWork, d message.Document, err error) {
	w = &keyWork{key: message.Key{Host: s.Key.Host}, reject: true, careful: true, ids: []string{s.ID}}
	lines, _, err := message.StoredLines(s.Source)
	if err != nil {
		return nil, d, err
	}
	if len(lines) != 1 {
		return w, d, nil
	}
	d, ok := message.RejectOf(s.Key.Host, lines[0], o)
	if !ok {
		return w, message.Document{}, nil
	}
	w.lines = lines
	if d.ID != s.ID {
		w.ids = append(w.ids, d.ID)
	}
	return w, d, nil
}

func (w *keyWork) rejectDocuments(o message.Options) (docs []message.Document) {
	for _, l := range w.lines {
		docs = append(docs, message.Reject(w.key.Host, l, o))
	}
	return docs
}

// lookUp finds the stored documents of all keys, and returns what tells those
// of each.
func (m *Merger) lookUp(ctx context.Context, work []*keyWork) (func(*keyWork) []message.Stored, error) {
	var keys []message.Key
	var ids []string
	for _, w := range work {
		if w.reject {
			ids = append(ids, w.ids...)
		} else {
			keys = append(keys, w.key)
		}
	}
	byKey, byID := map[message.Key][]message.Stored{}, map[string]message.Stored{}
	if len(keys) > 0 {
		found, err := m.Target.Find(ctx, keys)
		if err != nil {
			return nil, err
		}
		byKey = groupStored(found)
	}
	if len(ids) > 0 {
		slices.Sort(ids)
		found, err := m.Target.Identified(ctx, slices.Compact(ids))
		if err != nil {
			return nil, err
		}
		for _, s := range found {
			byID[s.ID] = s
		}
	}
	return func(w *keyWork) (stored []message.Stored) {
		if !w.reject {
			return byKey[w.key]
		}
		for _, id := range w.ids {
			if s, ok := byID[id]; ok {
				stored = append(stored, s)
			}
		}
		return stored
	}, nil
}
