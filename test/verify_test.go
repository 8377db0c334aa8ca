package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// verified is what verify printed: its list, and its report as the last line.
type verified struct {
	code   int
	kinds  []string // "missing 3A9C96093D", sorted
	report struct {
		Lines, Keys, Documents, Differences, Mended, Spared int
		Created, Updated, Deleted                           int
		Command                                             string
		More                                                bool
	}
}

// verifySite runs verify over the days that this file's logs are of.
func verifySite(s *site.Site, args ...string) (v verified) {
	s.T.Helper()
	o := s.Call(append([]string{"verify", "--json", "--from", "2026-03-01", "--to", "2026-03-15"}, args...)...)
	v.code = o.Code
	rows := strings.Split(strings.TrimSpace(o.Stdout), "\n")
	if err := json.Unmarshal([]byte(rows[len(rows)-1]), &v.report); err != nil || v.report.Command != "verify" {
		s.T.Fatalf("exit %d, no report: %v\n%s%s", o.Code, err, o.Stdout, o.Stderr)
	}
	for _, row := range rows[:len(rows)-1] {
		var d struct {
			Kind, Host, ID string
			QueueID        string `json:"queue_id"`
		}
		if err := json.Unmarshal([]byte(row), &d); err != nil {
			s.T.Fatalf("%q: %v", row, err)
		}
		v.kinds = append(v.kinds, strings.TrimSpace(d.Kind+" "+d.QueueID))
	}
	slices.Sort(v.kinds)
	return v
}

// hospital is a site with a merged log, whose documents can be hurt.
type hospital struct {
	*site.Site
	healthy []site.Stored
}

func newHospital(t *testing.T, seed uint64, messages int) (hospital, generated) {
	t.Helper()
	s := site.New(t)
	log := generate(t, loggen.Config{Seed: seed, Messages: messages, Span: 60 * time.Hour, ShortIDs: true, ReuseIDs: 0.1})
	s.Index(s.Shipped(loggen.LayoutSyslog, log.lines...))
	s.Backfill("2026-03-01", "2026-03-15")
	return hospital{s, s.Documents()}, log
}

// pick returns healthy documents that contain all parts of a queue id that has
// no other.
func (h hospital) pick(n int, parts ...string) []site.Stored {
	h.T.Helper()
	ids := map[string]int{}
	for _, d := range h.healthy {
		ids[queueID(h.T, d)]++
	}
	var out []site.Stored
	for _, d := range h.healthy {
		fits := queueID(h.T, d) == "" || ids[queueID(h.T, d)] == 1
		for _, p := range parts {
			fits = fits && bytes.Contains(d.Source, []byte(p))
		}
		if fits {
			out = append(out, d)
		}
	}
	if len(out) < n {
		h.T.Fatalf("%d documents with %q, want %d", len(out), parts, n)
	}
	return out[:n]
}

func queueID(t testing.TB, d site.Stored) string {
	t.Helper()
	var doc struct {
		QueueID string `json:"queue_id"`
	}
	if err := json.Unmarshal(d.Source, &doc); err != nil {
		t.Fatal(err)
	}
	return doc.QueueID
}

// alter writes a document anew as somebody does by hand, under any id.
func (h hospital) alter(d site.Stored, id string, change func(map[string]any)) {
	h.T.Helper()
	var doc map[string]any
	if err := json.Unmarshal(d.Source, &doc); err != nil {
		h.T.Fatal(err)
	}
	change(doc)
	h.ES(http.MethodPut, "/"+h.Target+"/_doc/"+id, doc, nil)
}

// hurtAll does all that can go wrong with documents and returns what verify is
// to say of it, with and without the source's lines.
func (h hospital) hurtAll() (want, own []string) {
	h.T.Helper()
	p := h.pick(8, `"kind":"message"`, `"complete":true`, `"status":"sent"`)
	id := func(i int) string { return queueID(h.T, p[i]) }
	h.ES(http.MethodDelete, "/"+h.Target+"/_doc/"+p[0].ID, nil, nil)
	want = append(want, "missing "+id(0))
	h.alter(p[1], p[1].ID, func(d map[string]any) { d["log"] = d["log"].([]any)[1:] })
	want = append(want, "incomplete "+id(1))
	own = append(own, "incomplete "+id(1)) // told of, and spared
	both := func(kind string, i int) {
		want, own = append(want, kind+" "+id(i)), append(own, kind+" "+id(i))
	}
	h.alter(p[2], p[2].ID, func(d map[string]any) { d["status"], d["from"] = "bounced", "nobody@example.org" })
	both("different", 2)
	h.alter(p[3], "AAAAAAAAAAAAAAAAAAAAAA", func(map[string]any) {})
	both("orphan", 3)
	h.alter(p[4], p[4].ID, func(d map[string]any) { d["log"], d["lines"] = d["log"].([]any)[:2], 2 })
	h.alter(p[4], "BBBBBBBBBBBBBBBBBBBBBB", func(d map[string]any) { d["log"], d["lines"] = d["log"].([]any)[2:], len(d["log"].([]any))-2 })
	both("incomplete", 4)
	both("orphan", 4)
	h.alter(p[5], p[5].ID, func(d map[string]any) {
		d["warnings"] = []string{"quarantined", "quarantined:document_parsing_exception"}
		for _, name := range []string{"from", "to", "recipients", "search", "message_id"} {
			delete(d, name)
		}
	})
	both("quarantined", 5)
	h.alter(p[6], p[6].ID, func(d map[string]any) {
		d["schema"] = 1
		delete(d, "search")
	})
	both("older_schema", 6)
	r := h.pick(3, `"kind":"reject"`)
	h.ES(http.MethodDelete, "/"+h.Target+"/_doc/"+r[0].ID, nil, nil)
	want = append(want, "missing")
	h.alter(r[1], r[1].ID, func(d map[string]any) { d["from"] = "nobody@example.org" })
	h.alter(r[2], "CCCCCCCCCCCCCCCCCCCCCC", func(map[string]any) {})
	want, own = append(want, "different", "orphan"), append(own, "different", "orphan")
	slices.Sort(want)
	slices.Sort(own)
	return want, own
}

// dropSource deletes the indices of a log's days, as retention does.
func (h hospital) dropSource(log generated) {
	h.T.Helper()
	days := map[string]bool{}
	for _, l := range log.lines {
		days[h.Daily(l.Time)] = true
	}
	for day := range days {
		h.ES(http.MethodDelete, "/"+day, nil, nil)
	}
}

// A healthy range is not written to and costs nothing but reading; each kind of
// hurt is told of without a write, and healed to the very bytes.
func TestVerifyTellsAndHeals(t *testing.T) {
	h, log := newHospital(t, 71, 400)
	for _, args := range [][]string{nil, {"--heal"}, {"--quick"}} {
		v := verifySite(h.Site, args...)
		if v.code != 0 || len(v.kinds) > 0 || v.report.Lines != len(log.lines) || v.report.Documents < len(h.healthy) && !slices.Contains(args, "--quick") {
			t.Errorf("verify %q of a healthy target: %+v; %d lines, %d documents", args, v, len(log.lines), len(h.healthy))
		}
	}
	site.SameBytes(t, "revisions after a healthy range was verified", revisions(h.Documents()), revisions(h.healthy))

	want, _ := h.hurtAll()
	hurt := revisions(h.Documents())
	for _, args := range [][]string{nil, {"--heal", "--dry-run"}} {
		v := verifySite(h.Site, args...)
		if v.code != 6 || !slices.Equal(v.kinds, want) || v.report.Differences != len(want) {
			t.Errorf("verify %q: exit %d\nfound %q\n want %q", args, v.code, v.kinds, want)
		}
		if written := v.report.Created + v.report.Updated + v.report.Deleted; written != len(want)*len(args)/2 {
			t.Errorf("verify %q counts %d documents as written", args, written)
		}
	}
	site.SameBytes(t, "revisions after verify", revisions(h.Documents()), hurt)

	if v := verifySite(h.Site, "--heal"); v.code != 0 || v.report.Mended != len(want) || !slices.Equal(v.kinds, want) {
		t.Errorf("heal: %+v", v)
	}
	site.Same(t, "healed and healthy", site.Identified(h.Documents()), site.Identified(h.healthy))
	if v := verifySite(h.Site); v.code != 0 || len(v.kinds) > 0 {
		t.Errorf("verify after heal: %+v", v)
	}
}

// The list is bounded and has no mail data; whoever lists less is told so.
func TestVerifyListsWithinItsLimit(t *testing.T) {
	h, _ := newHospital(t, 72, 200)
	want, _ := h.hurtAll()
	o := h.Call("verify", "--from", "2026-03-01", "--to", "2026-03-15", "--limit", "2", "--log-level", "debug")
	rows := strings.Split(strings.TrimSpace(o.Stdout), "\n")
	if o.Code != 6 || len(rows) != 3 || !strings.Contains(o.Stderr, fmt.Sprintf("%d differences are not listed", len(want)-2)) || !strings.Contains(rows[2], fmt.Sprintf("%d differences", len(want))) {
		t.Errorf("exit %d\n%s%s", o.Code, o.Stdout, o.Stderr)
	}
	if strings.Contains(o.Stdout+o.Stderr, "@") {
		t.Errorf("an address is repeated\n%s%s", o.Stdout, o.Stderr)
	}
	if !strings.Contains(o.Stderr, "--heal") {
		t.Errorf("nothing says what to do: %s", o.Stderr)
	}
}

// Source days that were dropped are no difference. What can be mended without
// them is, what cannot is told of and left, and nothing gets smaller.
func TestVerifyAfterSourceWasDropped(t *testing.T) {
	h, log := newHospital(t, 73, 300)
	h.dropSource(log)
	if o := h.Call("verify", "--days", "2"); o.Code != 1 || !strings.Contains(o.Stderr, "POSTWEAVE_SOURCE") {
		t.Errorf("without any source: exit %d, %s", o.Code, o.Stderr)
	}
	h.Index(h.Shipped(loggen.LayoutSyslog, site.Mail("mx9", "4jXBLW1S2Pz1SGX8", time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC))...))
	if v := verifySite(h.Site, "--heal"); v.code != 0 || len(v.kinds) > 0 || v.report.Lines != 0 || v.report.Documents < len(h.healthy) {
		t.Errorf("verify without the lines: %+v; %d documents", v, len(h.healthy))
	}
	site.SameBytes(t, "revisions after the source was dropped", revisions(h.Documents()), revisions(h.healthy))

	_, want := h.hurtAll()
	gone := map[string]bool{}
	for _, d := range []site.Stored{h.pick(1, `"kind":"message"`, `"complete":true`, `"status":"sent"`)[0], h.pick(1, `"kind":"reject"`)[0]} {
		gone[d.ID] = true
	}
	short := h.pick(2, `"kind":"message"`, `"complete":true`, `"status":"sent"`)[1].ID
	var spared []string
	for _, d := range h.Documents() {
		if d.ID == short {
			spared = revisions([]site.Stored{d})
		}
	}
	v := verifySite(h.Site, "--heal")
	if v.code != 6 || !slices.Equal(v.kinds, want) || v.report.Spared != 1 || v.report.Mended != len(want)-1 {
		t.Errorf("exit %d, %+v\nfound %q\n want %q", v.code, v.report, v.kinds, want)
	}
	left := slices.DeleteFunc(slices.Clone(h.healthy), func(d site.Stored) bool { return gone[d.ID] || d.ID == short })
	var now, kept []site.Stored
	for _, d := range h.Documents() {
		if d.ID == short {
			kept = append(kept, d)
		} else {
			now = append(now, d)
		}
	}
	site.Same(t, "mended without the source", site.Identified(now), site.Identified(left))
	site.SameBytes(t, "the document that lost a line", revisions(kept), spared)
}

// Healing and rebuilding beside runs that bring new lines: the target is in the
// end what one clean run makes of all.
func TestHealBesideLiveRuns(t *testing.T) {
	s := site.New(t)
	log := generate(t, loggen.Config{Seed: 74, Messages: 600, Span: 60 * time.Hour, ShortIDs: true, ReuseIDs: 0.15})
	docs := s.Shipped(loggen.LayoutSyslog, log.lines...)
	for round, some := range inRounds(docs, 4) {
		s.Index(some)
		h := hospital{s, s.Documents()}
		if round > 0 {
			for _, d := range h.pick(5, `"kind":"message"`) {
				h.ES(http.MethodDelete, "/"+h.Target+"/_doc/"+d.ID, nil, nil)
			}
		}
		atOnce(s, []string{"run"}, []string{"verify", "--heal", "--from", "2026-03-01", "--to", "2026-03-15"}, []string{"rebuild", "--all"}, []string{"run"})
	}
	s.Run()
	if v := verifySite(s); v.code != 0 {
		// Deleted while a run had read its other lines already: only lines that the run knew are in it.
		if v := verifySite(s, "--heal"); v.code != 0 {
			t.Errorf("%+v", v)
		}
	}
	clean := s.Beside("clean")
	clean.Run()
	site.Same(t, "healed beside runs and one run", site.Identified(s.Documents()), site.Identified(clean.Documents()))
}

// A log in parts is compared with all its parts. One that is gone comes back from
// the source; without the source the document stays as it is.
func TestVerifyLogInParts(t *testing.T) {
	s := site.New(t)
	lines := longLog("4jXBLW1S2Pz1SGX8", 12_000)
	rawLines(s, lines)
	s.Run()
	all := func() []site.Stored { return append(s.Documents(), s.Search(s.Target+"-log")...) }
	before := all()
	verifyParts := func(args ...string) site.Outcome {
		return s.Call(append([]string{"verify", "--from", "2026-11-19", "--to", "2026-11-21"}, args...)...)
	}
	if o := verifyParts("--heal"); o.Code != 0 {
		t.Errorf("exit %d\n%s%s", o.Code, o.Stdout, o.Stderr)
	}
	s.Must("rebuild", "--all")
	site.SameBytes(t, "revisions", revisions(all()), revisions(before))
	part := s.Search(s.Target + "-log")[0]
	s.ES(http.MethodDelete, "/"+s.Target+"-log/_doc/"+part.ID+"?refresh=true", nil, nil)
	if o := s.Call("rebuild", "--all"); o.Code != 6 || !strings.Contains(o.Stderr, "verify --heal") {
		t.Errorf("rebuild: exit %d\n%s%s", o.Code, o.Stdout, o.Stderr)
	}
	site.SameBytes(t, "the document whose part is gone", revisions(s.Documents()), revisions(before[:1]))
	if o := verifyParts("--heal"); o.Code != 0 || !strings.Contains(o.Stdout, "1 incomplete") {
		t.Errorf("heal: exit %d\n%s%s", o.Code, o.Stdout, o.Stderr)
	}
	site.SameBytes(t, "healed", site.Identified(all()), site.Identified(before))
}

// After fields were altered by hand, rebuild restores the very bytes from the
// documents alone: the source is gone. Killed in the middle it is completed by the next.
func TestRebuildRestoresDocuments(t *testing.T) {
	h, log := newHospital(t, 75, 150)
	h.dropSource(log)
	status, words := regexp.MustCompile(`"status":"[a-z]+"`), regexp.MustCompile(`"search":"[^"]+",`)
	alter := func() {
		for _, d := range h.healthy {
			// The text and not the object: rebuild keeps the session's counters in the order that they have.
			source := status.ReplaceAll(d.Source, []byte(`"status":"held"`))
			source = bytes.Replace(source, []byte(`"unparsed":`), []byte(`"unparsed":7`), 1)
			h.ES(http.MethodPut, "/"+h.Target+"/_doc/"+d.ID, json.RawMessage(words.ReplaceAll(source, nil)), nil)
		}
	}
	alter()
	if o := h.Must("rebuild", "--all", "--dry-run", "--json"); h.Report(o).Updated != len(h.healthy) {
		t.Errorf("dry run: %s", o.Stdout)
	}
	r := h.Report(h.Must("rebuild", "--from", "2026-03-01", "--to", "2026-03-15", "--json"))
	if r.Updated != len(h.healthy) || r.Documents != len(h.healthy) || r.Created+r.Deleted != 0 {
		t.Errorf("%+v, want %d updated", r, len(h.healthy))
	}
	site.SameBytes(t, "rebuilt", site.Identified(h.Documents()), site.Identified(h.healthy))
	before := revisions(h.Documents())
	if r := h.Report(h.Must("rebuild", "--all", "--json")); r.Unchanged != len(h.healthy) || r.Updated != 0 {
		t.Errorf("a second rebuild: %+v", r)
	}
	site.SameBytes(t, "revisions after a second rebuild", revisions(h.Documents()), before)

	alter()
	p := newProxy(t, h.Site)
	c, _, stderr := h.Through(p.url).Command("rebuild", "--all", "--max-concurrency", "1")
	var once sync.Once
	dead := make(chan struct{})
	p.afterBulk = func(int) {
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
	held := 0
	for _, d := range h.Documents() {
		if bytes.Contains(d.Source, []byte(`"status":"held"`)) {
			held++
		}
	}
	if held == 0 || held >= len(h.healthy) {
		t.Errorf("%d of %d documents are not rebuilt: it was not killed in the middle", held, len(h.healthy))
	}
	h.Must("rebuild", "--all")
	site.SameBytes(t, "rebuilt after a kill", site.Identified(h.Documents()), site.Identified(h.healthy))
}

// What a newer postweave wrote is refused by both, with its own exit code.
func TestVerifyAndRebuildRefuseNewerDocuments(t *testing.T) {
	h, _ := newHospital(t, 76, 50)
	h.alter(h.pick(1, `"kind":"message"`)[0], h.healthy[0].ID, func(d map[string]any) { d["schema"] = 99 })
	before := revisions(h.Documents())
	for _, args := range [][]string{{"verify", "--heal", "--from", "2026-03-01", "--to", "2026-03-15"}, {"rebuild", "--all"}} {
		if o := h.Call(args...); o.Code != 8 || !strings.Contains(o.Stderr, "newer postweave") {
			t.Errorf("%q: exit %d, %s", args, o.Code, o.Stderr)
		}
	}
	site.SameBytes(t, "revisions", revisions(h.Documents()), before)
}

// SIGTERM ends a rebuild within ten seconds, with its report and the code of the
// signal; the next one completes it.
func TestRebuildStopsAtSIGTERM(t *testing.T) {
	h, _ := newHospital(t, 77, 50)
	for _, d := range h.pick(5, `"kind":"message"`) {
		h.alter(d, d.ID, func(d map[string]any) { d["status"] = "held" })
	}
	p := newProxy(t, h.Site)
	c, stdout, stderr := h.Through(p.url).Command("rebuild", "--all", "--json")
	var once sync.Once
	var at time.Time
	p.afterBulk = func(int) {
		once.Do(func() {
			at = time.Now()
			_ = c.Process.Signal(syscall.SIGTERM)
			time.Sleep(200 * time.Millisecond) // the command hears the signal first
		})
	}
	code := site.ExitCodeOf(t, c.Run())
	if took := time.Since(at); code != 143 || took > 10*time.Second || !strings.Contains(stderr.String(), "what was written stays") || strings.Contains(stderr.String(), "next run") {
		t.Errorf("exit %d after %v, want 143 and no word of a place that it does not keep\n%s", code, took, stderr)
	}
	if r := h.Report(site.Outcome{Stdout: stdout.String(), Stderr: stderr.String()}); !r.More {
		t.Errorf("%s%s", stdout, stderr)
	}
	h.Must("rebuild", "--all")
	site.Same(t, "rebuilt after a stop", site.Identified(h.Documents()), site.Identified(h.healthy))
}
