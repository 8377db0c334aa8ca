package corpus

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Facts are what is known of a situation's documents.
type Facts struct {
	FirstYear int    `json:"year,omitempty"` // of the first line; 0 is 2026
	Zone      string `json:"zone,omitempty"` // of stamps that name none; empty is UTC

	// InOrder tells that the order of the lines is part of what they say: in the hour that a
	// clock repeats, a stamp without a zone means what the line before it makes likely.
	InOrder bool `json:"in_order,omitempty"`

	// Nowhere lists texts that may stand in no field of any document but those that quote:
	// log, checks, session, subject, response.
	Nowhere []string `json:"nowhere,omitempty"`

	// Documents has an entry for each document, and there may be no other. An entry is a part of
	// the document: a field that it names must have that value, where null means that
	// the document lacks it; arrays must have as many elements as are named.
	//
	// What an entry leaves out is known too:
	//
	//	kind                              message
	//	open                              the opposite of complete; both false in a reject
	//	warnings, links, checks, subjects absent
	//	unparsed                          0
	//	counts                            those of the recipients named
	//	a recipient's attempts            1 where its status tells of one, else 0
	//	its orig_to, remote_queue_id, tls absent
	//
	// Entries for documents of one kind, host and queue id are in order of arrival.
	Documents []map[string]any `json:"documents"`
}

type fields = map[string]any

// Wrong compares documents, given as JSON, with the facts. It returns a line
// for each difference.
func (f *Facts) Wrong(docs []string) []string {
	all, err := decode(docs)
	if err != nil {
		return []string{err.Error()}
	}
	var wrong []string
	found := map[string][]fields{}
	for _, d := range all {
		found[identity(d, "")] = append(found[identity(d, "")], d)
	}
	host := onlyHost(all)
	for _, want := range f.Documents {
		want = whole(want)
		k := identity(want, host)
		if len(found[k]) == 0 {
			wrong = append(wrong, k+": missing")
			continue
		}
		for _, w := range differences("", found[k][0], want) {
			wrong = append(wrong, k+w)
		}
		found[k] = found[k][1:]
	}
	for _, k := range slices.Sorted(maps.Keys(found)) {
		for range found[k] {
			wrong = append(wrong, k+": one document too many")
		}
	}
	return append(wrong, f.misplaced(all)...)
}

// decode reads documents and puts them in order of arrival.
func decode(docs []string) ([]fields, error) {
	all := make([]fields, len(docs))
	for i, d := range docs {
		if err := json.Unmarshal([]byte(d), &all[i]); err != nil {
			return nil, fmt.Errorf("a document is no JSON: %w", err)
		}
	}
	slices.SortStableFunc(all, func(a, b fields) int {
		return cmp.Or(
			strings.Compare(text(a["@timestamp"]), text(b["@timestamp"])),
			strings.Compare(text(a["first_seen"]), text(b["first_seen"])),
			strings.Compare(fmt.Sprint(a["to"]), fmt.Sprint(b["to"])),
		)
	})
	return all, nil
}

// identity is what tells documents apart, save those that had one queue id.
// Where a fact names no host, there is only one.
func identity(d fields, host string) string {
	if h, ok := d["host"].(fields); ok {
		host = text(h["name"])
	}
	return fmt.Sprintf("%s %s %s", text(d["kind"]), host, text(d["queue_id"]))
}

func onlyHost(docs []fields) string {
	for _, d := range docs {
		if h, ok := d["host"].(fields); ok {
			return text(h["name"])
		}
	}
	return ""
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// tried are the statuses that tell of one attempt.
var tried = []string{"sent", "deferred", "bounced", "discarded", "deliverable", "undeliverable"}

// whole adds to an entry what it says by leaving it out.
func whole(entry fields) fields {
	d := maps.Clone(entry)
	fill := func(in fields, name string, value any) {
		if _, there := in[name]; !there {
			in[name] = value
		}
	}
	fill(d, "kind", "message")
	done, _ := d["complete"].(bool)
	if text(d["kind"]) == "reject" { // there was nothing to complete, and it is over
		done = true
		fill(d, "complete", false)
	}
	fill(d, "open", !done)
	fill(d, "unparsed", 0.0)
	for _, name := range []string{"warnings", "links", "checks", "subjects"} {
		fill(d, name, nil)
	}
	counts := fields{}
	if given, ok := d["counts"].(fields); ok {
		maps.Copy(counts, given)
	}
	rcpts, _ := d["recipients"].([]any)
	filled := make([]any, len(rcpts))
	for i, r := range rcpts {
		one := maps.Clone(r.(fields))
		status := text(one["status"])
		attempts := 0.0
		if slices.Contains(tried, status) {
			attempts = 1
		}
		fill(one, "attempts", attempts)
		for _, name := range []string{"orig_to", "remote_queue_id", "tls"} {
			fill(one, name, nil)
		}
		filled[i] = one
		if d["counts"] == nil {
			count(counts, status)
		}
	}
	if rcpts != nil {
		d["recipients"] = filled
	}
	for _, name := range []string{"sent", "deferred", "bounced", "expired", "rejected", "discarded", "deleted", "held", "queued", "total"} {
		fill(counts, name, 0.0)
	}
	d["counts"] = counts
	return d
}

// count adds a recipient. Those of a probe count as what a mail to them would be.
func count(counts fields, status string) {
	switch status {
	case "deliverable":
		status = "sent"
	case "undeliverable":
		status = "bounced"
	}
	for _, name := range []string{status, "total"} {
		n, _ := counts[name].(float64)
		counts[name] = n + 1
	}
}

// differences compares a value with what a fact says of it.
func differences(at string, got, want any) (wrong []string) {
	switch want := want.(type) {
	case nil:
		if got != nil {
			return []string{fmt.Sprintf("%s is %v, want none", at, got)}
		}
	case fields:
		have, ok := got.(fields)
		if !ok {
			return []string{fmt.Sprintf("%s is %v, want an object", at, got)}
		}
		for _, name := range slices.Sorted(maps.Keys(want)) {
			wrong = append(wrong, differences(at+" ."+name, have[name], want[name])...)
		}
	case []any:
		have, _ := got.([]any)
		if len(have) != len(want) {
			return []string{fmt.Sprintf("%s has %d elements, want %d: %v", at, len(have), len(want), got)}
		}
		for i := range want {
			wrong = append(wrong, differences(fmt.Sprintf("%s[%d]", at, i), have[i], want[i])...)
		}
	default:
		if !reflect.DeepEqual(got, want) {
			return []string{fmt.Sprintf("%s is %v, want %v", at, got, want)}
		}
	}
	return wrong
}

// misplaced finds texts that may stand nowhere but in quotations.
func (f *Facts) misplaced(docs []fields) (wrong []string) {
	for _, d := range docs {
		own := maps.Clone(d)
		for _, quoting := range []string{"log", "checks", "session", "subject", "subjects", "search"} {
			delete(own, quoting)
		}
		rcpts, _ := own["recipients"].([]any)
		plain := make([]any, len(rcpts))
		for i, r := range rcpts {
			one := maps.Clone(r.(fields))
			delete(one, "response")
			delete(one, "history")
			plain[i] = one
		}
		own["recipients"] = plain
		words := fmt.Sprintf("%q", own)
		for _, n := range f.Nowhere {
			if strings.Contains(words, n) {
				wrong = append(wrong, fmt.Sprintf("%s: has %q in a field of its own", identity(d, ""), n))
			}
		}
	}
	return wrong
}
