package postlog

import "strings"

// maxShape bounds a shape in bytes.
const maxShape = 160

// Shape masks a text so that lines of one kind look alike and no mail data is
// shown: words that hold a digit, an "@", a bracket, a quote or a letter beyond ASCII become "…",
// and so do names with a dot, words longer than any of a program's own, everything in angle brackets,
// and all that follows where a line begins to quote a header, a subject or a body.
func Shape(text string) string {
	var b strings.Builder
	for depth := 0; text != "" && b.Len() < maxShape; {
		word, rest, more := strings.Cut(text, " ")
		text = rest
		opens, closes := strings.Count(word, "<"), strings.Count(word, ">")
		if depth > 0 || opens > 0 || masked(word) || quotes(word) && strings.Contains(word, "=") {
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
		if depth == 0 && quotes(word) {
			if more {
				b.WriteString("…")
			}
			break
		}
	}
	return b.String()
}

// quotes tells whether what follows a word is a mail's own, in whatever words.
func quotes(word string) bool {
	key, _, _ := strings.Cut(word, "=")
	switch strings.ToLower(strings.Trim(key, ":,;()")) {
	case "header", "subject", "body":
		return true
	}
	return false
}

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// maxWord is the length beyond which a word is no program's.
const maxWord = 40

func masked(word string) bool {
	if len(word) > maxWord {
		return true
	}
	for i := range len(word) {
		c := word[i]
		switch {
		case c == '.' && i > 0 && i+1 < len(word) && letter(word[i-1]) && letter(word[i+1]): // mail.example
			return true
		case c >= '0' && c <= '9', c >= 0x7f, c < 0x20, c == '@', c == '[', c == '"', c == '\'':
			return true
		}
	}
	return false
}
