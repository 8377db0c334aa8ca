package traffic

import "time"

// Figures are the figures of a range. The lists are ordered by what they count, most first, then by name.
//
// "Messages" are documents of kind message, "rejects" those of kind reject; probes (address verification) are in no
// figure but their own. "Bytes" are sums of the messages' sizes, as the queue manager says them, once a message however
// many recipients it has; a message without a size adds nothing. Sums stop at the largest int64.
//
// Lists that look at single recipients see those that a document holds, [message.MaxRecipients] at most; where there are more, a
// note says how many.
type Figures struct {
	// Since and Until are the range that was asked for: arrival at or after Since, before Until. Zero where it is open.
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// First and Last are the arrivals of the first and the last document counted, of any kind. Zero where there is none.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`

	Totals Totals   `json:"totals"`
	Time   Timeline `json:"time"`
	// Outcomes are the messages by their status, RecipientOutcomes their recipients by theirs: the sums of counts.*, exact beyond every
	// cap. In the order of [Statuses], without those that none has.
	Outcomes          []Count `json:"outcomes"`
	RecipientOutcomes []Count `json:"recipient_outcomes"`
	DeliveryTimes     []Span  `json:"delivery_times"`

	// Senders counts messages by envelope sender ("<>" is the null sender), SenderDomains by the part behind its last @.
	Senders       Ranking `json:"senders"`
	SenderDomains Ranking `json:"sender_domains"`
	// Recipients counts messages by final address, whatever became of them there: a message to three addresses counts for each.
	Recipients Ranking `json:"recipients"`
	// RecipientDomains counts recipients by domain, and what became of them.
	RecipientDomains Destinations `json:"recipient_domains"`
	// Clients counts messages by who handed them in: the host name that was verified, else the address.
	Clients Ranking `json:"clients"`
	// Users counts messages by SASL user name.
	Users Ranking `json:"users"`
	// Servers counts messages by the server whose log they are from.
	Servers Ranking `json:"servers"`

	// Relays counts deliveries by next hop: recipients with status sent by the host that took the mail, or by what is logged in place
	// of a host (local, a socket, a service).
	Relays Relays `json:"relays"`
	// SlowRelays are those of Relays that took longest to take a mail over, the slowest first by Relay.HandOver: of the [RelaysCompared]
	// relays with most deliveries those with [LeastDeliveries] or more.
	SlowRelays []Relay `json:"slow_relays"`
	// Biggest are the messages of greatest size; of equal ones the earliest first, then by server and queue id.
	Biggest []Big `json:"biggest"`

	// Bounces are the recipients with status bounced or expired, Deferrals those with status deferred, by enhanced status code.
	Bounces   Reasons `json:"bounces"`
	Deferrals Reasons `json:"deferrals"`
	// Rejects are the documents of kind reject by the stage they were refused at, reply code and enhanced status code.
	Rejects Refusals `json:"rejects"`

	// Notes say where figures are not exact, and why.
	Notes []Note `json:"notes"`
}

// Totals are the sums over all that was counted.
type Totals struct {
	Messages int64 `json:"messages"`
	Rejects  int64 `json:"rejects"`
	Probes   int64 `json:"probes"`
	// Recipients of the messages, those refused at RCPT included: the sum of counts.total.
	Recipients int64 `json:"recipients"`
	Bytes      int64 `json:"bytes"`
}

// Count is how many there are of a status.
type Count struct {
	Status string `json:"status"`
	Count  int64  `json:"count"`
}

// Span counts deliveries by how long they took: recipients with status sent whose delay, from arrival to delivery, is
// at least From and less than To seconds. To is 0 where there is no end.
type Span struct {
	From       float64 `json:"from"`
	To         float64 `json:"to,omitempty"`
	Deliveries int64   `json:"deliveries"`
}

// Ranking is the top of a list.
type Ranking struct {
	Entries []Entry `json:"entries"`
	Others  int64   `json:"others"` // what the entries count, summed up over all that are not among them
}

// Entry is one name.
type Entry struct {
	Name     string `json:"name"`
	Messages int64  `json:"messages"`
	Bytes    int64  `json:"bytes"`
}

// Destinations is the top of the recipients' domains.
type Destinations struct {
	Entries []Destination `json:"entries"`
	Others  int64         `json:"others"` // recipients
}

// Destination is a domain and what became of mail to it.
type Destination struct {
	Name       string `json:"name"`
	Recipients int64  `json:"recipients"`
	Sent       int64  `json:"sent"`
	Deferred   int64  `json:"deferred"`
	Bounced    int64  `json:"bounced"` // or expired
}

// Relays is the top of the next hops.
type Relays struct {
	Entries []Relay `json:"entries"`
	Others  int64   `json:"others"` // deliveries
}

// Relay is a next hop.
type Relay struct {
	Name       string `json:"name"`
	Host       bool   `json:"host"` // it is a host name
	Deliveries int64  `json:"deliveries"`
	// Delay is the mean time in seconds from a message's arrival to its delivery, HandOver the mean time that the last attempt spent on
	// connecting and transmitting (delays c + d). 0 where no delivery says.
	Delay    float64 `json:"delay"`
	HandOver float64 `json:"hand_over"`
}

// What the slowest relays are chosen from.
const (
	RelaysCompared  = 1000
	LeastDeliveries = 5
)

// Big is a large message.
type Big struct {
	Time       time.Time `json:"time"` // of arrival
	From       string    `json:"from"`
	To         string    `json:"to"`         // the first of its recipients, worst status first; empty where none is known
	Recipients int64     `json:"recipients"` // all of them
	Subject    string    `json:"subject"`
	Size       int64     `json:"size"`
	Status     string    `json:"status"`
	Host       string    `json:"host"`
	QueueID    string    `json:"queue_id"`
}

// Reasons is the top of a list of reasons.
type Reasons struct {
	Entries []Reason `json:"entries"`
	Others  int64    `json:"others"` // recipients
}

// Reason is an enhanced status code, and how many recipients it was the last word on.
type Reason struct {
	DSN        string `json:"dsn"`     // empty where the log names none
	Meaning    string `json:"meaning"` // in words, see [Meaning]
	Example    string `json:"example"` // the response that is most frequent, the first in order of bytes among equals
	Recipients int64  `json:"recipients"`
}

// Refusals is the top of the reasons for rejects.
type Refusals struct {
	Entries []Refusal `json:"entries"`
	Others  int64     `json:"others"` // rejects
}

// Refusal is why mail was not taken.
type Refusal struct {
	Stage   string `json:"stage"` // CONNECT, HELO, MAIL, RCPT, DATA, …
	Code    string `json:"code"`  // of the SMTP reply
	DSN     string `json:"dsn"`
	Meaning string `json:"meaning"`
	Example string `json:"example"` // the most frequent text, the first in order of bytes among equals
	Rejects int64  `json:"rejects"`
}

// Note says what is not exact.
type Note struct {
	Section string `json:"section"` // the JSON name of the figure it is about
	Text    string `json:"text"`
}
