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
	env, ok := findEnvelope(rest)
	if !ok {
		return true
	}
	head := rest[:env.start]
	from := strings.LastIndex(head, " from ")
	if from < 0 {
		return true
	}
	e.takeEnvelope(env)
	e.Check.Header = head[:from]
	if h, after, ok := parseHost(head[from+len(" from "):]); ok && after == "" {
		e.Client = h
	} else {
		e.Check.Local = head[from+len(" from "):] == "local"
	}
	e.Check.takeReply(env.reason)
	return true
}

// parseRemoved reads "removed" and "removed (canceled)".
func (e *Event) parseRemoved() {
	e.Kind = Removed
	if s, ok := strings.CutPrefix(e.Text, "removed ("); ok {
		e.RemovedAs = strings.TrimSuffix(s, ")")
	}
}
