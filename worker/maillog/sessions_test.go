package maillog

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/worker/message"
	"github.com/postweave/postweave/worker/postlog"
)

// sessionJSON is what a document says of its session.
func sessionJSON(d *message.Document) string {
	only := message.Document{Session: d.Session}
	return string(only.AppendJSON(nil))
}

// sessionsInMemory joins all lines at once. It returns what each document says
// of its session, by _id.
func sessionsInMemory(lines []string) map[string]string {
	groups := map[message.Key][]message.Line{}
	found := map[message.Key][]message.Finding{}
	hosts := map[string]*message.Sessions{}
	var parsed []postlog.Line
	for _, raw := range lines {
		l, err := postlog.ParseLine(raw, testYear, time.UTC)
		if err != nil || !postlog.NamesQueueIDs(l.Program) {
			continue
		}
		parsed = append(parsed, l)
		if hosts[l.Host] == nil {
			hosts[l.Host] = &message.Sessions{Max: len(lines)}
		}
		if id, noqueue := postlog.LeadingQueueID(l.Text); id == "" && !noqueue {
			hosts[l.Host].Add(message.Line{Time: l.Time, Program: l.Program, PID: l.PID, Text: l.Text})
		}
	}
	for _, l := range parsed {
		if id, _ := postlog.LeadingQueueID(l.Text); id != "" {
			line := message.Line{Time: l.Time, Program: l.Program, PID: l.PID, Text: l.Text}
			k := message.Key{Host: l.Host, QueueID: id}
			groups[k] = append(groups[k], line)
			hosts[l.Host].Claim(id, line)
		}
	}
	end := time.Date(testYear+1, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, h := range hosts {
		h.Settle(end, end, func(id string, f message.Finding) {
			k := message.Key{Host: name, QueueID: id}
			found[k] = append(found[k], f)
		})
	}
	out := map[string]string{}
	for k, lines := range groups {
		docs := message.Merge(k, lines, message.Options{})
		message.Attach(docs, found[k])
		for i := range docs {
			out[docs[i].ID] = sessionJSON(&docs[i])
		}
	}
	return out
}

// What is found while a log streams by is what is found with all of it at hand.
func TestSessionsWhileStreaming(t *testing.T) {
	lines := corpus(t, labLog)
	want := sessionsInMemory(lines)
	for _, tt := range []struct {
		window, disorder time.Duration
	}{{30 * time.Second, 0}, {DefaultWindow, 0}, {DefaultWindow, time.Minute}, {time.Minute, 10 * time.Second}} {
		window, lines := tt.window, lines
		if tt.disorder > 0 {
			lines = disordered(lines, tt.disorder, 1)
		}
		joined := 0
		none := sessionJSON(&message.Document{})
		_, err := Merge(t.Context(), Options{Inputs: []Input{input("log", text(lines))}, Year: testYear, Window: window}, func(d *message.Document) error {
			if d.Kind == message.KindReject {
				return nil
			}
			got := sessionJSON(d)
			if got != want[d.ID] {
				t.Errorf("window %s: %s: %s\nwant %s", window, d.QueueID, got, want[d.ID])
			}
			if got != none {
				joined++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if joined < 400 {
			t.Errorf("window %s: %d documents with a session", window, joined)
		}
	}
}

// A message that stays open for hours has what was found when it came.
func TestSessionOfAMessageThatStays(t *testing.T) {
	log := `Nov 22 01:00:00 mx1 postfix/smtpd[1]: connect from a.example[192.0.2.1]
Nov 22 01:00:00 mx1 postfix/smtpd[1]: Anonymous TLS connection established from a.example[192.0.2.1]: TLSv1.3 with cipher AES (256/256 bits)
Nov 22 01:00:01 mx1 postfix/smtpd[1]: ABCDEF012: client=a.example[192.0.2.1]
Nov 22 01:00:01 mx1 postfix/cleanup[2]: ABCDEF012: message-id=<1@a.example>
Nov 22 01:00:01 mx1 postfix/qmgr[3]: ABCDEF012: from=<a@a.example>, size=1, nrcpt=1 (queue active)
Nov 22 01:00:02 mx1 postfix/smtpd[1]: disconnect from a.example[192.0.2.1] mail=1 commands=1
Nov 22 01:00:12 mx1 postfix/smtp[4]: connect to mx.example[192.0.2.9]:25: Connection timed out
Nov 22 01:00:32 mx1 postfix/smtp[4]: ABCDEF012: to=<b@b.example>, relay=none, delay=31, delays=0.5/0/30/0, dsn=4.4.1, status=deferred (connect to mx.example[192.0.2.9]:25: Connection timed out)
Nov 22 09:00:00 mx1 postfix/smtpd[1]: connect from b.example[192.0.2.2]
Nov 22 09:00:02 mx1 postfix/smtpd[1]: disconnect from b.example[192.0.2.2] quit=1 commands=1
Nov 22 09:30:00 mx1 postfix/smtp[9]: Untrusted TLS connection established to mx.example[192.0.2.9]:25: TLSv1.2 with cipher AES (256/256 bits)
Nov 22 09:30:01 mx1 postfix/smtp[9]: ABCDEF012: to=<b@b.example>, relay=mx.example[192.0.2.9]:25, delay=30600, delays=30599/0/0.5/0.5, dsn=2.0.0, status=sent (250 ok)
Nov 22 09:30:01 mx1 postfix/qmgr[3]: ABCDEF012: removed
`
	for _, window := range []time.Duration{time.Second, DefaultWindow} {
		var got []string
		if _, err := Merge(t.Context(), Options{Inputs: []Input{input("log", log)}, Year: testYear, Window: window}, func(d *message.Document) error {
			got = append(got, sessionJSON(d))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			`"tls":{"version":"TLSv1.3","cipher":"AES","trust":"Anonymous"}`,
			`"relays_tried":[{"time":"2026-11-22T01:00:12.000Z","hostname":"mx.example","ip":"192.0.2.9","port":25,"text":"Connection timed out"}]`,
			`"delivery_tls":[{"time":"2026-11-22T09:30:00.000Z","hostname":"mx.example","ip":"192.0.2.9","port":25,"version":"TLSv1.2","cipher":"AES","trust":"Untrusted"}]`,
			`"disconnect":{"mail":"1","commands":"1"}`,
		} {
			if len(got) != 1 || !strings.Contains(got[0], want) {
				t.Errorf("window %s: %s\nwant %s", window, got, want)
			}
		}
	}
}

// However many processes there are, what is held of them is bounded.
func TestSessionsOfManyProcesses(t *testing.T) {
	var log strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&log, "Nov 22 01:00:00 mx1 postfix/smtpd[%d]: connect from a.example[192.0.2.1]\n", i)
	}
	m := newMerger(Options{MaxMemory: 1 << 20, Window: time.Minute}, nil)
	defer m.flow.close()
	for raw := range strings.Lines(log.String()) {
		l, err := postlog.ParseLine(strings.TrimSuffix(raw, "\n"), testYear, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.take(&l); err != nil {
			t.Fatal(err)
		}
	}
	if s := &m.host("mx1").sessions; s.Dropped == 0 || s.Dropped%(s.Max+1) != 0 {
		t.Errorf("%d let go with a bound of %d", s.Dropped, s.Max)
	}
}

// sessionsByOrder reads sessions off the order in which a process wrote its
// lines, which a document of Elasticsearch does not have: what is found without it must be part of this.
func sessionsByOrder(lines []string) map[message.Key]*message.Session {
	type process struct{ host, program, pid string }
	type state struct {
		tls     postlog.TLS
		served  []message.Key
		waiting message.Session
		last    message.Key
	}
	states := map[process]*state{}
	out := map[message.Key]*message.Session{}
	add := func(k message.Key, s message.Session) { out[k] = out[k].Unite(&s) }
	for _, raw := range lines {
		l, err := postlog.ParseLine(raw, testYear, time.UTC)
		if err != nil {
			continue
		}
		p := process{l.Host, l.Program, l.PID}
		s := states[p]
		if s == nil {
			s = &state{}
			states[p] = s
		}
		e := postlog.Parse(l.Program, l.Text)
		k := message.Key{Host: l.Host, QueueID: e.QueueID}
		switch e.Kind {
		case postlog.Client:
			s.served = append(s.served, k)
			add(k, message.Session{TLS: s.tls})
			continue
		case postlog.Delivery:
			if k == s.last || len(s.waiting.RelaysTried)+len(s.waiting.DeliveryTLS) > 0 {
				add(k, s.waiting)
			}
			s.waiting, s.last = message.Session{}, k
			continue
		}
		c := postlog.ParseContext(l.Program, l.Text)
		relay := message.Relay{Hostname: c.Peer.Name, IP: c.Peer.IP, Port: c.Peer.Port, Name: c.Peer.Other}
		switch c.Kind {
		case postlog.Connect:
			s.tls, s.served = postlog.TLS{}, nil
		case postlog.ClientTLS:
			s.tls = c.TLS
		case postlog.Disconnect:
			for _, k := range s.served {
				add(k, message.Session{Disconnect: c.Counters})
			}
			s.tls, s.served = postlog.TLS{}, nil
		case postlog.RelayTried:
			s.waiting.RelaysTried = append(s.waiting.RelaysTried, message.TriedRelay{Time: l.Time, Relay: relay, Text: c.Text})
		case postlog.RelayTLS:
			s.waiting.DeliveryTLS = append(s.waiting.DeliveryTLS, message.RelayTLS{Time: l.Time, Relay: relay, TLS: c.TLS})
		}
	}
	return out
}

// Nothing is joined that the order of the lines denies.
func TestSessionsAreNeverGuessed(t *testing.T) {
	for _, name := range []string{labLog, edgeLog} {
		lines := corpus(t, name)
		truth := sessionsByOrder(lines)
		joined := 0
		if _, err := Merge(t.Context(), Options{Inputs: []Input{input("log", text(lines))}, Year: testYear}, func(d *message.Document) error {
			s := d.Session
			if s == nil {
				return nil
			}
			want := truth[message.Key{Host: d.Host, QueueID: d.QueueID}]
			if want == nil {
				want = &message.Session{}
			}
			if s.TLS != (postlog.TLS{}) && s.TLS != want.TLS {
				t.Errorf("%s: TLS %v, want %v", d.QueueID, s.TLS, want.TLS)
			}
			if s.Disconnect != "" && s.Disconnect != want.Disconnect {
				t.Errorf("%s: %v, want %v", d.QueueID, s.Disconnect, want.Disconnect)
			}
			for _, r := range s.RelaysTried {
				if !slices.Contains(want.RelaysTried, r) {
					t.Errorf("%s: tried %v, want %v", d.QueueID, r, want.RelaysTried)
				}
			}
			for _, r := range s.DeliveryTLS {
				if !slices.Contains(want.DeliveryTLS, r) {
					t.Errorf("%s: TLS %v, want %v", d.QueueID, r, want.DeliveryTLS)
				}
			}
			joined++
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d documents of %d with a session", name, joined, len(truth))
	}
}
