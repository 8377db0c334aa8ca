package leak

import (
	"regexp"
	"strings"
)

// Find is one private thing in an output.
type Find struct {
	What string // "an address"
	Text string
	Line string
}

// address is anything that could be one, with "@" as in a URL's query as well.
// What logs in stands before an "@" in a URL, and is no less private.
var address = regexp.MustCompile("(?i)[a-z0-9.!#$&'*+/=?^_`{|}~:-]+(?:@|%40)[a-z0-9][a-z0-9.-]*")

// reasons are how Elasticsearch words errors about documents, queries and users:
// what follows quotes them.
var reasons = []string{
	"failed to parse", "preview of field", "tried to parse field", "object mapping for [", "cannot parse", "current token (", "unable to authenticate",
	"is unauthorized for", "this action is granted by", "illegal_argument_exception: ", "root_cause", "caused_by", "\"reason\"",
}

// redacted is how Go hides a password in a URL.
const redacted = ":xxxxx@"

// In returns what an output has that is private: of each line and each kind the first.
func (k *Known) In(output string) []Find {
	var all []Find
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\r\n")
		texts := []string{line}
		if strings.HasPrefix(line, "{") {
			texts = append(texts, stringsOf([]byte(line))...) // what JSON hides behind a backslash
		}
		found := map[string]bool{}
		add := func(what, text string) {
			if !found[what] {
				found[what] = true
				all = append(all, Find{what, text, line})
			}
		}
		for _, text := range texts {
			if t, ok := k.in(text); ok {
				add(t.what, t.text)
			}
			for _, a := range address.FindAllString(text, -1) {
				if !strings.Contains(a, redacted) {
					add("an address", a)
				}
			}
			lower := strings.ToLower(text)
			for _, r := range reasons {
				if strings.Contains(lower, r) {
					add("Elasticsearch's own words", r)
				}
			}
		}
	}
	return all
}
