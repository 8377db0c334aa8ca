package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// indexMails indexes the lines of n messages, every other one of the day after.
// It returns their queue ids.
func indexMails(s *site.Site, n int) []string {
	s.T.Helper()
	ids := make([]string, n)
	var days [2][]site.Raw
	for i := range ids {
		id, at := mailAt(i)
		ids[i] = id
		days[i%2] = append(days[i%2], s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", ids[i], at)...)...)
	}
	for _, day := range days {
		for part := range slices.Chunk(day, 100) { // what a node without room still takes
			s.Index(part)
		}
	}
	return ids
}

// mailAt is the i-th message's queue id and beginning.
func mailAt(i int) (id string, at time.Time) {
	return fmt.Sprintf("%X", 0x1A2B3C40000+16*i), march.AddDate(0, 0, i%2).Add(time.Duration(i) * 10 * time.Second)
}

// indexLate indexes one more line of each of the first n messages: a delivery to the k-th further recipient.
func indexLate(s *site.Site, n, k int) {
	s.T.Helper()
	var docs []site.Raw
	for i := range n {
		id, at := mailAt(i)
		docs = append(docs, s.Shipped(loggen.LayoutSyslog, site.TextLines("mx1", at.Add(4*time.Second+time.Duration(k)*time.Millisecond),
			"smtp", fmt.Sprintf("%s: to=<late%d@ok.test>, relay=far.ok.test[198.51.100.1]:25, delay=4, delays=3/0/0.5/0.5, dsn=2.0.0, status=sent (250 2.0.0 Ok)", id, k))...)...)
	}
	s.Index(docs)
}

// lasting runs the command while a fault lasts: it has to end with the code and a
// line that holds the words, to leave the cursor where it was, and to repeat nothing of a mail.
func lasting(s *site.Site, code int, words []string, args ...string) site.Outcome {
	s.T.Helper()
	direct := *s
	cursor := confirmed(&direct)
	o := s.Call(args...)
	refused(s.T, o, code, words...)
	if after := confirmed(&direct); after != cursor {
		s.T.Errorf("the cursor moved past what is not confirmed\nbefore %s\nafter  %s", cursor, after)
	}
	silent(s.T, o)
	return o
}

// confirmed is what the state index says of how far the work came. The lease says
// nothing of that, and stays where a run could not give it back.
func confirmed(s *site.Site) string {
	s.T.Helper()
	var all []string
	for _, d := range s.Search(s.State) {
		if !strings.HasPrefix(d.ID, "lease-") {
			all = append(all, d.ID+" "+string(d.Source))
		}
	}
	return strings.Join(all, "\n")
}

// silent wants nothing of a mail in what the command says.
func silent(t testing.TB, o site.Outcome) {
	t.Helper()
	for _, private := range []string{"alice", "bob@", "corp.test", "ok.test", "About "} {
		if strings.Contains(o.Stdout+o.Stderr, private) {
			t.Errorf("the command repeats what stands in a mail\n%s%s", o.Stdout, o.Stderr)
		}
	}
}

// hasty is the site with a short retry budget.
func hasty(s *site.Site, budget string) *site.Site {
	h := *s
	h.Env = append(slices.Clone(s.Env), "POSTWEAVE_RETRY_BUDGET="+budget)
	return &h
}

func isBulk(q *request) bool { return strings.HasSuffix(q.Path, "/_bulk") }

// bulkAction is one action of a bulk request.
type bulkAction struct {
	Name, ID string
	Text     []byte // its lines as they are
}

// bulkActions takes a bulk request apart.
func bulkActions(t testing.TB, body []byte) []bulkAction {
	t.Helper()
	var out []bulkAction
	lines := bytes.SplitAfter(body, []byte("\n"))
	for len(lines) > 1 {
		var action map[string]struct {
			ID string `json:"_id"`
		}
		if err := json.Unmarshal(lines[0], &action); err != nil {
			t.Errorf("an action that is no JSON: %.200s", lines[0])
			return out
		}
		n := 2
		for name, x := range action {
			if name == "delete" {
				n = 1
			}
			out = append(out, bulkAction{name, x.ID, bytes.Join(lines[:n], nil)})
		}
		lines = lines[n:]
	}
	return out
}

// holding keeps some actions of a bulk request from the node, and answers for them
// as held says: status and error.type.
func holding(t testing.TB, q *request, name string, held func(bulkAction) (status int, kind string)) fault {
	t.Helper()
	type refusal struct {
		bulkAction
		status int
		kind   string
	}
	actions := bulkActions(t, q.Body)
	refusals := map[int]refusal{}
	var pass []byte
	for i, a := range actions {
		if status, kind := held(a); status != 0 {
			refusals[i] = refusal{a, status, kind}
		} else {
			pass = append(pass, a.Text...)
		}
	}
	if len(refusals) == 0 {
		return fault{}
	}
	f := fault{Name: name, Body: pass}
	if len(pass) == 0 {
		f.Answer = jsonAnswer(200, `{"errors":false,"items":[]}`)
	}
	f.Alter = func(a *answer) {
		var got struct{ Items []json.RawMessage }
		if err := json.Unmarshal(a.Body, &got); err != nil || a.Status != 200 {
			t.Errorf("the node answers %d %.300s", a.Status, a.Body)
			return
		}
		var items []json.RawMessage
		for i := range actions {
			if r, ok := refusals[i]; ok {
				items = append(items, json.RawMessage(fmt.Sprintf(
					`{%q:{"_id":%q,"status":%d,"error":{"type":%q,"reason":"preview: alice@corp.test"}}}`, r.Name, r.ID, r.status, r.kind)))
				continue
			}
			if len(got.Items) == 0 {
				t.Error("the node answers for too few actions")
				return
			}
			items, got.Items = append(items, got.Items[0]), got.Items[1:]
		}
		body, err := json.Marshal(map[string]any{"errors": true, "items": items})
		if err != nil {
			t.Error(err)
		}
		a.Body = body
	}
	return f
}

// writtenOnce wants each document to have been written by one action alone.
func writtenOnce(s *site.Site, want int) {
	s.T.Helper()
	docs := s.Documents()
	if len(docs) != want {
		s.T.Errorf("%d documents, want %d", len(docs), want)
	}
	for _, d := range docs {
		if d.Version != 1 {
			s.T.Errorf("document %s was written %d times", d.ID, d.Version)
		}
	}
}
