package postlog

import "strings"

// parseQmgr reads the lines of the queue manager (src/qmgr/qmgr_active.c,
// qmgr_message.c), whose predecessors log alike.
func (e *Event) parseQmgr() {
	s := e.Text
	switch {
	case strings.HasPrefix(s, "from=<"):
		e.parseQueueFile(s[len("from=<"):])
	case s == "removed" || strings.HasPrefix(s, "removed ("):
		e.parseRemoved()
	case strings.HasPrefix(s, "to=<"):
		e.parseDelivery()
	case s == "skipped, still being delivered":
		e.Kind = Noted
	}
}

// parseQueueFile reads "S>, size=N, nrcpt=N (queue active)" and
// "S>, status=expired, returned to sender", or "force-expired" (Postfix 3.5 and later) after
// "postsuper -e".
func (e *Event) parseQueueFile(s string) {
	from, rest, ok := mailbox(s, func(rest string) bool {
		return strings.HasPrefix(rest, ", size=") || strings.HasPrefix(rest, ", status=")
	})
	if !ok {
		return
	}
	e.From, e.HasFrom = from, true
	if status, ok := strings.CutPrefix(rest, ", status="); ok {
		switch word, _, _ := strings.Cut(status, ","); word {
		case "expired", "force-expired":
			e.Kind = Expired
		}
		return
	}
	e.Kind = QueueActive
	// A number that nothing follows may be the first half of one.
	size, rest, ok := strings.Cut(rest[len(", size="):], ", nrcpt=")
	if ok {
		e.Size, e.HasSize = digits(size)
	}
	if nrcpt, _, ok := strings.Cut(rest, " "); ok {
		e.NRcpt, e.HasNRcpt = digits(nrcpt)
	}
}
