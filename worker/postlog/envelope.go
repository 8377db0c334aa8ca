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
	start          int  // where it begins in the text
	end            int  // where it ends and the reason begins
	loose          bool // an address that is no mailbox by the book, see mailbox
}

const envelopeMark = "; from=<"

// maxEnvelopes bounds the places looked at. A text of 2,000 bytes, where
// Postfix cuts, has room for fewer.
const maxEnvelopes = 256

// places is how many of them a text is worth: each may be read to the end.
func places(text string) int { return min(maxEnvelopes, 1+8<<20/(len(text)+1)) }

// findEnvelope finds the envelope at the end of a verdict's text. What stands
// before it, and a quoted address in it, is written by strangers and may look like an envelope; only
// the reason behind it is the postmaster's own. So of all places from which the rest of the
// text reads as an envelope, the one that ends last is right: a forged one takes
// the true one's end for its reason. Of those with one end, addresses that are mailboxes by the book win over
// those with a stray quote, and then the one that begins last.
//
// fits, if not nil, is asked whether what stands before the envelope may stand there.
func findEnvelope(text string, fits func(head string) bool) (envelope, bool) {
	var best envelope
	found := false
	at := lastIndex(text, envelopeMark)
	for n := places(text); at >= 0 && n > 0; n-- {
		e, ok := readEnvelope(text, at)
		if ok && (!found || e.beats(&best)) && (fits == nil || fits(text[:at])) {
			best, found = e, true
		}
		at = lastIndex(text[:at], envelopeMark)
	}
	if !found && fits == nil {
		return bareEnvelope(text)
	}
	return best, found
}

// bareEnvelope finds the envelope of a verdict before MAIL FROM, when there is
// no address yet: "; proto=SMTP helo=<H>" at the end. H is the client's own word and stands in the
// reply too, so of all places from which the rest reads as an envelope to the very end, the first is right.
func bareEnvelope(text string) (envelope, bool) {
	for at, n := 0, places(text); n > 0; n-- {
		i := strings.Index(text[at:], "; proto=")
		if i < 0 {
			break
		}
		at += i
		e := envelope{start: at, end: len(text)}
		rest, ok := e.readSession(text[at+len(";"):])
		if ok && rest == "" && (e.proto == "SMTP" || e.proto == "ESMTP") {
			return e, true
		}
		at++
	}
	return envelope{}, false
}

// beats tells whether e, which begins further left, is the better reading.
func (e *envelope) beats(other *envelope) bool {
	if e.end != other.end {
		return e.end > other.end
	}
	return !e.loose && other.loose
}

func readEnvelope(text string, at int) (envelope, bool) {
	e := envelope{start: at}
	s, ok := e.readAddress(text[at+len("; "):], "from=<", afterFrom, &e.from, &e.hasFrom)
	if !ok || !e.hasFrom {
		return e, false
	}
	if s, ok = e.readAddress(s, "to=<", afterTo, &e.to, &e.hasTo); !ok {
		return e, false
	}
	if s, ok = e.readSession(s); !ok {
		return e, false
	}
	e.end = len(text) - len(s)
	if s == "" || s == ":" { // milter_header_checks write the colon before no reason too
		return e, true
	}
	e.reason, ok = strings.CutPrefix(s, ": ")
	return e, ok
}

// readSession reads " proto=P helo=<H>" and a login, each of which may be
// absent.
func (e *envelope) readSession(s string) (rest string, ok bool) {
	if value, found := strings.CutPrefix(trimSeparator(s), "proto="); found {
		e.proto, s = cutWord(value)
	}
	if value, found := strings.CutPrefix(trimSeparator(s), "helo=<"); found {
		end := strings.IndexByte(value, '>')
		if end < 0 {
			return s, false
		}
		e.helo, s = value[:end], value[end+1:]
	}
	return e.readSASL(s), true
}

// readAddress reads an optional "key=<address>" at the start of s.
func (e *envelope) readAddress(s, key string, follows func(string) bool, addr *string, has *bool) (rest string, ok bool) {
	rest, found := strings.CutPrefix(trimSeparator(s), key)
	if !found {
		return s, true
	}
	*addr, rest, ok = quotedMailbox(rest, follows)
	if !ok {
		e.loose = true
		// At the end of the text it may as well be a quoted one that was cut.
		*addr, rest, ok = looseMailbox(rest, func(s string) bool { return s != "" && follows(s) })
	}
	*has = ok
	return rest, ok
}

func afterFrom(s string) bool { return strings.HasPrefix(trimSeparator(s), "to=<") || afterTo(s) }

func afterTo(s string) bool {
	if s == "" || s == ":" || strings.HasPrefix(s, ": ") {
		return true
	}
	s = trimSeparator(s)
	return strings.HasPrefix(s, "proto=") || strings.HasPrefix(s, "helo=<") || strings.HasPrefix(s, "sasl_")
}

// readSASL reads the login that Postfix 3.10 and later add to rejects. A user
// name may hold a space: a value ends at the next "sasl_" attribute only, or at the reason.
func (e *envelope) readSASL(s string) string {
	for {
		key, value, found := strings.Cut(trimSeparator(s), "=")
		var field *string
		switch {
		case !found:
			return s
		case key == "sasl_method":
			field = &e.sasl.Method
		case key == "sasl_username":
			field = &e.sasl.Username
		case key == "sasl_sender":
			field = &e.sasl.Sender
		default:
			return s
		}
		end := len(value)
		for _, mark := range [...]string{" sasl_", ": "} {
			if i := strings.Index(value[:end], mark); i >= 0 {
				end = i
			}
		}
		*field, s = strings.TrimSuffix(value[:end], ","), value[end:]
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
