package questions

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// document is what trace prints of a message, as far as a question looks at it.
type document struct {
	Kind      string
	Timestamp time.Time `json:"@timestamp"`
	Host      struct{ Name string }
	QueueID   string `json:"queue_id"`
	MessageID string `json:"message_id"`
	From      string
	Status    string
	Size      int
	SASL      struct{ Username string }
	Recipient *recipient // of --each recipient
	// Of --follow-links and --show:
	Depth    int
	Relation string
	Of       struct {
		QueueID string `json:"queue_id"`
	}
	Document *document
	Timeline []struct {
		Kind string
		Log  []struct{ Text string }
	}
	Messages   *int // of --count
	Recipients []recipient
}

type recipient struct {
	To       string
	OrigTo   string `json:"orig_to"`
	Status   string
	Response string
	Delay    float64
}

// documents reads one JSON object a line.
func documents(output string) ([]document, error) {
	d := json.NewDecoder(strings.NewReader(output))
	var all []document
	for {
		var x document
		switch err := d.Decode(&x); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("read the answer: %w", err)
		}
		all = append(all, x)
	}
}

// name tells a message from all others: a refusal has no queue id, and is known by its time and recipient.
func (d *document) name() string {
	if d.QueueID != "" {
		return d.Host.Name + " " + d.QueueID
	}
	to := ""
	if len(d.Recipients) > 0 {
		to = d.Recipients[0].To
	} else if d.Recipient != nil {
		to = d.Recipient.To
	}
	return refusalName(d.Host.Name, d.Timestamp, to)
}

func refusalName(host string, at time.Time, to string) string {
	return host + " refused " + strings.ToLower(to) + " at " + at.UTC().Format(time.TimeOnly)
}

// outcome is a line of what became of a mail for one recipient.
func outcomeLine(name, to, orig, status, response string) string {
	return fmt.Sprintf("%s %s(%s) %s: %s", name, strings.ToLower(to), strings.ToLower(orig), status, response)
}

// table reads comma-separated values with names in the first line.
func table(output string) ([]map[string]string, error) {
	rows, err := csv.NewReader(bytes.NewReader([]byte(output))).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	var all []map[string]string
	for _, row := range rows[min(1, len(rows)):] {
		m := map[string]string{}
		for i, name := range rows[0] {
			m[name] = strings.TrimPrefix(row[i], "'")
		}
		all = append(all, m)
	}
	return all, nil
}
