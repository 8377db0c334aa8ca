package postlog

import "strings"

// notices are the words for the bounce daemon's new messages.
var notices = [...]struct {
	words string
	rel   Rel
}{
	{"non-delivery notification: ", RelBounce},
	{"delay notification: ", RelDelayNotice},
	{"delivery status notification: ", RelDSN},
}

// parseBounce reads the lines of the bounce daemon and its two siblings
// (src/bounce/bounce_notify_service.c, bounce_one_service.c, bounce_warn_service.c,
// bounce_trace_service.c, bounce_notify_verp.c): "sender non-delivery notification: ID" and the like. Postfix 3.11 and later
// write them before the new message's own first line, earlier versions after it.
func (e *Event) parseBounce() {
	receiver, said, _ := strings.Cut(e.Text, " ")
	if receiver != "sender" && receiver != "postmaster" {
		if unsentNotice(e.Text) {
			e.Kind = Noted
		}
		return
	}
	for _, n := range notices {
		if id, ok := strings.CutPrefix(said, n.words); ok {
			if ValidQueueID(id) {
				e.Kind, e.Rel, e.LinkID = Notice, n.rel, id
			}
			return
		}
	}
	if strings.HasPrefix(said, "notification failed to ") || // Postfix 3.11
		strings.HasPrefix(said, "notice failed while bouncing to ") {
		e.Kind = Noted
	}
}

// unsentNotice tells whether the daemon says that it sent none, for good
// reason.
func unsentNotice(s string) bool {
	return s == "undeliverable postmaster notification discarded" || // a bounce of a bounce's bounce
		strings.HasPrefix(s, "not sending trace/success notification ") || strings.HasPrefix(s, "not sending a notification")
}
