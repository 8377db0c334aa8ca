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
func searchWords(d *Document) []byte {
	w := wordList{text: d.searchedWords[:0]}
	if cap(w.text) == 0 {
		w.text = make([]byte, 0, 256)
	}
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
	return w.text
}

// wordList is a list of words without repeats, separated by spaces.
type wordList struct {
	text []byte
	ends [wordsUpTo]int32    // of the words, while the list is short
	seen map[string]struct{} // nil while it is
	n    int
	may  [4]uint64 // bits of the words' marks: most new words are known to be new by them
}

// wordsUpTo is the number of words up to which they are searched without a map.
const wordsUpTo = 64

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
	for i := 0; i < len(text); i++ {
		if wordByte[text[i]] == 0 {
			continue
		}
		// The word is written where it will stand if it is new.
		end := len(w.text)
		if end > 0 {
			w.text = append(w.text, ' ')
		}
		from := len(w.text)
		for i < len(text) && wordByte[text[i]] != 0 {
			w.text = append(w.text, wordByte[text[i]])
			i++
		}
		if !w.keep(from) {
			w.text = w.text[:end]
		}
	}
}

// isASCII looks at eight bytes at a time.
func isASCII(s string) bool {
	for len(s) >= 8 {
		if eightBytes(s)&tops != 0 {
			return false
		}
		s = s[8:]
	}
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// wordByte holds letters and digits of ASCII in lower case, and 0 for all else.
var wordByte = func() (t [256]byte) {
	for c := '0'; c <= '9'; c++ {
		t[c] = byte(c)
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = byte(c), byte(c)
	}
	return t
}()

func (w *wordList) addWord(word string) {
	end := len(w.text)
	if end > 0 {
		w.text = append(w.text, ' ')
	}
	from := len(w.text)
	w.text = append(w.text, word...)
	if !w.keep(from) {
		w.text = w.text[:end]
	}
}

// keep counts the word at the end of the text, from a place on, where it is new and there is room for it.
func (w *wordList) keep(from int) bool {
	word := w.text[from:]
	hash := (uint(word[0])*31+uint(word[len(word)-1]))*31 + uint(word[len(word)/2]) + uint(len(word))<<3
	part, mark := &w.may[hash>>6%4], uint64(1)<<(hash%64)
	if *part&mark != 0 && w.has(word, w.text[:max(0, from-1)]) || max(0, from-1)+len(word) >= maxSearch {
		return false
	}
	*part |= mark
	if w.n < len(w.ends) {
		w.ends[w.n] = int32(len(w.text)) //nolint:gosec // not much more than maxSearch
	}
	w.n++
	if w.seen != nil {
		w.seen[string(word)] = struct{}{}
	}
	return true
}

// has tells whether a word is among the others.
func (w *wordList) has(word, others []byte) bool {
	if w.seen == nil && w.n > wordsUpTo {
		w.seen = make(map[string]struct{}, 4*wordsUpTo)
		for x := range strings.FieldsSeq(string(others)) {
			w.seen[x] = struct{}{}
		}
	}
	if w.seen != nil {
		_, ok := w.seen[string(word)]
		return ok
	}
	from := 0
	for _, end := range w.ends[:w.n] {
		if int(end)-from == len(word) && string(others[from:end]) == string(word) {
			return true
		}
		from = int(end) + 1
	}
	return false
}
