package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"strconv"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// recipientRow is one recipient of a message: what became of the mail for whom.
type recipientRow struct {
	Time      time.Time       `json:"@timestamp"`
	Host      hostName        `json:"host"`
	QueueID   string          `json:"queue_id,omitempty"`
	MessageID string          `json:"message_id,omitempty"`
	From      string          `json:"from,omitempty"`
	Subject   string          `json:"subject,omitempty"`
	Size      *int64          `json:"size,omitempty"`
	Recipient json.RawMessage `json:"recipient"` // as it stands in the document

	recipient storedRecipient
}

type hostName struct {
	Name string `json:"name"`
}

// storedRecipient is one entry of a document's recipients.
type storedRecipient struct {
	To       string   `json:"to"`
	OrigTo   string   `json:"orig_to"`
	Status   string   `json:"status"`
	DSN      string   `json:"dsn"`
	Response string   `json:"response"`
	Delay    *float64 `json:"delay"`
	Attempts int      `json:"attempts"`
	Relay    struct {
		Hostname string `json:"hostname"`
		IP       string `json:"ip"`
		Name     string `json:"name"`
	} `json:"relay"`
}

// forFilter is the recipient as far as a selection looks at it.
func (r *storedRecipient) forFilter() *message.Recipient {
	out := &message.Recipient{
		To: r.To, OrigTo: r.OrigTo, Status: r.Status,
		Relay: message.Relay{Hostname: r.Relay.Hostname, IP: r.Relay.IP, Name: r.Relay.Name},
	}
	if r.Delay != nil {
		out.Delay, out.HasDelay = *r.Delay, true
	}
	return out
}

// recipientRows are the rows of those recipients of a document that are asked for. A message
// that shows none, an aborted one say, has none. beyond tells that the message has more recipients than it shows.
func recipientRows(source []byte, filter *message.Filter) (rows []recipientRow, beyond bool, err error) {
	var d struct {
		recipientRow
		Recipients []json.RawMessage `json:"recipients"`
		Counts     struct{ Total int }
	}
	if err := json.Unmarshal(source, &d); err != nil {
		return nil, false, err
	}
	for _, raw := range d.Recipients {
		row := d.recipientRow
		row.Recipient = raw
		if err := json.Unmarshal(raw, &row.recipient); err != nil {
			return nil, false, err
		}
		if filter.MatchesRecipient(row.recipient.forFilter()) {
			rows = append(rows, row)
		}
	}
	return rows, d.Counts.Total > len(d.Recipients), nil
}

// AppendJSON appends the row as one object.
func (r recipientRow) AppendJSON(dst []byte) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)              // addresses stand in angle brackets
	if err := encoder.Encode(r); err != nil { // cannot happen: it was JSON before
		return append(dst, "{}"...)
	}
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

// to names the recipient, and the alias that was written to.
func (r recipientRow) to() string {
	if alias := r.recipient.OrigTo; alias != "" && alias != r.recipient.To {
		return r.recipient.To + " (" + alias + ")"
	}
	return r.recipient.To
}

func (r recipientRow) relay() string {
	relay := &r.recipient.Relay
	return cmp.Or(knownName(relay.Hostname), relay.IP, relay.Name)
}

func (r recipientRow) delay() string {
	if r.recipient.Delay == nil {
		return ""
	}
	return strconv.FormatFloat(*r.recipient.Delay, 'f', -1, 64)
}

func recipientColumns() []column {
	return []column{
		{title: "TIME", fixed: true},
		{title: "STATUS", fixed: true, status: true},
		{title: "FROM"},
		{title: "TO"},
		{title: "SUBJECT"},
		{title: "RELAY"},
		{title: "DELAY", fixed: true},
		{title: "RESPONSE"},
		{title: "HOST"},
		{title: "QUEUE ID", fixed: true},
	}
}

func (r recipientRow) cells() []string {
	return []string{
		r.Time.UTC().Format("2006-01-02 15:04:05"), r.recipient.Status, r.From, r.to(), r.Subject, r.relay(), r.delay(), r.recipient.Response,
		r.Host.Name, r.QueueID,
	}
}

func recipientCSVColumns() []string {
	return []string{"time", "status", "from", "to", "orig_to", "subject", "relay", "delay", "dsn", "response", "attempts", "host", "queue_id"}
}

func (r recipientRow) csvCells() []string {
	return []string{
		r.Time.UTC().Format(time.RFC3339Nano), r.recipient.Status, r.From, r.recipient.To, r.recipient.OrigTo, r.Subject, r.relay(), r.delay(),
		r.recipient.DSN, r.recipient.Response, strconv.Itoa(r.recipient.Attempts), r.Host.Name, r.QueueID,
	}
}

// recipientPrinter prints documents as rows of their recipients.
type recipientPrinter struct {
	filter *message.Filter
	row    func(recipientRow) error
	end    func() error
	beyond int // messages with more recipients than they list
}

func newRecipientPrinter(output string, filter *message.Filter, w io.Writer) *recipientPrinter {
	switch output {
	case outputTable:
		p := newTablePrinter(w)
		p.table.columns = recipientColumns()
		return &recipientPrinter{filter: filter, row: func(r recipientRow) error { return p.table.row(r.cells()...) }, end: p.close}
	case outputCSV:
		p := newCSVPrinter(w)
		p.names = recipientCSVColumns()
		return &recipientPrinter{filter: filter, row: func(r recipientRow) error { return p.row(r.csvCells()...) }, end: p.close}
	}
	p := newJSONPrinter(w)
	return &recipientPrinter{filter: filter, row: func(r recipientRow) error {
		p.line = append(r.AppendJSON(p.line[:0]), '\n')
		return p.printLines(p.line)
	}, end: p.close}
}

// print leaves out a document that cannot be read: it has no recipients to show.
func (p *recipientPrinter) print(d document) error {
	rows, beyond, err := recipientRows(d.AppendJSON(nil), p.filter)
	if err != nil {
		return nil //nolint:nilerr // somebody else's document in the index must not end the list
	}
	if beyond {
		p.beyond++
	}
	for _, r := range rows {
		if err := p.row(r); err != nil {
			return err
		}
	}
	return nil
}

func (p *recipientPrinter) close() error { return p.end() }
