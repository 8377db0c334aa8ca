package worker

import (
	"strings"

	"github.com/postweave/postweave/worker/message"
	"github.com/postweave/postweave/worker/postlog"
)

// spare finds out whether a plan would lose something that the target has and
// nothing else bears out any more, and then marks it as one that is not carried out. Only careful plans ask.
//
// A run does without: its plan comes of lines that are new, and the union keeps the stored ones. But who
// merges documents again only because they are not what their lines make of them must not take the
// lines' word where lines are gone: from a document whose log somebody cut, or whose pieces of a long log went with
// an index. What such a document says in its fields may be all that is left of the mail.
func (w *keyWork) spare(stored, parts []message.Stored) error {
	if len(w.steps) == 0 {
		return nil
	}
	for _, s := range stored {
		lost, err := w.wouldLose(&s, parts)
		if err != nil {
			return err
		}
		w.spared = w.spared || lost
	}
	if w.spared {
		w.held, w.fates = nil, nil
		for _, s := range stored {
			w.held = append(w.held, message.Stored{Key: w.key, ID: s.ID, SeqNo: s.SeqNo, PrimaryTerm: s.PrimaryTerm})
		}
	}
	return nil
}

// wouldLose tells whether a stored document says more than any document of the
// plan that has its lines.
func (w *keyWork) wouldLose(s *message.Stored, parts []message.Stored) (bool, error) {
	own, err := ownLines(s, parts)
	if err != nil {
		return false, err
	}
	outline, err := message.StoredOutline(s.Source)
	if err != nil {
		return false, err
	}
	for _, l := range own {
		// A line of another mail: whoever put it there, this key is not the one to merge it.
		if id, noQueue := postlog.LeadingQueueID(l.Text); id != w.key.QueueID || noQueue != w.reject {
			return true, nil
		}
	}
	if !w.reject && len(own) > 0 && len(own) >= outline.Lines {
		return false, nil // all is there, and a merge of messages keeps all lines
	}
	for i := range w.docs {
		if d := &w.docs[i]; d.Lines >= max(outline.Lines, len(own)) && (len(own) > 0 || d.ID == s.ID) && holds(d, own) {
			return false, nil
		}
	}
	return true, nil
}

// ownLines returns the different lines of a document's log, with those in the
// pieces that are stored beside it.
func ownLines(s *message.Stored, parts []message.Stored) ([]message.Line, error) {
	own, _, err := message.StoredLines(s.Source)
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		if document, _, _ := strings.Cut(p.ID, "."); document != s.ID {
			continue
		}
		lines, _, err := message.StoredLines(p.Source)
		if err != nil {
			return nil, err
		}
		own = append(own, lines...)
	}
	seen := make(map[message.Line]bool, len(own))
	different := own[:0]
	for _, l := range own {
		if !seen[l] {
			seen[l] = true
			different = append(different, l)
		}
	}
	return different, nil
}

func holds(d *message.Document, lines []message.Line) bool {
	has := make(map[message.Line]bool, len(d.Log))
	for _, l := range d.Log {
		has[l] = true
	}
	for _, l := range lines {
		if !has[l] {
			return false
		}
	}
	return true
}
