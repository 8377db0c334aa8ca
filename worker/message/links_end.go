package message

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/postweave/postweave/worker/postlog"
)

// End is one end of a link: a document, as far as links are decided by it.
type End struct {
	Host, QueueID string
	Arrival       time.Time

	origin, from, messageID string
	client                  netip.Addr
	first, last             time.Time
	open                    bool
	addresses               map[string]struct{} // of its recipients, folded, before and after expansion
	everyone                bool                // addresses lacks nobody
	says                    []statement
}

// statement is what a document says about another one: a queue id, and when
// and how it came up.
type statement struct {
	rel  string // a link's, or handedOver
	id   string
	at   time.Time // of the line that says so
	took time.Duration
	to   []string // handedOver: the recipients, folded
	loop bool     // handedOver: over the loopback interface
}

// handedOver is the statement of a recipient's remote_queue_id.
const handedOver = "handed_over"

// backward tells the statements that a later document makes about an earlier one.
func (s *statement) backward() bool { return s.rel == "reinjected_from" || s.rel == "requeued_from" }

// storedEnd is a document's JSON, as far as links are decided by it.
type storedEnd struct {
	Timestamp time.Time `json:"@timestamp"`
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
	Host      struct {
		Name string `json:"name"`
	} `json:"host"`
	QueueID   string   `json:"queue_id"`
	Origin    string   `json:"origin"`
	From      string   `json:"from"`
	To        []string `json:"to"`
	MessageID string   `json:"message_id"`
	NRcpt     *int64   `json:"nrcpt"`
	Client    struct {
		IP string `json:"ip"`
	} `json:"client"`
	Open       bool `json:"open"`
	Recipients []struct {
		To     string `json:"to"`
		OrigTo string `json:"orig_to"`
		Relay  struct {
			IP string `json:"ip"`
		} `json:"relay"`
		RemoteQueueID string    `json:"remote_queue_id"`
		LastAttempt   time.Time `json:"last_attempt"`
		Delays        *struct {
			ConnSetup    float64 `json:"conn_setup"`
			Transmission float64 `json:"transmission"`
		} `json:"delays"`
	} `json:"recipients"`
	Counts struct {
		Rejected int64 `json:"rejected"`
		Total    int64 `json:"total"`
	} `json:"counts"`
	Links []struct {
		Rel     string `json:"rel"`
		QueueID string `json:"queue_id"`
	} `json:"links"`
	Log []struct {
		Time    time.Time `json:"time"`
		Program string    `json:"program"`
		Text    string    `json:"text"`
	} `json:"log"`
}

// ReadEnd takes the end of a link from a document's JSON. An error names no
// content.
func ReadEnd(source []byte) (End, error) {
	var d storedEnd
	if err := json.Unmarshal(source, &d); err != nil {
		return End{}, fmt.Errorf("stored document: its links cannot be read (%T)", err)
	}
	e := End{
		Host: d.Host.Name, QueueID: d.QueueID, Arrival: d.Timestamp, origin: d.Origin, from: foldCase(d.From), messageID: d.MessageID,
		first: d.FirstSeen, last: d.LastSeen, open: d.Open,
	}
	e.client, _ = netip.ParseAddr(d.Client.IP)
	e.takeAddresses(&d)
	e.takeHandovers(&d)
	at := make(map[statementKey]spoken)
	for i := range d.Log {
		takeSpoken(at, d.Log[i].Time, d.Log[i].Program, d.Log[i].Text)
	}
	for _, l := range d.Links {
		s := statement{rel: l.Rel, id: l.QueueID}
		if x, ok := at[statementKey{l.Rel, l.QueueID}]; ok {
			s.at, s.took = x.at, x.took
		}
		e.says = append(e.says, s)
	}
	return e, nil
}

// EndOf takes the end of a link from a document. It goes by way of the JSON, so that
// there is one rule for both and what the JSON does not show decides nothing.
func EndOf(d *Document) End {
	e, err := ReadEnd(d.AppendJSON(nil))
	if err != nil {
		panic("BUG: a document's own JSON: " + err.Error())
	}
	return e
}

// Names are the queue ids that the document names: the other ends of what it says.
func (e *End) Names() []string {
	ids := make([]string, 0, len(e.says))
	for i := range e.says {
		ids = append(ids, e.says[i].id)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (e *End) takeAddresses(d *storedEnd) {
	e.addresses = make(map[string]struct{}, len(d.To))
	for _, to := range d.To {
		e.addresses[foldCase(to)] = struct{}{}
	}
	for i := range d.Recipients {
		if to := d.Recipients[i].OrigTo; to != "" {
			e.addresses[foldCase(to)] = struct{}{}
		}
	}
	// A verdict names one recipient of many, those refused at RCPT are none of nrcpt,
	// and beyond the cap orig_to is not shown.
	e.everyone = d.NRcpt != nil && d.Counts.Total-d.Counts.Rejected >= *d.NRcpt && d.Counts.Total == int64(len(d.Recipients))
}

// takeHandovers takes the remote queue ids. Recipients of one transaction are one
// statement, though their lines may have different seconds.
func (e *End) takeHandovers(d *storedEnd) {
	latest := make(map[string]int) // a statement for each id
	for i := range d.Recipients {
		r := &d.Recipients[i]
		if r.RemoteQueueID == "" {
			continue
		}
		took := unknownTransfer
		if r.Delays != nil {
			took = time.Duration((r.Delays.ConnSetup + r.Delays.Transmission) * float64(time.Second))
		}
		if n, ok := latest[r.RemoteQueueID]; ok {
			if s := &e.says[n]; s.at.Sub(r.LastAttempt).Abs() <= sameTransaction {
				begin := firstOf(s.at.Add(-s.took), r.LastAttempt.Add(-took))
				s.at = lastOf(s.at, r.LastAttempt)
				s.took = s.at.Sub(begin)
				s.to = append(s.to, foldCase(r.To))
				continue
			}
		}
		ip, _ := netip.ParseAddr(r.Relay.IP)
		latest[r.RemoteQueueID] = len(e.says)
		e.says = append(e.says, statement{
			rel: handedOver, id: r.RemoteQueueID, at: r.LastAttempt, took: took, to: []string{foldCase(r.To)}, loop: ip.IsLoopback(),
		})
	}
}

// sameTransaction is how far the lines of one transaction's recipients may be
// apart.
const sameTransaction = time.Minute

func firstOf(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func lastOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

type statementKey struct{ rel, id string }

// spoken is when a statement was made, and how long what it reports took.
type spoken struct {
	at   time.Time
	took time.Duration
}

// takeSpoken notes when a line states a link. A document's links have no time
// of their own.
func takeSpoken(at map[statementKey]spoken, when time.Time, program, text string) {
	if !strings.Contains(text, " notification: ") && !strings.Contains(text, "forwarded as ") && !strings.Contains(text, "orig_") {
		return
	}
	e := postlog.Parse(program, text)
	var k statementKey
	x := spoken{at: when}
	switch {
	case e.Kind == postlog.Notice:
		k = statementKey{string(e.Rel), e.LinkID}
	case e.Kind == postlog.Delivery && e.Delivered.ForwardAs != "":
		k = statementKey{"forwarded_as", e.Delivered.ForwardAs}
		x.took = time.Duration((e.Delivered.Delays[2] + e.Delivered.Delays[3]) * float64(time.Second))
	case e.Kind == postlog.Client && e.OrigQueueID != "":
		k = statementKey{"reinjected_from", e.OrigQueueID}
	case e.Kind == postlog.Pickup && e.OrigID != "":
		k = statementKey{"requeued_from", e.OrigID}
	default:
		return
	}
	if _, said := at[k]; !said { // the log is in order of time
		at[k] = x
	}
}
