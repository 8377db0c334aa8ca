package loggen

import "time"

// Truth is what really became of one queue file, or of one NOQUEUE reject, told by the generator that made it.
// Its field names are those of the message document where the meaning is the same.
type Truth struct {
	Kind        string           `json:"kind"` // message, reject
	Host        string           `json:"host"`
	QueueID     string           `json:"queue_id,omitempty"`
	Incarnation int              `json:"incarnation,omitempty"` // which message of this id on this host, from 1
	Origin      string           `json:"origin,omitempty"`      // smtp, local, internal
	From        string           `json:"from,omitempty"`        // <> is the null sender; absent where no line says it
	MessageID   string           `json:"message_id,omitempty"`
	Subject     string           `json:"subject,omitempty"`     // decoded; of a cut one the part that is whole
	SubjectCut  bool             `json:"subject_cut,omitempty"` // Subject is only the beginning of what a reader may show
	Size        int              `json:"size,omitempty"`
	NRcpt       int              `json:"nrcpt,omitempty"`
	ClientIP    string           `json:"client_ip,omitempty"`
	SASL        string           `json:"sasl_username,omitempty"`
	Recipients  []TruthRecipient `json:"recipients,omitempty"`
	Verdict     string           `json:"verdict,omitempty"` // rejected, discarded, held, deleted: said of all recipients that had no end yet
	Complete    bool             `json:"complete"`
	Lines       int              `json:"lines"` // lines whose text begins, after a level word, with this id
	First       time.Time        `json:"first_seen"`
	Last        time.Time        `json:"last_seen"`
	Notices     []string         `json:"notices,omitempty"`   // queue ids of the notices it caused
	Forwarded   []string         `json:"forwarded,omitempty"` // queue ids it was forwarded as
	RequeuedAs  string           `json:"requeued_as,omitempty"`
	OrigID      string           `json:"orig_id,omitempty"` // the id it had before it was requeued
}

// TruthRecipient is one recipient as its last attempt left it, or refused at RCPT (rejected, no attempt). What an operator's verdict makes
// of it afterwards is in the message's Verdict. Recipients of which no line tells an outcome are left out.
type TruthRecipient struct {
	To       string  `json:"to"`
	OrigTo   string  `json:"orig_to,omitempty"`
	Status   string  `json:"status"` // sent, deferred, bounced, expired, rejected, discarded
	Attempts int     `json:"attempts"`
	DSN      string  `json:"dsn,omitempty"`
	Delay    float64 `json:"delay"`               // seconds, as the last attempt's line says
	Queued   string  `json:"queued_as,omitempty"` // the id the next hop gave
}
