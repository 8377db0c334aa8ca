package postlog

import "strings"

// parseCleanup reads the lines of cleanup (src/cleanup/cleanup_message.c,
// cleanup_milter.c, cleanup_api.c, cleanup_bounce.c).
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
	case strings.HasPrefix(s, "to=<"):
		e.parseDelivery()
	case s == "removed" || strings.HasPrefix(s, "removed ("):
		e.parseRemoved()
	case s == "canceled": // as the release notes of 3.10 spell it
		e.Kind, e.RemovedAs = Removed, s
	case e.parseContentVerdict() || e.parseSMTPDVerdict(): // a milter's verdict looks like smtpd's
		e.Kind = Verdict
	case gaveUp(s):
		e.Kind = Aborted
	}
}

// parseContentVerdict reads "ACTION: header|body TEXT from CLIENT; envelope[:
// reason]". TEXT is the sender's own words, up to 200 bytes: the last " from " before the
// envelope ends it, since a client's name has no space.
func (e *Event) parseContentVerdict() bool {
	action, rest, ok := cutAction(e.Text)
	if !ok {
		return false
	}
	stage, rest, ok := strings.Cut(rest, " ")
	if !ok || stage != "header" && stage != "body" {
		return false
	}
	e.Check = Check{Action: action, Stage: stage, Header: rest}
	env, ok := findEnvelope(rest, func(head string) bool { _, _, ok := cutOrigin(head); return ok })
	if !ok {
		return true
	}
	e.takeEnvelope(env)
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
	from := strings.LastIndex(s, " from ")
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

// parseRemoved reads "removed" and "removed (canceled)".
func (e *Event) parseRemoved() {
	e.Kind = Removed
	if s, ok := strings.CutPrefix(e.Text, "removed ("); ok {
		e.RemovedAs = strings.TrimSuffix(s, ")")
	}
}
