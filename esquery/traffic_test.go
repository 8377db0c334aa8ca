package esquery

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postweave/postweave/test/corpus"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/worker/message"
	"github.com/postweave/postweave/worker/traffic"
)

// mergedLog is what the lines of a log become, all at once.
func mergedLog(t *testing.T, log io.Reader, year int, zone *time.Location) []*message.Document {
	t.Helper()
	text, err := io.ReadAll(log)
	if err != nil {
		t.Fatal(err)
	}
	var b message.Batch
	for line := range strings.Lines(string(text)) {
		l, err := loggen.ReadLine(strings.TrimSuffix(line, "\n"), year, zone)
		if err != nil {
			continue // a line of another kind, of which the situations have some
		}
		b.Add(l.Host, message.Line{Time: l.Time, Program: l.Program, PID: l.PID, Text: l.Text})
	}
	var docs []*message.Document
	for key, lines := range b.Lines {
		merged := message.Merge(key, lines, message.Options{})
		for i := range merged {
			docs = append(docs, &merged[i])
		}
	}
	for _, x := range b.Rejects {
		if d, ok := message.RejectOf(x.Host, x.Line, message.Options{}); ok {
			docs = append(docs, &d)
		}
	}
	return docs
}

// stored puts documents into the target.
func (b *testbed) stored(docs []*message.Document) {
	b.t.Helper()
	if _, err := b.Setup(b.t.Context(), SetupOptions{Target: b.target, State: b.state}); err != nil {
		b.t.Fatal(err)
	}
	b.storedIn(b.target, docs)
}

func (b *testbed) storedIn(index string, docs []*message.Document) {
	b.t.Helper()
	for some := range slices.Chunk(docs, 1000) {
		var body bytes.Buffer
		for _, d := range some {
			id, err := json.Marshal(d.ID)
			if err != nil {
				b.t.Fatal(err)
			}
			fmt.Fprintf(&body, "{\"index\":{\"_id\":%s}}\n%s\n", id, d.AppendJSON(nil))
		}
		res := b.send(http.MethodPost, "/"+index+"/_bulk", body.String())
		if !bytes.Contains(res.Body, []byte(`"errors":false`)) {
			b.t.Fatalf("%.2000s", res.Body)
		}
	}
	if err := b.Documents(b.target).Refresh(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// tallied counts the documents that a selection fits.
func tallied(docs []*message.Document, sel message.Selection, top int) traffic.Figures {
	tally, filter := traffic.NewTally(traffic.Options{Top: top, Since: sel.Since, Until: sel.Until}), sel.Filter()
	for _, d := range docs {
		if filter.Matches(d) {
			tally.Add(d)
		}
	}
	return tally.Figures()
}

// sameFigures compares, and returns the figures that Elasticsearch's aggregations give.
func (b *testbed) sameFigures(what string, docs []*message.Document, sel message.Selection, top int) traffic.Figures {
	b.t.Helper()
	got, err := b.Documents(b.target).Traffic(b.t.Context(), sel, top)
	if err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
	want := tallied(docs, sel, top)
	gotJSON, wantJSON := asJSON(b.t, got), asJSON(b.t, want)
	if diff := cmp.Diff(wantJSON, gotJSON); diff != "" {
		b.t.Errorf("%s: counted one by one (-) and by aggregations (+):\n%s", what, diff)
	}
	return got
}

func asJSON(t *testing.T, f traffic.Figures) string {
	t.Helper()
	text, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The figures of a real log are the same by aggregations as one by one.
func TestTrafficOfTheLab(t *testing.T) {
	b := newTestbed(t)
	f, err := os.Open("../test/corpora/lab-postfix-3.7/mail.log.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	log, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	docs := mergedLog(t, log, 2026, time.UTC)
	b.stored(docs)
	whole := b.sameFigures("the lab", docs, message.Selection{}, 0)
	if whole.Totals.Messages < 1500 || len(whole.Senders.Entries) != traffic.DefaultTop || len(whole.Bounces.Entries) < 3 || len(whole.SlowRelays) < 2 || len(whole.Notes) != 0 {
		t.Errorf("the lab has more in it: %s", asJSON(t, whole))
	}
	for _, top := range []int{1, 3, 100, 1000} {
		b.sameFigures(fmt.Sprint("top ", top), docs, message.Selection{}, top)
	}
	middle := whole.First.Add(whole.Last.Sub(whole.First) / 2)
	for what, sel := range map[string]message.Selection{
		"since":            {Since: middle},
		"until":            {Until: middle},
		"a week":           {Since: middle.AddDate(0, 0, -7)},
		"a second":         {Since: middle, Until: middle.Add(time.Second)},
		"nothing":          {Since: whole.Last.Add(time.Hour)},
		"nothing in a day": {Since: whole.Last.Add(time.Hour), Until: whole.Last.Add(25 * time.Hour)},
	} {
		b.sameFigures(what, docs, sel, 0)
	}
}

// So are those of every situation that mail can be in.
func TestTrafficOfTheSituations(t *testing.T) {
	b := newTestbed(t)
	all, err := corpus.All()
	if err != nil {
		t.Fatal(err)
	}
	var docs []*message.Document
	for _, s := range all {
		zone, err := s.Facts.Location()
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, mergedLog(t, bytes.NewReader(s.Log), s.Facts.Year(), zone)...)
	}
	docs = onceEach(docs)
	b.stored(docs)
	f := b.sameFigures("the situations", docs, message.Selection{}, 1000)
	if f.Totals.Probes == 0 || f.Totals.Rejects == 0 || len(f.Outcomes) < 8 || len(f.RecipientOutcomes) < 6 {
		t.Errorf("not every situation is there: %s", asJSON(t, f))
	}
	b.sameFigures("the situations in short", docs, message.Selection{}, 2)
}

// onceEach leaves one document of each id, as the index does: the last.
func onceEach(docs []*message.Document) []*message.Document {
	last := make(map[string]*message.Document)
	for _, d := range docs {
		last[d.ID] = d
	}
	var out []*message.Document
	for _, d := range docs {
		if last[d.ID] == d {
			out = append(out, d)
		}
	}
	return out
}

// invented are documents with many of what decides between equals, and with what an index and a program may take for
// different or equal: letters of both cases, bytes that are no UTF-8, addresses of several shapes, more recipients than a document holds.
func invented(n int, seed uint64) []*message.Document {
	r := rand.New(rand.NewPCG(seed, 1))
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	statuses := []string{
		"sent", "sent", "sent", "deferred", "bounced", "expired", "rejected", "mixed", "held", "discarded", "deleted", "aborted", "queued", "receiving",
	}
	recipient := func(i int) message.Recipient {
		x := message.Recipient{
			To:     fmt.Sprintf("%s%d@%s", pick("r", "R", "ä", "Ä", "\xe4"), i, pick("A.example", "a.example", "b.EXAMPLE", "ÖL.example", "c.example")),
			Status: pick("sent", "sent", "deferred", "bounced", "expired", "rejected", "queued", "held"), DSN: pick("2.0.0", "4.4.1", "5.1.1", "5.7.1", ""),
			Response: pick("no", "not now", "NO", "nö", "\xff", ""), HasDelay: r.IntN(5) > 0, HasDelays: r.IntN(5) > 0,
			Delay: float64(r.IntN(2_000_000)) / 100, Relay: message.Relay{Hostname: pick("mx1.example", "mx2.example", "MX2.example", "", "10.0.0.1")},
		}
		x.Delays[2], x.Delays[3] = float64(r.IntN(1000))/1e6, float64(r.IntN(100_000))/100
		if x.Relay.Hostname == "" {
			x.Relay.Name = pick("local", "private/dovecot", "mx1.example", "")
		}
		return x
	}
	begin := time.Date(2026, 2, 27, 22, 59, 59, 0, time.UTC)
	docs := make([]*message.Document, n)
	for i := range docs {
		d := &message.Document{
			ID: fmt.Sprint("id", i), Kind: pick("message", "message", "message", "reject", "probe"), Host: pick("mx1", "mx2", "MX1"),
			QueueID: fmt.Sprintf("%X", 0xabc000+i), From: pick("<>", "A@x.example", "a@X.example", "b@y.example", "ünal@y.example", "no-domain", "\xfe@z.example", ""),
			Status: pick(statuses...), Subject: pick("", "hello", "h\xe9llo", "<b>&"), Lines: 1,
			Client: message.Client{Hostname: pick("", "unknown", "c1.example", "C1.example"), IP: pick("", "10.0.0.2", "10.0.0.10", "2001:DB8::1", "2001:db8:0:0:1::1", "::1")},
			SASL:   message.SASL{Username: pick("", "", "ann", "Ann", "bob\xff")},
		}
		d.Timestamp = begin.Add(time.Duration(r.Int64N(int64(90 * 24 * time.Hour)))).Truncate(time.Microsecond)
		d.FirstSeen, d.LastSeen = d.Timestamp, d.Timestamp.Add(time.Second)
		if d.Kind == message.KindReject {
			d.Status, d.QueueID = "rejected", ""
			d.Checks = []message.Check{{Stage: pick("RCPT", "CONNECT", ""), Code: pick("554", "450"), DSN: pick("5.7.1", "4.7.1", ""), Text: pick("go away", "Go away", "")}}
		}
		if d.Kind == message.KindMessage && r.IntN(4) > 0 {
			d.HasSize, d.Size = true, int64(r.IntN(50))*1000
		}
		recipients := r.IntN(4)
		if r.IntN(200) == 0 {
			recipients = 1500
		}
		for k := range recipients {
			x := recipient(k)
			d.To = append(d.To, x.To)
			d.Counts.Total++
			count(&d.Counts, x.Status)
			if k < message.MaxRecipients {
				d.Recipients = append(d.Recipients, x)
			}
		}
		docs[i] = d
	}
	return docs
}

func count(c *message.Counts, status string) {
	switch status {
	case "sent":
		c.Sent++
	case "deferred":
		c.Deferred++
	case "bounced":
		c.Bounced++
	case "expired":
		c.Expired++
	case "rejected":
		c.Rejected++
	case "held":
		c.Held++
	default:
		c.Queued++
	}
}

// So are those of documents among which much is equal, whatever the range, and however many there are to list.
func TestTrafficOfInventedDocuments(t *testing.T) {
	b := newTestbed(t)
	docs := invented(4000, 7)
	b.stored(docs)
	f := b.sameFigures("all", docs, message.Selection{}, 0)
	if len(f.Notes) != 1 || f.Notes[0].Section != "recipient_domains" {
		t.Errorf("notes: %+v, want one on recipients beyond those of the documents", f.Notes)
	}
	for _, top := range []int{1, 2, 5, 1000} {
		b.sameFigures(fmt.Sprint("top ", top), docs, message.Selection{}, top)
	}
	for _, hours := range []int{1, 30, 24 * 8, 24 * 60} {
		since := f.First.Add(20 * 24 * time.Hour)
		b.sameFigures(fmt.Sprint(hours, " hours"), docs, message.Selection{Since: since, Until: since.Add(time.Duration(hours) * time.Hour)}, 0)
	}
	for what, sel := range map[string]message.Selection{
		"from": {From: "a@x.example"}, "to": {To: "@a.example"}, "status": {Status: "bounced"}, "relay": {Relay: "mx1.example"},
		"larger": {Larger: 30_000}, "client": {Client: "10.0.0.0/8"},
	} {
		b.sameFigures(what, docs, sel, 4)
	}
}

// Several indices behind the alias, as where the target is cut by month, give the same figures too as long as each hands in
// all that it has.
func TestTrafficOfSeveralIndices(t *testing.T) {
	b := newTestbed(t)
	docs := invented(2000, 8)
	b.stored(docs[:900])
	second := b.target + "-000002"
	b.send(http.MethodPut, "/"+second, `{"aliases":{"`+b.target+`":{}}}`)
	b.storedIn(second, docs[900:])
	b.sameFigures("two indices", docs, message.Selection{}, 7)
}

// A list of several shards that may be short says so, and by how much.
func TestTrafficSaysWhereShardsAreShort(t *testing.T) {
	b := newTestbed(t)
	if _, err := b.Setup(t.Context(), SetupOptions{Target: b.target, State: b.state}); err != nil {
		t.Fatal(err)
	}
	docs := make([]*message.Document, 2*(fromEachShard+1))
	for i := range docs {
		at := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
		docs[i] = &message.Document{
			ID: fmt.Sprint("id", i), Kind: message.KindMessage, Timestamp: at, FirstSeen: at, LastSeen: at, Host: "mx1", Status: "sent",
			From: fmt.Sprintf("s%d@example.org", i),
		}
	}
	b.storedIn(b.target, docs[:len(docs)/2])
	second := b.target + "-000002"
	b.send(http.MethodPut, "/"+second, `{"aliases":{"`+b.target+`":{}}}`)
	b.storedIn(second, docs[len(docs)/2:])
	f, err := b.Documents(b.target).Traffic(t.Context(), message.Selection{}, 3)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(f.Notes, func(n traffic.Note) bool {
		return n.Section == "senders" && strings.Contains(n.Text, "up to 2 too few")
	}) {
		t.Errorf("notes: %+v", f.Notes)
	}
	if f.Totals.Messages != int64(len(docs)) || f.Senders.Others != int64(len(docs)-3) {
		t.Errorf("%+v, %d others", f.Totals, f.Senders.Others)
	}
}

// halfway answers searches with what it is told to, one after another.
type halfway struct {
	t       *testing.T
	answers []string // to searches
	bodies  []string
}

func (h *halfway) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if r.URL.Path != "/postfix-messages/_search" || r.URL.Query().Get("allow_partial_search_results") != "false" {
		h.t.Errorf("%s asks for more than the alias, or takes what is left of an answer", r.URL)
	}
	h.bodies = append(h.bodies, string(body))
	answer := h.answers[min(len(h.bodies), len(h.answers))-1]
	header := http.Header{"Content-Type": {"application/json"}, "X-Elastic-Product": {"Elasticsearch"}}
	return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(strings.NewReader(answer)), Request: r}, nil
}

const (
	extentAnswer = `{"_shards":{"total":1,"failed":0},"hits":{"hits":[]},"aggregations":{"first":{"value":1.0},"last":{"value":2.0}}}`
	nothingFits  = `{"_shards":{"total":1,"failed":0},"hits":{"hits":[]},"aggregations":{"first":{"value":null},"last":{"value":null}}}`
)

// Figures of a part of the documents would pass for all: whatever is not whole is an error, in each of the searches.
func TestTrafficBelievesOnlyWholeAnswers(t *testing.T) {
	whole := `{"_shards":{"total":1,"failed":0},"hits":{"hits":[]},"aggregations":{"messages":{"doc_count":3},"rejects":{},"probes":{},"time":{}}}`
	for what, answers := range map[string][]string{
		"a shard failed":                {`{"_shards":{"total":2,"failed":1},"hits":{"hits":[]},"aggregations":{"first":{"value":1.0},"last":{"value":2.0}}}`},
		"no shard":                      {`{"_shards":{"total":0,"failed":0},"hits":{"hits":[]},"aggregations":{"first":{"value":null},"last":{"value":null}}}`},
		"timed out":                     {`{"timed_out":true,"_shards":{"total":1,"failed":0},"hits":{"hits":[]},"aggregations":{"first":{"value":1.0},"last":{"value":2.0}}}`},
		"no aggregations":               {`{"_shards":{"total":1,"failed":0},"hits":{"hits":[]}}`},
		"one of two":                    {`{"_shards":{"total":1,"failed":0},"hits":{"hits":[]},"aggregations":{"first":{"value":null}}}`},
		"of another shape":              {`{"_shards":{"total":1,"failed":0},"hits":{"hits":[]},"aggregations":{"first":7,"last":{"value":2.0}}}`},
		"messages: a shard failed":      {extentAnswer, strings.Replace(whole, `"failed":0`, `"failed":1`, 1)},
		"messages: without the rejects": {extentAnswer, strings.Replace(whole, `"rejects":{},`, "", 1)},
		"messages: ended early":         {extentAnswer, strings.Replace(whole, `{`, `{"terminated_early":true,`, 1)},
	} {
		h := &halfway{t: t, answers: answers}
		if _, err := documentsOn(t, h).Traffic(t.Context(), message.Selection{}, 3); err == nil || len(h.bodies) != len(answers) {
			t.Errorf("%s: %v after %d searches", what, err, len(h.bodies))
		}
	}
}

// What a user asks for is a value in a query, and never its syntax.
func TestTrafficQuotesWhatIsAskedFor(t *testing.T) {
	const nasty = `"}}],"must":[{"match_all":{`
	h := &halfway{t: t, answers: []string{nothingFits}}
	if _, err := documentsOn(t, h).Traffic(t.Context(), message.Selection{Server: nasty, MessageID: nasty}, 3); err != nil {
		t.Fatal(err)
	}
	var body struct {
		Query struct {
			Bool struct{ Filter []map[string]any }
		}
	}
	if err := json.Unmarshal([]byte(h.bodies[0]), &body); err != nil || len(body.Query.Bool.Filter) != 2 {
		t.Errorf("%v in %s", err, h.bodies[0])
	}
}
