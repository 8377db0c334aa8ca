package test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"

	"github.com/postweave/postweave/test/site"
)

// truth is what is known of one document: a line of a truth.ndjson, or the
// generator's word. What is nil is not said.
type truth struct {
	Case          string
	Kind          string
	Host          string
	QueueID       string `json:"queue_id"`
	Incarnation   int
	Day           *string
	Instance      *string
	Origin        *string
	From          *string
	Subject       *string
	SubjectAny    []string `json:"subject_any"`
	SubjectPrefix *string  `json:"subject_prefix"`
	SubjectCut    bool     `json:"subject_cut"` // Subject is a prefix too
	MessageID     *string  `json:"message_id"`
	Size          *int
	NRcpt         *int
	ClientIP      *string `json:"client_ip"`
	SASL          *string `json:"sasl_username"`
	Status        *string
	Verdict       *string
	Complete      *bool
	Open          *bool
	Lines         *int
	Timestamp     *time.Time
	First         *time.Time `json:"first_seen"`
	Last          *time.Time `json:"last_seen"`
	Recipients    []truthRecipient
	Links         []struct {
		Rel     string
		QueueID string `json:"queue_id"`
	}
	Notices   []string
	Forwarded []string
	OrigID    *string `json:"orig_id"`
}

type truthRecipient struct {
	To       string
	OrigTo   *string `json:"orig_to"`
	Status   string
	Attempts int
	DSN      *string
	Delay    *float64
	Queued   *string `json:"queued_as"`
}

func truthOf(t *testing.T, x loggen.Truth) truth {
	t.Helper()
	b, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	var out truth
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func readTruth(t *testing.T, name string) []truth {
	t.Helper()
	var all []truth
	for _, line := range site.ReadLines(t, name) {
		var x truth
		if err := json.Unmarshal(line, &x); err != nil {
			t.Fatal(err)
		}
		all = append(all, x)
	}
	return all
}

// document is a message document as far as it is compared.
type document struct {
	Kind       string
	Timestamp  time.Time `json:"@timestamp"`
	First      time.Time `json:"first_seen"`
	Last       time.Time `json:"last_seen"`
	Host       struct{ Name string }
	Instance   string
	QueueID    string `json:"queue_id"`
	Origin     string
	From       string
	Subject    string
	MessageID  string `json:"message_id"`
	Size       *int
	NRcpt      *int
	Client     struct{ IP string }
	SASL       struct{ Username string }
	Status     string
	Complete   bool
	Open       bool
	Lines      int
	Recipients []struct {
		To       string
		OrigTo   string `json:"orig_to"`
		Status   string
		Attempts int
		DSN      string
		Delay    *float64
		Queued   string `json:"remote_queue_id"`
	}
	Links []struct {
		Rel     string
		QueueID string `json:"queue_id"`
	}
	Unparsed int
	Warnings []string
	Log      []struct{ Text string }
}

func decoded(t testing.TB, docs []string) []document {
	t.Helper()
	out := make([]document, len(docs))
	for i, d := range docs {
		if err := json.Unmarshal([]byte(d), &out[i]); err != nil {
			t.Fatalf("%v in %.1000s", err, d)
		}
	}
	return out
}

// compareWithTruth reports each property in which documents are not what is
// known of them, and each document too many or too few.
func compareWithTruth(t *testing.T, docs []string, truths []truth) {
	t.Helper()
	all := decoded(t, docs)
	slices.SortFunc(all, func(a, b document) int { return cmp.Or(a.Timestamp.Compare(b.Timestamp), a.First.Compare(b.First)) })
	byKey := map[string][]document{}
	rejects := map[string]int{}
	for _, d := range all {
		switch d.Kind {
		case "message":
			k := d.Host.Name + " " + d.QueueID
			byKey[k] = append(byKey[k], d)
		case "reject":
			rejects[rejectKey(d.Host.Name, d.First, d.From, d.Client.IP, d.Recipients[0].To, d.Recipients[0].DSN)]++
		default:
			t.Errorf("a document of the kind %q", d.Kind)
		}
	}
	known := map[string]int{}
	for _, x := range truths {
		if x.Kind == "reject" {
			r := x.Recipients[0]
			k := rejectKey(x.Host, *x.First, *x.From, *x.ClientIP, r.To, *r.DSN)
			if rejects[k]--; rejects[k] < 0 {
				t.Errorf("%s: no reject %s", x.Case, k)
			}
			continue
		}
		k := x.Host + " " + x.QueueID
		known[k]++
		if x.Incarnation > len(byKey[k]) {
			t.Errorf("%s (%s): incarnation %d of %s, but %d documents", x.Case, k, x.Incarnation, x.QueueID, len(byKey[k]))
			continue
		}
		for _, wrong := range x.wrongIn(byKey[k][x.Incarnation-1]) {
			t.Errorf("%s (%s/%d): %s", x.Case, k, x.Incarnation, wrong)
		}
	}
	for k, found := range byKey {
		if len(found) != known[k] {
			t.Errorf("%s: %d documents, want %d", k, len(found), known[k])
		}
	}
	for k, n := range maps.All(rejects) {
		if n > 0 {
			t.Errorf("%d rejects too many: %s", n, k)
		}
	}
}

func rejectKey(host string, at time.Time, from, ip, to, dsn string) string {
	return fmt.Sprintf("%s %s %s %s %s %s", host, at.UTC().Format(time.RFC3339), strings.ToLower(from), ip, strings.ToLower(to), dsn)
}

// spaced is a subject with every run of white space and question marks as one
// space: Postfix logs the newline of a folded header as a question mark.
func spaced(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' || r == '?' }), " ")
}

// wrongIn compares one document.
func (x *truth) wrongIn(d document) (wrong []string) {
	is := func(what string, ok bool, got, want any) {
		if !ok {
			wrong = append(wrong, fmt.Sprintf("%s is %v, want %v", what, got, want))
		}
	}
	text := func(what, got string, want *string) {
		if want != nil {
			is(what, strings.EqualFold(got, *want), got, *want)
		}
	}
	text("instance", d.Instance, x.Instance)
	text("origin", d.Origin, x.Origin)
	text("from", d.From, x.From)
	text("message_id", d.MessageID, x.MessageID)
	text("client.ip", d.Client.IP, x.ClientIP)
	text("sasl.username", d.SASL.Username, x.SASL)
	text("status", d.Status, x.Status)
	x.subject(d, is)
	number := func(what string, got, want *int) {
		if want != nil {
			is(what, got != nil && *got == *want, got, *want)
		}
	}
	number("size", d.Size, x.Size)
	number("nrcpt", d.NRcpt, x.NRcpt)
	number("lines", &d.Lines, x.Lines)
	flag := func(what string, got bool, want *bool) {
		if want != nil {
			is(what, got == *want, got, *want)
		}
	}
	flag("complete", d.Complete, x.Complete)
	flag("open", d.Open, x.Open)
	moment := func(what string, got time.Time, want *time.Time) {
		if want != nil {
			is(what, got.Truncate(time.Millisecond).Equal(want.Truncate(time.Millisecond)), got, *want)
		}
	}
	moment("@timestamp", d.Timestamp, x.Timestamp)
	moment("first_seen", d.First, x.First)
	moment("last_seen", d.Last, x.Last)
	text("day of arrival", d.Timestamp.UTC().Format(time.DateOnly), x.Day)
	for _, l := range x.Links {
		is("link", slices.ContainsFunc(d.Links, func(m struct {
			Rel     string
			QueueID string `json:"queue_id"`
		},
		) bool {
			return m.Rel == l.Rel && m.QueueID == l.QueueID
		}), d.Links, l)
	}
	for _, id := range slices.Concat(x.Notices, x.Forwarded) {
		is("linked", linked(d, id), d.Links, id)
	}
	if x.OrigID != nil {
		is("orig_id", linked(d, *x.OrigID), d.Links, *x.OrigID)
	}
	x.recipients(d, is)
	return wrong
}

func linked(d document, id string) bool {
	for _, l := range d.Links {
		if l.QueueID == id {
			return true
		}
	}
	return false
}

func (x *truth) subject(d document, is func(what string, ok bool, got, want any)) {
	got := spaced(d.Subject)
	switch {
	case x.SubjectPrefix != nil:
		is("subject", strings.HasPrefix(got, spaced(*x.SubjectPrefix)), d.Subject, *x.SubjectPrefix+"…")
	case x.Subject != nil && x.SubjectCut:
		is("subject", strings.HasPrefix(got, spaced(*x.Subject)), d.Subject, *x.Subject+"…")
	case x.Subject != nil:
		is("subject", got == spaced(*x.Subject), d.Subject, *x.Subject)
	case x.SubjectAny != nil:
		is("subject", slices.ContainsFunc(x.SubjectAny, func(s string) bool { return spaced(s) == got }), d.Subject, x.SubjectAny)
	}
}

// recipients compares each recipient that is known. A verdict on the whole
// message may have changed those that had no end of their own.
func (x *truth) recipients(d document, is func(what string, ok bool, got, want any)) {
	if x.Recipients == nil {
		return
	}
	used := make([]bool, len(d.Recipients))
	// Those whose address before expansion is known choose first.
	known := slices.SortedStableFunc(slices.Values(x.Recipients), func(a, b truthRecipient) int {
		return cmp.Compare(len(deref(b.OrigTo)), len(deref(a.OrigTo)))
	})
	for _, r := range known {
		found := false
		for i, have := range d.Recipients {
			if used[i] || !strings.EqualFold(have.To, r.To) || r.OrigTo != nil && !strings.EqualFold(have.OrigTo, *r.OrigTo) {
				continue
			}
			found, used[i] = true, true
			is("status of "+r.To, have.Status == r.Status || r.Status == "deferred" && have.Status == deref(x.Verdict), have.Status, r.Status)
			is("attempts of "+r.To, r.Status == "rejected" || have.Attempts == r.Attempts, have.Attempts, r.Attempts)
			is("dsn of "+r.To, r.DSN == nil || have.DSN == *r.DSN, have.DSN, deref(r.DSN))
			is("delay of "+r.To, r.Delay == nil || r.Attempts == 0 || have.Delay != nil && *have.Delay == *r.Delay, deref(have.Delay), deref(r.Delay))
			is("remote_queue_id of "+r.To, r.Queued == nil || have.Queued == *r.Queued, have.Queued, deref(r.Queued))
			break
		}
		is("recipient "+r.To, found, "missing", "there")
	}
	if x.Verdict == nil && x.Complete != nil && *x.Complete {
		is("number of recipients", len(d.Recipients) == len(x.Recipients), len(d.Recipients), len(x.Recipients))
	}
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
