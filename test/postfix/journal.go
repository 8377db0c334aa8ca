package main

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"sync"
	"time"
)

// Sent is one message as its client knows it.
type Sent struct {
	Situation  string
	From       string   // as in MAIL FROM, without angle brackets; "" is the null sender
	To         []string // recipients that were accepted
	Subject    string   // decoded; "" where the message has none
	MessageID  string   // without angle brackets
	QueueID    string   // from the reply to the end of the message; "" without one
	HELO       string   // "" for a local submission
	Port       int      // service of postfix-mx that was asked
	TLS        string   // "TLSv1.3", as Postfix spells it
	Cipher     string   // "" in the clear
	SASLUser   string
	Refusals   []Answer // what the client was refused, in this message
	Alone      bool     // its process of smtpd(8) had no other session within the same second
	Proxied    bool     // a filter before the queue saw it: a refusal at the end has a reject document too
	Redirected bool     // others got it instead
	Vanished   bool     // taken by smtpd(8) and given to nobody: cleanup(8) never hears of it
}

// Answer is a server's reply to one command about one recipient.
type Answer struct {
	At     time.Time
	Stage  string // "MAIL", "RCPT", "DATA", "END-OF-MESSAGE", "CONNECT"
	From   string
	To     string
	Queued bool   // the message had a queue id by then
	Reply  string // "450 4.2.1 not now", or what was done instead: "closed"
}

// Arrived is one transaction as the sink knows it.
type Arrived struct {
	Port      int
	HELO      string // of the instance that came
	From      string
	Size      int64 // what the instance announced with SIZE=; 0 is none
	Answers   []Answer
	MessageID string // "" where no header was seen
	Subject   string // the raw header
	QueueID   string // the sink's own, where it took the message
	Hops      []Hop  // from the Received headers, the last server first
	TLS       string
}

// Hop is a server that had the message, and the queue id there.
type Hop struct{ By, QueueID string }

// Want is what a situation says of one document beyond what the journals tell.
type Want struct {
	Situation string
	QueueID   string // of the message, where it is known; else
	MessageID string
	Instance  string   // "postfix-mx" or "postfix-out"
	Path      string   // "status", "recipients.transport"
	Values    []string // all that stand there, sorted, without repeats
}

// Journal is what the test knows without the log.
type Journal struct {
	Year   int // of the log's first line
	Probes int // address verifications that Postfix makes for itself
	// Fragments are messages that were begun and dropped so early that the log has one line about
	// each, with nothing in it to tell which is which.
	Fragments int
	Sent      []Sent
	Arrived   []Arrived
	Wants     []Want

	mu sync.Mutex
}

func (j *Journal) sent(s Sent) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.Sent = append(j.Sent, s)
}

func (j *Journal) arrived(a Arrived) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.Arrived = append(j.Arrived, a)
}

func (j *Journal) want(w Want) {
	slices.Sort(w.Values)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.Wants = append(j.Wants, w)
}

func (j *Journal) save(path string) error {
	b, err := json.MarshalIndent(j, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// journalFile is where a run leaves its journal.
const journalFile = "journal.json"

// copied is a copy that can be changed.
func (j *Journal) copied() (*Journal, error) {
	b, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	c := new(Journal)
	return c, json.Unmarshal(b, c)
}

func readJournal(path string) (*Journal, error) {
	b, err := readFile(path)
	if err != nil {
		return nil, err
	}
	j := new(Journal)
	if err := json.Unmarshal(b, j); err != nil {
		return nil, errors.New("the journal is not readable")
	}
	return j, nil
}
