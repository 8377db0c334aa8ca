package postlog

import "strings"

// parseSMTPD reads the lines of the SMTP server (src/smtpd/smtpd.c,
// smtpd_check.c, smtpd_sasl_glue.c).
func (e *Event) parseSMTPD() {
	if rest, ok := strings.CutPrefix(e.Text, "client="); ok {
		e.parseClient(rest)
		return
	}
	if e.parseVerdict(smtpdAction) || e.parseLostClient() || e.parseProxyReject() {
		return
	}
	if fileTrouble(e.Text) {
		e.Kind = Aborted
	}
}

// smtpdAction tells whether a word is a verdict of an access table or a
// restriction, or what a milter replied.
func smtpdAction(s string) bool {
	switch s {
	case "reject", "reject_warning", "discard", "filter", "hold", "redirect", "bcc", "delay", "info", "warn",
		"hangup", "permit", "prepend", "abort":
		return true
	}
	return milterAction(s)
}

// parseClient reads "HOST[IP][:port][, sasl_method=…][, orig_queue_id=…]".
// After "NOQUEUE: " it says that the message goes to a before-queue proxy filter.
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
		for _, key := range [...]string{"sasl_method=", "sasl_username=", "sasl_sender=", "orig_queue_id=", "orig_client="} {
			if strings.HasPrefix(s[comma+2:], key) {
				return s[:comma], s[comma:]
			}
		}
		from = comma + 2
	}
}

// parseLostClient reads "REASON after STAGE[ (N bytes)] from HOST[IP]". Postfix
// 3.10 and later put the queue id or NOQUEUE before it (src/smtpd/smtpd.c smtpd_proto);
// earlier ones write it bare, and it belongs to no message.
func (e *Event) parseLostClient() bool {
	for _, reason := range [...]string{"lost connection after ", "timeout after ", "too many errors after ", "bare <LF> received after "} {
		rest, ok := strings.CutPrefix(e.Text, reason)
		if !ok {
			continue
		}
		e.Kind = Aborted
		if _, peer, ok := strings.Cut(rest, " from "); ok {
			e.Client, _, _ = parseHost(peer)
		}
		return true
	}
	return false
}

// fileTrouble tells whether smtpd or cleanup says that the queue file could
// not be written: the client was told so and the message does not exist.
func fileTrouble(s string) bool {
	return s == "queue file size limit exceeded" || strings.HasPrefix(s, "write queue file: ")
}
