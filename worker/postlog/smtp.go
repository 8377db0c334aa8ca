package postlog

import "strings"

// parseSMTP reads the lines of the SMTP and LMTP client that name a queue id
// (src/smtp/smtp_trouble.c, smtp_proto.c, smtp_connect.c, smtp_sasl_glue.c).
func (e *Event) parseSMTP() {
	switch {
	case strings.HasPrefix(e.Text, "to=<"):
		e.parseDelivery()
	case e.parseSentCheck():
	case serverRemark(e.Text):
		e.Kind = Noted
	}
}

// serverRemark tells whether the client remarks on one server while the
// outcome is still open: it goes on to the next one, or without what the server lacks. After the first
// words follow the server's own, so nothing is read from them.
func serverRemark(s string) bool {
	s = strings.TrimPrefix(s, "Protocol error: ")
	for _, p := range [...]string{
		"host ", "lost connection with ", "conversation with ", "local data error while talking to ", // smtp_trouble.c
		"TLS is required", "Cannot start TLS", "Server certificate not ", "client TLS configuration problem", // smtp_proto.c
		"SASL authentication failed", "enabling PIX workarounds: ", "breaking line ", "mail for ", "SMTPUTF8 is required",
		"Sender requested REQUIRETLS", // Postfix 3.11
	} {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// parseSentCheck reads "ACTION: header|body TEXT[: reason]", what
// smtp_header_checks and their kin found while the message was sent (src/smtp/smtp_proto.c
// smtp_hbc_logger). The client can edit a message so, but neither refuse nor redirect it. TEXT is cut at
// 60 bytes, and nothing tells it from the reason.
func (e *Event) parseSentCheck() bool {
	action, rest, ok := strings.Cut(e.Text, ": ")
	if !ok || !sentAction(action) {
		return false
	}
	stage, text, ok := strings.Cut(rest, " ")
	if !ok || stage != "header" && stage != "body" {
		return false
	}
	e.Kind, e.Check = Filtered, Check{Action: action, Stage: stage, Header: text}
	return true
}

// sentAction tells whether a word is an action that does not change a message's
// way (src/global/header_body_checks.c hbc_action).
func sentAction(s string) bool {
	switch s {
	case "warning", "info", "prepend", "replace", "strip", "pass":
		return true
	}
	return false
}
