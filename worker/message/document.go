package message

import "time"

// Schema is the revision of the document's shape and of the parser. A document
// of a higher one is never overwritten.
const Schema = 2

// Document kinds.
const (
	KindMessage = "message" // a message on one server
	KindReject  = "reject"  // a NOQUEUE reject
	KindProbe   = "probe"   // a check of an address, no mail for a person
)

// Document is one message on one server, or one NOQUEUE reject. It is a pure
// function of the lines in Log: the same lines give the same bytes. Zero values are
// absent in the JSON, save counts and the flags.
type Document struct {
	ID string // the document's _id; no field of it

	Kind          string
	Timestamp     time.Time // arrival
	FirstSeen     time.Time
	LastSeen      time.Time
	Host          string
	Instance      string
	QueueID       string
	Origin        string // smtp, local, qmqp, internal, unknown
	Direction     string // inbound, outbound, internal, relay
	From          string // "<>" is the null sender
	Subject       string
	Subjects      []string // all, where they differ
	MessageID     string
	Size          int64
	HasSize       bool
	NRcpt         int64
	HasNRcpt      bool
	Client        Client
	SASL          SASL
	UID           int64
	HasUID        bool
	Status        string
	Complete      bool
	Open          bool
	Lines         int
	Recipients    []Recipient // worst status first, up to MaxRecipients
	To            []string    // all final addresses, sorted, up to MaxTo
	Counts        Counts
	Checks        []Check
	Links         []Link
	Warnings      []string // sorted
	Unparsed      int
	Log           []Line   // canonical order
	Session       *Session // beside the lines in Log; nil where nothing was found
	searchedWords []byte
	maxLogLines   int
	plainLog      bool // all lines of Log stand for themselves in JSON
}

// reset empties the document and keeps its lists' memory.
func (d *Document) reset() {
	*d = Document{
		Log: d.Log[:0], Recipients: d.Recipients[:0], To: d.To[:0], Checks: d.Checks[:0], Links: d.Links[:0], Warnings: d.Warnings[:0],
		searchedWords: d.searchedWords[:0],
	}
}

// Client is who handed the message in.
type Client struct {
	Hostname, IP string
	Port         int64
	HELO, Proto  string
}

// SASL is who was logged in.
type SASL struct{ Method, Username, Sender string }

// Recipient is what became of the message for one recipient.
type Recipient struct {
	To, OrigTo   string
	Status       string
	DSN          string
	Response     string
	Transport    string // delivery agent
	Relay        Relay
	QueuedAs     string
	TLS          string
	Attempts     int
	FirstAttempt time.Time
	LastAttempt  time.Time
	Delay        float64 // seconds
	HasDelay     bool
	Delays       [4]float64 // seconds: before qmgr, in qmgr, connection setup, transmission
	HasDelays    bool
	History      []Attempt // earlier attempts in order, the latest MaxHistory
}

// Relay is the next hop: a host, or a name where it is none.
type Relay struct {
	Hostname, IP string
	Port         int64
	Name         string
}

// Attempt is an earlier attempt.
type Attempt struct {
	Time     time.Time
	Status   string
	DSN      string
	Relay    string
	Response string
}

// Counts holds the number of recipients by status. They are exact beyond every
// cap.
type Counts struct {
	Sent, Deferred, Bounced, Expired, Rejected, Discarded, Deleted, Held, Queued, Total int
}

// of is the number of recipients with a status, 0 for one that recipients are not counted by.
func (c *Counts) of(status string) int {
	switch status {
	case Sent:
		return c.Sent
	case Deferred:
		return c.Deferred
	case Bounced:
		return c.Bounced
	case ExpiredStatus:
		return c.Expired
	case Rejected:
		return c.Rejected
	case Discarded:
		return c.Discarded
	case Deleted:
		return c.Deleted
	case HeldStatus:
		return c.Held
	case Queued:
		return c.Queued
	}
	return 0
}

// Check is a verdict on the message or one of its recipients.
type Check struct {
	Program, Action, Stage, Text, Code, DSN string
}

// Link names another message that this one's own lines state.
type Link struct {
	Rel     string // reinjected_from, forwarded_as, bounce, delay_notice, dsn, requeued_from
	QueueID string
	Host    string // empty where the line does not say
}

// Caps on what is shown. Counts stay exact, the log keeps every line; a cap
// that was reached is in the warnings.
const (
	MaxRecipients = 1000
	MaxTo         = 100_000
	MaxHistory    = 100
	MaxChecks     = 100
	MaxLinks      = 1000
	MaxSubjects   = 20
	maxValue      = 8191 // bytes of a single value: 32,766 is Elasticsearch's own limit for a term
)

// Warnings.
const (
	WarnLineCut        = "line_truncated"
	WarnSubjectCut     = "subject_truncated"
	WarnSubjectRaw     = "subject_undecodable"
	WarnSubjects       = "several_subjects"
	WarnMessageIDs     = "several_message_ids"
	WarnClock          = "clock_skew"
	WarnDeliveryCut    = "delivery_line_truncated"
	WarnValueCut       = "value_truncated"
	WarnQuarantined    = "quarantined"
	WarnCapRecipients  = "cap_recipients"
	WarnCapTo          = "cap_to"
	WarnCapHistory     = "cap_history"
	WarnCapChecks      = "cap_checks"
	WarnCapLinks       = "cap_links"
	WarnCapSubjects    = "cap_subjects"
	WarnUnknownStatus  = "unknown_status"
	WarnOutcome        = "outcome_unknown" // the mail is gone, the lines that say where to are missing
	WarnSchemaMismatch = "unreadable_number"
)

// Options are what a merge depends on beside the lines.
type Options struct {
	// LocalDomains are the domains that are ours, in lower case; with them a document says its
	// direction. A domain stands for its sub-domains too.
	LocalDomains []string
	// MaxLogLines is how many lines a document carries itself; beyond, its log
	// goes on in parts of its own. 0 is DefaultLogLines. Writers of one target agree on it.
	MaxLogLines int
}
