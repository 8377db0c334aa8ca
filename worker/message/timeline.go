package message

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/postweave/postweave/worker/postlog"
)

// Moment is an entry of a message's timeline: one line of its log, several that say the same of several
// recipients, or something that its session tells. The texts are the mail's and the log's own, in any characters.
type Moment struct {
	Time time.Time // of its first line
	Kind string    // one of the Moment constants, or a recipient's status
	Text string    // goes on from Kind as a sentence would; may be empty
	// Answer is what a server, a check or a filter said, in its own words.
	Answer  string
	QueueID string // of another message that it names

	// Of a delivery attempt alone:
	To        []Receiver // each once
	Relay     string     // "mx.example.org[198.51.100.2]:25", a socket or a service; empty where there was none
	Transport string     // delivery agent
	DSN       string
	Delay     float64 // seconds from arrival; the longest of its lines
	HasDelay  bool
	Delays    [4]float64 // as [Recipient.Delays], where all its lines say the same
	HasDelays bool

	Lines []Line // those it stems from, in canonical order; none for a session's
}

// Receiver is whom an attempt was made for.
type Receiver struct{ To, OrigTo string }

// Kinds of moments. An attempt has the recipient's status after it: sent, deferred, bounced, expired, discarded,
// deliverable or undeliverable.
const (
	MomentReceived     = "received"      // handed in by a client, or by a program on the server
	MomentMessageID    = "message_id"    // its Message-ID header
	MomentSubject      = "subject"       // its Subject header, as header_checks logs it
	MomentChecked      = "checked"       // by a check, milter or filter that did not stop it
	MomentRejected     = "rejected"      // by one that refused it, or one recipient of it
	MomentDiscarded    = "discarded"     // by one that threw it away
	MomentHeld         = "held"          // by one, or by an operator
	MomentQueued       = "queued"        // the queue manager has it, for the first time
	MomentActive       = "active"        // the queue manager took it up again
	MomentUnreachable  = "unreachable"   // a server that was tried before another
	MomentTLS          = "tls"           // the connection to a server was encrypted
	MomentAttempt      = "attempt"       // a delivery attempt whose status is unknown
	MomentExpired      = "expired"       // too long in the queue
	MomentNotice       = "notice"        // another message was made that tells of this one
	MomentReleased     = "released"      // from hold, by an operator
	MomentRequeued     = "requeued"      // by an operator
	MomentExpiryForced = "expiry_forced" // by an operator
	MomentAborted      = "aborted"       // before the message was whole
	MomentRemoved      = "removed"       // from the queue
	MomentDeleted      = "deleted"       // by an operator
	MomentNoted        = "noted"         // understood, changes nothing
	MomentUnknown      = "unknown"       // not understood: Text is the line's
)

// ReadTimeline tells what happened to a message from its document's JSON and from the further lines of its log, where that is
// in pieces (see [StoredLines]). Each line is in one moment; the order of moments is that of time, then that in which
// Postfix comes to write such lines. It is a pure function of the document and of the set of lines. An error means
// that the document is none of ours; it names no content.
func ReadTimeline(source []byte, further []Line) ([]Moment, error) {
	lines, _, err := StoredLines(source)
	if err != nil {
		return nil, err
	}
	session, err := StoredSession(source)
	if err != nil {
		return nil, err
	}
	t := timeline{session: session}
	facts := read(append(lines, further...), "", new(factBuffer))
	for i := range facts {
		if facts[i].kind == postlog.Client {
			t.clients++
		}
	}
	var again postlog.Event
	for i := range facts {
		e := facts[i].event
		if e == nil {
			e = &again
			postlog.ParseInto(e, facts[i].Program, facts[i].Text)
		}
		t.take(&facts[i], e)
	}
	t.takeSession()
	return t.moments(), nil
}

// timeline is the state while one is made.
type timeline struct {
	session *Session // nil where nothing is known
	clients int      // lines of clients that handed it in
	active  activation
	list    []ranked
	open    map[answer]*attempts // deliveries that further ones may join
}

// ranked is a moment with its place among those of one time.
type ranked struct {
	Moment
	rank int8
}

// sessionRank is the place of what a session tells within one second: behind the queue manager's line, before the
// deliveries'.
var sessionRank = rank[postlog.Noted]

func (t *timeline) add(m Moment, rank int8) { t.list = append(t.list, ranked{m, rank}) }

// moments puts what the session tells among the lines.
func (t *timeline) moments() []Moment {
	slices.SortStableFunc(t.list, func(a, b ranked) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.rank, b.rank))
	})
	out := make([]Moment, len(t.list))
	for i := range t.list {
		out[i] = t.list[i].Moment
	}
	return out
}

// take tells one line.
func (t *timeline) take(f *fact, e *postlog.Event) {
	if e.Kind == postlog.Delivery {
		t.takeDelivery(f, e)
		return
	}
	t.open = nil
	m := t.tell(e)
	m.Time, m.Lines = f.Time, []Line{f.Line}
	t.add(m, rank[e.Kind])
}

// takeSession tells what the lines of sessions say beside them.
func (t *timeline) takeSession() {
	s := t.session
	if s == nil {
		return
	}
	for _, c := range s.Checks {
		text := "by " + c.Program
		if c.Action != "" {
			text += ": " + c.Action
		}
		if c.HasScore {
			text += fmt.Sprintf(", score %g", c.Score)
		}
		t.add(Moment{Time: c.Time, Kind: MomentChecked, Text: text, Answer: c.Text}, rank[postlog.Filtered])
	}
	for _, r := range s.RelaysTried {
		t.add(Moment{Time: r.Time, Kind: MomentUnreachable, Text: r.Relay.String(), Relay: r.Relay.String(), Answer: r.Text}, sessionRank)
	}
	for _, r := range s.DeliveryTLS {
		t.add(Moment{Time: r.Time, Kind: MomentTLS, Text: "to " + r.Relay.String() + ": " + tlsWords(r.TLS), Relay: r.Relay.String()}, sessionRank)
	}
}
