package faults

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
	"github.com/postweave/postweave/worker/postlog"
)

// spring is when the messages of these tests arrive.
var spring = time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)

// settledAgainst is settled where a clean first run would not reach back far
// enough, or where the source no longer has every line: the clean target is filled by the
// caller.
func settledAgainst(t testing.TB, s, clean *site.Site) {
	t.Helper()
	s.Run()
	if r := s.Run(); r.Lines != 0 || r.Created+r.Updated+r.Deleted != 0 {
		t.Errorf("a run after the last one still finds something: %+v", r)
	}
	site.Same(t, "after the fault, and one clean pass", site.Identified(s.Documents()), site.Identified(clean.Documents()))
}

// inSight is how many lines a search of the source sees that asks for no refresh.
func inSight(s *site.Site) int {
	s.T.Helper()
	var answer struct{ Count int }
	s.ES(http.MethodGet, "/"+s.Source+"*/_count", nil, &answer)
	return answer.Count
}

// The source refreshes never by itself. All that was there when the run began is
// read by it, and what comes in the middle by the next one.
func TestF36SourceNeverRefreshes(t *testing.T) {
	s := site.New(t)
	lines := saidBy(t, loggen.Config{Seed: 361, Messages: 60, Span: time.Hour, Start: spring})
	s.ES(http.MethodPut, "/"+s.Daily(spring), map[string]any{"settings": map[string]any{"refresh_interval": "-1"}}, nil)
	docs := s.Shipped(loggen.LayoutSyslog, lines...)
	half := len(docs) / 2
	s.Index(docs[:half])
	if n := inSight(s); n != 0 {
		t.Fatalf("%d lines are visible without a refresh, the test shows nothing", n)
	}
	p := newProxy(t, s.Node)
	var once sync.Once
	p.on(func(q *request) fault {
		if !strings.HasSuffix(q.Path, "/_pit") || q.Method != http.MethodPost {
			return fault{} // the last refresh of the run is made when it looks through this
		}
		return fault{Name: "late", After: func() { once.Do(func() { s.Index(docs[half:]) }) }}
	})
	via := s.Through(p.URL)
	if r := via.Run(); r.Lines != half {
		t.Errorf("the first run reads %d lines, want the %d that were there", r.Lines, half)
	}
	p.happened(t, "late")
	p.on(nil)
	if n := inSight(s); n >= len(docs) {
		t.Fatalf("%d lines are visible without a refresh, the test shows nothing", n)
	}
	if r := via.Run(); r.Lines != len(docs)-half {
		t.Errorf("the second run reads %d lines, want the other %d", r.Lines, len(docs)-half)
	}
	settled(t, s)
}

// Lines arrive late, with the stamps of a clock that is a year behind, a year
// ahead, or jumps by a day within a message: each is read by the next run, into the document it belongs to.
func TestF37LateLinesAndWrongClocks(t *testing.T) {
	s := site.New(t)
	today := s.Daily(spring)
	arrive := func(lines ...loggen.Line) {
		docs := s.Shipped(loggen.LayoutSyslog, lines...)
		for i := range docs {
			docs[i].Index = today // where Logstash puts what its date filter did not date
		}
		s.Index(docs)
	}
	logged(t, s, loggen.Config{Seed: 371, Messages: 40, Span: time.Hour, Start: spring})
	split := site.Mail("mx1", "1A2B3C4D5E6", spring)
	arrive(split[:3]...)
	s.Run()

	past, future := site.Mail("mx1", "2A2B3C4D5E6", spring.AddDate(-1, 0, 0)), site.Mail("mx1", "3A2B3C4D5E6", spring.AddDate(1, 0, 0))
	jumping := loggen.LongID(spring.Add(123456*time.Microsecond), 1000)
	jump := site.Mail("mx2", jumping, spring)
	for i := range jump {
		jump[i].Time = jump[i].Time.AddDate(0, 0, i%3-1)
	}
	for _, late := range [][]loggen.Line{split[3:], past[2:], past[:2], future[:1], jump, future[1:]} {
		arrive(late...)
		if r := s.Run(); r.Lines != len(late) || r.Created+r.Updated != 1 {
			t.Errorf("%d late lines: %+v", len(late), r)
		}
	}
	for _, id := range []string{"1A2B3C4D5E6", "2A2B3C4D5E6", "3A2B3C4D5E6", jumping} {
		if d := documentsOf(t, s, id); len(d) != 1 || d[0].Lines != 6 || !d[0].Complete {
			t.Errorf("%s: %+v", id, d)
		}
	}
	clean := s.Beside("clean")
	clean.Must("run", "--since", "2025-03-01") // farther back than the horizon
	settledAgainst(t, s, clean)
}

// message is what these tests look at in a document.
type message struct {
	QueueID  string `json:"queue_id"`
	From     string
	Origin   string
	Status   string
	Complete bool
	Open     bool
	Lines    int
	Warnings []string
}

// documentsOf returns the messages of a queue id, on whatever server.
func documentsOf(t testing.TB, s *site.Site, id string) (out []message) {
	t.Helper()
	for _, d := range site.Sources(s.Documents()) {
		var m message
		if err := json.Unmarshal([]byte(d), &m); err != nil {
			t.Fatal(err)
		}
		if m.QueueID == id {
			out = append(out, m)
		}
	}
	return out
}

// The shipper delivers everything twice: into the same index, into another one, and
// a third time in another order while the run is at work.
func TestF40DuplicateDelivery(t *testing.T) {
	s := site.New(t)
	lines := saidBy(t, loggen.Config{Seed: 401, Messages: 80, Span: 2 * time.Hour, Start: spring, ReuseIDs: 0.1})
	docs := s.Shipped(loggen.LayoutSyslog, lines...)
	s.Index(docs)
	first := s.Run()
	again := s.Shipped(loggen.LayoutSyslog, lines...)
	s.Index(again)
	if n := inSight(s); n > 2*len(lines) {
		t.Fatalf("%d lines are in the source", n)
	}
	if r := s.Run(); r.Lines != len(lines) || r.Created+r.Updated != 0 || r.Unchanged != first.Documents {
		t.Errorf("the same lines again: %+v, after %+v", r, first)
	}
	for i := range again {
		again[i].Index = s.Source + "again"
	}
	slices.Reverse(again)
	s.Index(again)
	if r := s.Run(); r.Lines != len(lines) || r.Created+r.Updated != 0 {
		t.Errorf("the same lines in another index: %+v", r)
	}
	neverRewritten(t, s)
	settled(t, s)
	// All copies at once are the same documents as one copy was.
	var total int
	for _, d := range site.Sources(s.Documents()) {
		var m message
		if err := json.Unmarshal([]byte(d), &m); err != nil {
			t.Fatal(err)
		}
		total += m.Lines
	}
	if total == 0 || total > len(lines) {
		t.Errorf("the documents have %d lines, the log %d", total, len(lines))
	}
}

// Midnight passes five times over a mail that cannot be delivered, each time
// into a new index, which comes into being while a run is at work. It is one document all the time.
func TestF41MessageInSixDailyIndices(t *testing.T) {
	s := site.New(t)
	evening := time.Date(2026, 3, 20, 22, 0, 0, 0, time.UTC)
	lines := saidBy(t, loggen.Config{Seed: 411, Messages: 60, Span: 2 * time.Hour, Start: evening, FailingRecipients: 0.3})
	days := map[string][]loggen.Line{}
	indices := map[string]map[string]bool{} // of each queue id
	for _, l := range lines {
		day := s.Daily(l.Time)
		days[day] = append(days[day], l)
		if id, _ := postlog.LeadingQueueID(l.Text); id != "" {
			key := l.Host + " " + id
			if indices[key] == nil {
				indices[key] = map[string]bool{}
			}
			indices[key][day] = true
		}
	}
	six := 0
	for _, in := range indices {
		if len(in) >= 6 {
			six++
		}
	}
	if six == 0 {
		t.Fatalf("no message has lines in six of %d indices, the test shows nothing", len(days))
	}
	names := slices.Collect(func(yield func(string) bool) {
		for d := range days {
			if !yield(d) {
				return
			}
		}
	})
	slices.Sort(names)
	p := newProxy(t, s.Node)
	via := s.Through(p.URL)
	for i, day := range names {
		docs := s.Shipped(loggen.LayoutSyslog, days[day]...)
		if i == 0 {
			s.Index(docs)
			continue
		}
		var once sync.Once
		p.on(func(q *request) fault {
			if !strings.HasSuffix(q.Path, "/_pit") || q.Method != http.MethodPost {
				return fault{}
			}
			// The day's lines so far are read as the next day begins.
			return fault{Name: "midnight", Before: func() { once.Do(func() { s.Index(docs) }) }}
		})
		via.Run()
	}
	if n := p.faults()["midnight"]; n < len(names)-1 {
		t.Fatalf("midnight passed %d times in the middle of a run, want %d", n, len(names)-1)
	}
	p.on(nil)
	settled(t, s)
	// The clean run of settled reads index by index too; merge has all lines at once.
	var text []byte
	for _, l := range lines {
		text = l.AppendRFC3164(text)
	}
	file := filepath.Join(t.TempDir(), "mail.log")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	site.Same(t, "six indices, and the text in one", site.Sources(s.Documents()), site.Merged(t, file, "--year", "2026"))
	for key := range indices {
		host, id, _ := strings.Cut(key, " ")
		docs := 0
		for _, d := range site.Sources(s.Documents()) {
			var m struct {
				Host    struct{ Name string }
				QueueID string `json:"queue_id"`
			}
			if err := json.Unmarshal([]byte(d), &m); err != nil {
				t.Fatal(err)
			}
			if m.QueueID == id && m.Host.Name == host {
				docs++
			}
		}
		if docs != 1 {
			t.Errorf("%s: %d documents, want 1", key, docs)
		}
	}
}

// Retention deletes the source's early days before the last lines come. A
// document keeps what it had and takes the new lines; one whose early lines were never read says so by its
// origin, and becomes whole when they are indexed once more.
func TestF42RetentionTookTheFirstLines(t *testing.T) {
	s := site.New(t)
	const read, unread = "1A2B3C4D5E6", "2A2B3C4D5E6"
	old, late := spring.AddDate(0, 0, -4), s.Daily(spring)
	known, unknown := site.Mail("mx1", read, old), site.Mail("mx1", unread, old)
	arrive := func(index string, lines ...loggen.Line) {
		docs := s.Shipped(loggen.LayoutSyslog, lines...)
		for i := range docs {
			docs[i].Index = index
		}
		s.Index(docs)
	}
	one := func(id string) message {
		t.Helper()
		d := documentsOf(t, s, id)
		if len(d) != 1 {
			t.Fatalf("%s: %d documents, want 1", id, len(d))
		}
		return d[0]
	}
	arrive(s.Daily(old), known[:4]...)
	arrive(late, site.Mail("mx1", "3A2B3C4D5E6", spring)...)
	s.Run()
	before := one(read)
	arrive(s.Daily(old), unknown[:4]...) // read by nobody
	s.ES(http.MethodDelete, "/"+s.Daily(old), nil, nil)
	arrive(late, known[4:]...)
	arrive(late, unknown[4:]...)
	if r := s.Run(); r.Lines != 4 || r.Deleted != 0 {
		t.Errorf("the late lines: %+v", r)
	}
	if d := one(read); d.Lines != 6 || d.From != before.From || d.From == "" || d.Origin != "smtp" || !d.Complete {
		t.Errorf("the document lost something with its source: %+v, before %+v", d, before)
	}
	if d := one(unread); d.Lines != 2 || d.Origin != "unknown" || !d.Complete {
		t.Errorf("the document does not say that its first lines are missing: %+v", d)
	}
	// A backfill of the days that are gone, and one of those that are left, take nothing away.
	s.Backfill("2026-03-01", "2026-03-31")
	if d := one(read); d.Lines != 6 {
		t.Errorf("a backfill shrank the document: %+v", d)
	}
	arrive(s.Daily(old), unknown[:4]...) // restored from a backup
	s.Run()
	if d := one(unread); d.Lines != 6 || d.Origin != "smtp" {
		t.Errorf("restored lines: %+v", d)
	}
	arrive(s.Daily(old), known[:4]...)
	clean := s.Beside("clean")
	clean.Run()
	settledAgainst(t, s, clean)
}
