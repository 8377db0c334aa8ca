// Package leak finds in an output what must never be in one: addresses, subjects
// and names of mails, passwords and keys, and Elasticsearch's own words about a document.
package leak

import (
	"strings"
	"sync"
)

// shortest is the length from which on a text is looked for, in bytes: "web" is
// in many outputs that tell of no client of that name. A secret with a digit in it is no
// word, and may be shorter.
const shortest, shortestSecret = 8, 6

// most is how many texts are kept.
const most = 100_000

// Known is what the tests know to be private, because they put it there. Its
// zero value knows nothing. It is safe for use by several goroutines.
type Known struct {
	mu    sync.Mutex
	texts map[[shortestSecret]byte][]text
	seen  map[string]bool
	left  int
}

// text is one that is private, and what it is: "a subject".
type text struct{ what, text string }

// ordinary are texts that stand in logs and say nothing of anybody.
var ordinary = map[string]bool{"localhost": true, "127.0.0.1": true, "undisclosed-recipients": true}

// Add takes up a text of a mail, and what it is: "a subject".
func (k *Known) Add(what, private string) {
	if private = strings.TrimSpace(private); len(private) >= shortest && !ordinary[private] {
		k.add(what, private)
	}
}

// AddSecret takes up a password or a key.
func (k *Known) AddSecret(private string) {
	private = strings.TrimSpace(private)
	if len(private) >= shortest || len(private) >= shortestSecret && strings.ContainsAny(private, "0123456789") {
		k.add("a secret", private)
	}
}

func (k *Known) add(what, private string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.seen[private] {
		return
	}
	if len(k.seen) == most {
		k.left++
		return
	}
	if k.seen == nil {
		k.seen, k.texts = map[string]bool{}, map[[shortestSecret]byte][]text{}
	}
	k.seen[private] = true
	begin := [shortestSecret]byte([]byte(private))
	k.texts[begin] = append(k.texts[begin], text{what, private})
}

// LeftOut is how many texts were not taken up, for want of room.
func (k *Known) LeftOut() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.left
}

// in returns the first known text in a line.
func (k *Known) in(line string) (text, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range max(len(line)-shortestSecret+1, 0) {
		for _, t := range k.texts[[shortestSecret]byte([]byte(line[i:i+shortestSecret]))] {
			if strings.HasPrefix(line[i:], t.text) {
				return t, true
			}
		}
	}
	return text{}, false
}
