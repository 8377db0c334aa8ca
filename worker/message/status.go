package message

import "github.com/postweave/postweave/worker/postlog"

// Statuses of recipients and messages.
const (
	Sent          = "sent"
	Deferred      = "deferred"
	Bounced       = "bounced"
	ExpiredStatus = "expired"
	Rejected      = "rejected"
	HeldStatus    = "held"
	Discarded     = "discarded"
	Deleted       = "deleted"
	AbortedStatus = "aborted"
	Queued        = "queued"
	Receiving     = "receiving"
	Mixed         = "mixed"
	Deliverable   = "deliverable"   // of a probe
	Undeliverable = "undeliverable" // of a probe
)

// severity sorts recipients, worst first.
var severity = map[string]int{
	Bounced: 0, ExpiredStatus: 1, Undeliverable: 2, Rejected: 3, Deleted: 4, Discarded: 5, Deferred: 6, HeldStatus: 7,
	Queued: 8, Sent: 9, Deliverable: 10,
}

// attemptStatus translates Postfix's word for an attempt. final tells whether
// no other attempt will follow.
func attemptStatus(e *postlog.Event) (status string, final, known bool) {
	switch e.Delivered.Status {
	case "sent":
		if e.Daemon == "discard" {
			return Discarded, true, true
		}
		return Sent, true, true
	case "bounced":
		return Bounced, true, true
	case "expired", "force-expired":
		return ExpiredStatus, true, true
	case "deferred", "SOFTBOUNCE": // soft_bounce = yes: would be bounced, stays in the queue
		return Deferred, false, true
	case "deliverable", "deliverable-but-not-cached":
		return Deliverable, true, true
	case "undeliverable", "undeliverable-but-not-cached":
		return Undeliverable, true, true
	}
	return Deferred, false, false
}

// unsettled gives the status of a recipient whose last attempt, if there was
// any, was no final one. The rows of the truth table in the package's documentation, from the top.
func (f *folding) unsettled(last string) string {
	switch {
	case f.expired:
		return ExpiredStatus
	case f.deleted:
		return Deleted
	case last == "" && f.refused != "" && !f.active:
		return f.refused
	case last == "" && f.aborted && !f.active:
		return Rejected
	case f.held:
		return HeldStatus
	case last == "":
		return Queued
	}
	return last
}

// messageStatus folds the recipients' statuses to the message's.
func (f *folding) messageStatus() string {
	untouched := !f.active && !f.delivered
	switch {
	case untouched && f.refused != "":
		return f.refused
	case untouched && f.aborted:
		return AbortedStatus
	}
	status, refused := "", 0
	for i := range f.rcpts.list {
		r := &f.rcpts.list[i]
		if r.refused() {
			refused++
			continue
		}
		switch {
		case status == "":
			status = r.Status
		case status != r.Status:
			return Mixed
		}
	}
	switch {
	case status != "":
		if status == Queued && untouched && f.onlyOrigin() {
			return Receiving
		}
		return status
	case refused > 0 && f.origins == 0 && untouched && !f.cleanup:
		return Rejected
	case f.expired || f.deleted || f.held:
		return f.unsettled("")
	case f.onlyOrigin() || !f.served:
		return Receiving
	}
	return Queued
}

// outcomeUnknown tells that the last that is known of a recipient, or of the
// message where no recipient is known, is a state in which mail waits. For a message that is gone
// that state is none: its last lines are missing.
func (f *folding) outcomeUnknown() bool {
	accepted := false
	for i := range f.rcpts.list {
		r := &f.rcpts.list[i]
		if r.refused() {
			continue
		}
		if waits(r.Status) {
			return true
		}
		accepted = true
	}
	return !accepted && waits(f.doc.Status)
}

// waits tells whether a status is that of mail in the queue.
func waits(status string) bool {
	return status == Deferred || status == Queued || status == HeldStatus
}

// onlyOrigin tells that nothing but an origin line, and perhaps refused
// recipients, is known.
func (f *folding) onlyOrigin() bool {
	return f.origins > 0 && !f.cleanup && !f.active && !f.delivered && !f.doc.Complete && !f.requeued
}

// ended tells whether a line says that the message came to an end other than
// its removal from the queue.
func (f *folding) ended() bool {
	return f.requeued || (f.refused != "" || f.aborted) && !f.active && !f.delivered
}
