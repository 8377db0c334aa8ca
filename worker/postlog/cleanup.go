package postlog

import "strings"

// parseCleanup reads the lines of cleanup (src/cleanup/cleanup_message.c,
// cleanup_milter.c, cleanup_api.c, cleanup_bounce.c, cleanup_out.c, cleanup_map1n.c).
func (e *Event) parseCleanup() {
	s := e.Text
	if id, ok := strings.CutPrefix(s, "message-id="); ok {
		e.Kind, e.ID = MessageID, id
		return
	}
	if id, ok := strings.CutPrefix(s, "resent-message-id="); ok {
		e.Kind, e.ID = ResentMessageID, id
		return
	}
	switch {
	case strings.HasPrefix(s, "to=<"): // it bounces, as for an alias that expands to itself
		e.parseDelivery()
	case s == "removed" || strings.HasPrefix(s, "removed ("):
		e.parseRemoved()
	case s == "canceled": // as the release notes of 3.10 spell it
		e.Kind, e.RemovedAs = Removed, s
	case e.parseContentVerdict(), e.parseVerdict(milterAction):
	case s == "message rejected: hopcount exceeded":
		e.Kind, e.Check = Verdict, Check{Action: "reject", Text: s}
	case fileTrouble(s) || e.Level == "warning" && notAccepted(s):
		e.Kind = Aborted
	}
}

// contentAction tells whether a word is the verdict of header_checks or
// body_checks.
func contentAction(s string) bool {
	switch s {
	case "reject", "warning", "info", "filter", "pass", "discard", "hold", "delay", "prepend", "replace",
		"redirect", "bcc", "strip":
		return true
	}
	return false
}

// notAccepted tells whether a table could not be read, so that the client
// was told to try again later. The address before it is a stranger's; the end of the line is not.
func notAccepted(s string) bool {
	return strings.HasSuffix(s, " -- message not accepted, try again later") ||
		strings.HasSuffix(s, " lookup error -- deferring delivery") // milter_header_checks
}

// parseContentVerdict reads "ACTION: header|body|mime-error TEXT from CLIENT; envelope[:
// reason]". TEXT is the sender's own words, up to 200 bytes: the last " from " before the
// envelope ends it, since a client's name has no space.
func (e *Event) parseContentVerdict() bool {
	action, rest, ok := strings.Cut(e.Text, ": ")
	if !ok || !contentAction(action) && !milterContentAction(action) {
		return false
	}
	stage, rest, ok := strings.Cut(rest, " ")
	if !ok || stage != "header" && stage != "body" && (stage != "mime-error" || action != "reject") {
		return false
	}
	e.Kind = Verdict
	e.Check = Check{Action: action, Stage: stage, Header: rest}
	env, ok := findEnvelope(rest, func(head string) bool { _, _, ok := cutOrigin(head); return ok })
	if !ok {
		return true
	}
	e.takeEnvelope(env)
	if stage == "mime-error" && e.To == "unknown" { // cleanup's own word where no recipient is known yet
		e.To, e.HasTo = "", false
	}
	header, origin, _ := cutOrigin(rest[:env.start])
	e.Check.Header = header
	if h, _, ok := parseHost(origin); ok {
		e.Client = h
	} else {
		e.Check.Local = origin == "local"
	}
	e.Check.takeReply(env.reason)
	return true
}

// cutOrigin splits "TEXT from ORIGIN" at the last " from ". ORIGIN is a client,
// or the one word "local" or "unknown".
func cutOrigin(s string) (text, origin string, ok bool) {
	from := lastIndex(s, " from ")
	if from < 0 {
		return s, "", false
	}
	text, origin = s[:from], s[from+len(" from "):]
	if origin == "local" || origin == "unknown" {
		return text, origin, true
	}
	_, rest, ok := parseHost(origin)
	return text, origin, ok && rest == ""
}

// parseRemoved reads "removed" and, of Postfix 3.10 and later, cleanup's
// "removed (canceled)" and "removed (discarded)".
func (e *Event) parseRemoved() {
	e.Kind = Removed
	if s, ok := strings.CutPrefix(e.Text, "removed ("); ok {
		e.RemovedAs = strings.TrimSuffix(s, ")")
	}
}
