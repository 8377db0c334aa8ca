package message

import (
	"strconv"
	"strings"

	"github.com/postweave/postweave/worker/postlog"
)

// String is the next hop as Postfix writes it: name[address]:port, or the name of what is no host.
func (r Relay) String() string { return peerWords(r.Hostname, r.IP, r.Port, r.Name) }

func peerWords(host, ip string, port int64, other string) string {
	if host == "" && ip == "" {
		return other
	}
	s := host
	if ip != "" {
		s += "[" + ip + "]"
	}
	if port > 0 {
		s += ":" + strconv.FormatInt(port, 10)
	}
	return s
}

func tlsWords(t postlog.TLS) string {
	words := make([]string, 0, 3)
	for _, w := range [...]string{t.Version, t.Cipher, strings.ToLower(t.Trust)} {
		if w != "" {
			words = append(words, w)
		}
	}
	return strings.Join(words, ", ")
}

// activation is what the queue manager says when it takes a message up.
type activation struct {
	from        string
	size, nrcpt int64
	seen        bool
}

// tell puts a line into words, save deliveries.
func (t *timeline) tell(e *postlog.Event) Moment {
	switch e.Kind {
	case postlog.Client:
		return Moment{Kind: MomentReceived, Text: t.clientWords(e), QueueID: e.OrigQueueID}
	case postlog.Pickup:
		return Moment{Kind: MomentReceived, Text: pickupWords(e), QueueID: e.OrigID}
	case postlog.MessageID:
		return Moment{Kind: MomentMessageID, Text: e.ID}
	case postlog.ResentMessageID:
		return Moment{Kind: MomentMessageID, Text: "of the resending: " + e.ID}
	case postlog.Verdict:
		return verdict(e)
	case postlog.Filtered:
		return filterWords(e)
	case postlog.QueueActive:
		return t.queued(e)
	case postlog.Expired:
		return Moment{Kind: MomentExpired, Text: expiryWords(e)}
	case postlog.Notice:
		return notice(e)
	case postlog.Removed:
		return removal(e)
	case postlog.Aborted:
		return Moment{Kind: MomentAborted, Text: levelled(e)}
	case postlog.Noted:
		return Moment{Kind: MomentNoted, Text: "by " + e.Daemon, Answer: levelled(e)}
	}
	if kind, ok := orders[e.Kind]; ok {
		return Moment{Kind: kind, Text: "by an operator (" + e.Daemon + ")"}
	}
	return Moment{Kind: MomentUnknown, Text: "by " + e.Service, Answer: levelled(e)}
}

// orders are what operators do with postsuper.
var orders = map[postlog.Kind]string{
	postlog.Held: MomentHeld, postlog.Released: MomentReleased, postlog.Requeued: MomentRequeued, postlog.ForceExpired: MomentExpiryForced,
}

func levelled(e *postlog.Event) string {
	if e.Level == "" {
		return e.Text
	}
	return e.Level + ": " + e.Text
}

// clientWords names who handed the message in. The session's TLS is that of one client: of two it could be either's.
func (t *timeline) clientWords(e *postlog.Event) string {
	s := "from " + peerWords(e.Client.Name, e.Client.IP, e.Client.Port, "") + " by " + e.Service
	if e.SASL.Username != "" {
		s += ", logged in as " + e.SASL.Username
		if e.SASL.Method != "" {
			s += " (" + e.SASL.Method + ")"
		}
	}
	if e.SASL.Sender != "" {
		s += ", on behalf of " + e.SASL.Sender
	}
	if t.session != nil && t.session.TLS != (postlog.TLS{}) && t.clients == 1 {
		s += ", " + tlsWords(t.session.TLS)
	}
	if e.OrigQueueID != "" {
		s += ", there it had the queue id " + e.OrigQueueID
	}
	return s
}

func pickupWords(e *postlog.Event) string {
	s := "from a program on the server, user id " + strconv.FormatInt(e.UID, 10) + ", sender " + senderWord(e.From)
	if e.OrigID != "" {
		s += ", put back into the queue: it had the queue id " + e.OrigID
	}
	return s
}

func senderWord(s string) string {
	if s == "" {
		return "<>"
	}
	return s
}

// verdict tells what a check decided.
func verdict(e *postlog.Event) Moment {
	c := &e.Check
	if raw, ok := subjectHeader(c); ok && (c.Action == "warning" || c.Action == "info") {
		text, _ := decodeSubject(raw, len(c.Header) >= cutOf(c.Action))
		return Moment{Kind: MomentSubject, Text: text}
	}
	m := Moment{Kind: MomentChecked, DSN: c.DSN, Answer: checkWords(c)}
	action := strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(c.Action, "milter-"), "header-"), "body-")
	switch action {
	case "reject", "abort", "hangup":
		m.Kind = MomentRejected
	case "discard":
		m.Kind = MomentDiscarded
	case "hold":
		m.Kind = MomentHeld
	}
	m.Text = "by " + e.Service
	if c.Stage != "" {
		m.Text += " at " + c.Stage
	}
	if m.Kind == MomentChecked || action != c.Action {
		m.Text += ", " + c.Action
	}
	if e.HasTo {
		m.Text += ", recipient " + senderWord(e.To)
	}
	return m
}

// checkWords is what a check gave for a reason, behind what it looked at.
func checkWords(c *postlog.Check) string {
	switch {
	case c.Header == "":
		return c.Text
	case c.Text == "":
		return c.Header
	}
	return c.Header + ": " + c.Text
}

// filterWords tells what a filter found.
func filterWords(e *postlog.Event) Moment {
	m := Moment{Kind: MomentChecked, Text: "by " + e.Service, DSN: e.Check.DSN, Answer: checkWords(&e.Check)}
	if e.Check.Stage != "" {
		m.Text += " at " + e.Check.Stage
	}
	if e.Check.Action != "note" {
		m.Text += ", " + e.Check.Action
	}
	return m
}

// queued tells that the queue manager has the message: whole where that is new.
func (t *timeline) queued(e *postlog.Event) Moment {
	now := activation{e.From, e.Size, e.NRcpt, true}
	m := Moment{Kind: MomentQueued}
	if t.active.seen {
		m.Kind = MomentActive
	}
	if now == t.active {
		m.Text = "by the queue manager again"
		return m
	}
	t.active = now
	m.Text = "from " + senderWord(e.From)
	if e.HasSize {
		m.Text += ", " + plural(e.Size, "byte")
	}
	if e.HasNRcpt {
		m.Text += ", " + plural(e.NRcpt, "recipient")
	}
	return m
}

// plural writes a number, not negative, with the noun that fits.
func plural(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits + " " + noun
}

func expiryWords(e *postlog.Event) string {
	s := "returned to the sender"
	if e.HasFrom {
		s += " " + senderWord(e.From)
	}
	if strings.Contains(e.Text, "status=force-expired,") {
		s = "by an operator's order, " + s
	}
	return s
}

// noticeWords are what the bounce daemon's messages tell.
var noticeWords = map[postlog.Rel]string{
	postlog.RelBounce: "of non-delivery", postlog.RelDelayNotice: "of delay", postlog.RelDSN: "of the delivery's status",
}

func notice(e *postlog.Event) Moment {
	receiver, _, _ := strings.Cut(e.Text, " ") // sender or postmaster, no stranger's word
	return Moment{Kind: MomentNotice, Text: noticeWords[e.Rel] + " to the " + receiver + ", queue id " + e.LinkID, QueueID: e.LinkID}
}

func removal(e *postlog.Event) Moment {
	switch {
	case e.Daemon == "postsuper":
		return Moment{Kind: MomentDeleted, Text: "by an operator (postsuper)"}
	case e.RemovedAs != "":
		return Moment{Kind: MomentRemoved, Text: "by " + e.Daemon + ": " + e.RemovedAs}
	}
	return Moment{Kind: MomentRemoved, Text: "from the queue"}
}
