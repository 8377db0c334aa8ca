package message

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postweave/postweave/test/corpus"
)

// timelineOf is the timeline of a document's JSON. It fails the test where a line is not in it exactly once, or where
// time goes back.
func timelineOf(t testing.TB, source []byte, further ...Line) []Moment {
	t.Helper()
	moments, err := ReadTimeline(source, further)
	if err != nil {
		t.Fatal(err)
	}
	lines, _, err := StoredLines(source)
	if err != nil {
		t.Fatal(err)
	}
	want := map[Line]bool{}
	for _, l := range append(lines, further...) {
		n, _ := l.normal()
		want[n] = true
	}
	var last time.Time
	for i, m := range moments {
		if m.Time.Before(last) {
			t.Errorf("moment %d is earlier than the one before: %s\n%s", i, m.Kind, source)
		}
		last = m.Time
		if m.Kind == "" {
			t.Errorf("moment %d has no kind", i)
		}
		for j, l := range m.Lines {
			switch {
			case !want[l]:
				t.Errorf("a line that is not in the log, or there twice: %+v", l)
			case j == 0 && !l.Time.Equal(m.Time), j > 0 && l.Time.Before(m.Lines[j-1].Time):
				t.Errorf("moment %d is out of time", i)
			case j > 0 && len(m.To) != len(m.Lines):
				t.Errorf("%d lines for %d recipients", len(m.Lines), len(m.To))
			}
			delete(want, l)
		}
	}
	for l := range want {
		t.Errorf("a line that no moment has: %+v\n%s", l, source)
	}
	return moments
}

// retold is a timeline for comparison, without its lines.
func retold(moments []Moment) string {
	var b strings.Builder
	for _, m := range moments {
		fmt.Fprintf(&b, "%s %s", m.Time.Format("15:04:05"), m.Kind)
		for _, r := range m.To {
			fmt.Fprintf(&b, " <%s>", r.To)
		}
		if m.Text != "" {
			b.WriteString(" " + m.Text)
		}
		if m.Answer != "" {
			b.WriteString(" | " + m.Answer)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// Each line of each situation and of two real servers is in its message's timeline once, and understood.
func TestTimelineHoldsEachLineOnce(t *testing.T) {
	situations, err := corpus.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range situations {
		for _, d := range s.Documents {
			var counted struct {
				Unparsed int `json:"unparsed"`
			}
			if err := json.Unmarshal([]byte(d), &counted); err != nil {
				t.Fatal(err)
			}
			for _, m := range timelineOf(t, []byte(d)) {
				if m.Kind == MomentUnknown {
					counted.Unparsed--
				}
			}
			if counted.Unparsed != 0 {
				t.Errorf("%s: %d lines more are counted as unknown than told so: %s", s.Name, counted.Unparsed, d)
			}
		}
	}
	keys, rejects := labCorpus(t)
	kinds := map[string]int{}
	for _, k := range keys {
		for _, d := range Merge(k.key, k.lines, Options{}) {
			for _, m := range timelineOf(t, d.AppendJSON(nil)) {
				kinds[m.Kind]++
			}
		}
	}
	for _, r := range rejects {
		d := Reject(r.Host, r.Line, Options{})
		for _, m := range timelineOf(t, d.AppendJSON(nil)) {
			kinds[m.Kind]++
		}
	}
	if kinds[MomentUnknown] > 0 || kinds[MomentAttempt] > 0 || kinds[MomentSubject] < 1000 || kinds[Sent] < 1000 || kinds[MomentRequeued] == 0 {
		t.Error(kinds)
	}
}

// Recipients of one transaction stand together; a second attempt, another outcome and another time do not.
func TestTimelineGroupsRecipients(t *testing.T) {
	const relay = "relay=mx[192.0.2.7]:25"
	docs := merged(t, `
	10:00:00 smtpd: client=c[192.0.2.1]
	10:00:01 smtp: to=<a@x>, `+relay+`, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)
	10:00:01 smtp: to=<b@x>, orig_to=<o@x>, `+relay+`, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)
	10:00:01 smtp: to=<c@x>, `+relay+`, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 other)
	10:00:01 smtp: to=<d@x>, relay=none, delay=1, delays=0/0/1/0, dsn=4.4.1, status=deferred (no answer)
	10:00:01 smtp: to=<d@x>, relay=none, delay=1.1, delays=0/0/1/0.1, dsn=4.4.1, status=deferred (no answer)
	10:00:01 smtp: to=<e@x>, relay=none, delay=1.2, delays=0/0/1/0.2, dsn=4.4.1, status=deferred (no answer)
	10:00:03 smtp: to=<f@x>, `+relay+`, delay=3, delays=0/0/0/3, dsn=2.0.0, status=sent (250 ok)
	10:00:03 smtp: to=<g@x>, `+relay+`, delay=3, delays=0/0/0/3, dsn=2.0.0, status=sent (250 ok)
	10:00:03 qmgr: from=<s@x>, size=1, nrcpt=9 (queue active)
	10:00:04 lmtp: to=<h@x>, relay=box[private/lmtp], delay=4, delays=0/0/0/4, dsn=2.0.0, status=sent (250 ok)
	10:00:04 local: to=<i@x>, relay=local, delay=4, delays=0/0/0/4, dsn=2.0.0, status=sent (forwarded as BBBBBB2)
	`)
	moments := timelineOf(t, docs[0].AppendJSON(nil))
	const want = `10:00:00 received from c[192.0.2.1] by postfix/smtpd
10:00:01 sent <a@x> <b@x> via mx[192.0.2.7]:25 | 250 ok
10:00:01 sent <c@x> via mx[192.0.2.7]:25 | 250 other
10:00:01 deferred <d@x> | no answer
10:00:01 deferred <d@x> <e@x> | no answer
10:00:03 queued from s@x, 1 byte, 9 recipients
10:00:03 sent <f@x> <g@x> via mx[192.0.2.7]:25 | 250 ok
10:00:04 sent <h@x> via box[private/lmtp] by lmtp | 250 ok
10:00:04 sent <i@x> by local | forwarded as BBBBBB2
`
	if got := retold(moments); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if a := moments[1]; !a.HasDelays || a.Delay != 1 || a.To[1].OrigTo != "o@x" {
		t.Errorf("%+v", a)
	}
	if a := moments[4]; a.HasDelays || a.Delays != [4]float64{} || !a.HasDelay || a.Delay != 1.2 {
		t.Errorf("%+v", a)
	}
	if id := moments[8].QueueID; id != "BBBBBB2" {
		t.Error(id)
	}
}

// With fractions of a second too, a transaction's lines lie together; those of two do not.
func TestTimelineGroupsWithinASecond(t *testing.T) {
	docs := merged(t, `
	2026-11-22T10:00:00.900 smtp: to=<a@x>, relay=none, delay=1, delays=0/0/0/1, dsn=4.4.1, status=deferred (no)
	2026-11-22T10:00:01.100 smtp: to=<b@x>, relay=none, delay=1, delays=0/0/0/1, dsn=4.4.1, status=deferred (no)
	2026-11-22T10:00:01.899 smtp: to=<c@x>, relay=none, delay=1, delays=0/0/0/1, dsn=4.4.1, status=deferred (no)
	2026-11-22T10:00:01.900 smtp: to=<d@x>, relay=none, delay=1, delays=0/0/0/1, dsn=4.4.1, status=deferred (no)
	2026-11-22T10:00:01.950 qmgr: from=<s@x>, size=1, nrcpt=9 (queue active)
	2026-11-22T10:00:01.960 smtp: to=<e@x>, relay=none, delay=1, delays=0/0/0/1, dsn=4.4.1, status=deferred (no)
	`)
	const want = `10:00:00 deferred <a@x> <b@x> <c@x> | no
10:00:01 deferred <d@x> | no
10:00:01 queued from s@x, 1 byte, 9 recipients
10:00:01 deferred <e@x> | no
`
	if got := retold(timelineOf(t, docs[0].AppendJSON(nil))); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// Each kind of line in its words.
func TestTimelineWords(t *testing.T) {
	for line, want := range map[string]string{
		"smtpd: client=c[192.0.2.1]:4711, sasl_method=PLAIN, sasl_username=alice, sasl_sender=boss@x": "received from c[192.0.2.1]:4711 by postfix/smtpd, logged in as alice (PLAIN), on behalf of boss@x",
		"smtpd: client=c[192.0.2.1], orig_queue_id=BBBBBB2, orig_client=d[192.0.2.2]":                 "received from c[192.0.2.1] by postfix/smtpd, there it had the queue id BBBBBB2",
		"pickup: uid=33 from=<www@x>":           "received from a program on the server, user id 33, sender www@x",
		"pickup: uid=0 from=<> orig_id=BBBBBB2": "received from a program on the server, user id 0, sender <>, put back into the queue: it had the queue id BBBBBB2",
		"cleanup: message-id=<a@b>":             "message_id <a@b>",
		"cleanup: resent-message-id=<a@b>":      "message_id of the resending: <a@b>",
		"cleanup: warning: header Subject: =?utf-8?q?h=C3=A9?= from c[192.0.2.1]; from=<s@x> to=<r@x> proto=SMTP helo=<h>": "subject hé",
		"cleanup: hold: header Subject: win from c[192.0.2.1]; from=<s@x> to=<r@x> proto=SMTP helo=<h>: spam":              "held by postfix/cleanup at header, recipient r@x | Subject: win: spam",
		"smtpd: reject: RCPT from c[192.0.2.1]: 550 5.1.1 <r@x>: no such user; from=<s@x> to=<r@x> proto=SMTP helo=<h>":    "rejected by postfix/smtpd at RCPT, recipient r@x | 550 5.1.1 <r@x>: no such user",
		"cleanup: milter-reject: END-OF-MESSAGE from c[192.0.2.1]: 5.7.1 virus; from=<s@x> to=<r@x> proto=SMTP helo=<h>":   "rejected by postfix/cleanup at END-OF-MESSAGE, milter-reject, recipient r@x | 5.7.1 virus",
		"smtpd: discard: RCPT from c[192.0.2.1]: <r@x>: thrown away; from=<s@x> to=<r@x> proto=SMTP helo=<h>":              "discarded by postfix/smtpd at RCPT, recipient r@x | <r@x>: thrown away",
		"smtpd: warn: RCPT from c[192.0.2.1]: look; from=<s@x> to=<r@x> proto=SMTP helo=<h>":                               "checked by postfix/smtpd at RCPT, warn, recipient r@x | look",
		"smtp: warning: header X-Spam: yes":                          "checked by postfix/smtp at header, warning | X-Spam: yes",
		"qmgr: from=<>, size=12345, nrcpt=1 (queue active)":          "queued from <>, 12,345 bytes, 1 recipient",
		"qmgr: from=<s@x>, status=expired, returned to sender":       "expired returned to the sender s@x",
		"qmgr: from=<s@x>, status=force-expired, returned to sender": "expired by an operator's order, returned to the sender s@x",
		"qmgr: removed":                                                          "removed from the queue",
		"cleanup: removed (canceled)":                                            "removed by cleanup: canceled",
		"postsuper: removed":                                                     "deleted by an operator (postsuper)",
		"postsuper: placed on hold":                                              "held by an operator (postsuper)",
		"postsuper: released from hold":                                          "released by an operator (postsuper)",
		"postsuper: requeued":                                                    "requeued by an operator (postsuper)",
		"postsuper: expired":                                                     "expiry_forced by an operator (postsuper)",
		"bounce: sender non-delivery notification: BBBBBB2":                      "notice of non-delivery to the sender, queue id BBBBBB2",
		"bounce: postmaster delay notification: BBBBBB2":                         "notice of delay to the postmaster, queue id BBBBBB2",
		"trace: sender delivery status notification: BBBBBB2":                    "notice of the delivery's status to the sender, queue id BBBBBB2",
		"smtpd: lost connection after DATA (17 bytes) from c[192.0.2.1]":         "aborted lost connection after DATA (17 bytes) from c[192.0.2.1]",
		"smtp: host mx[192.0.2.7] said: 450 later (in reply to RCPT TO command)": "noted by smtp | host mx[192.0.2.7] said: 450 later (in reply to RCPT TO command)",
		"smtp: warning: something new":                                           "unknown by postfix/smtp | warning: something new",
		"smtp: to=<r@x>, relay=none, delay=1, delays=0/0/1/0, dsn=5.0.0, status=SOFTBOUNCE (no)":                                    "deferred <r@x> (soft_bounce: it would have bounced) | no",
		"smtp: to=<r@x>, relay=none, delay=1, delays=0/0/1/0, dsn=5.0.0, status=weird (no)":                                         "attempt <r@x> (status weird) | no",
		"smtp: to=<r@x>, relay=mx[192.0.2.7]:25, delay=1, delays=0/0/1/0, tls=may, dsn=2.0.0, status=sent (250 ok)":                 "sent <r@x> via mx[192.0.2.7]:25 (TLS: may) | 250 ok",
		"smtp: to=<r@x>, relay=mx[192.0.2.7]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 cut":                          "sent <r@x> via mx[192.0.2.7]:25 (the line is cut) | 250 cut",
		"discard: to=<r@x>, relay=none, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (hole)":                                     "discarded <r@x> by discard | hole",
		"smtp: to=<r@x>, relay=mx[192.0.2.7]:25, delay=1, delays=0/0/1/0, dsn=5.1.1, status=undeliverable (host mx said: 550 gone)": "undeliverable <r@x> via mx[192.0.2.7]:25 | host mx said: 550 gone",
	} {
		lines := logLines(t, shortID, "10:00:00 "+line)
		got := retold(timelineOf(t, merge1(t, lines)))
		if want = "10:00:00 " + want + "\n"; got != want {
			t.Errorf("%s\n got %swant %s", line, got, want)
		}
	}
}

func merge1(t testing.TB, lines []Line) []byte {
	t.Helper()
	docs := Merge(shortKey, lines, Options{})
	if len(docs) != 1 {
		t.Fatalf("%d documents", len(docs))
	}
	return docs[0].AppendJSON(nil)
}

// The queue manager's further looks say what is new, and nothing where nothing is.
func TestTimelineOfRetries(t *testing.T) {
	docs := merged(t, `
	10:00:00 qmgr: from=<s@x>, size=1, nrcpt=2 (queue active)
	11:00:00 qmgr: from=<s@x>, size=1, nrcpt=2 (queue active)
	12:00:00 qmgr: from=<s@x>, size=1, nrcpt=3 (queue active)
	`)
	const want = "10:00:00 queued from s@x, 1 byte, 2 recipients\n11:00:00 active by the queue manager again\n12:00:00 active from s@x, 1 byte, 3 recipients\n"
	if got := retold(timelineOf(t, docs[0].AppendJSON(nil))); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// What sessions tell stands where it belongs, and the client's TLS only where there is one client.
func TestTimelineOfSessions(t *testing.T) {
	const rest = `
	10:00:01 qmgr: from=<s@x>, size=1, nrcpt=1 (queue active)
	10:00:09 smtp: to=<r@x>, relay=mx2[192.0.2.8]:25, delay=9, delays=0/0/8/1, dsn=2.0.0, status=sent (250 ok)`
	at := func(s int) time.Time { return time.Date(2026, 11, 22, 10, 0, s, 0, time.UTC) }
	d := merged(t, "10:00:00 smtpd: client=c[192.0.2.1]"+rest)[0]
	d.Session = &Session{
		Checks:      []SessionCheck{{Time: at(1), Program: "amavis", Action: "Passed CLEAN", Text: "Hits: -1.9", Score: -1.9, HasScore: true}},
		RelaysTried: []TriedRelay{{Time: at(5), Relay: Relay{Hostname: "mx1", IP: "192.0.2.7", Port: 25}, Text: "Connection timed out"}},
		DeliveryTLS: []RelayTLS{{Time: at(9), Relay: Relay{Hostname: "mx2", IP: "192.0.2.8", Port: 25}}},
	}
	d.Session.TLS.Version, d.Session.TLS.Trust = "TLSv1.3", "Anonymous"
	d.Session.DeliveryTLS[0].TLS.Version = "TLSv1.2"
	const want = `10:00:00 received from c[192.0.2.1] by postfix/smtpd, TLSv1.3, anonymous
10:00:01 checked by amavis: Passed CLEAN, score -1.9 | Hits: -1.9
10:00:01 queued from s@x, 1 byte, 1 recipient
10:00:05 unreachable mx1[192.0.2.7]:25 | Connection timed out
10:00:09 tls to mx2[192.0.2.8]:25: TLSv1.2
10:00:09 sent <r@x> via mx2[192.0.2.8]:25 | 250 ok
`
	if got := retold(timelineOf(t, d.AppendJSON(nil))); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	another := Line{at(1), "postfix/smtpd", "1", shortID + ": client=d[192.0.2.2]"}
	if got := retold(timelineOf(t, d.AppendJSON(nil), another)); strings.Contains(got, "TLSv1.3") || !strings.Contains(got, "d[192.0.2.2]") {
		t.Errorf("TLS of one of two clients is told of both:\n%s", got)
	}
}

// In what order, how often and in what pieces lines come changes nothing.
func TestTimelineOfAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, lines := drawLines(t)
		for _, d := range Merge(k, lines, propertyOptions) {
			d.Session = nil
			source := d.AppendJSON(nil)
			whole, err := ReadTimeline(source, nil)
			if err != nil {
				t.Fatal(err)
			}
			order := rapid.Permutation(d.Log).Draw(t, "order")
			order = append(order, order[:rapid.IntRange(0, len(order)).Draw(t, "repeated")]...)
			bare := d
			bare.Log = order[:rapid.IntRange(0, len(order)).Draw(t, "first piece")]
			again, err := ReadTimeline(bare.AppendJSON(nil), order[len(bare.Log):])
			if err != nil {
				t.Fatal(err)
			}
			a, b := AppendTimelineJSON(nil, whole, d.Timestamp), AppendTimelineJSON(nil, again, d.Timestamp)
			if !bytes.Equal(a, b) {
				t.Fatalf("\n got %s\nwant %s", b, a)
			}
		}
	})
}

// A log too long for its document is told whole from its pieces, one moment where all recipients fared alike.
func TestTimelineOfPieces(t *testing.T) {
	var lines []Line
	for i := range 3000 {
		lines = append(lines, Line{lifeStart, "postfix/smtp", "1", fmt.Sprintf("%s: to=<r%d@x>, relay=none, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (ok)", shortID, i)})
	}
	docs := Merge(shortKey, lines, Options{MaxLogLines: 100})
	var further []Line
	for _, p := range docs[0].Parts() {
		further = append(further, p.Lines...)
	}
	source := docs[0].AppendJSON(nil)
	if len(further) == 0 {
		t.Fatal("one piece")
	}
	if m := timelineOf(t, source, further...); len(m) != 1 || len(m[0].To) != len(lines) {
		t.Errorf("%d moments", len(m))
	}
	if m := timelineOf(t, source); len(m) != 1 || len(m[0].To) != len(lines)-len(further) {
		t.Errorf("%d moments", len(m))
	}
}

// More lines than are held parsed are told no otherwise.
func TestTimelineOfManyLines(t *testing.T) {
	var lines []Line
	for i := range fewFacts + 10 {
		lines = append(lines, Line{lifeStart.Add(time.Duration(i) * time.Second), "postfix/smtp", "1", fmt.Sprintf("%s: to=<r%d@x>, relay=none, delay=%d, dsn=4.4.1, status=deferred (%d)", shortID, i, i, i)})
	}
	moments := timelineOf(t, merge1(t, lines))
	for i, m := range moments {
		if m.Kind != Deferred || m.Answer != fmt.Sprint(i) || m.To[0].To != fmt.Sprintf("r%d@x", i) {
			t.Fatalf("%d: %+v", i, m)
		}
	}
}

func TestTimelineRefusesOtherJSON(t *testing.T) {
	for _, source := range []string{`[]`, `{"log":[{"time":"secret"}]}`, `{"session":{"checks":"secret"}}`, ``} {
		if _, err := ReadTimeline([]byte(source), nil); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", source, err)
		}
	}
}

// FuzzTimeline reads any bytes as a document, and any lines as the rest of its log.
func FuzzTimeline(f *testing.F) {
	f.Add([]byte(`{"log":[{"time":"2026-11-22T01:00:00.000Z","program":"postfix/qmgr","pid":"1","text":"4F2A31B2C7: removed"}]}`), "smtp", "4F2A31B2C7: to=<a@b>, relay=none, delay=1, status=sent (ok)")
	f.Add([]byte(`{"tls":{"version":"TLSv1.3"},"session":{"checks":[{"time":"2026-11-22T01:00:00.000Z","program":"amavis","score":1}],"relays_tried":[{"ip":"x"}]}}`), "smtpd", "4F2A31B2C7: client=\x1b[31m[192.0.2.1]")
	f.Add([]byte(`{}`), "cleanup", "4F2A31B2C7: warning: header Subject: =?utf-8?q?=00=ff?= from local; from=<>")
	f.Add([]byte(`{}`), "bounce", "warning: 4F2A31B2C7: sender non-delivery notification: \u202e")
	f.Fuzz(func(t *testing.T, source []byte, daemon, text string) {
		further := []Line{{lifeStart, "postfix/" + daemon, "1", text}, {lifeStart, "postfix/" + daemon, "2", text}}
		moments, err := ReadTimeline(source, further)
		if err != nil {
			return
		}
		stored, _, _ := StoredLines(source)
		all := map[Line]bool{}
		for _, l := range append(stored, further...) {
			n, _ := l.normal()
			all[n] = true
		}
		n := 0
		for _, m := range moments {
			n += len(m.Lines)
		}
		if n != len(all) {
			t.Fatalf("%d lines told of %d", n, len(all))
		}
		if !slices.IsSortedFunc(moments, func(a, b Moment) int { return a.Time.Compare(b.Time) }) {
			t.Fatal("time goes back")
		}
		if b := AppendTimelineJSON(nil, moments, lifeStart); !json.Valid(b) {
			t.Fatalf("no JSON: %s", b)
		}
	})
}
