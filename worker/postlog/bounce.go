package postlog

import "strings"

// parseBounce reads the lines of the bounce daemon and its two siblings
// (src/bounce/bounce_notify_service.c, bounce_warn_service.c, bounce_trace_service.c):
// "sender non-delivery notification: ID" and the like.
func (e *Event) parseBounce() {
	what, id, ok := strings.Cut(e.Text, " notification: ")
	if !ok || !ValidQueueID(id) {
		if strings.Contains(e.Text, " notification failed to ") || strings.HasPrefix(e.Text, "undeliverable postmaster notification") ||
			strings.HasPrefix(e.Text, "not sending ") {
			e.Kind = Noted
		}
		return
	}
	_, what, _ = strings.Cut(what, " ") // to the sender or to the postmaster
	switch what {
	case "non-delivery":
		e.Rel = RelBounce
	case "delay":
		e.Rel = RelDelayNotice
	case "delivery status":
		e.Rel = RelDSN
	default:
		return
	}
	e.Kind, e.LinkID = Notice, id
}
