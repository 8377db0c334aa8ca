package message

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// WordPattern is a word that a text must have, or with * one that fits.
type WordPattern struct {
	Text     string // as the index has words
	Wildcard bool
}

// SubjectPatterns are the words that a subject must have.
func SubjectPatterns(text string) []WordPattern { return wordPatterns(text, strings.ToLower) }

// SearchPatterns are the words that a document's search field must have.
func SearchPatterns(text string) []WordPattern { return wordPatterns(text, foldText, SearchWords) }

// wordPatterns reads words as people type them. What has a * stands for itself; the rest is cut into words
// as the texts were, by cut too where it is given.
func wordPatterns(text string, fold func(string) string, cut ...func(string) []string) []WordPattern {
	var out []WordPattern
	for _, typed := range strings.Fields(text) {
		if strings.Contains(typed, "*") {
			out = append(out, WordPattern{Text: fold(typed), Wildcard: true})
			continue
		}
		pieces := []string{typed}
		for _, c := range cut {
			pieces = c(typed)
		}
		for _, piece := range pieces {
			for _, word := range indexWords(piece) {
				out = append(out, WordPattern{Text: word})
			}
		}
	}
	return out
}

// allWords tells whether the texts have every word that is asked for. What
// holds no word at all asks for nothing that a text could have.
func allWords(asked []WordPattern, texts ...string) bool {
	if len(asked) == 0 {
		return false
	}
	var words []string
	for _, text := range texts {
		words = append(words, indexWords(text)...)
	}
	for _, p := range asked {
		found := false
		for _, word := range words {
			if found = p.Text == word || p.Wildcard && fitsWildcard(p.Text, word); found {
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}

// longestWord is where Elasticsearch's standard analyzer cuts a word in two, in UTF-16 units.
const longestWord = 255

// indexWords cuts a text into words as Elasticsearch's standard analyzer does, so that a log and an index
// find the same: by Unicode's rules for word boundaries (UAX #29), in lower case. Ideographs
// and hiragana are words of one sign each.
func indexWords(text string) []string {
	var words []string
	for i := 0; i < len(text); {
		n, isWord := wordAt(text[i:])
		if isWord {
			words = appendWord(words, text[i:i+n])
		}
		i += n
	}
	return words
}

// appendWord adds a word, in pieces where it is too long.
func appendWord(words []string, word string) []string {
	for len(word) > longestWord {
		units, end := 0, len(word)
		for i, r := range word {
			if r >= 0x10000 {
				units++
			}
			if units++; units > longestWord {
				end = i
				break
			}
		}
		words = append(words, strings.ToLower(word[:end]))
		word = word[end:]
	}
	if word != "" {
		words = append(words, strings.ToLower(word))
	}
	return words
}

// wordAt returns the length of what the text begins with, and whether it is a word.
func wordAt(text string) (n int, isWord bool) {
	class, size := signAt(text)
	switch class {
	case signOther, signMidLetter, signMidNumber, signMidBoth:
		return size, false
	case signIdeograph, signEmoji:
		return size, true
	case signFlag: // of two letters
		if next, more := signAt(text[size:]); next == signFlag {
			size += more
		}
		return size, true
	case signComplex:
		for n = size; ; n += size {
			if class, size = signAt(text[n:]); class != signComplex {
				return n, true
			}
		}
	}
	isWord = class != signJoiner
	for n, last := size, class; ; {
		class, size = signAt(text[n:])
		switch {
		case joined(last, class):
			n, last = n+size, class
			isWord = isWord || class != signJoiner
		case last == signLetter && text[n:n+size] == "'" && endsHebrew(text[:n]):
			n += size // a geresh, after which a word goes on or ends
			if after, more := signAt(text[n:]); after == signLetter {
				n += more
			} else {
				return n, isWord
			}
		case bridges(last, class):
			after, more := signAt(text[n+size:])
			if after != last {
				return n, isWord
			}
			n += size + more
		default:
			return n, isWord
		}
	}
}

// joined tells signs that stand in one word side by side.
func joined(a, b sign) bool {
	switch b {
	case signLetter, signNumber:
		return a == signLetter || a == signNumber || a == signJoiner
	case signKatakana:
		return a == signKatakana || a == signJoiner
	case signJoiner:
		return true
	}
	return false
}

func endsHebrew(text string) bool {
	r, _ := utf8.DecodeLastRuneInString(text)
	return unicode.Is(unicode.Hebrew, r) && unicode.IsLetter(r)
}

// bridges tells a sign that stands within a word if what follows it is as what is before it.
func bridges(a, b sign) bool {
	return a == signLetter && (b == signMidLetter || b == signMidBoth) || a == signNumber && (b == signMidNumber || b == signMidBoth)
}

// sign is what a character, with the marks on it, is to word boundaries.
type sign int

const (
	signOther sign = iota
	signLetter
	signNumber
	signKatakana
	signJoiner    // underscores: join, and are no word alone
	signMidLetter // between letters
	signMidNumber // between digits
	signMidBoth   // between either
	signIdeograph // a word by itself
	signComplex   // of scripts without spaces: a run is a word
	signEmoji
	signFlag // half of one
)

// signAt returns the class of the first character and its length with the
// marks that follow it.
func signAt(text string) (sign, int) {
	if text == "" {
		return signOther, 0
	}
	r, n := utf8.DecodeRuneInString(text)
	class := signOf(r)
	for n < len(text) {
		next, size := utf8.DecodeRuneInString(text[n:])
		if !extends(next) || r == '\n' || r == '\r' || class == signEmoji && next != '\ufe0f' && next != '\u200d' && !isSkinTone(next) {
			break
		}
		n += size
		if class == signEmoji && next == '\u200d' { // one picture of two
			if after, more := utf8.DecodeRuneInString(text[n:]); isEmoji(after) {
				n += more
			}
		}
	}
	return class, n
}

func signOf(r rune) sign {
	switch {
	case r < utf8.RuneSelf:
		return signOfASCII(r)
	case unicode.Is(midLetters, r):
		return signMidLetter
	case unicode.Is(midNumbers, r):
		return signMidNumber
	case unicode.Is(midBoth, r):
		return signMidBoth
	case r == '\u3006': // a closing mark, though Unicode calls it ideographic
		return signOther
	case unicode.In(r, unicode.Ideographic, unicode.Hiragana):
		return signIdeograph
	case unicode.Is(unicode.Katakana, r) || unicode.Is(katakanaMore, r):
		return signKatakana
	case unicode.In(r, unicode.Thai, unicode.Lao, unicode.Myanmar, unicode.Khmer) && unicode.IsLetter(r):
		return signComplex
	case unicode.Is(unicode.Nd, r) || r == '\u066b':
		return signNumber
	case unicode.Is(unicode.Pc, r):
		return signJoiner
	case unicode.IsLetter(r), unicode.In(r, unicode.Nl, unicode.Other_Alphabetic):
		return signLetter
	case r >= 0x1f1e6 && r <= 0x1f1ff:
		return signFlag
	case isEmoji(r):
		return signEmoji
	}
	return signOther
}

func signOfASCII(r rune) sign {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
		return signLetter
	case r >= '0' && r <= '9':
		return signNumber
	case r == '_':
		return signJoiner
	case r == ':':
		return signMidLetter
	case r == ',' || r == ';':
		return signMidNumber
	case r == '.' || r == '\'':
		return signMidBoth
	}
	return signOther
}

// extends tells marks and what joins signs, which belong to the sign before them.
func extends(r rune) bool {
	return r >= 0x300 && unicode.In(r, unicode.Mn, unicode.Me, unicode.Mc, unicode.Cf) && r != '\u200b' || r == 0xad || isSkinTone(r)
}

func isSkinTone(r rune) bool { return r >= 0x1f3fb && r <= 0x1f3ff }

func isEmoji(r rune) bool {
	return r >= 0x1f000 && r <= 0x1faff || r >= 0x2600 && r <= 0x27bf && unicode.Is(unicode.So, r) || unicode.Is(pictographs, r)
}

// From WordBreakProperty.txt of the Unicode Character Database.
var (
	pictographs  = table(0xa9, 0xae, 0x203c, 0x2049, 0x2122, 0x2139, 0x3030, 0x303d, 0x3297, 0x3299)
	midLetters   = table(0xb7, 0x387, 0x5f4, 0x2027, 0xfe13, 0xfe55, 0xff1a)
	midNumbers   = table(0x37e, 0x589, 0x60c, 0x60d, 0x66c, 0x7f8, 0x2044, 0xfe10, 0xfe14, 0xfe50, 0xfe54, 0xff0c, 0xff1b)
	midBoth      = table(0x2018, 0x2019, 0x2024, 0xfe52, 0xff07, 0xff0e)
	katakanaMore = table(0x3031, 0x3032, 0x3033, 0x3034, 0x3035, 0x309b, 0x309c, 0x30a0, 0x30fc, 0xff70)
)

func table(runes ...uint16) *unicode.RangeTable {
	t := &unicode.RangeTable{}
	for _, r := range runes {
		t.R16 = append(t.R16, unicode.Range16{Lo: r, Hi: r, Stride: 1})
	}
	return t
}
