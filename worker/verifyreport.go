package worker

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// VerifyReport is what a verification found. All of it are counts but the times.
type VerifyReport struct {
	Command string `json:"command"` // verify

	Slices  int `json:"slices"`
	Lines   int `json:"lines"`    // read from the source
	NoQueue int `json:"no_queue"` // of them without a queue id, and no reject
	Keys    int `json:"keys"`     // (host, queue id) that they belong to
	// Merged are the keys that were merged and compared byte by byte, those of documents
	// whose lines the source has no more included; a key once for each slice.
	Merged    int `json:"keys_merged"`
	Documents int `json:"documents"` // of the target that were compared

	Differences int                    `json:"differences"` // documents
	Kinds       map[DifferenceKind]int `json:"kinds,omitempty"`
	Mended      int                    `json:"mended"`
	Spared      int                    `json:"spared"`  // left as they are: their lines are gone
	Refused     int                    `json:"refused"` // by the target, and kept as stubs

	Created   int `json:"created"`
	Updated   int `json:"updated"`
	Deleted   int `json:"deleted"`
	Conflicts int `json:"conflicts"`

	Guarantee string    `json:"guarantee,omitempty"`
	Notes     []string  `json:"notes,omitempty"`
	More      bool      `json:"more"`           // it stopped before the range's end
	UpTo      time.Time `json:"up_to,omitzero"` // all before it is compared
	Heal      bool      `json:"heal,omitempty"`
	DryRun    bool      `json:"dry_run,omitempty"`

	Seconds float64 `json:"seconds"`
}

func (r *VerifyReport) count(d Difference) {
	r.Differences++
	if r.Kinds == nil {
		r.Kinds = make(map[DifferenceKind]int)
	}
	r.Kinds[d.Kind]++
}

// JSON returns the report as one line without a line break.
func (r VerifyReport) JSON() []byte {
	b, err := json.Marshal(r)
	if err != nil { // cannot happen: there is nothing in it that has no JSON
		return []byte("{}")
	}
	return b
}

// String returns the report as one line for people.
func (r VerifyReport) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s in %s: %s, %s compared: ", r.Command, count(r.Lines, "line"), elapsed(r.Seconds), count(r.Keys, "queue id"), count(r.Documents, "document"))
	if r.Differences == 0 {
		b.WriteString("no differences")
	} else {
		b.WriteString(count(r.Differences, "difference"))
		separator := " ("
		for _, kind := range []DifferenceKind{Missing, Incomplete, Different, Orphan, Quarantined, OlderSchema} {
			if n := r.Kinds[kind]; n > 0 {
				fmt.Fprintf(&b, "%s%d %s", separator, n, strings.ReplaceAll(string(kind), "_", " "))
				separator = ", "
			}
		}
		b.WriteString(")")
	}
	switch {
	case r.Heal && r.DryRun && r.Differences > 0:
		fmt.Fprintf(&b, ", to mend them would be (dry run, nothing written) %d created, %d updated, %d deleted", r.Created, r.Updated, r.Deleted)
	case r.Heal && r.Differences > 0:
		fmt.Fprintf(&b, ", %d mended: %d created, %d updated, %d deleted", r.Mended, r.Created, r.Updated, r.Deleted)
	}
	if r.Refused > 0 {
		fmt.Fprintf(&b, ", %d refused by the target and kept as stubs", r.Refused)
	}
	if r.Spared > 0 {
		fmt.Fprintf(&b, ", %d spared: they say more than the lines that are left", r.Spared)
	}
	if r.More {
		b.WriteString(", more to do")
		if !r.UpTo.IsZero() {
			b.WriteString(" from " + r.UpTo.Format(time.RFC3339))
		}
	}
	return b.String()
}
