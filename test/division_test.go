package test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

var unevenStart = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// unevenLog is four days of mail with empty nights, an empty day, and a burst of a few minutes.
func unevenLog(t *testing.T) []loggen.Line {
	t.Helper()
	var lines []loggen.Line
	for i, some := range []struct {
		hour, messages int
		span           time.Duration
	}{{9, 120, 8 * time.Hour}, {33, 120, 8 * time.Hour}, {37, 170, 10 * time.Minute}, {81, 120, 9 * time.Hour}} {
		lines = append(lines, generate(t, loggen.Config{
			Seed: uint64(70 + i), Messages: some.messages, Span: some.span, Start: unevenStart.Add(time.Duration(some.hour) * time.Hour), ReuseIDs: 0.1,
		}).lines...)
	}
	return lines
}

// unevenDays are the days of that log, with room at both ends for what takes days.
const unevenFrom, unevenTo = "2026-02-27", "2026-03-12"

// inPart is a call of backfill for one part of those days.
func inPart(i, n int, more ...string) []string {
	return append([]string{"backfill", "--json", "--from", unevenFrom, "--to", unevenTo, "--shard", fmt.Sprintf("%d/%d", i, n)}, more...)
}

// eachPart does all parts, one after the other in some order or all at once, and returns their reports in the order of the parts.
func eachPart(s *site.Site, n int, together bool) []site.Report {
	s.T.Helper()
	reports := make([]site.Report, n)
	var all sync.WaitGroup
	for _, i := range rand.Perm(n) {
		do := func() { reports[i] = s.Report(s.Call(inPart(i+1, n)...)) }
		if together {
			all.Go(do)
		} else {
			do()
		}
	}
	all.Wait()
	return reports
}

// adjoining wants the parts to follow each other without a gap, from the beginning of the days to their end. It returns
// how many lines they read together.
func adjoining(t *testing.T, parts []site.Report) (lines int) {
	t.Helper()
	at, err := time.Parse(time.DateOnly, unevenFrom)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range parts {
		lines += r.Lines
		if r.Part == nil || r.Part.Number != i+1 || r.Part.Of != len(parts) || !r.Part.From.Equal(at) || r.Part.To.Before(at) || r.More {
			t.Fatalf("part %d of %d from %v: %+v", i+1, len(parts), at, r)
		}
		at = r.Part.To
	}
	if end := at.AddDate(0, 0, -1).Format(time.DateOnly); end != unevenTo || at != at.Truncate(24*time.Hour) {
		t.Errorf("the last part ends at %v, want the end of %s", at, unevenTo)
	}
	return lines
}

// A backfill in parts leaves what one backfill leaves, and reads what it reads, in equal parts.
func TestBackfillInParts(t *testing.T) {
	s := site.New(t)
	s.Index(s.Shipped(loggen.LayoutSyslog, unevenLog(t)...))
	clean := s.Beside("clean")
	whole := clean.Backfill(unevenFrom, unevenTo)
	for _, way := range []struct {
		n        int
		together bool
	}{{2, true}, {3, false}, {7, true}, {7, false}} {
		t.Run(fmt.Sprintf("%d, together %v", way.n, way.together), func(t *testing.T) {
			p := s.Beside(fmt.Sprintf("parts%d%v", way.n, way.together))
			p.T = t
			state := len(p.Search(p.State))
			if r := p.Report(p.Must(inPart(2, way.n, "--dry-run")...)); r.Part == nil || r.Lines == 0 || len(p.Search(p.State)) != state {
				t.Errorf("a dry run: %+v, and %d documents in the state index, %d before", r, len(p.Search(p.State)), state)
			}
			parts := eachPart(p, way.n, way.together)
			if lines := adjoining(t, parts); lines != whole.Lines {
				t.Errorf("%d lines were read, want %d", lines, whole.Lines)
			}
			for i, r := range parts {
				if share := float64(r.Lines) * float64(way.n) / float64(whole.Lines); share < 0.97 || share > 1.03 {
					t.Errorf("part %d has %d of %d lines, %.2f of its share", i+1, r.Lines, whole.Lines, share)
				}
			}
			site.Same(t, "in parts and as one", site.Identified(p.Documents()), site.Identified(clean.Documents()))
			again := p.Report(p.Must(inPart(way.n, way.n)...))
			if last := parts[way.n-1]; *again.Part != *last.Part || again.Lines != last.Lines || again.Created+again.Updated+again.Deleted != 0 {
				t.Errorf("a part for a second time: %+v, want that of %+v and nothing written", again, last)
			}
		})
	}
}

// A part names itself, also where it fails.
func TestBackfillPartIsNamed(t *testing.T) {
	s := site.New(t)
	s.Index(s.Shipped(loggen.LayoutSyslog, unevenLog(t)[:200]...))
	o := s.Must("backfill", "--from", unevenFrom, "--to", unevenTo, "--shard", "1/2")
	if !strings.HasPrefix(o.Stdout, "backfill part 1 of 2, 2026-02-27T00:00:00Z to 2026-03-02T") {
		t.Errorf("the report is %q", o.Stdout)
	}
	gone := *s
	gone.Source = s.Source + "none-"
	if o := gone.Call("backfill", "--from", unevenFrom, "--to", unevenTo, "--shard", "2/2"); o.Code != 1 || !strings.Contains(o.Stderr, "part 2 of 2: ") {
		t.Errorf("without a source: exit %d\n%s", o.Code, o.Stderr)
	}
}

// The pods of an Indexed Job do the parts.
func TestBackfillInPods(t *testing.T) {
	s := site.New(t)
	s.Index(s.Shipped(loggen.LayoutSyslog, unevenLog(t)...))
	reports := make([]site.Report, 3)
	for i := range reports {
		pod := *s
		pod.Env = append(pod.Env, "POSTWEAVE_SHARDS=3", fmt.Sprintf("JOB_COMPLETION_INDEX=%d", i))
		reports[i] = pod.Backfill(unevenFrom, unevenTo)
	}
	clean := s.Beside("clean")
	if lines, whole := adjoining(t, reports), clean.Backfill(unevenFrom, unevenTo); lines != whole.Lines {
		t.Errorf("%d lines were read, want %d", lines, whole.Lines)
	}
	site.Same(t, "in pods and as one", site.Identified(s.Documents()), site.Identified(clean.Documents()))
}

// Lines arrive while the parts are started, at places that would move every edge. The parts are those that the first
// worker made: no line that was there before falls between two of them, and when all were run again, none at all.
func TestBackfillPartsWhileLinesArrive(t *testing.T) {
	s := site.New(t)
	docs := s.Shipped(loggen.LayoutSyslog, unevenLog(t)...)
	random := rand.New(rand.NewPCG(7, 7))
	var first, later []site.Raw
	for i, d := range docs {
		if i < len(docs)*3/4 == (random.IntN(10) < 8) { // mostly early ones at first
			first = append(first, d)
		} else {
			later = append(later, d)
		}
	}
	s.Index(first)
	before := s.Beside("before")
	before.Backfill(unevenFrom, unevenTo)
	const n = 4
	reports := make([]site.Report, n)
	for i, part := range []int{3, 1, 4, 2} {
		reports[part-1] = s.Report(s.Must(inPart(part, n)...))
		if i < n-1 {
			s.Index(later[i*len(later)/(n-1) : (i+1)*len(later)/(n-1)])
		}
	}
	if lines := adjoining(t, reports); lines < len(first) {
		t.Errorf("%d lines were read, and %d were there before", lines, len(first))
	}
	missing := keysOf(t, before.Documents())
	for key := range keysOf(t, s.Documents()) {
		delete(missing, key)
	}
	if len(missing) > 0 {
		t.Errorf("%d messages are missing of those whose lines were there before", len(missing))
	}
	again := eachPart(s, n, true)
	for i := range again {
		if *again[i].Part != *reports[i].Part {
			t.Errorf("part %d has moved: %+v, before %+v", i+1, again[i].Part, reports[i].Part)
		}
	}
	clean := s.Beside("clean")
	whole := clean.Backfill(unevenFrom, unevenTo)
	if lines := adjoining(t, again); lines != whole.Lines {
		t.Errorf("%d lines were read again, want %d", lines, whole.Lines)
	}
	site.Same(t, "in parts while lines arrived, and as one", site.Identified(s.Documents()), site.Identified(clean.Documents()))
}

// keysOf are the documents' servers and queue ids, and the ids of rejects.
func keysOf(t *testing.T, docs []site.Stored) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, d := range docs {
		var doc struct {
			Host    struct{ Name string }
			QueueID string `json:"queue_id"`
		}
		if err := json.Unmarshal(d.Source, &doc); err != nil {
			t.Fatal(err)
		}
		if doc.QueueID == "" {
			doc.QueueID = d.ID
		}
		out[doc.Host.Name+" "+doc.QueueID] = true
	}
	return out
}

// A part that is killed goes on where it stood, in its own part, while the others are done.
func TestBackfillPartIsKilled(t *testing.T) {
	s := site.New(t)
	s.Index(s.Shipped(loggen.LayoutSyslog, unevenLog(t)...))
	p := newProxy(t, s)
	c, _, stderr := s.Through(p.url).Command(inPart(1, 2)...)
	var once sync.Once
	var first atomic.Int64 // saves before the first slice with lines was done
	dead := make(chan struct{})
	p.afterBulk = func(saves int) {
		if first.CompareAndSwap(0, int64(saves)) || saves == int(first.Load()) {
			return
		}
		once.Do(func() { _ = c.Process.Kill() })
		<-dead
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	err := c.Wait()
	close(dead)
	if code := site.ExitCodeOf(t, err); code != -1 {
		t.Fatalf("exit %d before the kill\n%s", code, stderr)
	}
	second := s.Report(s.Must(inPart(2, 2)...))
	rest := s.Report(s.Must(inPart(1, 2)...))
	adjoining(t, []site.Report{rest, second})
	if rest.Lines == 0 || rest.Lines > second.Lines*9/10 || !strings.Contains(strings.Join(rest.Notes, " "), "where this backfill was broken off") {
		t.Errorf("what was left of the part that was killed: %+v; the other one %+v", rest, second)
	}
	clean := s.Beside("clean")
	clean.Backfill(unevenFrom, unevenTo)
	site.Same(t, "killed part and clean backfill", site.Identified(s.Documents()), site.Identified(clean.Documents()))
}

// Parts may be empty, and the range too.
func TestBackfillInPartsOfLittle(t *testing.T) {
	long := unevenLog(t)
	burst := long[len(long)/2 : len(long)/2+300]
	for name, c := range map[string]struct {
		lines []loggen.Line
		empty int // parts without a line
	}{
		"nothing in the range": {site.TextLines("mx1", unevenStart.AddDate(-1, 0, 0), "smtpd", "3A9C96093D: client=a.example[192.0.2.1]"), 5},
		"fewer lines than parts": {site.TextLines("mx1", unevenStart,
			"smtpd", "3A9C96093D: client=a.example[192.0.2.1]", "qmgr", "3A9C96093D: from=<a@example.com>, size=1, nrcpt=1 (queue active)", "qmgr", "3A9C96093D: removed"), 2},
		"one moment": {func() []loggen.Line {
			lines := slices.Clone(burst)
			for i := range lines {
				lines[i].Time = unevenStart
			}
			return lines
		}(), 4},
	} {
		t.Run(name, func(t *testing.T) {
			s := site.New(t)
			s.Index(s.Shipped(loggen.LayoutSyslog, c.lines...))
			parts := eachPart(s, 5, true)
			lines := adjoining(t, parts)
			empty := 0
			for _, r := range parts {
				if r.Lines == 0 {
					empty++
				}
			}
			clean := s.Beside("clean")
			if whole := clean.Backfill(unevenFrom, unevenTo); lines != whole.Lines || empty != c.empty {
				t.Errorf("%d lines, and %d parts without any; want %d and %d", lines, empty, whole.Lines, c.empty)
			}
			if c.empty < 5 {
				site.Same(t, "in parts and as one", site.Identified(s.Documents()), site.Identified(clean.Documents()))
			}
		})
	}
}

// Indices that are read by different fields, and lines that are no mail's, are divided as they are read.
func TestBackfillInPartsOfSeveralLayouts(t *testing.T) {
	s := site.New(t)
	lines := unevenLog(t)
	other := slices.Clone(lines[:2000]) // of the first day, and not read
	for i := range other {
		other[i].Program, other[i].Text = "cron", "a job"
	}
	s.Index(s.Shipped(loggen.LayoutSyslog, slices.Concat(lines[:len(lines)/2], other)...))
	docs := s.Shipped(loggen.LayoutPlain, lines[len(lines)/2:]...)
	for i := range docs {
		docs[i].Index += "-plain"
	}
	s.Index(docs)
	parts := eachPart(s, 3, false)
	total := adjoining(t, parts)
	for i, r := range parts {
		if share := float64(r.Lines) * 3 / float64(total); share < 0.97 || share > 1.03 {
			t.Errorf("part %d has %d of %d lines", i+1, r.Lines, total)
		}
	}
	clean := s.Beside("clean")
	if whole := clean.Backfill(unevenFrom, unevenTo); whole.Lines != total {
		t.Errorf("%d lines in parts, %d as one", total, whole.Lines)
	}
	site.Same(t, "in parts and as one", site.Identified(s.Documents()), site.Identified(clean.Documents()))
}

// A division that cannot be right ends a part with what to do: others may have gone by it when it was.
func TestDamagedDivisionOfABackfill(t *testing.T) {
	s := site.New(t)
	s.Index(s.Shipped(loggen.LayoutSyslog, unevenLog(t)...))
	s.Must(inPart(1, 3)...)
	var division site.Stored
	for _, d := range s.Search(s.State) {
		if strings.HasPrefix(d.ID, "division-") {
			division = d
		}
	}
	at := "/" + s.State + "/_doc/" + division.ID
	for what, spoil := range map[string]func(payload map[string]any){
		"cuts in another order":   func(p map[string]any) { slices.Reverse(p["cuts"].([]any)) },
		"a cut before the range":  func(p map[string]any) { p["cuts"].([]any)[0] = "2020-01-01T00:00:00Z" },
		"a cut behind the range":  func(p map[string]any) { p["cuts"].([]any)[1] = "2030-01-01T00:00:00Z" },
		"too few cuts":            func(p map[string]any) { p["cuts"] = p["cuts"].([]any)[:1] },
		"another range":           func(p map[string]any) { p["from"] = "2026-02-01T00:00:00Z" },
		"another number of parts": func(p map[string]any) { p["parts"] = 4 },
		"no times":                func(p map[string]any) { p["cuts"] = "x" },
		"nothing":                 func(p map[string]any) { clear(p) },
	} {
		var doc map[string]any
		if err := json.Unmarshal(division.Source, &doc); err != nil {
			t.Fatal(err)
		}
		spoil(doc["payload"].(map[string]any))
		s.ES(http.MethodPut, at, doc, nil)
		before := s.Cursor()
		o := s.Call(inPart(2, 3)...)
		if o.Code != 1 || !strings.Contains(o.Stderr, division.ID+" is damaged") || !strings.Contains(o.Stderr, "delete that document and run all parts again") {
			t.Errorf("%s: exit %d\n%s", what, o.Code, o.Stderr)
		}
		if s.Cursor() != before {
			t.Errorf("%s: the state was changed", what)
		}
	}
	s.ES(http.MethodDelete, at, nil, nil)
	adjoining(t, eachPart(s, 3, true))
	clean := s.Beside("clean")
	clean.Backfill(unevenFrom, unevenTo)
	site.Same(t, "in parts and as one", site.Identified(s.Documents()), site.Identified(clean.Documents()))
}
