package corpus

import (
	"encoding/json"
	"slices"
)

// Core returns a document without its session context, which is best effort: it depends on
// what was read together. What is left is what must be the same bytes however the lines came.
func Core(doc string) string {
	var d fields
	if err := json.Unmarshal([]byte(doc), &d); err != nil {
		return doc
	}
	delete(d, "tls")
	delete(d, "session")
	b, err := json.Marshal(d)
	if err != nil {
		return doc
	}
	return string(b)
}

// Cores is [Core] of each, sorted.
func Cores(docs []string) []string {
	out := make([]string, len(docs))
	for i, d := range docs {
		out[i] = Core(d)
	}
	slices.Sort(out)
	return out
}
