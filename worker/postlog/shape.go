package postlog

import "strings"

// maxShape bounds a shape in bytes.
const maxShape = 160

// Shape masks a text so that lines of one kind look alike and no mail data is
// shown: words that hold a digit, an "@", a bracket, a quote or a letter beyond ASCII become "…",
// and so does everything in angle brackets.
func Shape(text string) string {
	var b strings.Builder
	for depth := 0; text != "" && b.Len() < maxShape; {
		word, rest, more := strings.Cut(text, " ")
		text = rest
		opens, closes := strings.Count(word, "<"), strings.Count(word, ">")
		if depth > 0 || opens > 0 || masked(word) {
			if key, _, ok := strings.Cut(word, "="); ok && depth == 0 && !masked(key) && !strings.Contains(key, "<") {
				b.WriteString(key)
				b.WriteByte('=')
			}
			b.WriteString("…")
		} else {
			b.WriteString(word)
		}
		if depth += opens - closes; depth < 0 {
			depth = 0
		}
		if more {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

func masked(word string) bool {
	for i := range len(word) {
		c := word[i]
		switch {
		case c >= '0' && c <= '9', c >= 0x7f, c < 0x20, c == '@', c == '[', c == '"', c == '\'':
			return true
		}
	}
	return false
}
