package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strings"
	"time"

	"github.com/postweave/postweave/esquery"
	"github.com/postweave/postweave/worker/maillog"
	"github.com/postweave/postweave/worker/message"
)

// mergedDocument is a message fresh from a merge.
type mergedDocument struct{ *message.Document }

// Row is the document as a row of a table.
func (d mergedDocument) Row() messageRow {
	return messageRow{
		Time: d.Timestamp, From: d.From, To: d.To, Subject: d.Subject, Status: d.Status,
		Client: cmp.Or(knownName(d.Client.Hostname), d.Client.IP), Host: d.Host, QueueID: d.QueueID,
	}
}

// storedDocument is a message's JSON as the index returned it.
type storedDocument []byte

// AppendJSON appends the JSON as it is. Ours is one line; somebody else's document may be several.
func (d storedDocument) AppendJSON(dst []byte) []byte {
	if bytes.IndexByte(d, '\n') < 0 {
		return append(dst, d...)
	}
	b := bytes.NewBuffer(dst)
	if err := json.Compact(b, d); err != nil { // cannot happen: it was JSON within an answer
		return append(dst, "{}"...)
	}
	return b.Bytes()
}

// Row is the document as a row of a table. What cannot be read stays empty.
func (d storedDocument) Row() messageRow {
	var m struct {
		Timestamp time.Time                     `json:"@timestamp"`
		From      string                        `json:"from"`
		To        []string                      `json:"to"`
		Subject   string                        `json:"subject"`
		Status    string                        `json:"status"`
		Client    struct{ Hostname, IP string } `json:"client"`
		Host      struct{ Name string }         `json:"host"`
		QueueID   string                        `json:"queue_id"`
	}
	if err := json.Unmarshal(d, &m); err != nil {
		return messageRow{Status: "unreadable"}
	}
	return messageRow{
		Time: m.Timestamp, From: m.From, To: m.To, Subject: m.Subject, Status: m.Status,
		Client: cmp.Or(knownName(m.Client.Hostname), m.Client.IP), Host: m.Host.Name, QueueID: m.QueueID,
	}
}

// knownName leaves out the word that Postfix writes where a client has no
// valid name: its address says more.
func knownName(name string) string {
	if name == "unknown" {
		return ""
	}
	return name
}

// setupReport prints what setup did.
type setupReport struct{ esquery.SetupReport }

// JSON is the report as one line.
func (r setupReport) JSON() []byte {
	b, err := json.Marshal(r.SetupReport)
	if err != nil { // cannot happen: strings and a flag
		return []byte("{}")
	}
	return b
}

// String is the report for people, a line for each thing.
func (r setupReport) String() string {
	verb := "setup"
	if r.DryRun {
		verb = "setup (dry run, nothing written)"
	}
	if !r.Changed() {
		return verb + ": everything is there already"
	}
	var steps []string
	for _, s := range r.Steps {
		if s.Action != "unchanged" {
			steps = append(steps, s.Action+" "+s.Object+" "+s.Name)
		}
	}
	return verb + ": " + strings.Join(steps, ", ")
}

func mergeReportOf(r maillog.Report) mergeReport {
	out := mergeReport{
		Lines: int(r.Lines), Messages: int(r.Messages), Rejects: int(r.Rejects), Unparsed: int(r.Unparsed),
		NotSyslog: int(r.NotSyslog), Late: int(r.Late), Spilled: int(r.Spilled), Unjoined: int(r.Unjoined),
	}
	for _, s := range r.Shapes {
		out.Shapes = append(out.Shapes, mergeShape(s))
	}
	return out
}
