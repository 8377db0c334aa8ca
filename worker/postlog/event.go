package postlog

// Kind says what a line means for its message.
type Kind uint8

// The kinds of lines. The order has no meaning.
const (
	Unknown         Kind = iota // not understood
	Noted                       // understood; changes nothing in the message
	Client                      // smtpd, qmqpd: who hands the message in; its first line
	Pickup                      // pickup: a local submission; its first line
	MessageID                   // cleanup: the Message-ID header
	ResentMessageID             // cleanup: a Resent-Message-ID header
	Verdict                     // smtpd, cleanup, postscreen: what a check decided
	QueueActive                 // qmgr: sender, size and number of recipients
	Delivery                    // a delivery agent's word on one recipient
	Expired                     // qmgr: too long in the queue, returned to its sender
	Notice                      // bounce: the notice that it sent about the message
	Removed                     // the queue file is gone
	Held                        // postsuper: placed on hold
	Released                    // postsuper: released from hold
	Requeued                    // postsuper: will be read again by pickup
	ForceExpired                // postsuper: marked to expire
	Aborted                     // the client or the server gave up before the end of the message
	Filtered                    // what a filter found; it decides nothing about the message
)

var kindNames = [...]string{
	"unknown", "noted", "client", "pickup", "message-id", "resent-message-id", "verdict", "queue-active",
	"delivery", "expired", "notice", "removed", "held", "released", "requeued", "force-expired", "aborted",
	"filtered",
}

// String returns the kind's name in lower case.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "invalid"
}

// Event is what a line says. Which fields are set depends on the kind; those
// that a line lacks are zero. The strings are parts of the text that was given to [Parse]
// (no copies) and not decoded in any way.
type Event struct {
	Kind    Kind
	Daemon  string // last element of the program name: "smtp"
	Service string // the whole program name: "postfix/relay/smtp"
	Level   string // "warning", "error", "fatal" or "panic" where the text began with it
	QueueID string // empty where the text names none at its start
	NoQueue bool   // the text begins with "NOQUEUE:"
	Text    string // what follows level and queue id

	// Envelope. HasFrom tells the null sender (From is empty) from no word of a sender.
	From    string
	HasFrom bool
	To      string
	HasTo   bool
	OrigTo  string
	Proto   string
	HELO    string

	Client Host // Client, Verdict and Aborted
	SASL   SASL

	UID         int64  // Pickup
	OrigID      string // Pickup: the queue id before "postsuper -r"
	OrigQueueID string // Client: the queue id at the host that forwarded (XFORWARD IDENT)

	ID string // MessageID, ResentMessageID: the header's value as logged

	Size, NRcpt       int64 // QueueActive
	HasSize, HasNRcpt bool

	Delivered Attempt // Delivery

	Check Check // Verdict, Filtered

	Rel    Rel    // Notice
	LinkID string // Notice: queue id of the notice

	RemovedAs string // Removed: "", "canceled" or "discarded"
}

// Host is a peer as Postfix writes it: name[address]:port.
type Host struct {
	Name string // "unknown" where it has no valid name
	IP   string // empty where what stands in the brackets is no address
	Port int64  // 0 is none
}

// SASL is who was logged in.
type SASL struct {
	Method, Username, Sender string
}

// Attempt is a delivery agent's word on one recipient
// (src/global/log_adhoc.c).
type Attempt struct {
	Relay      Relay
	ConnUse    int64
	Delay      float64 // seconds since arrival
	HasDelay   bool
	Delays     [4]float64 // seconds: before qmgr, in qmgr, connection setup, transmission
	HasDelays  bool
	TLS        string // Postfix 3.11 and later
	DSN        string // enhanced status code
	Status     string // Postfix's word: "sent", "deferred", "bounced", "SOFTBOUNCE", "deliverable", …
	Response   string // the text in parentheses, without them
	QueuedAs   string // the next server's queue id, from "queued as" in the response
	ForwardAs  string // queue id of the new message, from local's "forwarded as"
	Incomplete bool   // the line ends before its closing parenthesis
}

// Relay is the next hop.
type Relay struct {
	Host
	// Other is the whole value where it names no host: "none", "local", a socket, a service.
	Other string
}

// Check is a verdict of an access list, a header or body check, a restriction
// or a milter.
type Check struct {
	Action string // "reject", "hold", "warning", "milter-reject", …
	Stage  string // "RCPT", "END-OF-MESSAGE", "header", "body", …
	Code   string // three digits of the reply, where there are any
	DSN    string // enhanced status code, where there is one
	Text   string // the reply, or the reason that the table gives
	// Header is the whole header or body line that a header or body check
	// looked at, cut by Postfix at 200 bytes.
	Header string
	// Local is true where the message came from no network client ("from local").
	Local bool
}

// Rel is how a bounce daemon's new message is related to the message that the line is about.
type Rel string

// The relations.
const (
	RelBounce      Rel = "bounce"       // non-delivery, to the sender or the postmaster
	RelDelayNotice Rel = "delay_notice" // not delivered yet
	RelDSN         Rel = "dsn"          // success, relayed, or verification report
)
