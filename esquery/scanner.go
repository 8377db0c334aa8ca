package esquery

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// scanner goes through JSON once, without making anything of it. Nearly all
// that a run receives is pages of lines, of which it needs six fields in twenty-five: encoding/json
// goes through each page three times (is it valid, where does a document end, what is in it), which
// was more than half of a run's own time.
//
// It trusts that Elasticsearch sends JSON as far as it skips it, and checks what it reads.
type scanner struct {
	b []byte
	i int
}

// next returns the next byte that is no white space, without taking it. At the end it is 0.
func (s *scanner) next() byte {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) take(c byte) bool {
	if s.next() != c {
		return false
	}
	s.i++
	return true
}

// members calls f for each member of an object with its name. f takes the
// value.
func (s *scanner) members(f func(name []byte) bool) bool {
	if !s.take('{') {
		return false
	}
	if s.take('}') {
		return true
	}
	for {
		quoted, ok := s.text()
		if !ok || !s.take(':') {
			return false
		}
		name := quoted[1 : len(quoted)-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			plain, ok := unquote(quoted)
			if !ok {
				return false
			}
			name = []byte(plain)
		}
		if !f(name) {
			return false
		}
		if s.take('}') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

// elements calls f for each element of an array. f takes it.
func (s *scanner) elements(f func() bool) bool {
	if !s.take('[') {
		return false
	}
	if s.take(']') {
		return true
	}
	for {
		if !f() {
			return false
		}
		if s.take(']') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

// text takes a string and returns it with its quotes.
func (s *scanner) text() ([]byte, bool) {
	if s.next() != '"' {
		return nil, false
	}
	start := s.i
	for i := s.i + 1; ; {
		n := bytes.IndexByte(s.b[i:], '"')
		if n < 0 {
			return nil, false
		}
		i += n + 1
		escapes := 0
		for s.b[i-2-escapes] == '\\' { // ends at the opening quote at the latest
			escapes++
		}
		if escapes%2 == 0 {
			s.i = i
			return s.b[start:i], true
		}
	}
}

// value takes any value and returns it as it stands.
func (s *scanner) value() ([]byte, bool) {
	first := s.next()
	start := s.i
	switch first {
	case '"':
		return s.text()
	case '{', '[':
		return s.nested()
	case 0, '}', ']', ',', ':':
		return nil, false
	}
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ',', '}', ']', ' ', '\t', '\n', '\r':
			return s.b[start:s.i], true
		}
		s.i++
	}
	return s.b[start:s.i], true
}

// nested takes an object or an array.
func (s *scanner) nested() ([]byte, bool) {
	start := s.i
	depth := 0
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case '"':
			if _, ok := s.text(); !ok {
				return nil, false
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth == 0 {
				s.i++
				return s.b[start:s.i], true
			}
		}
		s.i++
	}
	return nil, false
}

// unquote decodes a string that still has its quotes. What is not valid becomes
// U+FFFD, as encoding/json has it.
func unquote(raw []byte) (string, bool) {
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner), true
	}
	var text string
	err := json.Unmarshal(raw, &text)
	return text, err == nil
}
