package traffic_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postweave/postweave/worker/message"
	"github.com/postweave/postweave/worker/traffic"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// mail is a message of a size from somebody, with its recipients.
func mail(at time.Time, from string, size int64, status string, recipients ...message.Recipient) *message.Document {
	d := &message.Document{
		Kind: message.KindMessage, Timestamp: at, Host: "mx1", QueueID: fmt.Sprintf("Q%d%s", size, from), From: from, Size: size, HasSize: true, Status: status,
		Recipients: recipients, Client: message.Client{Hostname: "unknown", IP: "192.0.2.1"},
	}
	for _, r := range recipients {
		d.To = append(d.To, r.To)
		d.Counts.Total++
		switch r.Status {
		case message.Sent:
			d.Counts.Sent++
		case message.Bounced:
			d.Counts.Bounced++
		case message.ExpiredStatus:
			d.Counts.Expired++
		case message.Deferred:
			d.Counts.Deferred++
		}
	}
	return d
}

func sent(to, relay string, delay, connect, transmit float64) message.Recipient {
	return message.Recipient{
		To: to, Status: message.Sent, DSN: "2.0.0", Relay: message.Relay{Hostname: relay}, Delay: delay, HasDelay: true,
		Delays: [4]float64{0, 0, connect, transmit}, HasDelays: true,
	}
}

func failed(to, status, dsn, response string) message.Recipient {
	return message.Recipient{To: to, Status: status, DSN: dsn, Response: response}
}

func reject(at time.Time, stage, code, dsn, text string) *message.Document {
	return &message.Document{
		Kind: message.KindReject, Timestamp: at, Host: "mx1", Status: message.Rejected, Counts: message.Counts{Rejected: 1, Total: 1},
		Checks: []message.Check{{Stage: stage, Code: code, DSN: dsn, Text: text}},
	}
}

func figures(o traffic.Options, docs ...*message.Document) traffic.Figures {
	t := traffic.NewTally(o)
	for _, d := range docs {
		t.Add(d)
	}
	return t.Figures()
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// Each figure of a few messages, worked out by hand.
func TestKnownFigures(t *testing.T) {
	docs := []*message.Document{
		mail(noon, "Ann@A.example", 1000, message.Sent, sent("bob@b.example", "mx.b.example", 0.5, 0.125, 0.25), sent("eve@b.example", "mx.b.example", 10, 0.125, 0.5)),
		mail(noon.Add(time.Second), "ann@a.example", 3000, message.Mixed, sent("Bob@B.example", "mx.b.example", 59.999, 0, 1), failed("x@c.example", message.Bounced, "5.1.1", "unknown user")),
		mail(noon.Add(2*time.Second), "<>", 500, message.ExpiredStatus, failed("y@c.example", message.ExpiredStatus, "4.4.1", "timed out")),
		mail(noon.Add(9*time.Minute), "<>", 500, message.Deferred, failed("z@c.example", message.Deferred, "4.4.1", "b"), failed("z2@c.example", message.Deferred, "4.4.1", "a")),
		reject(noon.Add(time.Minute), "RCPT", "554", "5.7.1", "no"), reject(noon.Add(time.Minute), "RCPT", "554", "5.7.1", "never"),
		reject(noon.Add(time.Minute), "CONNECT", "554", "5.7.1", "go"),
		{Kind: message.KindProbe, Timestamp: noon.Add(-time.Hour), Status: "deliverable", Counts: message.Counts{Sent: 1, Total: 1}, From: "probe@a.example"},
	}
	docs[0].SASL.Username, docs[1].Client.Hostname = "ann", "mail.a.example"
	f := figures(traffic.Options{}, docs...)
	same(t, "totals", f.Totals, traffic.Totals{Messages: 4, Rejects: 3, Probes: 1, Recipients: 7, Bytes: 5000})
	same(t, "first and last", []time.Time{f.First, f.Last}, []time.Time{noon.Add(-time.Hour), noon.Add(9 * time.Minute)})
	same(t, "outcomes", f.Outcomes, []traffic.Count{{Status: "sent", Count: 1}, {Status: "deferred", Count: 1}, {Status: "expired", Count: 1}, {Status: "mixed", Count: 1}})
	same(t, "recipient outcomes", f.RecipientOutcomes, []traffic.Count{{Status: "sent", Count: 3}, {Status: "deferred", Count: 2}, {Status: "bounced", Count: 1}, {Status: "expired", Count: 1}})
	same(t, "delivery times", f.DeliveryTimes[:4], []traffic.Span{{From: 0, To: 1, Deliveries: 1}, {From: 1, To: 10}, {From: 10, To: 60, Deliveries: 2}, {From: 60, To: 600}})
	same(t, "senders", f.Senders, traffic.Ranking{Entries: []traffic.Entry{{Name: "<>", Messages: 2, Bytes: 1000}, {Name: "ann@a.example", Messages: 2, Bytes: 4000}}})
	same(t, "sender domains", f.SenderDomains, traffic.Ranking{Entries: []traffic.Entry{{Name: "a.example", Messages: 2, Bytes: 4000}}})
	same(t, "recipients", f.Recipients.Entries[0], traffic.Entry{Name: "bob@b.example", Messages: 2, Bytes: 4000})
	same(t, "recipient domains", f.RecipientDomains, traffic.Destinations{Entries: []traffic.Destination{
		{Name: "c.example", Recipients: 4, Deferred: 2, Bounced: 2}, {Name: "b.example", Recipients: 3, Sent: 3},
	}})
	same(t, "clients", f.Clients, traffic.Ranking{Entries: []traffic.Entry{{Name: "192.0.2.1", Messages: 3, Bytes: 2000}, {Name: "mail.a.example", Messages: 1, Bytes: 3000}}})
	same(t, "users", f.Users, traffic.Ranking{Entries: []traffic.Entry{{Name: "ann", Messages: 1, Bytes: 1000}}})
	same(t, "servers", f.Servers, traffic.Ranking{Entries: []traffic.Entry{{Name: "mx1", Messages: 4, Bytes: 5000}}})
	same(t, "relays", f.Relays, traffic.Relays{Entries: []traffic.Relay{{Name: "mx.b.example", Host: true, Deliveries: 3, Delay: 70.499 / 3, HandOver: 2.0 / 3}}})
	same(t, "bounces", f.Bounces, traffic.Reasons{Entries: []traffic.Reason{
		{DSN: "4.4.1", Meaning: "no answer from the host", Example: "timed out", Recipients: 1}, {DSN: "5.1.1", Meaning: "no such mailbox", Example: "unknown user", Recipients: 1},
	}})
	same(t, "deferrals", f.Deferrals, traffic.Reasons{Entries: []traffic.Reason{{DSN: "4.4.1", Meaning: "no answer from the host", Example: "a", Recipients: 2}}})
	same(t, "rejects", f.Rejects, traffic.Refusals{Entries: []traffic.Refusal{
		{Stage: "RCPT", Code: "554", DSN: "5.7.1", Meaning: "not allowed: refused by policy", Example: "never", Rejects: 2},
		{Stage: "CONNECT", Code: "554", DSN: "5.7.1", Meaning: "not allowed: refused by policy", Example: "go", Rejects: 1},
	}})
	same(t, "biggest", []int64{f.Biggest[0].Size, f.Biggest[1].Size, f.Biggest[2].Size}, []int64{3000, 1000, 500})
	same(t, "the biggest", f.Biggest[0], traffic.Big{
		Time: noon.Add(time.Second), From: "ann@a.example", To: "Bob@B.example", Recipients: 2, Size: 3000, Status: "mixed", Host: "mx1", QueueID: docs[1].QueueID,
	})
	same(t, "notes", f.Notes, []traffic.Note{})
	// From the probe an hour before to nine minutes after is 70 minutes.
	if f.Time.Step != 60 || len(f.Time.Buckets) != 70 {
		t.Fatalf("%d buckets of %d s", len(f.Time.Buckets), f.Time.Step)
	}
	same(t, "the bucket at noon", f.Time.Buckets[60], traffic.Bucket{Start: noon, Sent: 1, Bounced: 1, Other: 1, Bytes: 4500})
	same(t, "the one after", f.Time.Buckets[61], traffic.Bucket{Start: noon.Add(time.Minute), Rejected: 3})
}

// The range that was asked for is covered by as short steps as make a hundred at most, on their own boundaries.
func TestSteps(t *testing.T) {
	at := noon.Add(34*time.Minute + 56*time.Second)
	for _, c := range []struct {
		length time.Duration
		step   time.Duration
		start  time.Time
	}{
		{time.Minute, time.Second, at},
		{99 * time.Second, time.Second, at},
		{3 * time.Minute, 5 * time.Second, at.Truncate(5 * time.Second)},
		{time.Hour, time.Minute, at.Truncate(time.Minute)},
		{24 * time.Hour, 15 * time.Minute, at.Truncate(15 * time.Minute)},
		{7 * 24 * time.Hour, 3 * time.Hour, noon},
		{30 * 24 * time.Hour, 12 * time.Hour, noon},
		{90 * 24 * time.Hour, 24 * time.Hour, noon.Truncate(24 * time.Hour)},
		{365 * 24 * time.Hour, 7 * 24 * time.Hour, time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)},
		{3000 * 24 * time.Hour, 40 * 7 * 24 * time.Hour, time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC)},
	} {
		f := figures(traffic.Options{Since: at, Until: at.Add(c.length)}, mail(at.Add(c.length/2), "a@b", 1, message.Sent))
		n := len(f.Time.Buckets)
		if f.Time.Step != int64(c.step/time.Second) || n == 0 || n > traffic.MostBuckets {
			t.Errorf("%s: %d buckets of %d s", c.length, n, f.Time.Step)
			continue
		}
		if got := f.Time.Buckets[0].Start; c.step <= 7*24*time.Hour && !got.Equal(c.start) || got.After(at) {
			t.Errorf("%s: the first begins at %s, want %s", c.length, got, c.start)
		}
		if last := f.Time.Buckets[n-1].Start; last.After(at.Add(c.length)) || last.Add(c.step).Before(at.Add(c.length)) {
			t.Errorf("%s: the last begins at %s", c.length, last)
		}
		if c.step >= 7*24*time.Hour && f.Time.Buckets[0].Start.Weekday() != time.Monday {
			t.Errorf("%s: begins on a %s", c.length, f.Time.Buckets[0].Start.Weekday())
		}
	}
	// Any clock that a line may come with.
	f := figures(traffic.Options{}, mail(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), "a@b", 1, message.Sent), mail(time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), "a@b", 1, message.Sent))
	if n := len(f.Time.Buckets); n == 0 || n > traffic.MostBuckets || f.Time.Buckets[0].Sent != 1 || f.Time.Buckets[n-1].Sent != 1 {
		t.Errorf("%d buckets of ten thousand years", n)
	}
}

// A bucket begins at or before what is in it, before 1970 too.
func TestBucketsBeforeTheEpoch(t *testing.T) {
	at := time.Date(1969, 12, 31, 23, 59, 58, 0, time.UTC)
	for _, until := range []time.Time{at.Add(time.Second), at.Add(time.Hour), at.AddDate(5, 0, 0)} {
		f := figures(traffic.Options{Until: until}, mail(at, "a@b", 1, message.Sent))
		first := f.Time.Buckets[0]
		if first.Sent != 1 || first.Start.After(at) || !first.Start.Add(time.Duration(f.Time.Step)*time.Second).After(at) {
			t.Errorf("until %s: %+v in steps of %d s", until, first, f.Time.Step)
		}
	}
}

// Sizes that no mail has add up to the largest number, and not to one below nothing.
func TestSumsStopAtTheLargestNumber(t *testing.T) {
	f := figures(traffic.Options{}, mail(noon, "a@b", math.MaxInt64, message.Sent), mail(noon, "a@b", math.MaxInt64, message.Sent))
	if f.Totals.Bytes != math.MaxInt64 || f.Senders.Entries[0].Bytes != math.MaxInt64 || f.Time.Buckets[0].Bytes != math.MaxInt64 {
		t.Errorf("%+v %+v", f.Totals, f.Senders)
	}
}

// many are documents with much that is equal in them.
func many(n int) []*message.Document {
	r := rand.New(rand.NewPCG(3, 4))
	var docs []*message.Document
	for range n {
		name := func(kind string) string { return fmt.Sprintf("%s%d@%c.example", kind, r.IntN(40), 'a'+rune(r.IntN(3))) }
		at := noon.Add(time.Duration(r.IntN(int(72*time.Hour)/1000)) * 1000)
		switch r.IntN(5) {
		case 0:
			docs = append(docs, reject(at, []string{"RCPT", "DATA"}[r.IntN(2)], "554", []string{"5.7.1", ""}[r.IntN(2)], fmt.Sprint(r.IntN(5))))
		case 1:
			docs = append(docs, mail(at, name("s"), int64(r.IntN(5)), message.Bounced, failed(name("r"), message.Bounced, fmt.Sprintf("5.%d.0", r.IntN(4)), fmt.Sprint(r.IntN(4)))))
		default:
			docs = append(docs, mail(at, name("s"), int64(r.IntN(5)), message.Sent, sent(name("r"), fmt.Sprintf("mx%d", r.IntN(20)), float64(r.IntN(1000))/100, 0.01, float64(r.IntN(1000))/1e6)))
		}
		docs[len(docs)-1].QueueID = fmt.Sprintf("Q%d", len(docs))
	}
	return docs
}

// The order in which documents come makes no difference, down to the last bit.
func TestOrderDoesNotMatter(t *testing.T) {
	docs := many(3000)
	text := func() string {
		b, err := json.Marshal(figures(traffic.Options{Top: 7}, docs...))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	want := text()
	r := rand.New(rand.NewPCG(5, 6))
	for range 10 {
		r.Shuffle(len(docs), func(i, j int) { docs[i], docs[j] = docs[j], docs[i] })
		if got := text(); got != want {
			t.Fatalf("in another order:\n%s\nwant\n%s", got, want)
		}
	}
}

// What the lists show and what they leave out is all there is.
func TestNothingIsLostBetweenTopAndOthers(t *testing.T) {
	docs := many(2000)
	whole, short := figures(traffic.Options{Top: 1000}, docs...), figures(traffic.Options{Top: 3}, docs...)
	sum := func(r traffic.Ranking) (n int64) {
		for _, e := range r.Entries {
			n += e.Messages
		}
		return n + r.Others
	}
	for what, pair := range map[string][2]traffic.Ranking{
		"senders": {whole.Senders, short.Senders}, "recipients": {whole.Recipients, short.Recipients}, "sender domains": {whole.SenderDomains, short.SenderDomains},
	} {
		if pair[0].Others != 0 || sum(pair[0]) != sum(pair[1]) || sum(pair[0]) != whole.Totals.Messages {
			t.Errorf("%s: %d and %d of %d", what, sum(pair[0]), sum(pair[1]), whole.Totals.Messages)
		}
		same(t, what, pair[1].Entries, pair[0].Entries[:len(pair[1].Entries)])
	}
}

// However many names there are, they take no more memory than is allowed; who counts much stays, and a note says by how much a count may be short.
func TestMemoryIsBounded(t *testing.T) {
	const loud, quiet = 50, 20_000
	tally := traffic.NewTally(traffic.Options{Memory: 64 << 10})
	for i := range quiet {
		tally.Add(mail(noon, fmt.Sprintf("%s%d@example.org", strings.Repeat("x", 100), i), 1, message.Sent))
		if i%(quiet/loud) == 0 {
			for range 20 {
				tally.Add(mail(noon, "loud@example.org", 1, message.Sent))
			}
		}
	}
	if names := tally.Names(); names > 16*(64<<10)/128 {
		t.Errorf("%d names are kept", names)
	}
	f := tally.Figures()
	if f.Totals.Messages != quiet+20*loud {
		t.Errorf("%d messages", f.Totals.Messages)
	}
	short := int64(0)
	for _, n := range f.Notes {
		if n.Section == "senders" {
			if _, err := fmt.Sscanf(n.Text[strings.Index(n.Text, "up to"):], "up to %d", &short); err != nil {
				t.Fatal(n.Text, err)
			}
		}
	}
	top := f.Senders.Entries[0]
	if top.Name != "loud@example.org" || short == 0 || top.Messages+short < 20*loud || top.Messages > 20*loud {
		t.Errorf("%+v, short by up to %d, notes %+v", top, short, f.Notes)
	}
}

// Recipients that a document does not hold are in the totals, and a note says how many.
func TestRecipientsBeyondTheDocument(t *testing.T) {
	d := mail(noon, "a@b", 1, message.Sent, sent("r@b.example", "mx", 1, 1, 1))
	d.Counts.Total, d.Counts.Sent = 1500, 1500
	f := figures(traffic.Options{}, d)
	if len(f.Notes) != 1 || !strings.HasPrefix(f.Notes[0].Text, "1499 of 1500 ") || f.Totals.Recipients != 1500 {
		t.Errorf("%+v %+v", f.Totals, f.Notes)
	}
}

func TestMeaning(t *testing.T) {
	for dsn, want := range map[string]string{
		"5.1.1": "no such mailbox", "4.2.2": "the mailbox is full", "5.7.26": "several authentication checks failed", "2.0.0": "other or undefined status",
		"2.6.99": "success", "5.7.99": "security or policy", "4.9.9": "other or undefined status", "": "", "5.1": "", "9.1.1": "", "x": "", "...": "",
	} {
		if got := traffic.Meaning(dsn); got != want {
			t.Errorf("%q: %q, want %q", dsn, got, want)
		}
	}
}

// No text and no number of a log brings a tally down, or changes what is counted of other messages.
func FuzzTally(f *testing.F) {
	f.Add("a@b", "r@c", "4.4.1", "no \xff answer\n", "mx", "10.0.0.1", int64(5), 1.5, int64(0))
	f.Add("", "@", "\n", "\x00", "\xff", "::ffff:1.2.3.4%eth0", int64(math.MaxInt64), math.MaxFloat64, int64(math.MinInt64/4000))
	f.Fuzz(func(t *testing.T, from, to, dsn, response, relay, ip string, size int64, delay float64, at int64) {
		if size < 0 || delay < 0 || math.IsNaN(delay) || at > 250_000_000_000_000 || at < -62_000_000_000_000 {
			t.Skip("no merge makes it")
		}
		odd := mail(time.UnixMilli(at).UTC(), from, size, message.Mixed, failed(to, message.Bounced, dsn, response), sent(to, relay, delay, delay, delay))
		odd.Client.IP = ip
		rejected := reject(odd.Timestamp, dsn, response, relay, from)
		plain := mail(noon, "plain@example.org", 7, message.Sent)
		fs := figures(traffic.Options{Top: 10}, odd, rejected, plain, odd)
		if fs.Totals.Messages != 3 || fs.Totals.Rejects != 1 || fs.Totals.Bytes < 0 {
			t.Fatalf("%+v", fs.Totals)
		}
		if !slices.ContainsFunc(fs.Senders.Entries, func(e traffic.Entry) bool { return e.Name == "plain@example.org" && e.Bytes >= 7 }) {
			t.Fatalf("%+v", fs.Senders)
		}
		if _, err := json.Marshal(fs); err != nil {
			t.Fatal(err)
		}
		all := int64(0)
		for i := range fs.Time.Buckets {
			all += fs.Time.Buckets[i].All()
		}
		if all != 4 || len(fs.Time.Buckets) > traffic.MostBuckets {
			t.Fatalf("%d in %d buckets", all, len(fs.Time.Buckets))
		}
	})
}
