package badinput

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// saved is a document of the state index.
type saved struct {
	id     string
	source map[string]any
}

func savedOf(t *testing.T, s *site.Site, kind string) saved {
	t.Helper()
	for _, d := range s.Search(s.State) {
		var x map[string]any
		if err := json.Unmarshal(d.Source, &x); err != nil {
			t.Fatal(err)
		}
		if x["kind"] == kind {
			return saved{d.ID, x}
		}
	}
	t.Fatalf("the state holds no %s", kind)
	return saved{}
}

// Whatever stands where the cursor should: the run is refused with advice, or reads again what it may
// have read. It never goes on from now, and no document is another one.
func TestCursorsThatAreOdd(t *testing.T) {
	s := site.New(t)
	r := &row{number: 54}
	s.Index(s.Shipped(loggen.LayoutSyslog, r.neighbour()...))
	s.Run()
	good := savedOf(t, s, "cursor")
	before := site.Identified(s.Documents())
	shard := func(changes map[string]any) any {
		var payload map[string]any
		text, err := json.Marshal(good.source["payload"])
		if err != nil || json.Unmarshal(text, &payload) != nil {
			t.Fatal(err)
		}
		one := payload["shards"].([]any)[0].(map[string]any)
		for name, value := range changes {
			one[name] = value
		}
		return payload
	}
	lines := 0
	for name, c := range map[string]struct {
		payload any
		refused bool
	}{
		"no payload":                  {nil, false},
		"a text":                      {"from now on", true},
		"a list":                      {[]any{1}, true},
		"a number for the shards":     {map[string]any{"shards": 7}, true},
		"a text for a place":          {shard(map[string]any{"seq_no": "last"}), true},
		"beyond any number":           {shard(map[string]any{"seq_no": json.Number("99999999999999999999")}), true},
		"nothing in it":               {map[string]any{}, false},
		"of a later schema":           {map[string]any{"schema": 99, "places": []any{}}, false},
		"negative":                    {shard(map[string]any{"seq_no": -2}), false},
		"as negative as can be":       {shard(map[string]any{"seq_no": json.Number("-9223372036854775808")}), false},
		"ahead of what there is":      {shard(map[string]any{"seq_no": json.Number("9223372036854775807")}), false},
		"a first run that never ends": {shard(map[string]any{"seq_no": -1, "first_to": json.Number("9223372036854775807"), "since": "9999-01-01T00:00:00Z"}), false},
		"of another index":            {shard(map[string]any{"uuid": "AAAAAAAAAAAAAAAAAAAAAA"}), false},
		"of another history":          {shard(map[string]any{"history": "AAAAAAAAAAAAAAAAAAAAAA"}), false},
		"of a shard that is none":     {shard(map[string]any{"shard": 99}), false},
		"a name that is a path":       {shard(map[string]any{"index": "../_all/_delete?x=#"}), false},
	} {
		t.Run(name, func(t *testing.T) {
			s := *s
			s.T = t
			source := map[string]any{"kind": "cursor", "source": good.source["source"], "target": good.source["target"], "payload": c.payload}
			if c.payload == nil {
				delete(source, "payload")
				c.refused = true
			}
			s.ES(http.MethodPut, "/"+s.State+"/_doc/"+url.PathEscape(good.id)+"?refresh=true", source, nil)
			// A line that only a run from the beginning finds, and one that is new.
			lines++
			fresh := of(r.host(), someID, "qmgr", "remark")
			fresh[0].Time = start.Add(time.Duration(lines) * time.Second)
			s.Index(s.Shipped(loggen.LayoutSyslog, fresh...))
			if c.refused {
				o := s.Call("run", "--json")
				if o.Code != 1 || !strings.Contains(o.Stderr, "its document is damaged") || !strings.Contains(o.Stderr, "--reset-cursor") {
					t.Errorf("exit %d: %s", o.Code, o.Stderr)
				}
				s.Must("run", "--json", "--reset-cursor")
			} else {
				s.Run()
			}
			docs := s.Documents()
			mine := 0
			for _, d := range docs {
				if strings.Contains(string(d.Source), `"queue_id":"`+someID+`"`) {
					mine++
					if !strings.Contains(string(d.Source), `"lines":`+json.Number(itoa(lines)).String()+`,`) {
						t.Errorf("a line is missing: %.400s", d.Source)
					}
				}
			}
			if mine != 1 || len(docs) != len(before)+1 {
				t.Errorf("%d documents, %d of them of the new message", len(docs), mine)
			}
			if !strings.Contains(strings.Join(site.Identified(docs), "\n"), before[0]) {
				t.Error("the neighbour's document is another one")
			}
			o := s.Must("run", "--json")
			if again := s.Report(o); again.Lines != 0 {
				t.Errorf("the run after it reads %d lines again", again.Lines)
			}
		})
	}
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

// What a backfill left of its position is believed only where it lies in the range: a position behind its end
// would leave out what nobody has read.
func TestPositionsOfABackfillThatAreOdd(t *testing.T) {
	s := site.New(t)
	r := &row{number: 54}
	s.Index(s.Shipped(loggen.LayoutSyslog, r.neighbour()...))
	const from, to = "2026-03-20T11:00:00Z", "2026-03-20T13:30:00Z"
	seen := record(t, s)
	s.Through(seen.url).Backfill(from, to)
	_, id, found := strings.Cut(seen.path(http.MethodPut, "/_doc/backfill-"), "/_doc/")
	if !found {
		t.Fatal("the backfill kept no position")
	}
	for name, payload := range map[string]any{
		"behind the end":   map[string]any{"from": from, "to": to, "done": "9999-01-01T00:00:00Z"},
		"before the start": map[string]any{"from": from, "to": to, "done": "0001-01-01T00:00:00Z"},
		"of another range": map[string]any{"from": "2026-01-01T00:00:00Z", "to": to, "done": to},
		"a text":           "yesterday",
		"nothing in it":    map[string]any{},
	} {
		t.Run(name, func(t *testing.T) {
			s := *s
			s.T = t
			for _, d := range s.Documents() {
				s.ES(http.MethodDelete, "/"+s.Target+"-000001/_doc/"+d.ID+"?refresh=true", nil, nil)
			}
			s.ES(http.MethodPut, "/"+s.State+"/_doc/"+url.PathEscape(id)+"?refresh=true",
				map[string]any{"kind": "backfill", "source": s.Source + "*", "target": s.Target, "payload": payload}, nil)
			report := s.Backfill(from, to)
			if report.Lines != len(r.neighbour()) || report.Created != 1 {
				t.Errorf("%d lines, %d documents: %v", report.Lines, report.Created, report.Notes)
			}
			if len(report.Notes) == 0 && name != "nothing in it" {
				t.Error("nothing is said of it")
			}
		})
	}
}
