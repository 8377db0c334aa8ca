package postlog

import "strings"

// parseQMQPD reads the lines of the QMQP server (src/qmqpd/qmqpd.c):
// "client=HOST[IP]", "HOST[IP]: REASON while STAGE" where the session broke off, and
// "HOST[IP]: Error: REASON" (a warning) where the message was refused.
func (e *Event) parseQMQPD() {
	if rest, ok := strings.CutPrefix(e.Text, "client="); ok {
		e.parseClient(rest)
		return
	}
	h, rest, ok := parseHost(e.Text)
	if !ok {
		return
	}
	if rest, ok = strings.CutPrefix(rest, ": "); !ok {
		return
	}
	if strings.HasPrefix(rest, "Error: ") || strings.Contains(rest, " while ") {
		e.Kind, e.Client = Aborted, h
	}
}
