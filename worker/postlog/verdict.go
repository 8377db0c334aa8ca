package postlog

import "strings"

// parseVerdict reads "ACTION: STAGE from HOST[IP]: reply; envelope", the form in
// which smtpd, postscreen and milters are logged (src/smtpd/smtpd_check.c log_whatsup,
// src/cleanup/cleanup_milter.c cleanup_milter_apply). known says which words are a
// verdict in the daemon's mouth.
func (e *Event) parseVerdict(known func(action string) bool) bool {
	action, rest, ok := strings.Cut(e.Text, ": ")
	if !ok || !known(action) {
		return false
	}
	stage, rest, ok := strings.Cut(rest, " from ")
	if !ok || stage == "" || strings.ContainsAny(stage, " :;<") {
		return false
	}
	h, rest, ok := parseHost(rest)
	if !ok {
		return false
	}
	rest = strings.TrimPrefix(rest, ": ")
	reply := rest
	if env, ok := findEnvelope(rest, nil); ok {
		reply = rest[:env.start]
		e.takeEnvelope(env)
	}
	e.Kind, e.Client = Verdict, h
	e.Check = Check{Action: action, Stage: stage}
	e.Check.takeReply(reply)
	return true
}

func (e *Event) takeEnvelope(env envelope) {
	e.From, e.HasFrom, e.To, e.HasTo = env.from, env.hasFrom, env.to, env.hasTo
	e.Proto, e.HELO, e.SASL = env.proto, env.helo, env.sasl
}

// takeReply splits "550 5.1.1 text" into code, enhanced code and text.
func (c *Check) takeReply(s string) {
	c.Text = s
	if word, rest, _ := strings.Cut(s, " "); len(word) == 3 && allDigits(word) {
		c.Code, s = word, rest
	}
	if word, _, _ := strings.Cut(s, " "); validDSN(word) {
		c.DSN = word
	}
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// validDSN tells whether s is an enhanced status code (RFC 3463): "2.1.5".
func validDSN(s string) bool {
	if len(s) < 5 || len(s) > 9 || s[1] != '.' || (s[0] != '2' && s[0] != '4' && s[0] != '5') {
		return false
	}
	subject, detail, ok := strings.Cut(s[2:], ".")
	return ok && len(subject) <= 3 && len(detail) <= 3 && allDigits(subject) && allDigits(detail)
}
