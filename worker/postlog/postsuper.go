package postlog

// parsePostsuper reads what an operator did to one message
// (src/postsuper/postsuper.c).
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
	case "expired":
		e.Kind = ForceExpired
	}
}
