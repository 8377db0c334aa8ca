package postlog

// parsePostsuper reads what an operator did to one message
// (src/postsuper/postsuper.c delete_one, hold_one, release_one, requeue_one, expire_one). Its summaries ("Deleted: 1
// message") and its warnings of renamed queue files name no id.
func (e *Event) parsePostsuper() {
	switch e.Text {
	case "removed":
		e.Kind = Removed
	case "placed on hold":
		e.Kind = Held
	case "released from hold":
		e.Kind = Released
	case "requeued":
		e.Kind = Requeued
	case "expired": // Postfix 3.5; qmgr returns it at its next look
		e.Kind = ForceExpired
	}
}
