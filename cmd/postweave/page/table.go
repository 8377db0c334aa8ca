package page

import (
	"time"

	"github.com/postweave/postweave/worker/traffic"
)

// Kind is what a column holds.
type Kind int

// The kinds, with the type of their cells.
const (
	Name    Kind = iota // string: what the row is about
	Text                // string
	Number              // int64
	Bytes               // int64
	Seconds             // float64
	Time                // time.Time
)

// Column is one column of a table.
type Column struct {
	Title string // for people
	Key   string // for programs
	Kind  Kind
}

// Table is a section of the figures as rows.
type Table struct {
	Section string // as on the command line
	Title   string
	About   string // what is counted, a sentence
	Columns []Column
	Rows    [][]any
	Measure int    // the column that bars show, -1 for none
	Others  int64  // of that measure, what is not in the rows
	Of      string // what the measure counts, in the plural
}

// Sections are the names of the sections, in the order in which they are shown.
var Sections = []string{
	"totals", "time", "outcomes", "recipient-outcomes", "delivery-times", "senders", "sender-domains", "recipients", "recipient-domains",
	"clients", "users", "servers", "relays", "slow-relays", "biggest", "bounces", "deferrals", "rejects",
}

// Tables are all sections of some figures, in the order of [Sections]. Texts are as they were logged.
func Tables(f *traffic.Figures) []Table {
	return []Table{
		totals(f), timeline(f), outcomes(f), recipientOutcomes(f), deliveryTimes(f),
		ranking("senders", "Top senders", "Messages by envelope sender; <> is the sender of bounces and notices.", "Sender", "sender", f.Senders),
		ranking("sender-domains", "Top sender domains", "Messages by the sender's domain.", "Domain", "domain", f.SenderDomains),
		ranking("recipients", "Top recipients", "Messages to an address, whatever became of them there.", "Recipient", "recipient", f.Recipients),
		destinations(f),
		ranking("clients", "Top clients", "Messages by the machine that handed them in: its verified name, else its address.", "Client", "client", f.Clients),
		ranking("users", "Top users", "Messages by the user who was logged in.", "User", "user", f.Users),
		ranking("servers", "Servers", "Messages by the server whose log they are from.", "Server", "server", f.Servers),
		relays("relays", "Top relays", "Deliveries by next hop, with their mean times: in all, and for connecting and handing over.", f.Relays.Entries, f.Relays.Others),
		relays("slow-relays", "Slowest relays", "Next hops that took longest to take a mail over, of those with 5 deliveries or more.", f.SlowRelays, 0),
		biggest(f),
		reasons("bounces", "Why mail bounced", "Recipients that were not reached for good (bounced or expired), by status code, with the most frequent answer.", f.Bounces),
		reasons("deferrals", "Why mail waits", "Recipients whose last attempt was put off, by status code, with the most frequent answer.", f.Deferrals),
		refusals(f),
	}
}

func totals(f *traffic.Figures) Table {
	t := Table{
		Section: "totals", Title: "Totals", About: "Everything in the range.", Measure: -1,
		Columns: []Column{
			{"Messages", "messages", Number},
			{"Recipients", "recipients", Number},
			{"Volume", "bytes", Bytes},
			{"Rejects", "rejects", Number},
			{"Probes", "probes", Number},
		},
	}
	if (f.Totals != traffic.Totals{}) {
		t.Rows = [][]any{{f.Totals.Messages, f.Totals.Recipients, f.Totals.Bytes, f.Totals.Rejects, f.Totals.Probes}}
	}
	return t
}

func timeline(f *traffic.Figures) Table {
	t := Table{
		Section: "time", Title: "Messages over time", About: "Messages and rejects by time of arrival (UTC) and outcome.", Measure: -1,
		Columns: []Column{
			{"From", "from", Time},
			{"Sent", "sent", Number},
			{"Deferred", "deferred", Number},
			{"Bounced", "bounced", Number},
			{"Rejected", "rejected", Number},
			{"Other", "other", Number},
			{"Volume", "bytes", Bytes},
		},
	}
	for _, b := range f.Time.Buckets {
		t.Rows = append(t.Rows, []any{b.Start, b.Sent, b.Deferred, b.Bounced, b.Rejected, b.Other, b.Bytes})
	}
	return t
}

func outcomes(f *traffic.Figures) Table {
	return counts("outcomes", "Messages by outcome", "Mixed are messages whose recipients differ.", "messages", f.Outcomes)
}

func recipientOutcomes(f *traffic.Figures) Table {
	return counts("recipient-outcomes", "Recipients by outcome", "A message to three people counts three times.", "recipients", f.RecipientOutcomes)
}

func counts(section, title, about, of string, list []traffic.Count) Table {
	t := Table{
		Section: section, Title: title, About: about, Measure: 1, Of: of,
		Columns: []Column{{"Status", "status", Name}, {capital(of), of, Number}},
	}
	for _, c := range list {
		t.Rows = append(t.Rows, []any{c.Status, c.Count})
	}
	return t
}

func deliveryTimes(f *traffic.Figures) Table {
	t := Table{
		Section: "delivery-times", Title: "Delivery times", About: "Deliveries by the time from arrival to delivery.", Measure: 1, Of: "deliveries",
		Columns: []Column{{"Time", "time", Name}, {"Deliveries", "deliveries", Number}},
	}
	some := false
	for _, s := range f.DeliveryTimes {
		t.Rows = append(t.Rows, []any{spanText(s), s.Deliveries})
		some = some || s.Deliveries > 0
	}
	if !some {
		t.Rows = nil
	}
	return t
}

func ranking(section, title, about, name, key string, r traffic.Ranking) Table {
	t := Table{
		Section: section, Title: title, About: about, Measure: 1, Others: r.Others, Of: "messages",
		Columns: []Column{{name, key, Name}, {"Messages", "messages", Number}, {"Volume", "bytes", Bytes}},
	}
	for _, e := range r.Entries {
		t.Rows = append(t.Rows, []any{e.Name, e.Messages, e.Bytes})
	}
	return t
}

func destinations(f *traffic.Figures) Table {
	t := Table{
		Section: "recipient-domains", Title: "Top recipient domains", About: "Recipients by domain, and what became of them; bounced includes expired.",
		Measure: 1, Others: f.RecipientDomains.Others, Of: "recipients",
		Columns: []Column{
			{"Domain", "domain", Name},
			{"Recipients", "recipients", Number},
			{"Sent", "sent", Number},
			{"Deferred", "deferred", Number},
			{"Bounced", "bounced", Number},
		},
	}
	for _, d := range f.RecipientDomains.Entries {
		t.Rows = append(t.Rows, []any{d.Name, d.Recipients, d.Sent, d.Deferred, d.Bounced})
	}
	return t
}

func relays(section, title, about string, list []traffic.Relay, others int64) Table {
	t := Table{
		Section: section, Title: title, About: about, Measure: 1, Others: others, Of: "deliveries",
		Columns: []Column{{"Relay", "relay", Name}, {"Deliveries", "deliveries", Number}, {"In all", "delay", Seconds}, {"Hand-over", "hand_over", Seconds}},
	}
	for _, r := range list {
		t.Rows = append(t.Rows, []any{r.Name, r.Deliveries, r.Delay, r.HandOver})
	}
	if section == "slow-relays" {
		t.Measure = 3
	}
	return t
}

func biggest(f *traffic.Figures) Table {
	t := Table{
		Section: "biggest", Title: "Biggest messages", About: "By size, with the first of their recipients.", Measure: 1,
		Columns: []Column{
			{"Subject", "subject", Name},
			{"Size", "bytes", Bytes},
			{"From", "sender", Text},
			{"To", "recipient", Text},
			{"Recipients", "recipients", Number},
			{"Time", "time", Time},
			{"Status", "status", Text},
			{"Host", "host", Text},
			{"Queue ID", "queue_id", Text},
		},
	}
	for _, b := range f.Biggest {
		t.Rows = append(t.Rows, []any{b.Subject, b.Size, b.From, b.To, b.Recipients, b.Time, b.Status, b.Host, b.QueueID})
	}
	return t
}

func reasons(section, title, about string, r traffic.Reasons) Table {
	t := Table{
		Section: section, Title: title, About: about, Measure: 3, Others: r.Others, Of: "recipients",
		Columns: []Column{{"Code", "dsn", Name}, {"Meaning", "meaning", Text}, {"Most frequent answer", "example", Text}, {"Recipients", "recipients", Number}},
	}
	for _, e := range r.Entries {
		t.Rows = append(t.Rows, []any{e.DSN, e.Meaning, e.Example, e.Recipients})
	}
	return t
}

func refusals(f *traffic.Figures) Table {
	t := Table{
		Section: "rejects", Title: "Why mail was rejected", About: "Mail that was refused before it was taken, by stage of the session, reply and status code.",
		Measure: 5, Others: f.Rejects.Others, Of: "rejects",
		Columns: []Column{
			{"Stage", "stage", Name},
			{"Reply", "code", Text},
			{"Code", "dsn", Text},
			{"Meaning", "meaning", Text},
			{"Most frequent answer", "example", Text},
			{"Rejects", "rejects", Number},
		},
	}
	for _, e := range f.Rejects.Entries {
		t.Rows = append(t.Rows, []any{e.Stage, e.Code, e.DSN, e.Meaning, e.Example, e.Rejects})
	}
	return t
}

// dateOf tells the bounds of a range in words.
func dateOf(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04") }
