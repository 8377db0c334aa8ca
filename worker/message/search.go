package message

import (
	"strings"
	"sync"
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

// folders holds what takes accents off: a chain has buffers of 8 KiB, far more
// than most texts.
var folders = sync.Pool{New: func() any {
	return transform.Chain(norm.NFKD, runes.Remove(runes.In(unicode.Mn)), norm.NFC)
}}

func foldText(s string) string {
	if !isASCII(s) {
		fold := folders.Get().(transform.Transformer)
		if t, _, err := transform.String(fold, s); err == nil {
			s = t
		}
		folders.Put(fold)
	}
	return strings.ToLower(s)
}

// searchWords lists each word of the addresses and the subject once, in order
// of first appearance.
func searchWords(d *Document) string {
	var short [256]byte
	w := wordList{text: short[:0]}
	w.add(d.From)
	w.add(d.Subject)
	for _, s := range d.Subjects {
		w.add(s)
	}
	for i := range d.Recipients {
		w.add(d.Recipients[i].To)
		w.add(d.Recipients[i].OrigTo)
	}
	if d.Counts.Total > len(d.Recipients) { // not all are shown
		for _, to := range d.To {
			w.add(to)
		}
	}
	return string(w.text)
}

// wordList is a list of words without repeats, separated by spaces.
type wordList struct {
	text []byte
	ends [linearUpTo + 1]int32 // of the words, while the list is short
	seen map[string]struct{}   // nil while it is
	n    int
}

// add adds the words of [SearchWords], which is what most of a merge's memory
// would go to, were plain ASCII not cut up where it stands.
func (w *wordList) add(text string) {
	if text == "" || len(w.text) >= maxSearch {
		return
	}
	if !isASCII(text) {
		for _, word := range SearchWords(text) {
			w.addWord(word)
		}
		return
	}
	text = strings.ToLower(text)
	for i := 0; i < len(text); i++ {
		from := i
		for i < len(text) && isWordByte(text[i]) {
			i++
		}
		if i > from {
			w.addWord(text[from:i])
		}
	}
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// isWordByte tells a letter or digit in lower case ASCII.
func isWordByte(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

func (w *wordList) addWord(word string) {
	if w.has(word) || len(w.text)+len(word) >= maxSearch {
		return
	}
	if len(w.text) > 0 {
		w.text = append(w.text, ' ')
	}
	w.text = append(w.text, word...)
	if w.n < len(w.ends) {
		w.ends[w.n] = int32(len(w.text)) //nolint:gosec // at most maxSearch
	}
	w.n++
	if w.seen != nil {
		w.seen[word] = struct{}{}
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
	from := 0
	for _, end := range w.ends[:w.n] {
		if int(end)-from == len(word) && string(w.text[from:end]) == word {
			return true
		}
		from = int(end) + 1
	}
	return false
}
