package message

import (
	"strings"
	"unicode"

	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// maxSearch bounds the searched words in bytes.
const maxSearch = 64 << 10

// SearchWords folds a text to the words that a document's search field holds
// and a query asks for: lower case, without accents, cut at everything that is neither letter nor
// digit. An address gives its parts.
func SearchWords(text string) []string {
	return strings.FieldsFunc(foldText(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })
}

func foldText(s string) string {
	ascii := true
	for i := range len(s) {
		if s[i] >= 0x80 {
			ascii = false
			break
		}
	}
	if !ascii {
		if t, _, err := transform.String(transform.Chain(norm.NFKD, runes.Remove(runes.In(unicode.Mn)), norm.NFC), s); err == nil {
			s = t
		}
	}
	return strings.ToLower(s)
}

// searchWords lists each word of the addresses and the subject once, in order
// of first appearance.
func searchWords(d *Document) string {
	w := wordList{}
	w.add(d.From)
	w.add(d.Subject)
	for _, s := range d.Subjects {
		w.add(s)
	}
	for i := range d.Recipients {
		w.add(d.Recipients[i].To)
		w.add(d.Recipients[i].OrigTo)
	}
	for _, to := range d.To {
		w.add(to)
	}
	return string(w.text)
}

// wordList is a list of words without repeats, separated by spaces.
type wordList struct {
	text []byte
	seen map[string]struct{} // nil while the list is short
	n    int
}

func (w *wordList) add(text string) {
	if text == "" || len(w.text) >= maxSearch {
		return
	}
	for _, word := range SearchWords(text) {
		if w.has(word) || len(w.text)+len(word) >= maxSearch {
			continue
		}
		if len(w.text) > 0 {
			w.text = append(w.text, ' ')
		}
		w.text = append(w.text, word...)
		w.n++
		if w.seen != nil {
			w.seen[word] = struct{}{}
		}
	}
}

func (w *wordList) has(word string) bool {
	if w.seen == nil && w.n > linearUpTo {
		w.seen = make(map[string]struct{}, 4*linearUpTo)
		for _, x := range strings.Fields(string(w.text)) {
			w.seen[x] = struct{}{}
		}
	}
	if w.seen != nil {
		_, ok := w.seen[word]
		return ok
	}
	for rest := w.text; len(rest) > 0; {
		end := 0
		for end < len(rest) && rest[end] != ' ' {
			end++
		}
		if string(rest[:end]) == word {
			return true
		}
		rest = rest[min(end+1, len(rest)):]
	}
	return false
}
