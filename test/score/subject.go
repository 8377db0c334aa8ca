package score

import (
	"encoding/base64"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/text/encoding/ianaindex"
)

var (
	folding     = regexp.MustCompile(`\r\n[ \t]`)
	encodedWord = regexp.MustCompile(`=\?([^?]*?)\?([qQbB])\?(.*?)\?=`)
	hexByte     = regexp.MustCompile(`=[0-9A-Fa-f]{2}`)
	// blank is white space in Unicode's sense, and the question marks that Postfix
	// writes instead of bytes it does not want in a log.
	blank = regexp.MustCompile(`[?\s\v\x1c-\x1f\x{85}\p{Z}]+`)
)

// plain makes subjects comparable: what may have become of white space on the way is no difference.
func plain(s string) string {
	return strings.TrimSpace(blank.ReplaceAllString(s, " "))
}

// decoded is a header as a reader sees it: unfolded, its encoded words (RFC 2047)
// decoded. A header that cannot be decoded is returned unfolded.
func decoded(header string) string {
	header = folding.ReplaceAllString(header, " ")
	words := encodedWord.FindAllStringSubmatchIndex(header, -1)
	var out strings.Builder
	var run []byte // adjacent words of one charset: a character may be spread over two
	charset, end := "", 0
	flush := func() bool {
		s, ok := fromCharset(charset, run)
		out.WriteString(s)
		run = run[:0]
		return ok
	}
	for i, w := range words {
		between := header[end:w[0]]
		part := func(n int) string { return header[w[2*n]:w[2*n+1]] }
		if adjacent := i > 0 && strings.TrimSpace(between) == ""; !adjacent || !strings.EqualFold(charset, part(1)) {
			if !flush() {
				return header
			}
			if !adjacent {
				out.WriteString(between)
			}
		}
		payload, ok := fromTransfer(part(2), part(3))
		if !ok {
			return header
		}
		run = append(run, payload...)
		charset, end = part(1), w[1]
	}
	if !flush() {
		return header
	}
	out.WriteString(header[end:])
	return out.String()
}

func fromTransfer(encoding, payload string) ([]byte, bool) {
	if strings.EqualFold(encoding, "b") {
		b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(payload, "="))
		return b, err == nil
	}
	payload = strings.ReplaceAll(payload, "_", " ")
	return []byte(hexByte.ReplaceAllStringFunc(payload, func(h string) string {
		b, _ := strconv.ParseUint(h[1:], 16, 8) // the pattern leaves nothing to fail
		return string([]byte{byte(b)})
	})), true
}

func fromCharset(name string, b []byte) (string, bool) {
	if len(b) == 0 {
		return "", true
	}
	if name == "" || strings.EqualFold(name, "utf-8") || strings.EqualFold(name, "us-ascii") {
		return strings.ToValidUTF8(string(b), "\uFFFD"), true
	}
	e, err := ianaindex.MIME.Encoding(name)
	if err != nil || e == nil {
		return "", false
	}
	s, err := e.NewDecoder().Bytes(b)
	return string(s), err == nil
}
