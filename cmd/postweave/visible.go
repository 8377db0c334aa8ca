package main

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// visible makes text from a mail safe to show: whatever could move the cursor,
// change colours, turn the reading direction or break the line is replaced by
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
		case !unsafeRune(r):
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
	case r == 0x2028, r == 0x2029: // line and paragraph separator
		return true
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // bidirectional embeddings, overrides, isolates
		return true
	case r == 0x200e, r == 0x200f, r == 0x061c: // directional marks
		return true
	case r == 0xfeff, r >= 0xe0000 && r <= 0xe007f: // byte order mark and tag characters: text that cannot be seen
		return true
	}
	return false
}
