package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible makes text from a mail safe to show: whatever could move the cursor,
// change colours, turn the reading direction, break the line or not be seen is replaced by
// an escape that can be seen (\x1b, \u202e, \n), bytes that are not UTF-8
// become \xNN. Everything else stays as it is.
//
// A backslash that was there before is not doubled: the result is for the eye,
// JSON output has the exact bytes, and doubling would garble every Windows
// account name in a table.
func visible(s string) string {
	if isPlain(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case joiner(r) && b.Len() > 0 && b.String()[b.Len()-1] >= utf8.RuneSelf:
			b.WriteString(s[i : i+size])
		case !unsafeRune(r) && !joiner(r):
			b.WriteString(s[i : i+size])
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += size
	}
	return b.String()
}

// isPlain is the quick answer for the common case, text of printable ASCII.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// unsafeRune tells the runes a terminal acts on or hides.
func unsafeRune(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r <= 0x9f: // C0, DEL, C1 (U+009B opens an escape sequence as ESC [ does)
		return true
	case r < 0xad:
		return false
	case r >= 0xe0000 && r <= 0xe0fff: // tag characters, and what else of plane 14 cannot be seen
		return true
	case r >= 0xfe00 && r <= 0xfe0f, joiner(r): // they choose and make emoji; see visible on joiners
		return false
	case unicode.Is(unicode.Prepended_Concatenation_Mark, r): // signs that are seen, in spite of their category
		return false
	}
	// Line and paragraph separators; what turns the direction, joins, fills or has no width.
	return unicode.In(r, unicode.Zl, unicode.Zp, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// joiner tells the two joiners of zero width. Between letters of scripts that need them
// and between emoji they stay; after ASCII they only make two addresses look alike.
func joiner(r rune) bool { return r == 0x200c || r == 0x200d }

// escapeJSON writes what a terminal acts on or hides within JSON text as \uXXXX, which is the
// same value. JSON needs that only of C0 within strings; DEL, C1 and bidirectional controls may
// stand there as they are, and do in what Elasticsearch stores.
func escapeJSON(text []byte) []byte {
	if isPlain(string(text)) {
		return text
	}
	out := make([]byte, 0, len(text)+64)
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case r == '\n' || r == utf8.RuneError && size > 1:
			out = append(out, text[i:i+size]...)
		case r == utf8.RuneError: // no UTF-8, and so no JSON
			out = append(out, `\ufffd`...)
		case !unsafeRune(r) && !joiner(r):
			out = append(out, text[i:i+size]...)
		case r < 0x20: // between values: no JSON string holds it
			out = append(out, ' ')
		case r < 0x10000:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		}
		i += size
	}
	return out
}

// jsonLogWriter escapes a log of JSON on its way to a terminal.
type jsonLogWriter struct{ w io.Writer }

// Write expects whole log entries, as zap writes them.
func (j jsonLogWriter) Write(p []byte) (int, error) {
	if _, err := j.w.Write(escapeJSON(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}
