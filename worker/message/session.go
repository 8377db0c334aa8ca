package message

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postweave/postweave/worker/postlog"
)

// Session is what lines without the message's queue id at their start tell
// about the connections that it came and went by. [Sessions] finds it.
//
// It is best effort and outside what the package promises: a part is there only where exactly
// one session fits, it depends on which lines were read together, and two documents that differ
// in nothing else count as equal.
type Session struct {
	TLS postlog.TLS // of the client's connection
	// Disconnect is how often the client sent each command in its session, for
	// all messages in it: "ehlo=1 mail=1 rcpt=1/2 commands=3/4", where "1/2" is one accepted of two.
	Disconnect  string
	Checks      []SessionCheck
	RelaysTried []TriedRelay // servers that could not be reached
	DeliveryTLS []RelayTLS   // of the connections to the next servers
}

// SessionCheck is a filter's verdict in a line that names the queue id further
// on.
type SessionCheck struct {
	Time                  time.Time
	Program, Action, Text string
	Score                 float64
	HasScore              bool
}

// TriedRelay is a server that could not be reached.
type TriedRelay struct {
	Time  time.Time
	Relay Relay
	Text  string // why
}

// RelayTLS is a connection to a server.
type RelayTLS struct {
	Time  time.Time
	Relay Relay
	TLS   postlog.TLS
}

// maxSession bounds each list of a Session; of more, the earliest are kept.
const maxSession = 100

// Unite adds what another reading found about the same message. Where both
// know a single value, the other's is taken.
func (s *Session) Unite(o *Session) *Session {
	switch {
	case s == nil:
		return o
	case o == nil:
		return s
	}
	u := &Session{}
	u.add(s)
	u.add(o)
	u.settle()
	return u
}

// add is Unite in place, which leaves the lists unsorted and repeats in them.
func (s *Session) add(o *Session) {
	if o.TLS != (postlog.TLS{}) {
		s.TLS = o.TLS
	}
	if o.Disconnect != "" {
		s.Disconnect = o.Disconnect
	}
	s.Checks = append(s.Checks, o.Checks...)
	s.RelaysTried = append(s.RelaysTried, o.RelaysTried...)
	s.DeliveryTLS = append(s.DeliveryTLS, o.DeliveryTLS...)
}

// settle sorts the lists and drops repeats.
func (s *Session) settle() {
	if s == nil {
		return
	}
	s.Checks = sortOnce(s.Checks, func(a, b SessionCheck) int {
		return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.Program, b.Program), strings.Compare(a.Text, b.Text))
	})
	s.RelaysTried = sortOnce(s.RelaysTried, func(a, b TriedRelay) int {
		return cmp.Or(a.Time.Compare(b.Time), compareRelays(a.Relay, b.Relay), strings.Compare(a.Text, b.Text))
	})
	s.DeliveryTLS = sortOnce(s.DeliveryTLS, func(a, b RelayTLS) int {
		return cmp.Or(a.Time.Compare(b.Time), compareRelays(a.Relay, b.Relay),
			strings.Compare(a.TLS.Version, b.TLS.Version), strings.Compare(a.TLS.Cipher, b.TLS.Cipher), strings.Compare(a.TLS.Trust, b.TLS.Trust))
	})
}

func compareRelays(a, b Relay) int {
	return cmp.Or(strings.Compare(a.Hostname, b.Hostname), strings.Compare(a.IP, b.IP), cmp.Compare(a.Port, b.Port), strings.Compare(a.Name, b.Name))
}

func sortOnce[T any](list []T, compare func(a, b T) int) []T {
	if len(list) < 2 {
		return list
	}
	slices.SortFunc(list, compare)
	list = slices.CompactFunc(list, func(a, b T) bool { return compare(a, b) == 0 })
	return list[:min(len(list), maxSession)]
}

func (s *Session) writeTLS(w *writer) {
	if s == nil || s.TLS == (postlog.TLS{}) {
		return
	}
	w.begin(`"tls":`, '{')
	writeTLS(w, s.TLS)
	w.end('}')
}

func writeTLS(w *writer, t postlog.TLS) {
	w.str(`"version":`, t.Version)
	w.str(`"cipher":`, t.Cipher)
	w.str(`"trust":`, t.Trust)
}

func (s *Session) write(w *writer) {
	if s == nil || len(s.Checks)+len(s.RelaysTried)+len(s.DeliveryTLS) == 0 && s.Disconnect == "" {
		return
	}
	w.begin(`"session":`, '{')
	writeList(w, `"checks":`, s.Checks, (*SessionCheck).write)
	writeList(w, `"relays_tried":`, s.RelaysTried, (*TriedRelay).write)
	writeList(w, `"delivery_tls":`, s.DeliveryTLS, (*RelayTLS).write)
	if s.Disconnect != "" {
		w.begin(`"disconnect":`, '{')
		for rest := s.Disconnect; rest != ""; {
			var word string
			word, rest, _ = strings.Cut(rest, " ")
			command, count, _ := strings.Cut(word, "=")
			w.b = append(append(append(w.b, '"'), command...), '"', ':') // a to z alone, see isCounter
			w.str("", count)
		}
		w.end('}')
	}
	w.end('}')
}

func (c *SessionCheck) write(w *writer) {
	w.time(`"time":`, c.Time)
	w.str(`"program":`, c.Program)
	w.str(`"action":`, c.Action)
	if c.HasScore {
		w.float(`"score":`, c.Score)
	}
	w.str(`"text":`, c.Text)
}

func (r *TriedRelay) write(w *writer) {
	w.time(`"time":`, r.Time)
	r.Relay.write(w)
	w.str(`"text":`, r.Text)
}

func (r *RelayTLS) write(w *writer) {
	w.time(`"time":`, r.Time)
	r.Relay.write(w)
	writeTLS(w, r.TLS)
}

// StoredSession reads the session back from a document's JSON; nil where it has
// none. An error means that the document is none of ours; it names no content.
func StoredSession(source []byte) (*Session, error) {
	// A quote within a value has a backslash before it: these are names.
	if !bytes.Contains(source, []byte(`"session":{`)) && !bytes.Contains(source, []byte(`"tls":{`)) {
		return nil, nil
	}
	type tls struct{ Version, Cipher, Trust string }
	type relay struct {
		Hostname, IP, Name string
		Port               int64
	}
	var d struct {
		TLS     tls
		Session struct {
			Checks []struct {
				Time                  time.Time
				Program, Action, Text string
				Score                 *float64
			}
			RelaysTried []struct {
				Time time.Time
				relay
				Text string
			} `json:"relays_tried"`
			DeliveryTLS []struct {
				Time time.Time
				relay
				tls
			} `json:"delivery_tls"`
			Disconnect json.RawMessage
		}
	}
	if err := json.Unmarshal(source, &d); err != nil {
		return nil, fmt.Errorf("stored document: its session cannot be read (%T)", err)
	}
	s := &Session{TLS: postlog.TLS(postlog.TLS{Trust: d.TLS.Trust, Version: d.TLS.Version, Cipher: d.TLS.Cipher})}
	for _, c := range d.Session.Checks {
		check := SessionCheck{Time: c.Time, Program: c.Program, Action: c.Action, Text: c.Text}
		if c.Score != nil {
			check.Score, check.HasScore = *c.Score, true
		}
		s.Checks = append(s.Checks, check)
	}
	for _, r := range d.Session.RelaysTried {
		s.RelaysTried = append(s.RelaysTried, TriedRelay{r.Time, Relay{r.Hostname, r.IP, r.Port, r.Name}, r.Text})
	}
	for _, r := range d.Session.DeliveryTLS {
		s.DeliveryTLS = append(s.DeliveryTLS, RelayTLS{r.Time, Relay{r.Hostname, r.IP, r.Port, r.Name}, postlog.TLS{Trust: r.Trust, Version: r.Version, Cipher: r.Cipher}})
	}
	s.Disconnect = storedCounters(d.Session.Disconnect)
	return s, nil
}

// storedCounters reads the object of counters in its order, which a map would
// lose: the same document must give the same bytes.
func storedCounters(object json.RawMessage) string {
	var b strings.Builder
	d := json.NewDecoder(bytes.NewReader(object))
	for separator := ""; ; {
		token, err := d.Token()
		if err != nil {
			return cleanCounters(b.String())
		}
		word, ok := token.(string)
		if !ok {
			continue
		}
		b.WriteString(separator)
		b.WriteString(word)
		if separator = " "; strings.LastIndexByte(b.String(), '=') <= strings.LastIndexByte(b.String(), ' ') {
			separator = "="
		}
	}
}

// cleanCounters returns counters as smtpd writes them (src/smtpd/smtpd.c
// log_command_counters), none where they are something else: they become the names of an object, each of which
// may be there once.
func cleanCounters(s string) string {
	var seen [32]string
	n := 0
	for rest := s; rest != ""; n++ {
		var word string
		word, rest, _ = strings.Cut(rest, " ")
		command, count, ok := strings.Cut(word, "=")
		if !ok || n == len(seen) || !isCounter(command, count) || slices.Contains(seen[:n], command) {
			return ""
		}
		seen[n] = command
	}
	return s
}

func isCounter(command, count string) bool {
	if command == "" || len(command) > 16 || count == "" || len(count) > 24 {
		return false
	}
	for i := range len(command) {
		if command[i] < 'a' || command[i] > 'z' {
			return false
		}
	}
	for i := range len(count) {
		if (count[i] < '0' || count[i] > '9') && count[i] != '/' {
			return false
		}
	}
	return true
}
