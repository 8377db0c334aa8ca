package message

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/worker/postlog"
)

// documentsOf merges the log of several servers: lines of the form
// "15:04:05 mx1 smtpd: ID: text", a day before the time where it is another one.
func documentsOf(t testing.TB, block string) []Document {
	t.Helper()
	byKey := map[Key][]Line{}
	var order []Key
	for raw := range strings.SplitSeq(strings.TrimSpace(block), "\n") {
		raw = strings.TrimSpace(raw)
		if raw == "" {
			continue
		}
		stamp, rest, _ := strings.Cut(raw, " ")
		host, rest, _ := strings.Cut(rest, " ")
		if !strings.Contains(stamp, "T") {
			stamp = day + stamp
		}
		l, err := postlog.ParseLine(stamp+"Z "+host+" postfix/"+rest, 0, nil)
		if err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		id, _ := postlog.LeadingQueueID(l.Text)
		k := Key{host, id}
		if id == "" || host == "" {
			t.Fatalf("%s: no queue id", raw)
		}
		if _, known := byKey[k]; !known {
			order = append(order, k)
		}
		byKey[k] = append(byKey[k], Line{Time: l.Time, Program: l.Program, PID: "17", Text: l.Text})
	}
	var docs []Document
	for _, k := range order {
		docs = append(docs, Merge(k, byKey[k], Options{})...)
	}
	return docs
}

func endsOf(docs []Document) []End {
	ends := make([]End, len(docs))
	for i := range docs {
		ends[i] = EndOf(&docs[i])
	}
	return ends
}

// endName is "host/id", with the time of arrival where the id was used again.
func endName(ends []End, i int) string {
	for j := range ends {
		if j != i && ends[j].Host == ends[i].Host && ends[j].QueueID == ends[i].QueueID {
			return ends[i].Host + "/" + ends[i].QueueID + "@" + ends[i].Arrival.Format(time.TimeOnly)
		}
	}
	return ends[i].Host + "/" + ends[i].QueueID
}

// related lists the links of a log: "mx1/A bounce mx1/B", and "mx1/A doubts B".
// It looks at the documents in either order, which must not matter.
func related(t testing.TB, block string) string {
	t.Helper()
	ends := endsOf(documentsOf(t, block))
	list := func() string {
		relations, doubts := Relate(ends)
		var out []string
		for _, r := range relations {
			out = append(out, endName(ends, r.Parent)+" "+r.Rel+" "+endName(ends, r.Child))
		}
		for _, d := range doubts {
			out = append(out, endName(ends, d.End)+" doubts "+d.QueueID)
		}
		slices.Sort(out)
		return strings.Join(out, "; ")
	}
	there := list()
	slices.Reverse(ends)
	if back := list(); back != there {
		t.Errorf("the order of the documents matters: %q, %q", there, back)
	}
	return there
}

// variant is a log with some things changed, and its links.
type variant struct {
	name  string
	edits []string // old, new, …
	shift string   // a host whose lines are moved
	by    time.Duration
	want  string
}

func (v variant) check(t *testing.T, block string) {
	t.Helper()
	t.Run(v.name, func(t *testing.T) {
		t.Helper()
		for i := 0; i < len(v.edits); i += 2 {
			if !strings.Contains(block, v.edits[i]) {
				t.Fatalf("nothing to change: %q", v.edits[i])
			}
			block = strings.ReplaceAll(block, v.edits[i], v.edits[i+1])
		}
		var lines []string
		for raw := range strings.SplitSeq(strings.TrimSpace(block), "\n") {
			stamp, rest, _ := strings.Cut(strings.TrimSpace(raw), " ")
			if v.shift != "" && strings.HasPrefix(rest, v.shift+" ") {
				moved, err := time.Parse(time.RFC3339, day+stamp+"Z")
				if err != nil {
					t.Fatal(err)
				}
				stamp = moved.Add(v.by).Format("2006-01-02T15:04:05")
			}
			lines = append(lines, stamp+" "+rest)
		}
		if got := related(t, strings.Join(lines, "\n")); got != v.want {
			t.Errorf("got %q, want %q", got, v.want)
		}
	})
}

// relayed is one mail that mx1 passed on to mx2. The delivery took 15 seconds.
const relayed = `
	10:00:00 mx1 smtpd: AAAAAA1: client=c.example[192.0.2.9]
	10:00:00 mx1 cleanup: AAAAAA1: message-id=<one@example.com>
	10:00:00 mx1 qmgr: AAAAAA1: from=<s@example.com>, size=500, nrcpt=1 (queue active)
	10:00:20 mx1 smtp: AAAAAA1: to=<r@example.org>, relay=mx2.example.org[198.51.100.2]:25, delay=20, delays=0.1/4.9/5/10, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as BBBBBB2)
	10:00:20 mx1 qmgr: AAAAAA1: removed
	10:00:12 mx2 smtpd: BBBBBB2: client=mx1.example.com[192.0.2.1]
	10:00:12 mx2 cleanup: BBBBBB2: message-id=<one@example.com>
	10:00:13 mx2 qmgr: BBBBBB2: from=<s@example.com>, size=600, nrcpt=1 (queue active)
	10:00:14 mx2 local: BBBBBB2: to=<r@example.org>, relay=local, delay=2, delays=0/0/0/2, dsn=2.0.0, status=sent (delivered to mailbox)
	10:00:14 mx2 qmgr: BBBBBB2: removed
`

// The edits of the tests on relayed.
const (
	lineID2    = "10:00:12 mx2 cleanup: BBBBBB2: message-id=<one@example.com>\n"
	lineRcpt2  = "10:00:14 mx2 local: BBBBBB2: to=<r@example.org>, relay=local, delay=2, delays=0/0/0/2, dsn=2.0.0, status=sent (delivered to mailbox)\n"
	rcpt2      = "to=<r@example.org>, relay=local"
	rcpt2Other = "to=<q@example.org>, relay=local"
	from2      = "from=<s@example.com>, size=600"
	from2Other = "from=<z@example.com>, size=600"
)

// Every criterion by which a remote queue id is ours, and what breaks it. The
// first rows are what must not break it.
func TestRemoteQueueIDIsOursWhereItsDocumentFits(t *testing.T) {
	const link = "mx1/AAAAAA1 next_server mx2/BBBBBB2"
	for _, v := range []variant{
		{name: "as it is", want: link},
		{name: "case of addresses", edits: []string{rcpt2, "to=<R@Example.ORG>, relay=local", from2, "from=<S@example.com>, size=600"}, want: link},
		{name: "an alias over there", edits: []string{rcpt2, "to=<x@y.example>, orig_to=<r@example.org>, relay=local"}, want: link},
		{name: "sender rewritten", edits: []string{from2, "from=<SRS0=ab=cd=example.com=s@gate.example>, size=600"}, want: link},
		{name: "recipient not known", edits: []string{lineRcpt2, ""}, want: link},
		{name: "recipients not all known", edits: []string{rcpt2, rcpt2Other, "size=600, nrcpt=1", "size=600, nrcpt=2"}, want: link},
		{name: "no message id over there", edits: []string{lineID2, ""}, want: link},
		{name: "only smtpd and cleanup over there", edits: []string{lineRcpt2, "", "10:00:13 mx2 qmgr: BBBBBB2: from=<s@example.com>, size=600, nrcpt=1 (queue active)\n", ""}, want: link},
		{name: "no delays", edits: []string{"delay=20, delays=0.1/4.9/5/10, ", ""}, want: link},
		{name: "the other clock ahead by 4 s", shift: "mx2", by: 12 * time.Second, want: link},
		{name: "the other clock behind by 4 s", shift: "mx2", by: -11 * time.Second, want: link},
		{name: "two names for one machine", edits: []string{"mx2.example.org[198.51.100.2]:25", "127.0.0.1[127.0.0.1]:25", "mx1.example.com[192.0.2.1]", "localhost[127.0.0.1]"}, want: link},
		{name: "IPv6 loopback", edits: []string{"mx2.example.org[198.51.100.2]:25", "localhost[::1]:25", "mx1.example.com[192.0.2.1]", "localhost[::1]"}, want: link},

		{name: "another id", edits: []string{"queued as BBBBBB2", "queued as BBBBBB3"}},
		{name: "an id of another make", edits: []string{"queued as BBBBBB2", "queued as 1rX2Yz-0003Kd-2F"}},
		{name: "arrived before the delivery", shift: "mx2", by: -13 * time.Second},
		{name: "arrived after the delivery", shift: "mx2", by: 14 * time.Second},
		{name: "arrived the day before", shift: "mx2", by: -24 * time.Hour},
		{name: "another message id", edits: []string{lineID2, strings.Replace(lineID2, "one@", "two@", 1)}},
		{name: "another recipient", edits: []string{rcpt2, rcpt2Other}},
		{name: "another sender, no message id", edits: []string{from2, from2Other, lineID2, ""}},
		{name: "another sender, no recipient", edits: []string{from2, from2Other, lineRcpt2, ""}},
		{name: "the sender alone", edits: []string{lineID2, "", lineRcpt2, ""}},
		{name: "nothing known but the id", edits: []string{lineID2, "", lineRcpt2, "", "10:00:13 mx2 qmgr: BBBBBB2: from=<s@example.com>, size=600, nrcpt=1 (queue active)\n", ""}},
		{name: "handed in locally", edits: []string{"smtpd: BBBBBB2: client=mx1.example.com[192.0.2.1]", "pickup: BBBBBB2: uid=0 from=<s@example.com>"}},
		{name: "made over there", edits: []string{"10:00:12 mx2 smtpd: BBBBBB2: client=mx1.example.com[192.0.2.1]\n", ""}},
		{name: "over the loopback to another machine", edits: []string{"mx2.example.org[198.51.100.2]:25", "127.0.0.1[127.0.0.1]:25"}},
		{name: "its own id", edits: []string{"status=sent (delivered to mailbox)", "status=sent (250 2.0.0 Ok: queued as BBBBBB2)", "queued as BBBBBB2)\n\t10:00:20", "queued as CCCCCC3)\n\t10:00:20", "mx2 local: BBBBBB2: to=<r@example.org>, relay=local", "mx2 smtp: BBBBBB2: to=<r@example.org>, relay=x[198.51.100.7]:25"}},
	} {
		v.check(t, relayed)
	}
}

// Of several documents with the id the one that fits is taken; where two fit
// alike, none.
func TestTheRightOneOfSeveral(t *testing.T) {
	earlier := `
	2026-11-20T10:00:12 mx2 smtpd: BBBBBB2: client=mx1.example.com[192.0.2.1]
	2026-11-20T10:00:12 mx2 cleanup: BBBBBB2: message-id=<one@example.com>
	2026-11-20T10:00:13 mx2 qmgr: BBBBBB2: from=<s@example.com>, size=600, nrcpt=1 (queue active)
	2026-11-20T10:00:14 mx2 local: BBBBBB2: to=<r@example.org>, relay=local, delay=2, delays=0/0/0/2, dsn=2.0.0, status=sent (delivered to mailbox)
	2026-11-20T10:00:14 mx2 qmgr: BBBBBB2: removed
`
	twin := strings.NewReplacer("2026-11-20T", "", "mx2", "mx3", "10:00:12", "10:00:11").Replace(earlier)
	other := strings.ReplaceAll(twin, "one@example.com", "two@example.com")
	poorer := strings.ReplaceAll(twin, "\t10:00:11 mx3 cleanup: BBBBBB2: message-id=<one@example.com>\n", "")
	second := strings.NewReplacer("AAAAAA1", "CCCCCC3", "mx1", "mx4").Replace(relayed[:strings.Index(relayed, "\t10:00:12")])
	vague := strings.ReplaceAll(second, "\t10:00:00 mx4 cleanup: CCCCCC3: message-id=<one@example.com>\n", "")
	const twice = `
	10:05:00 mx1 smtp: AAAAAA1: to=<r@example.org>, orig_to=<all@example.org>, relay=mx2.example.org[198.51.100.2]:25, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as BBBBBB2)
`
	for _, test := range []struct{ name, more, want string }{
		{"an earlier mail of the same id, alike in all but time", earlier, "mx1/AAAAAA1 next_server mx2/BBBBBB2@10:00:12"},
		{"the same id at the same time, another mail", other, "mx1/AAAAAA1 next_server mx2/BBBBBB2"},
		{"the same id at the same time, the same mail", twin, "mx1/AAAAAA1 doubts BBBBBB2"},
		{"the same, with less known of it", poorer, "mx1/AAAAAA1 next_server mx2/BBBBBB2"},
		{"another that says it passed it on", second, "mx2/BBBBBB2 doubts BBBBBB2"},
		{"another that says so, though it is said here twice", strings.ReplaceAll(second, "delay=20, delays=0.1/4.9/5/10, ", "") + twice, "mx2/BBBBBB2 doubts BBBBBB2"},
		{"another that says so, with less known of it", vague, "mx1/AAAAAA1 next_server mx2/BBBBBB2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := related(t, relayed+test.more)
			if strings.Contains(test.want, "@10:00:12") && strings.Contains(got, "mx2/BBBBBB2@10:00:12") {
				// Both arrived at that time of the day; the link must be to the later one.
				ends := endsOf(documentsOf(t, relayed+test.more))
				relations, _ := Relate(ends)
				if at := ends[relations[0].Child].Arrival; at.Day() != 22 {
					t.Errorf("linked with the one of %v", at)
				}
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// filtered went through a content filter and came back.
const filtered = `
	10:00:00 mx1 smtpd: AAAAAA1: client=c.example[192.0.2.9]
	10:00:00 mx1 cleanup: AAAAAA1: message-id=<one@example.com>
	10:00:00 mx1 qmgr: AAAAAA1: from=<s@example.com>, size=500, nrcpt=1 (queue active)
	10:00:05 mx1 lmtp: AAAAAA1: to=<r@example.org>, relay=127.0.0.1[127.0.0.1]:10024, delay=5, delays=0.1/0/0/4.9, dsn=2.0.0, status=sent (250 2.0.0 Ok)
	10:00:05 mx1 qmgr: AAAAAA1: removed
	10:00:04 mx1 smtpd: BBBBBB2: client=localhost[127.0.0.1], orig_queue_id=AAAAAA1, orig_client=c.example[192.0.2.9]
	10:00:04 mx1 cleanup: BBBBBB2: message-id=<one@example.com>
	10:00:05 mx1 qmgr: BBBBBB2: from=<s@example.com>, size=600, nrcpt=1 (queue active)
	10:00:06 mx1 local: BBBBBB2: to=<r@example.org>, relay=local, delay=2, delays=0/0/0/2, dsn=2.0.0, status=sent (delivered to mailbox)
	10:00:06 mx1 qmgr: BBBBBB2: removed
`

func TestReinjection(t *testing.T) {
	const link = "mx1/AAAAAA1 reinjected mx1/BBBBBB2"
	for _, v := range []variant{
		{name: "stated by what came back", want: link},
		{name: "stated by both", edits: []string{"(250 2.0.0 Ok)", "(250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as BBBBBB2)"}, want: link},
		{name: "stated by the first", edits: []string{"(250 2.0.0 Ok)", "(250 2.0.0 Ok: 512 bytes queued as BBBBBB2)", ", orig_queue_id=AAAAAA1, orig_client=c.example[192.0.2.9]", ""}, want: link},
		{name: "still with the filter", edits: []string{"10:00:05 mx1 lmtp: AAAAAA1", "10:30:05 mx1 lmtp: CCCCCC9", "10:00:05 mx1 qmgr: AAAAAA1: removed\n", ""}, want: link},
		{name: "the filter on a machine of its own", edits: []string{"mx1 smtpd: BBBBBB2", "fi1 smtpd: BBBBBB2", "mx1 cleanup: BBBBBB2", "fi1 cleanup: BBBBBB2", "mx1 qmgr: BBBBBB2", "fi1 qmgr: BBBBBB2", "mx1 local: BBBBBB2", "fi1 local: BBBBBB2"}, want: "mx1/AAAAAA1 next_server fi1/BBBBBB2"},

		{name: "another id", edits: []string{"orig_queue_id=AAAAAA1", "orig_queue_id=AAAAAA9"}},
		{name: "came back before it arrived", edits: []string{"10:00:00 mx1", "10:00:07 mx1", "10:00:05 mx1 lmtp", "10:00:09 mx1 lmtp", "delay=5,", "delay=2,", "10:00:05 mx1 qmgr: AAAAAA1", "10:00:09 mx1 qmgr: AAAAAA1"}},
		{name: "came back after it was gone", edits: []string{"10:00:00 mx1", "09:50:00 mx1", "10:00:05 mx1 lmtp", "09:50:05 mx1 lmtp", "10:00:05 mx1 qmgr: AAAAAA1", "09:50:05 mx1 qmgr: AAAAAA1"}},
		{name: "another message id", edits: []string{"BBBBBB2: message-id=<one@", "BBBBBB2: message-id=<two@"}},
		{name: "another recipient", edits: []string{"to=<r@example.org>, relay=local", "to=<q@example.org>, relay=local"}},
	} {
		v.check(t, filtered)
	}
	// Behind a second filter orig_queue_id may name the first of three; queued as is nearer.
	v := variant{name: "two filters", edits: []string{"status=sent (delivered to mailbox)", "status=sent (250 2.0.0 Ok: queued as CCCCCC3)", "10:00:06 mx1 local: BBBBBB2: to=<r@example.org>, relay=local", "10:00:06 mx1 smtp: BBBBBB2: to=<r@example.org>, relay=localhost[127.0.0.1]:10027"}, want: link + "; mx1/BBBBBB2 reinjected mx1/CCCCCC3"}
	v.check(t, filtered+`
	10:00:05 mx1 smtpd: CCCCCC3: client=localhost[127.0.0.1], orig_queue_id=AAAAAA1
	10:00:05 mx1 cleanup: CCCCCC3: message-id=<one@example.com>
	10:00:06 mx1 qmgr: CCCCCC3: from=<s@example.com>, size=700, nrcpt=1 (queue active)
	`)
}

// noticed bounced, after its sender and the postmaster were told of the delay.
const noticed = `
	10:00:00 mx1 smtpd: AAAAAA1: client=c.example[192.0.2.9]
	10:00:00 mx1 cleanup: AAAAAA1: message-id=<one@example.com>
	10:00:00 mx1 qmgr: AAAAAA1: from=<s@example.com>, size=500, nrcpt=1 (queue active)
	10:00:05 mx1 smtp: AAAAAA1: to=<r@example.org>, relay=none, delay=5, delays=0.1/0/4.9/0, dsn=4.4.1, status=deferred (connect to x[198.51.100.2]:25: Connection refused)
	14:00:05 mx1 cleanup: DDDDDD4: message-id=<d@mx1.example>
	14:00:05 mx1 qmgr: DDDDDD4: from=<>, size=900, nrcpt=1 (queue active)
	14:00:05 mx1 bounce: AAAAAA1: sender delay notification: DDDDDD4
	14:00:06 mx1 smtp: DDDDDD4: to=<s@example.com>, relay=mx.example.com[198.51.100.3]:25, delay=1, delays=0.1/0/0/0.9, dsn=2.0.0, status=sent (250 ok)
	14:00:06 mx1 qmgr: DDDDDD4: removed
	18:00:05 mx1 smtp: AAAAAA1: to=<r@example.org>, relay=x[198.51.100.2]:25, delay=28805, delays=28800/0/1/4, dsn=5.1.1, status=bounced (host x[198.51.100.2] said: 550 no such user)
	18:00:05 mx1 bounce: AAAAAA1: sender non-delivery notification: EEEEEE5
	18:00:05 mx1 bounce: AAAAAA1: postmaster non-delivery notification: FFFFFF6
	18:00:05 mx1 qmgr: AAAAAA1: removed
	18:00:05 mx1 cleanup: EEEEEE5: message-id=<e@mx1.example>
	18:00:05 mx1 qmgr: EEEEEE5: from=<>, size=900, nrcpt=1 (queue active)
	18:00:06 mx1 smtp: EEEEEE5: to=<s@example.com>, relay=mx.example.com[198.51.100.3]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)
	18:00:06 mx1 qmgr: EEEEEE5: removed
	18:00:05 mx1 cleanup: FFFFFF6: message-id=<f@mx1.example>
	18:00:05 mx1 qmgr: FFFFFF6: from=<double-bounce@mx1.example>, size=900, nrcpt=1 (queue active)
	18:00:06 mx1 local: FFFFFF6: to=<root@mx1.example>, orig_to=<postmaster>, relay=local, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (delivered to mailbox)
	18:00:06 mx1 qmgr: FFFFFF6: removed
`

func TestNotices(t *testing.T) {
	const delay, sender, postmaster = "mx1/AAAAAA1 delay_notice mx1/DDDDDD4", "mx1/AAAAAA1 bounce mx1/EEEEEE5", "mx1/AAAAAA1 bounce mx1/FFFFFF6"
	const rest = sender + "; " + postmaster
	again := `10:30:00 mx1 cleanup: DDDDDD4: message-id=<z@mx1.example>
	10:30:00 mx1 qmgr: DDDDDD4: from=<>, size=900, nrcpt=1 (queue active)
	10:30:01 mx1 smtp: DDDDDD4: to=<s@example.com>, relay=mx.example.com[198.51.100.3]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)
	10:30:01 mx1 qmgr: DDDDDD4: removed
	14:00:05 mx1 cleanup: DDDDDD4`
	for _, v := range []variant{
		{name: "as it is", want: rest + "; " + delay},
		{name: "a notice of success", edits: []string{"sender delay notification", "sender delivery status notification"}, want: rest + "; mx1/AAAAAA1 dsn mx1/DDDDDD4"},
		{name: "30 s to write it", edits: []string{"14:00:05 mx1 cleanup", "13:59:36 mx1 cleanup", "delay=1, delays=0.1/0/0/0.9", "delay=30, delays=29/0/0/1"}, want: rest + "; " + delay},
		{name: "the id used before, on the same day", edits: []string{"14:00:05 mx1 cleanup: DDDDDD4", again}, want: rest + "; mx1/AAAAAA1 delay_notice mx1/DDDDDD4@14:00:05"},

		{name: "said again an hour later", edits: []string{"18:00:05 mx1 qmgr: AAAAAA1: removed", "15:00:05 mx1 bounce: AAAAAA1: sender delay notification: DDDDDD4\n18:00:05 mx1 qmgr: AAAAAA1: removed"}, want: rest + "; " + delay},

		{name: "on another host", edits: []string{"mx1 cleanup: DDDDDD4", "mx2 cleanup: DDDDDD4", "mx1 qmgr: DDDDDD4", "mx2 qmgr: DDDDDD4", "mx1 smtp: DDDDDD4", "mx2 smtp: DDDDDD4"}, want: rest},
		{name: "long before the line", edits: []string{"14:00:05 mx1 cleanup: DDDDDD4", "13:50:05 mx1 cleanup: DDDDDD4", "delay=1, delays=0.1/0/0/0.9", "delay=601, delays=600/0/0/1"}, want: rest},
		{name: "after the line", edits: []string{"14:00:05 mx1 cleanup: DDDDDD4", "14:00:25 mx1 cleanup: DDDDDD4", "14:00:05 mx1 qmgr: DDDDDD4", "14:00:25 mx1 qmgr: DDDDDD4", "14:00:06 mx1 smtp: DDDDDD4", "14:00:26 mx1 smtp: DDDDDD4", "14:00:06 mx1 qmgr: DDDDDD4", "14:00:26 mx1 qmgr: DDDDDD4"}, want: rest},
		{name: "handed in by a client", edits: []string{"14:00:05 mx1 cleanup: DDDDDD4", "14:00:05 mx1 smtpd: DDDDDD4: client=c.example[192.0.2.9]\n14:00:05 mx1 cleanup: DDDDDD4"}, want: rest},
		{name: "the mail itself", edits: []string{"DDDDDD4: message-id=<d@mx1.example>", "DDDDDD4: message-id=<one@example.com>"}, want: rest},
	} {
		v.check(t, noticed)
	}
}

// A notice whose line lies beyond the log that the document shows is looked for
// over the mail's whole life.
func TestNoticeWithoutItsLine(t *testing.T) {
	docs := documentsOf(t, noticed)
	docs[0].Log = nil
	ends := endsOf(docs)
	relations, doubts := Relate(ends)
	if len(relations) != 3 || len(doubts) != 0 {
		t.Error(relations, doubts)
	}
	ends[1].Arrival = ends[0].last.Add(time.Minute)
	if relations, _ = Relate(ends); len(relations) != 2 {
		t.Error(relations)
	}
}

// forwarded was passed on by local.
const forwarded = `
	10:00:00 mx1 smtpd: AAAAAA1: client=c.example[192.0.2.9]
	10:00:00 mx1 cleanup: AAAAAA1: message-id=<one@example.com>
	10:00:00 mx1 qmgr: AAAAAA1: from=<s@example.com>, size=500, nrcpt=1 (queue active)
	10:00:20 mx1 local: AAAAAA1: to=<list@mx1.example>, relay=local, delay=20, delays=0.1/0/0/10, dsn=2.0.0, status=sent (forwarded as BBBBBB2)
	10:00:20 mx1 qmgr: AAAAAA1: removed
	10:00:11 mx1 cleanup: BBBBBB2: message-id=<one@example.com>
	10:00:20 mx1 qmgr: BBBBBB2: from=<owner-list@mx1.example>, size=700, nrcpt=1 (queue active)
	10:00:21 mx1 smtp: BBBBBB2: to=<r@example.org>, relay=x[198.51.100.2]:25, delay=10, delays=9/0/0/1, dsn=2.0.0, status=sent (250 ok)
	10:00:21 mx1 qmgr: BBBBBB2: removed
`

func TestForwarding(t *testing.T) {
	for _, v := range []variant{
		{name: "as it is", want: "mx1/AAAAAA1 forwarded mx1/BBBBBB2"},
		{name: "before the delivery", edits: []string{"10:00:11 mx1", "10:00:06 mx1"}},
		{name: "another message id", edits: []string{"BBBBBB2: message-id=<one@", "BBBBBB2: message-id=<two@"}},
		{name: "on another host", edits: []string{"mx1 cleanup: BBBBBB2", "mx2 cleanup: BBBBBB2", "mx1 qmgr: BBBBBB2", "mx2 qmgr: BBBBBB2", "mx1 smtp: BBBBBB2", "mx2 smtp: BBBBBB2"}},
		{name: "handed in by a client", edits: []string{"10:00:11 mx1 cleanup", "10:00:11 mx1 smtpd: BBBBBB2: client=c.example[192.0.2.9]\n10:00:11 mx1 cleanup"}},
	} {
		v.check(t, forwarded)
	}
}

// requeued was put back into the queue under a new id.
const requeuedMail = `
	10:00:00 mx1 smtpd: AAAAAA1: client=c.example[192.0.2.9]
	10:00:00 mx1 cleanup: AAAAAA1: message-id=<one@example.com>
	10:00:00 mx1 qmgr: AAAAAA1: from=<s@example.com>, size=500, nrcpt=2 (queue active)
	10:00:05 mx1 smtp: AAAAAA1: to=<r@example.org>, relay=none, delay=5, delays=0.1/0/4.9/0, dsn=4.4.1, status=deferred (connect to x[198.51.100.2]:25: Connection refused)
	10:00:05 mx1 smtp: AAAAAA1: to=<q@example.org>, relay=none, delay=5, delays=0.1/0/4.9/0, dsn=4.4.1, status=deferred (connect to x[198.51.100.2]:25: Connection refused)
	11:00:00 mx1 postsuper: AAAAAA1: requeued
	11:00:30 mx1 pickup: BBBBBB2: uid=102 from=<s@example.com> orig_id=AAAAAA1
	11:00:30 mx1 cleanup: BBBBBB2: message-id=<one@example.com>
	11:00:30 mx1 qmgr: BBBBBB2: from=<s@example.com>, size=500, nrcpt=1 (queue active)
	11:00:31 mx1 smtp: BBBBBB2: to=<r@example.org>, relay=x[198.51.100.2]:25, delay=3631, delays=3630/0/0/1, dsn=2.0.0, status=sent (250 ok)
	11:00:31 mx1 qmgr: BBBBBB2: removed
`

func TestRequeue(t *testing.T) {
	for _, v := range []variant{
		{name: "as it is", want: "mx1/AAAAAA1 requeued mx1/BBBBBB2"},
		{name: "still there when picked up", edits: []string{"11:00:00 mx1 postsuper", "11:01:00 mx1 postsuper"}},
		{name: "another message id", edits: []string{"BBBBBB2: message-id=<one@", "BBBBBB2: message-id=<two@"}},
		{name: "on another host", edits: []string{"mx1 pickup", "mx2 pickup", "mx1 cleanup: BBBBBB2", "mx2 cleanup: BBBBBB2", "mx1 qmgr: BBBBBB2", "mx2 qmgr: BBBBBB2", "mx1 smtp: BBBBBB2", "mx2 smtp: BBBBBB2"}},
		{name: "the old id used again since, for another mail", edits: []string{"11:00:30 mx1 pickup", "11:00:10 mx1 smtpd: AAAAAA1: client=d.example[192.0.2.8]\n11:00:10 mx1 cleanup: AAAAAA1: message-id=<two@example.com>\n11:00:30 mx1 pickup"}, want: "mx1/AAAAAA1@10:00:00 requeued mx1/BBBBBB2"},
	} {
		v.check(t, requeuedMail)
	}
}

// What the lines of a message state is in its document, in all wordings, and
// nothing else is taken for a queue id.
func TestEveryLinkIsStated(t *testing.T) {
	const head = "10:00:01 mx1 smtp: AAAAAA1: to=<r@example.org>, relay=x[198.51.100.2]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent "
	for response, want := range map[string]string{
		"(250 2.0.0 Ok: queued as BBBBBB2)":                                                        "BBBBBB2",
		"(250 Ok: queued as 4jXBLW1S2Pz1SGX8)":                                                     "4jXBLW1S2Pz1SGX8",
		"(250 2.0.0 Ok: 1234 bytes queued as BBBBBB2)":                                             "BBBBBB2",
		"(250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as BBBBBB2)":            "BBBBBB2",
		"(250 2.6.0 Ok, id=12-3, from MTA([127.0.0.1]:10025): 250 2.0.0 Ok: queued as BBBBBB2)":    "BBBBBB2",
		"(250 2.0.0 Ok: queued as 1rX2Yz-0003Kd-2F)":                                               "1rX2Yz-0003Kd-2F",
		"(250 OK id=1rX2Yz-0003Kd-2F)":                                                             "",
		"(250 2.6.0 <a@b.example> [InternalId=17, Hostname=ex1.example] Queued mail for delivery)": "",
		"(250 2.0.0 Ok: queued as <script>)":                                                       "",
	} {
		docs := documentsOf(t, head+response)
		if got := docs[0].Recipients[0].QueuedAs; got != want || len(docs[0].Links) != 0 {
			t.Errorf("%s: %q %+v, want %q", response, got, docs[0].Links, want)
		}
	}
	docs := documentsOf(t, `
	10:00:00 mx1 smtpd: AAAAAA1: client=localhost[127.0.0.1], orig_queue_id=CCCCCC1, orig_client=c.example[203.0.113.9]
	10:00:01 mx1 local: AAAAAA1: to=<a@example.org>, relay=local, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (forwarded as CCCCCC2)
	10:00:01 mx1 local: AAAAAA1: to=<b@example.org>, relay=local, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (forwarded as CCCCCC3)
	10:00:02 mx1 bounce: AAAAAA1: sender delay notification: CCCCCC4
	10:00:02 mx1 bounce: AAAAAA1: postmaster delay notification: CCCCCC5
	10:00:03 mx1 bounce: AAAAAA1: sender non-delivery notification: CCCCCC6
	10:00:03 mx1 bounce: AAAAAA1: postmaster non-delivery notification: CCCCCC7
	10:00:03 mx1 bounce: AAAAAA1: sender delivery status notification: CCCCCC8
	10:00:03 mx1 bounce: AAAAAA1: sender delivery status notification: CCCCCC8
	10:00:03 mx1 pickup: AAAAAA2: uid=0 from=<a@example.org> orig_id=CCCCCC9
	`)
	want := []Link{
		{"bounce", "CCCCCC6", "mx1"},
		{"bounce", "CCCCCC7", "mx1"},
		{"delay_notice", "CCCCCC4", "mx1"},
		{"delay_notice", "CCCCCC5", "mx1"},
		{"dsn", "CCCCCC8", "mx1"},
		{"forwarded_as", "CCCCCC2", "mx1"},
		{"forwarded_as", "CCCCCC3", "mx1"},
		{"reinjected_from", "CCCCCC1", ""},
	}
	if !slices.Equal(docs[0].Links, want) || !slices.Equal(docs[1].Links, []Link{{"requeued_from", "CCCCCC9", "mx1"}}) {
		t.Errorf("%+v\n%+v", docs[0].Links, docs[1].Links)
	}
}

// Lines of one transaction may have different seconds, and any of its recipients
// may be the one that is known over there.
func TestRecipientsOfOneTransaction(t *testing.T) {
	const more = `
	10:00:21 mx1 smtp: AAAAAA1: to=<q@example.org>, relay=mx2.example.org[198.51.100.2]:25, delay=21, delays=0.1/4.9/5/11, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as BBBBBB2)
`
	block := strings.ReplaceAll(relayed, rcpt2, rcpt2Other)
	if got := related(t, block); got != "" {
		t.Errorf("without it: %q", got)
	}
	if got := related(t, block+more); got != "mx1/AAAAAA1 next_server mx2/BBBBBB2" {
		t.Errorf("%q", got)
	}
	docs := documentsOf(t, block+more)
	if e := EndOf(&docs[0]); len(e.says) != 1 || e.says[0].took != 16*time.Second || len(e.says[0].to) != 2 || !slices.Equal(e.Names(), []string{"BBBBBB2"}) {
		t.Errorf("%+v", e.says)
	}
}

// All links of two real servers are found, and no others: what the lines
// themselves say, read in another way. No id occurs twice there.
func TestLabLinks(t *testing.T) {
	keys, _ := labCorpus(t)
	hosts := map[string]string{}
	var docs []Document
	for _, k := range keys {
		hosts[k.key.QueueID] = k.key.Host
		docs = append(docs, Merge(k.key, k.lines, Options{})...)
	}
	type pair struct{ rel, parent, child string }
	want := map[pair]bool{}
	word := func(text, before string) string {
		if i := strings.LastIndex(text, before); i >= 0 {
			id, _, _ := strings.Cut(text[i+len(before):], ")")
			return id
		}
		return ""
	}
	for _, k := range keys {
		for _, l := range k.lines {
			id := k.key.QueueID
			switch {
			case strings.HasSuffix(l.Program, "/smtp") && strings.Contains(l.Text, ", status=sent (") && hosts[word(l.Text, " queued as ")] != "":
				next := word(l.Text, " queued as ")
				rel := RelNextServer
				if hosts[next] == k.key.Host {
					rel = RelReinjected
				}
				want[pair{rel, id, next}] = true
			case strings.HasSuffix(l.Program, "/local") && word(l.Text, "(forwarded as ") != "":
				want[pair{RelForwarded, id, word(l.Text, "(forwarded as ")}] = true
			case strings.HasSuffix(l.Program, "/bounce") && word(l.Text, " non-delivery notification: ") != "":
				want[pair{RelBounce, id, word(l.Text, " non-delivery notification: ")}] = true
			case strings.HasSuffix(l.Program, "/bounce") && word(l.Text, " delay notification: ") != "":
				want[pair{RelDelayNotice, id, word(l.Text, " delay notification: ")}] = true
			case strings.HasSuffix(l.Program, "/pickup") && word(l.Text, " orig_id=") != "":
				want[pair{RelRequeued, word(l.Text, " orig_id="), id}] = true
			}
		}
	}
	ends := endsOf(docs)
	relations, doubts := Relate(ends)
	got := map[pair]bool{}
	counts := map[string]int{}
	for _, r := range relations {
		got[pair{r.Rel, ends[r.Parent].QueueID, ends[r.Child].QueueID}] = true
		counts[r.Rel]++
	}
	if len(doubts) > 0 || !maps.Equal(got, want) {
		for p := range want {
			if !got[p] {
				t.Errorf("missing %v", p)
			}
		}
		for p := range got {
			if !want[p] {
				t.Errorf("too much %v", p)
			}
		}
		t.Error(doubts)
	}
	if want := map[string]int{RelNextServer: 853, RelReinjected: 59, RelBounce: 293, RelDelayNotice: 140, RelForwarded: 54, RelRequeued: 6}; !maps.Equal(counts, want) {
		t.Errorf("got %v, want %v", counts, want)
	}
}

// A journey begins with the first server, and what came of a document stands
// below it, by time. Each is told once, in the order of what was found.
func TestJourneys(t *testing.T) {
	docs := documentsOf(t, relayed+strings.NewReplacer("AAAAAA1", "AAAAAA9", "10:00:", "12:00:", "18:00:", "20:00:", "14:00:", "16:00:", "28805", "28805").Replace(noticed)+`
	10:00:16 mx2 smtpd: BBBBBB7: client=x[192.0.2.4]
	`)
	ends := endsOf(docs)
	at := func(host, id string) int {
		return slices.IndexFunc(ends, func(e End) bool { return e.Host == host && e.QueueID == id })
	}
	relations, _ := Relate(ends)
	found := []int{at("mx1", "FFFFFF6"), at("mx2", "BBBBBB7"), at("mx2", "BBBBBB2"), at("mx1", "DDDDDD4")}
	var got []string
	for _, s := range Journeys(ends, relations, found) {
		got = append(got, strings.Repeat(" ", s.Depth)+ends[s.End].QueueID+" "+s.Rel)
		if (s.Parent < 0) != (s.Depth == 0) {
			t.Errorf("%+v", s)
		}
	}
	want := []string{"AAAAAA9 ", " DDDDDD4 delay_notice", " EEEEEE5 bounce", " FFFFFF6 bounce", "BBBBBB7 ", "AAAAAA1 ", " BBBBBB2 next_server"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What was requeued comes after the notice of its delay, though its arrival is
// the older one.
func TestJourneyOfARequeuedMail(t *testing.T) {
	docs := documentsOf(t, requeuedMail+`
	10:50:00 mx1 cleanup: DDDDDD4: message-id=<d@mx1.example>
	10:50:00 mx1 bounce: AAAAAA1: sender delay notification: DDDDDD4
	10:50:00 mx1 qmgr: DDDDDD4: from=<>, size=900, nrcpt=1 (queue active)
	`)
	ends := endsOf(docs)
	relations, _ := Relate(ends)
	var got []string
	for _, s := range Journeys(ends, relations, []int{0}) {
		got = append(got, s.Rel)
	}
	if !slices.Equal(got, []string{"", RelDelayNotice, RelRequeued}) {
		t.Errorf("%q", got)
	}
}

// Documents in a circle, each of which says that it passed the mail to the
// other, are told once.
func TestJourneyInACircle(t *testing.T) {
	ends := make([]End, 3)
	steps := Journeys(ends, []Relation{{0, 1, RelNextServer}, {1, 0, RelNextServer}}, []int{1, 0, 2})
	want := []Step{{1, 0, 1, -1, ""}, {1, 1, 0, 1, RelNextServer}, {2, 0, 2, -1, ""}}
	if !slices.Equal(steps, want) {
		t.Errorf("%+v", steps)
	}
}

// What an end is read from is the document's JSON, and no content of a document that is none is told.
func TestReadEndRefusesOtherJSON(t *testing.T) {
	_, err := ReadEnd([]byte(`{"from":["secret@example.com"]}`))
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}
