package message

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"

	"github.com/postweave/postweave/worker/postlog"
)

// headerCut is the size in bytes at which Postfix cuts a header that it logs
// (src/cleanup/cleanup_message.c, "%.200s"). A cut header may be a few bytes shorter, where a character would
// have been split.
const headerCut = 197

// milterCut is the size in bytes at which cleanup cuts a header that a milter
// set (src/cleanup/cleanup_milter.c cleanup_milter_hbc_log, "%.60s").
const milterCut = 57

func cutOf(action string) int {
	if strings.HasPrefix(action, "milter-") {
		return milterCut
	}
	return headerCut
}

// subject is a Subject header as logged.
type subject struct {
	raw string
	cut bool
}

// subjectHeader returns the value of a Subject header that a header check
// looked at.
func subjectHeader(c *postlog.Check) (raw string, ok bool) {
	const name = "subject:"
	if c.Stage != "header" || len(c.Header) < len(name) || !strings.EqualFold(c.Header[:len(name)], name) {
		return "", false
	}
	return strings.TrimSpace(c.Header[len(name):]), true
}

// HoldsSubject tells whether a line is one by which header_checks logs a Subject
// header.
func HoldsSubject(e *postlog.Event) bool {
	_, ok := subjectHeader(&e.Check)
	return ok && e.Kind == postlog.Verdict
}

// settleSubject takes the first subject, and lists all where they differ: a
// mail that holds another one has several.
func (f *folding) settleSubject() {
	var all onceList
	for _, s := range f.subjects {
		text, ok := decodeSubject(s.raw, s.cut)
		if !ok {
			f.warn(WarnSubjectRaw)
		}
		if s.cut {
			f.warn(WarnSubjectCut)
		}
		all.add(f.value(text))
	}
	if len(all.list) == 0 {
		return
	}
	f.doc.Subject = all.list[0]
	if len(all.list) == 1 {
		return
	}
	f.warn(WarnSubjects)
	if len(all.list) > MaxSubjects {
		f.warn(WarnCapSubjects)
		all.list = all.list[:MaxSubjects]
	}
	f.doc.Subjects = all.list
}

// decodeSubject decodes the encoded words of RFC 2047 in a header value as
// Postfix logs it: a folded line's break is a "?" or a space there. ok is false where a word could not
// be decoded; it stays as it is.
//
// mime.WordDecoder is not used: it decodes word by word, and mailers do split a character over two
// words; and it has no way to decode the part that is left of a word that was cut.
func decodeSubject(raw string, cut bool) (_ string, ok bool) {
	if !strings.Contains(raw, "=?") {
		return sanitize(raw), true
	}
	var out strings.Builder
	var run encodedRun
	ok = true
	for s := raw; s != ""; {
		i := strings.Index(s, "=?")
		if i < 0 {
			ok = run.flush(&out) && ok
			out.WriteString(s)
			break
		}
		gap := s[:i]
		word, rest, found := cutEncodedWord(s[i:], cut)
		if !found {
			run.flush(&out)
			out.WriteString(s[:i+2])
			s, ok = s[i+2:], false
			continue
		}
		if run.empty() || strings.Trim(gap, " \t?") != "" {
			ok = run.flush(&out) && ok
			out.WriteString(gap)
			gap = ""
		}
		ok = run.add(&out, gap, word) && ok
		s = rest
	}
	ok = run.flush(&out) && ok
	return sanitize(out.String()), ok
}

// maxEncodedWord bounds the text of an encoded word in bytes. RFC 2047 allows 75, of
// which mailers take no notice; without a bound each beginning in a long line would be read to
// the end of it.
const maxEncodedWord = 1 << 10

// encodedWord is "=?charset?encoding?text?=".
type encodedWord struct {
	charset string // lower case, without the language of RFC 2231
	data    []byte
	source  string
	cut     bool
}

// cutEncodedWord reads the encoded word that s begins with. Where the line was
// cut in the middle of it, what is there of it is read.
func cutEncodedWord(s string, lineCut bool) (w encodedWord, rest string, ok bool) {
	charset, body, ok := strings.Cut(s[2:], "?")
	if !ok || charset == "" || strings.ContainsAny(charset, " =<>") || len(body) < 2 || body[1] != '?' {
		return w, s, false
	}
	charset, _, _ = strings.Cut(charset, "*")
	w.charset = strings.ToLower(charset)
	encoding, text := body[0], body[2:]
	end := strings.Index(text[:min(len(text), maxEncodedWord)], "?=")
	switch {
	case end >= 0 && !strings.Contains(text[:end], " "):
		w.source, rest = s[:len(s)-len(text)+end+2], text[end+2:]
		text = text[:end]
	case lineCut && len(text) <= maxEncodedWord && !strings.Contains(text, " "):
		w.source, rest, w.cut = s, "", true
		text = strings.TrimSuffix(text, "?")
	default:
		return w, s, false
	}
	switch encoding {
	case 'B', 'b':
		w.data, ok = decodeB(text, w.cut)
	case 'Q', 'q':
		w.data, ok = decodeQ(text, w.cut)
	default:
		ok = false
	}
	return w, rest, ok
}

func decodeB(s string, cut bool) ([]byte, bool) {
	s = strings.TrimRight(s, "=")
	if cut {
		s = s[:len(s)/4*4]
	}
	data, err := base64.RawStdEncoding.DecodeString(s)
	return data, err == nil
}

func decodeQ(s string, cut bool) ([]byte, bool) {
	data := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '_':
			data = append(data, ' ')
		case '=':
			if i+2 >= len(s) {
				return data, cut
			}
			hi, ok1 := hexDigit(s[i+1])
			lo, ok2 := hexDigit(s[i+2])
			if !ok1 || !ok2 {
				return nil, false
			}
			data = append(data, hi<<4|lo)
			i += 2
		default:
			data = append(data, c)
		}
	}
	return data, true
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}

// encodedRun gathers adjacent words of one character set, so that a character
// split between them is whole again.
type encodedRun struct {
	charset string
	data    []byte
	source  []byte
	cut     bool
}

func (r *encodedRun) empty() bool { return len(r.source) == 0 }

// add takes the next word. The gap before it is shown only between words that
// stay as they are.
func (r *encodedRun) add(out *strings.Builder, gap string, w encodedWord) (ok bool) {
	ok = true
	if !r.empty() && r.charset != w.charset {
		if ok = r.flush(out); !ok {
			out.WriteString(gap)
		}
		gap = ""
	}
	r.charset, r.cut = w.charset, w.cut
	r.data = append(r.data, w.data...)
	r.source = append(append(r.source, gap...), w.source...)
	return ok
}

// flush writes what was gathered, raw where its character set is unknown.
func (r *encodedRun) flush(out *strings.Builder) (ok bool) {
	if r.empty() {
		return true
	}
	text, ok := decodeCharset(r.charset, r.data, r.cut)
	if !ok {
		text = string(r.source)
	}
	out.WriteString(text)
	*r = encodedRun{}
	return ok
}

func decodeCharset(charset string, data []byte, cut bool) (string, bool) {
	switch charset {
	case "utf-8", "utf8", "us-ascii", "ascii":
		if cut {
			data = trimPartialRune(data)
		}
		return strings.ToValidUTF8(string(data), "\uFFFD"), utf8.Valid(data)
	}
	enc := lookupCharset(charset)
	if enc == nil {
		return "", false
	}
	text, err := enc.NewDecoder().Bytes(data)
	if cut { // in the middle of a character
		text = bytes.TrimRight(text, "\uFFFD")
	}
	return string(text), err == nil
}

// lookupCharset knows the names of MIME and, where those lack one that mailers
// use (gb2312), those of the web.
func lookupCharset(name string) encoding.Encoding {
	if e, err := ianaindex.MIME.Encoding(name); err == nil && e != nil {
		return e
	}
	if e, err := htmlindex.Get(name); err == nil {
		return e
	}
	return nil
}

func trimPartialRune(data []byte) []byte {
	for n := 1; n <= 3 && n <= len(data); n++ {
		if c := data[len(data)-n]; utf8.RuneStart(c) {
			if !utf8.FullRune(data[len(data)-n:]) {
				return data[:len(data)-n]
			}
			break
		}
	}
	return data
}

// sanitize replaces control characters that came out of a decoder: white space
// by a space, others by U+FFFD. What is merely unsafe to print (C1, bidirectional marks) stays
// and is made visible where it is printed.
func sanitize(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return ' '
		case r < 0x20 || r == 0x7f:
			return utf8.RuneError
		}
		return r
	}, s))
}

func cutRunes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
