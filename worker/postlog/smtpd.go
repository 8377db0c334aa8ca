package postlog

import "strings"

// parseSMTPD reads the lines of smtpd (src/smtpd/smtpd.c, smtpd_check.c), of
// qmqpd, which names its client alike (src/qmqpd/qmqpd.c), and the rejects of
// postscreen (src/postscreen/postscreen_smtpd.c).
func (e *Event) parseSMTPD() {
	if rest, ok := strings.CutPrefix(e.Text, "client="); ok {
		e.parseClient(rest)
		return
	}
	if e.parseSMTPDVerdict() {
		e.Kind = Verdict
		return
	}
	if gaveUp(e.Text) {
		e.Kind = Aborted
	}
}

// parseClient reads "HOST[IP][:port][, sasl_method=…][, orig_queue_id=…]".
func (e *Event) parseClient(s string) {
	h, rest, ok := parseHost(s)
	if !ok {
		return
	}
	e.Kind, e.Client = Client, h // whatever follows: without it the message would have no origin
	for rest != "" {
		next, found := strings.CutPrefix(rest, ", ")
		if !found {
			return
		}
		var key, value string
		if key, value, found = strings.Cut(next, "="); !found {
			return
		}
		value, rest = clientValue(value)
		switch key {
		case "sasl_method":
			e.SASL.Method = value
		case "sasl_username":
			e.SASL.Username = value
		case "sasl_sender":
			e.SASL.Sender = value
		case "orig_queue_id":
			if ValidQueueID(value) {
				e.OrigQueueID = value
			}
		}
	}
}

// clientValue ends a value at the next attribute that smtpd adds. A user name
// may hold a comma, so a comma alone ends nothing.
func clientValue(s string) (value, rest string) {
	for from := 0; ; {
		comma := strings.Index(s[from:], ", ")
		if comma < 0 {
			return s, ""
		}
		comma += from
		switch key, _, _ := strings.Cut(s[comma+2:], "="); key {
		case "sasl_method", "sasl_username", "sasl_sender", "orig_queue_id", "orig_client":
			return s[:comma], s[comma:]
		}
		from = comma + 2
	}
}

// parseSMTPDVerdict reads "ACTION: STAGE from HOST[IP]: reply; envelope".
func (e *Event) parseSMTPDVerdict() bool {
	action, rest, ok := cutAction(e.Text)
	if !ok {
		return false
	}
	stage, rest, ok := strings.Cut(rest, " from ")
	if !ok || strings.ContainsAny(stage, " :;<") {
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
	e.Client = h
	e.Check = Check{Action: action, Stage: stage}
	e.Check.takeReply(reply)
	return true
}

func (e *Event) takeEnvelope(env envelope) {
	e.From, e.HasFrom, e.To, e.HasTo = env.from, env.hasFrom, env.to, env.hasTo
	e.Proto, e.HELO, e.SASL = env.proto, env.helo, env.sasl
}

// cutAction reads the word of a verdict. The words are Postfix's own; any
// other is no verdict.
func cutAction(s string) (action, rest string, ok bool) {
	action, rest, ok = strings.Cut(s, ": ")
	if !ok || !knownAction(action) {
		return "", s, false
	}
	return action, rest, true
}

func knownAction(s string) bool {
	switch s {
	case "reject", "reject_warning", "discard", "filter", "hold", "redirect", "bcc", "delay", "info", "warn",
		"warning", "hangup", "permit", "abort", "pass", "prepend", "replace", "strip",
		"milter-reject", "milter-hold", "milter-discard", "milter-accept":
		return true
	}
	for _, part := range [...]string{"milter-header-", "milter-body-"} {
		if rest, ok := strings.CutPrefix(s, part); ok {
			return knownAction(rest)
		}
	}
	return false
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

// gaveUp tells whether smtpd says that a mail transaction ended before the
// message did. Postfix 3.10 and later name the queue id in "lost connection".
func gaveUp(s string) bool {
	for _, p := range [...]string{"lost connection after ", "timeout after ", "too many errors after ", "queue file size limit exceeded", "write queue file: "} {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
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
