package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"

	"github.com/postweave/postweave/test/site"
)

var march = time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)

// ids lists the queue ids of the target's messages.
func ids(s *site.Site) string {
	s.T.Helper()
	var ids []string
	for _, d := range decoded(s.T, site.Sources(s.Documents())) {
		ids = append(ids, d.QueueID)
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// The first run leaves out what is older than the horizon; backfill brings it.
// After that every line that arrives is read, however old its stamp is, into an old index
// or into one that is new.
func TestLateLinesArePickedUp(t *testing.T) {
	s := site.New(t)
	const young, old, older, ancient = "1A2B3C4D5E6", "2A2B3C4D5E6", "3A2B3C4D5E6", "4A2B3C4D5E6"
	oldMail := site.Mail("mx1", old, march.AddDate(0, 0, -9))
	olderMail := site.Mail("mx1", older, march.AddDate(0, 0, -8))
	youngMail := site.Mail("mx1", young, march)
	s.Index(s.Shipped(loggen.LayoutSyslog, youngMail...))
	s.Index(s.Shipped(loggen.LayoutSyslog, oldMail...))
	s.Run()
	if got := ids(s); got != young {
		t.Fatalf("a first run brings %s, want only what is within the horizon", got)
	}
	if s.Run(); ids(s) != young {
		t.Error("a second run brings what the first one left out")
	}
	s.Backfill("2026-03-11", "2026-03-11")
	if got := ids(s); got != young+" "+old {
		t.Fatalf("after backfill: %s", got)
	}

	docs := s.Shipped(loggen.LayoutSyslog, olderMail...)
	s.Index(docs[:4]) // into an index that appears only now
	if r := s.Run(); r.Created != 1 || r.Lines != 4 {
		t.Errorf("old lines in a new index: %+v", r)
	}
	oldIndex := s.Daily(march.AddDate(0, 0, -9))
	for i := range docs {
		docs[i].Index = oldIndex
	}
	s.Index(docs[4:]) // into one that the first run left out in part
	if r := s.Run(); r.Updated != 1 || r.Lines != 2 {
		t.Errorf("old lines in an old index: %+v", r)
	}
	last := s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", ancient, march.AddDate(-2, 0, 0))...)
	for i := range last {
		last[i].Index = s.Daily(march)
	}
	s.Index(last) // two years late, into the youngest
	if r := s.Run(); r.Created != 1 || r.Lines != 6 {
		t.Errorf("lines two years late: %+v", r)
	}
	for _, d := range decoded(t, site.Sources(s.Documents())) {
		if !d.Complete || d.Lines != 6 || d.Status != "sent" {
			t.Errorf("%s: complete %v, %d lines, %s", d.QueueID, d.Complete, d.Lines, d.Status)
		}
	}
	clean := s.Beside("clean")
	clean.Backfill("2024-01-01", "2026-03-31")
	site.Same(t, "late lines and one backfill", site.Identified(s.Documents()), site.Identified(clean.Documents()))
}

// A message takes late lines however old its document is: what was open ends, and
// what was gone without a word of where to is told.
func TestLateLinesOfAnOldDocument(t *testing.T) {
	s := site.New(t)
	const waiting, gone = "1A2B3C4D5E6", "2A2B3C4D5E6"
	old := march.AddDate(0, 0, -60)
	first, second := site.Mail("mx1", waiting, old), site.Mail("mx1", gone, old)
	s.Index(s.Shipped(loggen.LayoutSyslog, first[:4]...))
	s.Index(s.Shipped(loggen.LayoutSyslog, append(slices.Clone(second[:4]), second[5])...))
	s.Run()
	s.Index(s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "3A2B3C4D5E6", march)...)) // the present moves on
	s.Run()
	say := func(want ...string) {
		t.Helper()
		var got []string
		for _, d := range site.Sources(s.Documents()) {
			var x struct {
				QueueID  string `json:"queue_id"`
				Status   string
				Open     bool
				Warnings []string
			}
			if err := json.Unmarshal([]byte(d), &x); err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprint(x.QueueID, " ", x.Status, " ", x.Open, " ", x.Warnings))
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	say(waiting+" queued true []", gone+" queued false [outcome_unknown]", "3A2B3C4D5E6 sent false []")
	for i, d := range s.Shipped(loggen.LayoutSyslog, first[4], first[5], second[4]) {
		if i == 0 {
			d.Index = s.Daily(march) // by its arrival
		}
		s.Index([]site.Raw{d})
	}
	if r := s.Run(); r.Updated == 0 || r.Created != 0 {
		t.Errorf("late lines of old documents: %+v", r)
	}
	say(waiting+" sent false []", gone+" sent false []", "3A2B3C4D5E6 sent false []")
	clean := s.Beside("clean")
	clean.Backfill("2026-01-01", "2026-03-31")
	site.Same(t, "late lines and one backfill", site.Identified(s.Documents()), site.Identified(clean.Documents()))
}

// An index that is made anew under its old name is read from its beginning, and
// no document loses a line with it.
func TestIndexMadeAnew(t *testing.T) {
	s := site.New(t)
	lines := site.Mail("mx1", "1A2B3C4D5E6", march)
	s.Index(s.Shipped(loggen.LayoutSyslog, lines[:4]...))
	s.Run()
	s.ES(http.MethodDelete, "/"+s.Daily(march), nil, nil)
	s.Index(s.Shipped(loggen.LayoutSyslog, lines[4:]...))
	if r := s.Run(); r.Updated != 1 || r.Lines != 2 {
		t.Errorf("%+v", r)
	}
	if d := decoded(t, site.Sources(s.Documents())); len(d) != 1 || d[0].Lines != 6 || !d[0].Complete {
		t.Errorf("%+v", d)
	}
}

// A message is one document, however its lines lie in indices, and says whether
// its beginning and its end were seen. Lines that come later make it whole.
func TestMessageInSeveralIndices(t *testing.T) {
	s := site.New(t)
	type part struct {
		what           string
		from, to       int // lines that are there at first
		origin         string
		complete, open bool
	}
	parts := []part{
		{"whole", 0, 6, "smtp", true, false},
		{"without its first lines", 3, 6, "unknown", true, false},
		{"without its last line", 0, 5, "smtp", false, true},
		{"without first and last", 3, 5, "unknown", false, true},
		{"its last line alone", 5, 6, "unknown", true, false},
		{"its first line alone", 0, 1, "smtp", false, true},
	}
	var now, later []site.Raw
	want := map[string]part{}
	add := func(host, id string, at time.Time, p part) {
		want[host+" "+id] = p
		for i, d := range s.Shipped(loggen.LayoutSyslog, site.Mail(host, id, at)...) {
			d.Index = s.Daily(march.AddDate(0, 0, -i%5)) // each line in an index of another day
			if i >= p.from && i < p.to {
				now = append(now, d)
			} else {
				later = append(later, d)
			}
		}
	}
	for i, p := range parts {
		at := march.Add(time.Duration(i) * time.Minute)
		add("mx1", loggen.ShortID(at.Add(123456*time.Microsecond), uint64(1000+i)), at, p)
		add("mx2", loggen.LongID(at.Add(123456*time.Microsecond), uint64(1000+i)), at, p)
	}
	s.Index(now)
	s.Run()
	docs := decoded(t, site.Sources(s.Documents()))
	if len(docs) != len(want) {
		t.Fatalf("%d documents, want %d", len(docs), len(want))
	}
	for _, d := range docs {
		p := want[d.Host.Name+" "+d.QueueID]
		if d.Origin != p.origin || d.Complete != p.complete || d.Open != p.open || d.Lines != p.to-p.from {
			t.Errorf("%s %s, %s: origin %s, complete %v, open %v, %d lines", d.Host.Name, d.QueueID, p.what, d.Origin, d.Complete, d.Open, d.Lines)
		}
	}
	s.Index(later)
	s.Run()
	for _, d := range decoded(t, site.Sources(s.Documents())) {
		if d.Origin != "smtp" || !d.Complete || d.Open || d.Lines != 6 {
			t.Errorf("%s %s, whole at last: origin %s, complete %v, open %v, %d lines", d.Host.Name, d.QueueID, d.Origin, d.Complete, d.Open, d.Lines)
		}
	}
	clean := s.Beside("clean")
	clean.Run()
	site.Same(t, "in two parts and at once", site.Identified(s.Documents()), site.Identified(clean.Documents()))
}
