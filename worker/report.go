package worker

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Report is what a run did. All of it are counts but the times.
type Report struct {
	Command string `json:"command"` // run, backfill or rebuild
	Part    *Part  `json:"part,omitempty"`

	Slices  int `json:"slices"`
	Lines   int `json:"lines"`    // read
	NoQueue int `json:"no_queue"` // of them without a queue id, and no reject
	Keys    int `json:"keys"`     // (host, queue id) touched
	Merged  int `json:"keys_merged"`

	Documents   int `json:"documents"` // yielded by the merges
	Created     int `json:"created"`
	Updated     int `json:"updated"`
	Unchanged   int `json:"unchanged"`
	Quarantined int `json:"quarantined"`
	Deleted     int `json:"deleted"`

	Conflicts int            `json:"conflicts"`          // writes that met another writer's and were done again
	Unparsed  int            `json:"unparsed"`           // lines in the documents that were not understood
	Unjoined  int            `json:"unjoined,omitempty"` // lines about sessions let go without a look: there were too many
	Warnings  map[string]int `json:"warnings,omitempty"`

	Guarantee string   `json:"guarantee,omitempty"` // how the source knows what is new
	Notes     []string `json:"notes,omitempty"`     // what the source wants known
	More      bool     `json:"more"`                // the run stopped before all was read
	DryRun    bool     `json:"dry_run,omitempty"`

	Seconds float64 `json:"seconds"`
}

// Part is one of the parts into which a range of time was divided, From ≤ time < To.
type Part struct {
	Number int       `json:"number"` // counted from 1
	Of     int       `json:"of"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
}

// JSON returns the report as one line without a line break.
func (r Report) JSON() []byte {
	b, err := json.Marshal(r)
	if err != nil { // cannot happen: there is nothing in it that has no JSON
		return []byte("{}")
	}
	return b
}

// String returns the report as one line for people.
func (r Report) String() string {
	var b strings.Builder
	verb := ""
	if p := r.Part; p != nil {
		verb = fmt.Sprintf(" part %d of %d, %s to %s", p.Number, p.Of, p.From.Format(time.RFC3339Nano), p.To.Format(time.RFC3339Nano))
	}
	if r.DryRun {
		verb += " (dry run, nothing written)"
	}
	what := count(r.Lines, "line") + " in "
	if r.Command == "rebuild" { // it reads documents
		what = "done in "
	}
	fmt.Fprintf(&b, "%s%s: %s%s: %s, %s: %d created, %d updated, %d unchanged",
		r.Command, verb, what, elapsed(r.Seconds), count(r.Keys, "queue id"), count(r.Documents, "document"),
		r.Created, r.Updated, r.Unchanged)
	if r.Deleted > 0 {
		fmt.Fprintf(&b, ", %d deleted", r.Deleted)
	}
	if r.Quarantined > 0 {
		fmt.Fprintf(&b, ", %d quarantined", r.Quarantined)
	}
	if r.Unparsed > 0 {
		fmt.Fprintf(&b, ", %s not understood", count(r.Unparsed, "line"))
	}
	if r.More {
		b.WriteString(", more to do" + r.goOn())
	}
	return b.String()
}

// goOn says who does what is left.
func (r Report) goOn() string {
	switch r.Command {
	case "run":
		return ": the next run goes on there"
	case "backfill":
		return ": the same command goes on there"
	}
	return "" // a rebuild's notes tell
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func elapsed(seconds float64) string {
	return time.Duration(seconds * float64(time.Second)).Round(time.Millisecond).String()
}

// balance checks the conservation law: each document that was merged ended in
// exactly one way, and each key that was touched was merged.
func (r Report) balance() error {
	if r.Documents != r.Created+r.Updated+r.Unchanged+r.Quarantined || r.Keys != r.Merged {
		return fmt.Errorf("the run's counts do not add up (%d documents, %d created, %d updated, %d unchanged, %d quarantined; %d keys, %d merged): this is a bug in postweave, please report it",
			r.Documents, r.Created, r.Updated, r.Unchanged, r.Quarantined, r.Keys, r.Merged)
	}
	return nil
}
