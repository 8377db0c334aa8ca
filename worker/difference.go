package worker

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/postweave/postweave/worker/message"
)

// DifferenceKind is in what a document is not as its lines make it.
type DifferenceKind string

// The kinds. A document is counted under the first that fits.
const (
	Missing     DifferenceKind = "missing"      // it is not there
	Orphan      DifferenceKind = "orphan"       // its lines belong into another document
	Quarantined DifferenceKind = "quarantined"  // it is the stub of one that was refused
	OlderSchema DifferenceKind = "older_schema" // an older postweave wrote it
	Incomplete  DifferenceKind = "incomplete"   // lines are missing in it
	Different   DifferenceKind = "different"    // it has its lines, and other bytes than they give
)

// Difference is one document that is not as its lines make it.
type Difference struct {
	Kind    DifferenceKind
	Host    string
	QueueID string // empty for a NOQUEUE reject
	ID      string // the document's _id
	// Spared says that it is left as it is, because something would be lost that its lines do not
	// give.
	Spared bool
}

// JSON returns the difference as one line without a line break.
func (d Difference) JSON() []byte {
	b, err := json.Marshal(struct {
		Kind    DifferenceKind `json:"kind"`
		Host    string         `json:"host"`
		QueueID string         `json:"queue_id,omitempty"`
		ID      string         `json:"_id"`
		Spared  bool           `json:"spared,omitempty"`
	}{d.Kind, d.Host, d.QueueID, d.ID, d.Spared})
	if err != nil { // cannot happen: strings and a flag
		return []byte("{}")
	}
	return b
}

// compareDifferences orders them by server, queue id, document.
func compareDifferences(a, b Difference) int {
	return cmp.Or(strings.Compare(a.Host, b.Host), strings.Compare(a.QueueID, b.QueueID), strings.Compare(a.ID, b.ID))
}

// differences says what the key's plan would mend, document by document.
func (w *keyWork) differences(parts []message.Stored) ([]Difference, error) {
	var out []Difference
	add := func(id string, kind DifferenceKind) {
		out = append(out, Difference{Kind: kind, Host: w.key.Host, QueueID: w.key.QueueID, ID: id, Spared: w.spared})
	}
	var pieces []string // documents of which a piece of the log lacks lines
	for i := range w.steps {
		s := &w.steps[i]
		switch {
		case s.change.Part:
			document, _, _ := strings.Cut(s.change.ID, ".")
			pieces = append(pieces, document)
		case s.passing || s.fate == unchanged && s.phase != remove:
			// Another step of the plan says it, or nothing is to change.
		case s.phase == remove:
			add(s.change.ID, Orphan)
		case s.old == nil:
			add(s.change.ID, Missing)
		default:
			kind, err := updateKind(s, parts)
			if err != nil {
				return nil, fmt.Errorf("document %s: %w", s.change.ID, err)
			}
			add(s.change.ID, kind)
		}
	}
	for _, id := range slices.Compact(pieces) {
		if !slices.ContainsFunc(out, func(d Difference) bool { return d.ID == id }) {
			add(id, Incomplete)
		}
	}
	return out, nil
}

// updateKind says why a stored document is to be written anew.
func updateKind(s *step, parts []message.Stored) (DifferenceKind, error) {
	outline, err := message.StoredOutline(s.old.Source)
	if err != nil {
		return "", err
	}
	own, err := ownLines(s.old, parts)
	if err != nil {
		return "", err
	}
	switch {
	case outline.Quarantined:
		return Quarantined, nil
	case outline.Schema < message.Schema:
		return OlderSchema, nil
	}
	has := make(map[message.Line]bool, len(own))
	for _, l := range own {
		has[l] = true
	}
	if slices.ContainsFunc(s.doc.Log, func(l message.Line) bool { return !has[l] }) || len(own) < outline.Lines {
		return Incomplete, nil
	}
	return Different, nil
}

// String returns the difference as one line for people.
func (d Difference) String() string {
	line := fmt.Sprintf("%-12s  %s  %s  %s", strings.ReplaceAll(string(d.Kind), "_", " "), d.Host, cmp.Or(d.QueueID, "NOQUEUE"), d.ID)
	if d.Spared {
		line += "  spared"
	}
	return line
}
