package postlog

import "strings"

// parsePickup reads "uid=N from=<S>[ orig_id=ID]" (src/pickup/pickup.c).
// pickup writes the sender as the submitter gave it. orig_id is the id that the message had before
// "postsuper -r".
func (e *Event) parsePickup() {
	rest, ok := strings.CutPrefix(e.Text, "uid=")
	if !ok {
		if e.Level == "warning" && strings.HasPrefix(e.Text, "message has been queued for ") {
			e.Kind = Noted
		}
		return
	}
	uid, rest, ok := strings.Cut(rest, " from=<")
	if !ok {
		return
	}
	n, ok := digits(uid)
	if !ok {
		return
	}
	from, rest, ok := mailbox(rest, func(rest string) bool { return rest == "" || strings.HasPrefix(rest, " orig_id=") })
	if !ok {
		return
	}
	e.Kind, e.UID, e.From, e.HasFrom = Pickup, n, from, true
	if id, ok := strings.CutPrefix(rest, " orig_id="); ok && ValidQueueID(id) {
		e.OrigID = id
	}
}
