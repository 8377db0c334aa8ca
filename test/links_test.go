package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"

	"github.com/postweave/postweave/test/site"
)

// journeyLog is two servers of ours, mx1 and mx2, with short queue ids.
//
// 1A000001 comes in, goes through a filter and back (1A000002), has one recipient refused (the notice is
// 1A000003) and another one passed on to mx2 (2B000001), which hands it to a stranger. The stranger calls it
// 1A000009, by chance an id of mx1 some hours later; and 2B000001 was in use the day before for a mail alike.
// 2B000004 is forwarded, and what it became is called 1A00000B by another stranger, when mx1 gave that id to
// somebody else's mail. 1A000005 is late, of which its sender is told (1A000006), and put back into the queue as
// 1A000007, which mx2 takes as 2B000008.
const journeyLog = `
Nov 21 10:00:12 mx2 postfix/smtpd[77]: 2B000001: client=mx1.example.com[192.0.2.1]
Nov 21 10:00:12 mx2 postfix/cleanup[77]: 2B000001: message-id=<one@example.com>
Nov 21 10:00:12 mx2 postfix/qmgr[77]: 2B000001: from=<s@example.com>, size=700, nrcpt=1 (queue active)
Nov 21 10:00:13 mx2 postfix/local[77]: 2B000001: to=<r@example.org>, relay=local, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (delivered to mailbox)
Nov 21 10:00:13 mx2 postfix/qmgr[77]: 2B000001: removed
Nov 22 10:00:00 mx1 postfix/smtpd[77]: 1A000001: client=c.example[203.0.113.9]
Nov 22 10:00:00 mx1 postfix/cleanup[77]: 1A000001: message-id=<one@example.com>
Nov 22 10:00:00 mx1 postfix/qmgr[77]: 1A000001: from=<s@example.com>, size=500, nrcpt=2 (queue active)
Nov 22 10:00:04 mx1 postfix/smtpd[78]: 1A000002: client=localhost[127.0.0.1], orig_queue_id=1A000001, orig_client=c.example[203.0.113.9]
Nov 22 10:00:04 mx1 postfix/cleanup[78]: 1A000002: message-id=<one@example.com>
Nov 22 10:00:05 mx1 postfix/smtp[77]: 1A000001: to=<r@example.org>, relay=127.0.0.1[127.0.0.1]:10024, delay=5, delays=0/0/0/5, dsn=2.0.0, status=sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 1A000002)
Nov 22 10:00:05 mx1 postfix/smtp[77]: 1A000001: to=<q@example.net>, relay=127.0.0.1[127.0.0.1]:10024, delay=5, delays=0/0/0/5, dsn=2.0.0, status=sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 1A000002)
Nov 22 10:00:05 mx1 postfix/qmgr[77]: 1A000001: removed
Nov 22 10:00:05 mx1 postfix/qmgr[77]: 1A000002: from=<s@example.com>, size=600, nrcpt=2 (queue active)
Nov 22 10:00:06 mx1 postfix/smtp[78]: 1A000002: to=<q@example.net>, relay=mx.example.net[203.0.113.7]:25, delay=2, delays=0/1/0/1, dsn=5.1.1, status=bounced (host mx.example.net[203.0.113.7] said: 550 5.1.1 no such user (in reply to RCPT TO command))
Nov 22 10:00:12 mx2 postfix/smtpd[77]: 2B000001: client=mx1.example.com[192.0.2.1]
Nov 22 10:00:12 mx2 postfix/cleanup[77]: 2B000001: message-id=<one@example.com>
Nov 22 10:00:12 mx2 postfix/qmgr[77]: 2B000001: from=<s@example.com>, size=700, nrcpt=1 (queue active)
Nov 22 10:00:13 mx1 postfix/smtp[79]: 1A000002: to=<r@example.org>, relay=mx2.example.org[198.51.100.2]:25, delay=9, delays=0/1/2/6, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 2B000001)
Nov 22 10:00:14 mx2 postfix/smtp[77]: 2B000001: to=<r@example.org>, relay=far.example[203.0.113.20]:25, delay=2, delays=0/0/1/1, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 1A000009)
Nov 22 10:00:14 mx1 postfix/cleanup[78]: 1A000003: message-id=<three@mx1.example.com>
Nov 22 10:00:14 mx1 postfix/bounce[77]: 1A000002: sender non-delivery notification: 1A000003
Nov 22 10:00:14 mx1 postfix/qmgr[77]: 1A000003: from=<>, size=900, nrcpt=1 (queue active)
Nov 22 10:00:14 mx1 postfix/qmgr[77]: 1A000002: removed
Nov 22 10:00:14 mx2 postfix/qmgr[77]: 2B000001: removed
Nov 22 10:00:15 mx1 postfix/smtp[78]: 1A000003: to=<s@example.com>, relay=mx.example.com[203.0.113.30]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 OK id=1rX2Yz-0003Kd-2F)
Nov 22 10:00:15 mx1 postfix/qmgr[77]: 1A000003: removed
Nov 22 13:00:00 mx1 postfix/smtpd[77]: 1A000009: client=c.example[203.0.113.9]
Nov 22 13:00:00 mx1 postfix/cleanup[77]: 1A000009: message-id=<nine@example.com>
Nov 22 13:00:00 mx1 postfix/qmgr[77]: 1A000009: from=<s@example.com>, size=500, nrcpt=1 (queue active)
Nov 22 13:00:01 mx1 postfix/local[77]: 1A000009: to=<r@example.org>, relay=local, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (delivered to mailbox)
Nov 22 13:00:01 mx1 postfix/qmgr[77]: 1A000009: removed
Nov 22 14:00:00 mx2 postfix/smtpd[77]: 2B000004: client=d.example[203.0.113.9]
Nov 22 14:00:00 mx2 postfix/cleanup[77]: 2B000004: message-id=<four@example.com>
Nov 22 14:00:00 mx2 postfix/qmgr[77]: 2B000004: from=<t@example.com>, size=500, nrcpt=1 (queue active)
Nov 22 14:00:01 mx2 postfix/cleanup[78]: 2B000005: message-id=<four@example.com>
Nov 22 14:00:01 mx2 postfix/local[77]: 2B000004: to=<team@example.org>, relay=local, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (forwarded as 2B000005)
Nov 22 14:00:01 mx2 postfix/qmgr[77]: 2B000004: removed
Nov 22 14:00:01 mx2 postfix/qmgr[77]: 2B000005: from=<t@example.com>, size=600, nrcpt=1 (queue active)
Nov 22 14:00:02 mx2 postfix/smtp[77]: 2B000005: to=<away@example.net>, orig_to=<team@example.org>, relay=mx.example.net[203.0.113.7]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 1A00000B)
Nov 22 14:00:02 mx2 postfix/qmgr[77]: 2B000005: removed
Nov 22 14:00:02 mx1 postfix/smtpd[77]: 1A00000B: client=e.example[203.0.113.9]
Nov 22 14:00:02 mx1 postfix/cleanup[77]: 1A00000B: message-id=<eleven@example.com>
Nov 22 14:00:02 mx1 postfix/qmgr[77]: 1A00000B: from=<w@example.net>, size=500, nrcpt=1 (queue active)
Nov 22 14:00:03 mx1 postfix/local[77]: 1A00000B: to=<x@example.org>, relay=local, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (delivered to mailbox)
Nov 22 14:00:03 mx1 postfix/qmgr[77]: 1A00000B: removed
Nov 22 15:00:00 mx1 postfix/smtpd[77]: 1A000005: client=c.example[203.0.113.9]
Nov 22 15:00:00 mx1 postfix/cleanup[77]: 1A000005: message-id=<five@example.com>
Nov 22 15:00:00 mx1 postfix/qmgr[77]: 1A000005: from=<u@example.com>, size=500, nrcpt=1 (queue active)
Nov 22 15:00:01 mx1 postfix/smtp[77]: 1A000005: to=<v@example.org>, relay=none, delay=1, delays=0/0/1/0, dsn=4.4.1, status=deferred (connect to mx2.example.org[198.51.100.2]:25: Connection refused)
Nov 22 19:00:01 mx1 postfix/cleanup[77]: 1A000006: message-id=<six@mx1.example.com>
Nov 22 19:00:01 mx1 postfix/bounce[77]: 1A000005: sender delay notification: 1A000006
Nov 22 19:00:01 mx1 postfix/qmgr[77]: 1A000006: from=<>, size=900, nrcpt=1 (queue active)
Nov 22 19:00:02 mx1 postfix/smtp[77]: 1A000006: to=<u@example.com>, relay=mx.example.com[203.0.113.30]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 Ok)
Nov 22 19:00:02 mx1 postfix/qmgr[77]: 1A000006: removed
Nov 22 20:00:00 mx1 postfix/postsuper[77]: 1A000005: requeued
Nov 22 20:00:20 mx1 postfix/pickup[77]: 1A000007: uid=102 from=<u@example.com> orig_id=1A000005
Nov 22 20:00:20 mx1 postfix/cleanup[77]: 1A000007: message-id=<five@example.com>
Nov 22 20:00:20 mx1 postfix/qmgr[77]: 1A000007: from=<u@example.com>, size=500, nrcpt=1 (queue active)
Nov 22 20:00:21 mx2 postfix/smtpd[77]: 2B000008: client=mx1.example.com[192.0.2.1]
Nov 22 20:00:21 mx2 postfix/cleanup[77]: 2B000008: message-id=<five@example.com>
Nov 22 20:00:21 mx1 postfix/smtp[77]: 1A000007: to=<v@example.org>, relay=mx2.example.org[198.51.100.2]:25, delay=18021, delays=18020/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok: 512 bytes queued as 2B000008)
Nov 22 20:00:21 mx1 postfix/qmgr[77]: 1A000007: removed
Nov 22 20:00:21 mx2 postfix/qmgr[77]: 2B000008: from=<u@example.com>, size=600, nrcpt=1 (queue active)
Nov 22 20:00:22 mx2 postfix/local[77]: 2B000008: to=<v@example.org>, relay=local, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (delivered to mailbox)
Nov 22 20:00:22 mx2 postfix/qmgr[77]: 2B000008: removed
`

// The journeys of journeyLog, each line indented by its depth.
var (
	firstJourney = []string{
		"mx1/1A000001",
		" mx1/1A000002 reinjected of mx1/1A000001",
		"  mx2/2B000001 next_server of mx1/1A000002",
		"  mx1/1A000003 bounce of mx1/1A000002",
	}
	forwardJourney = []string{"mx2/2B000004", " mx2/2B000005 forwarded of mx2/2B000004"}
	requeueJourney = []string{
		"mx1/1A000005",
		" mx1/1A000006 delay_notice of mx1/1A000005",
		" mx1/1A000007 requeued of mx1/1A000005",
		"  mx2/2B000008 next_server of mx1/1A000007",
	}
)

// tracedStep is a line of trace --follow-links --json.
type tracedStep struct {
	Journey, Depth int
	Relation       string
	Of             *struct {
		Host    string
		QueueID string `json:"queue_id"`
	}
	Found    bool
	Document json.RawMessage
}

// followed calls trace --follow-links, and lists the journeys and what was found
// without following.
func followed(s *site.Site, args ...string) (journeys [][]string, found []string, steps []tracedStep) {
	s.T.Helper()
	out := s.Must(append([]string{"trace", "--follow-links", "--json"}, args...)...)
	for line := range strings.Lines(out.Stdout) {
		var x tracedStep
		if err := json.Unmarshal([]byte(line), &x); err != nil {
			s.T.Fatalf("%v in %.300s", err, line)
		}
		d := decoded(s.T, []string{string(x.Document)})[0]
		name := d.Host.Name + "/" + d.QueueID
		if x.Found {
			found = append(found, name)
		}
		name = strings.Repeat(" ", x.Depth) + name
		if (x.Of == nil) != (x.Depth == 0) {
			s.T.Errorf("%.300s", line)
		}
		if x.Of != nil {
			name += " " + x.Relation + " of " + x.Of.Host + "/" + x.Of.QueueID
		}
		if x.Journey == len(journeys)+1 {
			journeys = append(journeys, nil)
		}
		journeys[x.Journey-1] = append(journeys[x.Journey-1], name)
		steps = append(steps, x)
	}
	return journeys, found, steps
}

func journeySite(t *testing.T) *site.Site {
	t.Helper()
	s := site.New(t)
	var lines []loggen.Line
	if err := loggen.Read(strings.NewReader(strings.TrimSpace(journeyLog)), 2026, time.UTC, func(l loggen.Line) error { lines = append(lines, l); return nil }); err != nil {
		t.Fatal(err)
	}
	s.Index(s.Shipped(loggen.LayoutSyslog, lines...))
	s.Run()
	return s
}

// A journey is the same from wherever in it one begins, in either direction, and
// an id of ours in a stranger's answer leads nowhere.
func TestTraceFollowsLinks(t *testing.T) {
	s := journeySite(t)
	for id, want := range map[string][]string{
		"1A000001": firstJourney, "1A000002": firstJourney, "1A000003": firstJourney,
		"2B000004": forwardJourney, "2B000005": forwardJourney,
		"1A000005": requeueJourney, "1A000006": requeueJourney, "1A000007": requeueJourney, "2B000008": requeueJourney,
		"1A000009": {"mx1/1A000009"}, "1A00000B": {"mx1/1A00000B"},
	} {
		journeys, found, _ := followed(s, "--queue-id", id)
		if len(journeys) != 1 || !slices.Equal(journeys[0], want) || len(found) != 1 || !strings.HasSuffix(found[0], "/"+id) {
			t.Errorf("%s: %q, found %q", id, journeys, found)
		}
	}
	// The id that was used twice: the later mail is on the journey, the earlier one is not.
	journeys, found, _ := followed(s, "--queue-id", "2B000001")
	if len(journeys) != 2 || !slices.Equal(journeys[0], firstJourney) || !slices.Equal(journeys[1], []string{"mx2/2B000001"}) || len(found) != 2 {
		t.Errorf("%q, found %q", journeys, found)
	}
	if journeys, _, _ = followed(s, "--queue-id", "2B000001", "--until", "2026-11-21"); len(journeys) != 1 || len(journeys[0]) != 1 {
		t.Errorf("the earlier mail alone: %q", journeys)
	}
	// What is found twice over is told once; journeys come in the order of the newest found.
	journeys, found, steps := followed(s, "--from", "@example.com", "--since", "2026-11-22")
	if len(journeys) != 4 || !slices.Equal(journeys[0], requeueJourney) || !slices.Equal(journeys[1], forwardJourney) || !slices.Equal(journeys[3], firstJourney) {
		t.Errorf("%q", journeys)
	}
	if len(found) != 9 || len(steps) != 11 {
		t.Errorf("found %q, told %d", found, len(steps))
	}
	// The document is the very one that trace prints without following.
	plain := s.Must("trace", "--json", "--queue-id", "1A000001")
	_, _, steps = followed(s, "--queue-id", "1A000001")
	if string(steps[0].Document) != strings.TrimSpace(plain.Stdout) {
		t.Errorf("%.300s\n%.300s", steps[0].Document, plain.Stdout)
	}
}

// A log has the same journeys as the index.
func TestTraceFollowsLinksInALog(t *testing.T) {
	log := filepath.Join(t.TempDir(), "mail.log")
	if err := os.WriteFile(log, []byte(strings.TrimLeft(journeyLog, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	s, nowhere := journeySite(t), &site.Site{T: t}
	for _, args := range [][]string{
		{"--queue-id", "1A000003"},
		{"--queue-id", "2B000008"},
		{"--queue-id", "1A000009"},
		{"--queue-id", "2B000001"},
		{"--from", "@example.com", "--since", "2026-11-22"},
		{"--to", "v@example.org", "--limit", "1"},
	} {
		of := append([]string{"trace", "--follow-links", "--json"}, args...)
		index, file := s.Must(of...).Stdout, nowhere.Must(append(of, "--year", "2026", "-f", log)...).Stdout
		if index == "" || index != file {
			t.Errorf("%q: the index has\n%.2000s\nthe log\n%.2000s", args, index, file)
		}
	}
	for _, pipe := range []string{"-", "/dev/null"} { // what has no size has no second reading
		for _, more := range [][]string{nil, {"--show", "1A000003"}} {
			if o := nowhere.Call(append([]string{"trace", "--follow-links", "-f", pipe}, more...)...); o.Code != 1 || !strings.Contains(o.Stderr, "name a file") {
				t.Errorf("%+v", o)
			}
		}
	}
}

// The table is the one in the README.
func TestTraceShowsJourneysAsATable(t *testing.T) {
	s := journeySite(t)
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "<!-- example: journey -->\n```\n")
	want, _, _ := strings.Cut(rest, "```\n")
	if got := s.Must("trace", "--follow-links", "--queue-id", "1A000003"); got.Stdout != want || got.Stderr != "" {
		t.Errorf("got\n%s%s\nwant\n%s", got.Stdout, got.Stderr, want)
	}
	if got := s.Must("trace", "--follow-links", "--queue-id", "1A00000A"); got.Stdout != "" || !strings.Contains(got.Stderr, "no message fits") {
		t.Errorf("%+v", got)
	}
	if got := s.Must("trace", "--follow-links", "--from", "s@example.com", "--limit", "1"); !strings.Contains(got.Stderr, "there are more messages") {
		t.Errorf("%+v", got)
	}
}

// An id that two servers of ours gave out at once, for what looks like one mail,
// is followed to neither, and that is said.
func TestTraceDoesNotGuess(t *testing.T) {
	s := site.New(t)
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	lines := site.TextLines("mx1", at,
		"smtpd", "1A000001: client=c.example[203.0.113.9]",
		"cleanup", "1A000001: message-id=<one@example.com>",
		"qmgr", "1A000001: from=<s@example.com>, size=500, nrcpt=1 (queue active)",
		"smtp", "1A000001: to=<r@example.org>, relay=lb.example.org[198.51.100.2]:25, delay=3, delays=0/0/1/2, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 2B000001)",
		"qmgr", "1A000001: removed")
	for _, host := range []string{"mx2", "mx3"} {
		lines = append(lines, site.TextLines(host, at.Add(time.Second),
			"smtpd", "2B000001: client=mx1.example.com[192.0.2.1]",
			"cleanup", "2B000001: message-id=<one@example.com>",
			"qmgr", "2B000001: from=<s@example.com>, size=500, nrcpt=1 (queue active)",
			"local", "2B000001: to=<r@example.org>, relay=local, delay=3, delays=0/0/0/3, dsn=2.0.0, status=sent (delivered to mailbox)",
			"qmgr", "2B000001: removed")...)
	}
	s.Index(s.Shipped(loggen.LayoutPlain, lines...))
	s.Run()
	got := s.Must("trace", "--follow-links", "--queue-id", "1A000001")
	if strings.Contains(got.Stdout, "2B000001") || !strings.Contains(got.Stderr, "fit more than one message alike: 1 queue id") {
		t.Errorf("%s%s", got.Stdout, got.Stderr)
	}
	journeys, _, _ := followed(s, "--queue-id", "2B000001")
	if len(journeys) != 2 || len(journeys[0])+len(journeys[1]) != 2 {
		t.Errorf("%q", journeys)
	}
}

// Over a whole log of two real servers the links that are followed are those
// that its lines state: an id that "queued as" names and that begins other lines is one of ours
// there, for none is used twice.
func TestTraceFollowsAllLinksOfTheLab(t *testing.T) {
	s := site.New(t)
	var docs []site.Raw
	for _, source := range site.ReadLines(t, lab+"/logstash-plain.ndjson.gz") {
		docs = append(docs, site.Raw{Index: s.Daily(time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)), Source: source})
	}
	s.Index(docs)
	s.Run()
	journeys, found, steps := followed(s, "--limit", "10000")
	got := map[string]int{}
	for _, x := range steps {
		if x.Of != nil {
			got[x.Relation]++
		}
	}
	all := decoded(t, site.Sources(s.Documents()))
	if len(found) != len(all) || len(steps) != len(all) {
		t.Errorf("found %d and told %d of %d documents", len(found), len(steps), len(all))
	}
	if want := labLinks(all); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// A single one, found from its last server, is followed to its first.
	for _, j := range journeys {
		if len(j) < 3 {
			continue
		}
		last := strings.Fields(j[len(j)-1])[0]
		host, id, _ := strings.Cut(last, "/")
		again, _, _ := followed(s, "--queue-id", id)
		if len(again) != 1 || !slices.Equal(again[0], j) {
			t.Errorf("from %s %s: %q, want %q", host, id, again, j)
		}
		return
	}
}

// labLinks counts the links that the logs of all documents state.
func labLinks(all []document) map[string]int {
	hosts := map[string]string{}
	for _, d := range all {
		if d.QueueID != "" {
			hosts[d.QueueID] = d.Host.Name
		}
	}
	seen := map[string]bool{}
	counts := map[string]int{}
	count := func(rel, parent, child string) {
		if k := fmt.Sprint(rel, " ", parent, " ", child); hosts[child] != "" && hosts[parent] != "" && !seen[k] {
			seen[k] = true
			counts[rel]++
		}
	}
	for _, d := range all {
		for _, l := range d.Log {
			last := l.Text[strings.LastIndexByte(l.Text, ' ')+1:]
			id := strings.TrimSuffix(last, ")")
			switch before := strings.TrimSuffix(l.Text, last); {
			case strings.HasSuffix(before, " queued as ") && strings.Contains(l.Text, "status=sent ("):
				rel := "next_server"
				if hosts[id] == d.Host.Name {
					rel = "reinjected"
				}
				count(rel, d.QueueID, id)
			case strings.HasSuffix(before, "(forwarded as "):
				count("forwarded", d.QueueID, id)
			case strings.HasSuffix(before, " non-delivery notification: "):
				count("bounce", d.QueueID, id)
			case strings.HasSuffix(before, " delay notification: "):
				count("delay_notice", d.QueueID, id)
			case strings.HasPrefix(last, "orig_id="):
				count("requeued", strings.TrimPrefix(last, "orig_id="), d.QueueID)
			}
		}
	}
	return counts
}
