package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/rivo/uniseg"

	"github.com/postweave/postweave/worker/message"
)

// shownMessage is what is told of a message above its timeline: its document, as far as that is needed. The texts are
// the mail's, in any characters.
type shownMessage struct {
	Kind      string    `json:"kind"`
	Timestamp time.Time `json:"@timestamp"`
	LastSeen  time.Time `json:"last_seen"`
	Host      struct {
		Name string `json:"name"`
	} `json:"host"`
	Instance  string   `json:"instance"`
	QueueID   string   `json:"queue_id"`
	Direction string   `json:"direction"`
	From      string   `json:"from"`
	To        []string `json:"to"`
	Subject   string   `json:"subject"`
	MessageID string   `json:"message_id"`
	Size      *int64   `json:"size"`
	Client    struct {
		Hostname string `json:"hostname"`
		IP       string `json:"ip"`
		Port     int64  `json:"port"`
		HELO     string `json:"helo"`
		Proto    string `json:"proto"`
	} `json:"client"`
	SASL struct {
		Username string `json:"username"`
	} `json:"sasl"`
	TLS struct {
		Version string `json:"version"`
	} `json:"tls"`
	Status     string           `json:"status"`
	Open       bool             `json:"open"`
	Lines      int64            `json:"lines"`
	Recipients []shownRecipient `json:"recipients"`
	Counts     map[string]int64 `json:"counts"`
	Warnings   []string         `json:"warnings"`
	LogParts   int              `json:"log_parts"`
}

type shownRecipient struct {
	To          string    `json:"to"`
	OrigTo      string    `json:"orig_to"`
	Status      string    `json:"status"`
	Attempts    int       `json:"attempts"`
	LastAttempt time.Time `json:"last_attempt"`
}

// statusOrder is the order in which counts are told.
var statusOrder = []string{"sent", "deferred", "held", "queued", "bounced", "expired", "rejected", "discarded", "deleted"}

// outcome is the message's status in words: "sent to 2 of 3 recipients, 1 bounced".
func (m *shownMessage) outcome() string {
	var counts []string
	for _, status := range statusOrder {
		switch n := m.Counts[status]; {
		case n == 0:
		case len(counts) == 0:
			counts = append(counts, m.firstCount(status, n))
		default:
			counts = append(counts, fmt.Sprintf("%s %s", thousands(n), status))
		}
	}
	words := m.Status
	// One recipient's status is the message's, unless that was never accepted.
	if total := m.Counts["total"]; total > 1 || total == 1 && m.Counts[m.Status] == 0 && m.Kind != message.KindProbe {
		words = strings.Join(counts, ", ")
		if m.Counts[m.Status] == 0 && m.Status != "mixed" {
			words = m.Status + ": " + words
		}
	}
	if m.Open {
		words += " (no end seen yet)"
	}
	return words
}

// prepositions lead from a status to its recipients.
var prepositions = map[string]string{"sent": "to", "rejected": "for", "deferred": "for", "held": "for", "queued": "for", "bounced": "for", "expired": "for", "discarded": "for", "deleted": "for"}

func (m *shownMessage) firstCount(status string, n int64) string {
	total := m.Counts["total"]
	lead := status + " " + prepositions[status] + " "
	if n == total && total > 1 {
		return lead + "all " + counted(total, "recipient", "recipients")
	}
	return lead + thousands(n) + " of " + counted(total, "recipient", "recipients")
}

// title names the message and says what became of it.
func (m *shownMessage) title() string {
	name := "Message " + m.QueueID
	switch m.Kind {
	case message.KindReject:
		name = "Reject"
	case message.KindProbe:
		name = "Address probe " + m.QueueID
	}
	return name + " on " + m.Host.Name + ": " + m.outcome()
}

// shownField is a line of the head; further values stand below the first.
type shownField struct {
	name   string
	values []string
}

// fields are the lines of the head, those without a value left out.
func (m *shownMessage) fields() []shownField {
	var out []shownField
	add := func(name string, values ...string) {
		if len(values) > 0 && values[0] != "" {
			out = append(out, shownField{name, values})
		}
	}
	add("From", m.From)
	add("To", m.recipients()...)
	add("Subject", m.Subject)
	add("Message id", m.MessageID)
	if m.Size != nil {
		add("Size", counted(*m.Size, "byte", "bytes"))
	}
	add("Client", m.client())
	add("Login", m.SASL.Username)
	server := m.Host.Name
	if m.Instance != "" {
		server += ", instance " + m.Instance
	}
	if m.Direction != "" {
		server += ", " + m.Direction
	}
	add("Server", server)
	arrived := stampWords(m.Timestamp) + " UTC"
	if m.LastSeen.After(m.Timestamp) {
		arrived += ", last line " + elapsedWords(m.LastSeen.Sub(m.Timestamp)) + " later"
	}
	add("Arrived", arrived)
	add("Warnings", strings.Join(m.Warnings, ", "))
	return out
}

// client is who handed the message in.
func (m *shownMessage) client() string {
	c := &m.Client
	var words []string
	if c.Hostname != "" || c.IP != "" {
		name := c.Hostname
		if c.IP != "" {
			name += "[" + c.IP + "]"
		}
		if c.Port > 0 {
			name += fmt.Sprintf(":%d", c.Port)
		}
		words = append(words, name)
	}
	if c.HELO != "" {
		words = append(words, "helo "+c.HELO)
	}
	for _, w := range []string{c.Proto, m.TLS.Version} {
		if w != "" {
			words = append(words, w)
		}
	}
	return strings.Join(words, ", ")
}

// widestAddress is how far addresses are padded, so that the statuses behind them stand below each other.
const widestAddress = 40

// recipients are lines of address and status, worst first as the document has them.
func (m *shownMessage) recipients() []string {
	shown := m.Recipients[:min(len(m.Recipients), shownRecipients)]
	if len(shown) == 0 {
		return []string{recipientsCell(m.To)}
	}
	names := make([]string, len(shown))
	widest := 0
	for i, r := range shown {
		names[i] = receiverWords(r.To, r.OrigTo)
		widest = max(widest, uniseg.StringWidth(visible(names[i])))
	}
	widest = min(widest, widestAddress)
	var lines []string
	for i, r := range shown {
		line := names[i] + strings.Repeat(" ", max(0, widest-uniseg.StringWidth(visible(names[i])))) + "  " + r.Status
		if r.Attempts > 1 {
			line += fmt.Sprintf(", %d attempts, the last at %s", r.Attempts, stampWords(r.LastAttempt))
		}
		lines = append(lines, line)
	}
	if total := m.Counts["total"]; total > int64(len(shown)) {
		lines = append(lines, fmt.Sprintf("and %s more", thousands(total-int64(len(shown)))))
	}
	return lines
}

// receiverWords is an address, with the one that it was expanded from.
func receiverWords(to, origTo string) string {
	if origTo == "" {
		return to
	}
	return to + " (for " + origTo + ")"
}

// stampWords is a moment to the second.
func stampWords(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// elapsedWords is a duration that the eye takes in at once: "0.25s", "7s", "1m05s", "2h03m", "4d02h".
func elapsedWords(d time.Duration) string {
	if d < 0 {
		return "-" + elapsedWords(-max(d, -math.MaxInt64)) // the least of all has no positive
	}
	s := int64(d / time.Second)
	switch {
	case s < 1 && d > 0:
		return fmt.Sprintf("%.3gs", d.Seconds())
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 24*3600:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
}
