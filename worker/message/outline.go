package message

import (
	"encoding/json"
	"fmt"
	"time"
)

// Outline is what a stored document says of itself in a few numbers: enough to
// tell whether it is worth reading whole.
type Outline struct {
	Key         Key
	Lines       int // it was made of, those in the pieces of a long log included
	First, Last time.Time
	Schema      int
	Quarantined bool // it is a stub
}

// StoredOutline reads the outline from a document's JSON. Key stays empty. An
// error means that the document is none of ours; it names no content.
func StoredOutline(source []byte) (Outline, error) {
	var d struct {
		FirstSeen time.Time `json:"first_seen"`
		LastSeen  time.Time `json:"last_seen"`
		Lines     int       `json:"lines"`
		Warnings  []string  `json:"warnings"`
		Schema    int       `json:"schema"`
	}
	if err := json.Unmarshal(source, &d); err != nil {
		return Outline{}, fmt.Errorf("stored document: its outline cannot be read (%T)", err)
	}
	return Outline{Lines: d.Lines, First: d.FirstSeen, Last: d.LastSeen, Schema: d.Schema, Quarantined: Quarantined(d.Warnings)}, nil
}

// Quarantined tells by its warnings whether a document is a stub.
func Quarantined(warnings []string) bool {
	for _, w := range warnings {
		if w == WarnQuarantined {
			return true
		}
	}
	return false
}

// Distinct returns how many different lines there are, as a merge counts them.
func Distinct(lines []Line) int {
	if len(lines) == 1 {
		return 1
	}
	seen := make(map[Line]struct{}, len(lines))
	for _, l := range lines {
		n, _ := l.normal()
		seen[n] = struct{}{}
	}
	return len(seen)
}
