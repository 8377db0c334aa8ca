package postlog

import "strings"

// envelope is the tail that smtpd, cleanup and postscreen add to a verdict:
// "; from=<S> to=<R> proto=P helo=<H>", with commas in postscreen's, and with
// ": text" behind it where a header or body check gives a reason
// (src/smtpd/smtpd_check.c log_whatsup, src/cleanup/cleanup_message.c
// cleanup_act_log).
type envelope struct {
	from, to       string
	hasFrom, hasTo bool
	proto, helo    string
	sasl           SASL
	reason         string
	start          int // where it begins in the text
	quotedTo       int // where the last quoted address ends in the text, or 0
}

const envelopeMark = "; from=<"

// findEnvelope finds the envelope at the end of a verdict's text. What stands
// before it is written by strangers and may look like an envelope, so it is
// searched from the right, and each place that looks like one must be one up to the
// end of the text. A place inside a quoted address of an envelope that begins before it is
// part of that address.
func findEnvelope(text string) (envelope, bool) {
	var best envelope
	found := false
	limit := 16 // places looked at: hostile text may hold hundreds
	for at := strings.LastIndex(text, envelopeMark); at >= 0 && limit > 0; at = strings.LastIndex(text[:at], envelopeMark) {
		limit--
		e, ok := readEnvelope(text, at)
		if !ok {
			continue
		}
		if !found || e.quotedTo > best.start {
			best, found = e, true
		}
	}
	return best, found
}

func readEnvelope(text string, at int) (envelope, bool) {
	e := envelope{start: at}
	s, ok := text[at+len("; "):], true
	s = e.readAddress(text, s, "from=<", &e.from, &e.hasFrom, &ok)
	s = e.readAddress(text, trimSeparator(s), "to=<", &e.to, &e.hasTo, &ok)
	if !ok || !e.hasFrom {
		return e, false
	}
	s = trimSeparator(s)
	if rest, found := strings.CutPrefix(s, "proto="); found {
		e.proto, s = cutWord(rest)
	}
	s = trimSeparator(s)
	if rest, found := strings.CutPrefix(s, "helo=<"); found {
		end := strings.IndexByte(rest, '>')
		if end < 0 {
			return e, false
		}
		e.helo, s = rest[:end], rest[end+1:]
	}
	s = e.readSASL(s)
	switch {
	case s == "" || s == " ":
		return e, true
	case strings.HasPrefix(s, ": "):
		e.reason = s[2:]
		return e, true
	}
	return e, false
}

// readAddress reads an optional "key=<address>" at the start of s.
func (e *envelope) readAddress(text, s, key string, addr *string, has, ok *bool) string {
	rest, found := strings.CutPrefix(s, key)
	if !found || !*ok {
		return s
	}
	a, after, good := mailbox(rest, envelopeGoesOn)
	if !good {
		*ok = false
		return s
	}
	*addr, *has = a, true
	if strings.HasPrefix(a, `"`) {
		e.quotedTo = len(text) - len(after)
	}
	return after
}

func envelopeGoesOn(s string) bool {
	s = trimSeparator(s)
	return s == "" || strings.HasPrefix(s, "to=<") || strings.HasPrefix(s, "proto=") || strings.HasPrefix(s, "helo=<") ||
		strings.HasPrefix(s, ": ") || strings.HasPrefix(s, "sasl_")
}

// readSASL reads the login that Postfix 3.10 and later add to rejects.
func (e *envelope) readSASL(s string) string {
	for {
		t := trimSeparator(s)
		key, value, found := strings.Cut(t, "=")
		if !found || !strings.HasPrefix(key, "sasl_") || strings.ContainsAny(key, " ,:") {
			return s
		}
		var word string
		word, s = cutWord(value)
		switch key {
		case "sasl_method":
			e.sasl.Method = word
		case "sasl_username":
			e.sasl.Username = word
		case "sasl_sender":
			e.sasl.Sender = word
		}
	}
}

func trimSeparator(s string) string {
	return strings.TrimPrefix(strings.TrimPrefix(s, ","), " ")
}

// cutWord splits at the first space; a comma or a colon before it stays with
// the rest.
func cutWord(s string) (word, rest string) {
	end := strings.IndexByte(s, ' ')
	if end < 0 {
		end = len(s)
	}
	for end > 0 && (s[end-1] == ',' || s[end-1] == ':') {
		end--
	}
	return s[:end], s[end:]
}
