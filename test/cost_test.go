package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// counted runs once through a proxy and returns how many requests of each kind it took.
func counted(s *site.Site) (kinds map[string]int, all int, r site.Report) {
	s.T.Helper()
	t, ok := s.T.(*testing.T)
	if !ok {
		s.T.Fatal("not a test")
	}
	p := newProxy(t, s)
	kinds = map[string]int{}
	var mu sync.Mutex
	p.alter = func(q *http.Request, answer []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		all++
		kinds[kindOf(s, q)]++
		return answer
	}
	r = s.Through(p.url).Run()
	mu.Lock()
	defer mu.Unlock()
	var out []string
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		out = append(out, fmt.Sprintf("%s %d", k, kinds[k]))
	}
	s.T.Logf("%d requests: %s", all, strings.Join(out, ", "))
	return kinds, all, r
}

// kindOf is a request without the names of indices.
func kindOf(s *site.Site, r *http.Request) string {
	path := strings.NewReplacer(s.Target, "target", s.State, "state", s.Source, "source").Replace(r.URL.Path)
	if at := strings.LastIndex(path, "/_"); at >= 0 {
		verb, _, _ := strings.Cut(path[at+1:], "/")
		first, _, _ := strings.Cut(strings.Trim(path[:at], "/"), "-")
		if strings.HasPrefix(first, "source") {
			first = "source"
		}
		return r.Method + " " + first + " " + verb
	}
	return r.Method + " " + path
}

// A run that finds nothing new makes at most six requests, however many indices
// and documents there are. New lines cost what they cost, and not more for the indices that have none.
func TestIdleCost(t *testing.T) {
	const most = 6
	s := site.New(t)
	s.Index(s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "1A2B3C4D5E6", march)...))
	s.Run()
	idle := func(what string) {
		t.Helper()
		t.Log(what)
		if _, all, r := counted(s); all > most || r.Lines != 0 {
			t.Errorf("%s: %d requests, want %d at most; %d lines", what, all, most, r.Lines)
		}
	}
	idle("idle, 1 index")
	s.Index(s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "2A2B3C4D5E6", march.Add(time.Hour))...))
	t.Log("new lines in the only index")
	_, alone, r := counted(s)
	if r.Created != 1 {
		t.Errorf("new lines: %+v", r)
	}

	var days []site.Raw
	for day := 1; day < 60; day++ {
		at := march.AddDate(0, 0, -day)
		days = append(days, s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", loggen.LongID(at, 7), at)...)...)
	}
	s.Index(days)
	s.Run()
	idle("idle, 60 indices")
	s.Index(s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "3A2B3C4D5E6", march.Add(2*time.Hour))...))
	t.Log("new lines in one of 60 indices")
	if _, all, r := counted(s); all != alone || r.Created != 1 {
		t.Errorf("new lines in one of 60 indices: %d requests, %d with one index alone: %+v", all, alone, r)
	}

	// The states of other sources and targets lie in the same index.
	var states strings.Builder
	for i := range 300 {
		fmt.Fprintf(&states, "{\"index\":{\"_index\":%q,\"_id\":\"cursor-other-%d\"}}\n{\"kind\":\"cursor\",\"source\":\"other\",\"target\":\"other-%d\"}\n", s.State, i, i)
	}
	s.ES(http.MethodPost, "/_bulk?refresh=true", []byte(states.String()), nil)
	idle("idle, 300 documents in the state")
}

// Two runs at once: the one whose cursor was moved by the other discards its own and says so. The stored cursor is that of
// the run that went further, and nothing is missing.
func TestCursorIsNeverMovedBack(t *testing.T) {
	s := site.New(t)
	first, second := site.Mail("mx1", "1A2B3C4D5E6", march), site.Mail("mx1", "2A2B3C4D5E6", march.Add(time.Hour))
	s.Index(s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "3A2B3C4D5E6", march.Add(-time.Hour))...))
	s.Run() // leaves a cursor
	s.Index(s.Shipped(loggen.LayoutSyslog, first...))
	p := newProxy(t, s)
	var after string
	var once sync.Once
	p.afterBulk = func(int) {
		once.Do(func() {
			// The slower run has written its documents and not moved its cursor. Its lease gets lost: without one, nothing but the cursor's own
			// condition keeps the two apart.
			for _, d := range s.Search(s.State) {
				if strings.HasPrefix(d.ID, "lease-") {
					s.ES(http.MethodDelete, "/"+s.State+"/_doc/"+d.ID, nil, nil)
				}
			}
			s.Index(s.Shipped(loggen.LayoutSyslog, second...))
			s.Run()
			after = s.Cursor()
		})
	}
	o := s.Through(p.url).Must("run", "--json")
	var r site.Report
	if err := json.Unmarshal([]byte(o.Stdout), &r); err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(r.Notes, "\n"); !r.More || !strings.Contains(notes, "moved the cursor") {
		t.Errorf("the slower run does not say that it lost the cursor's race: %s", o.Stdout)
	}
	if after == "" || s.Cursor() != after {
		t.Errorf("the cursor was %s and is %s", after, s.Cursor())
	}
	if r := s.Run(); r.Lines != 0 {
		t.Errorf("a run after both reads %d lines", r.Lines)
	}
	if got := s.Documents(); len(got) != 3 {
		t.Errorf("%d documents, want 3", len(got))
	}
}
