package test

import (
	"bytes"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/score"

	"github.com/postweave/postweave/test/site"
)

const lab = "lab-postfix-3.7"

// scored fails the test where the scorer finds anything wrong.
func scored(t *testing.T, what string, docs []string) {
	t.Helper()
	result, err := score.Documents(site.CorpusFile(lab), strings.NewReader(strings.Join(docs, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	wrong, total := result.Wrong()
	if wrong == 0 && total > 10_000 {
		return
	}
	var b bytes.Buffer
	if err := result.Print(&b, 3); err != nil {
		t.Fatal(err)
	}
	t.Errorf("%s: %d wrong of %d\n%s", what, wrong, total, b.String())
}

// The lab's log comes out right from its text and from both layouts of its
// lines: in random order, a fifth of them twice, strewn over three daily indices and five runs. All
// three ways end in the same bytes.
func TestScoreIsCleanWhateverTheOrder(t *testing.T) {
	want := site.Merged(t, site.CorpusFile(lab+"/mail.log.gz"), "--year", "2026")
	scored(t, "merge", want)
	ids := map[string][]string{}
	for layout := range layouts {
		t.Run(layout, func(t *testing.T) {
			s := site.New(t)
			for i, part := range arrivals(s, uint64(len(layout)), site.ReadLines(t, lab+"/logstash-"+layout+".ndjson.gz"), 5) {
				s.Index(part)
				if r := s.Run(); r.Lines == 0 || r.Created == 0 || i > 0 && r.Updated == 0 {
					t.Errorf("run %d did nothing: %+v", i+1, r)
				}
			}
			docs := s.Documents()
			scored(t, "run", site.Sources(docs))
			site.Same(t, "run and merge", site.Sources(docs), want)
			ids[layout] = site.Identified(docs)
		})
	}
	site.Same(t, "the two layouts, ids and all", ids["plain"], ids["syslog"])
}

// What has been merged is not written again: a run at once after another one
// leaves every document's revision as it is, and lines that come later move those of their own
// messages alone.
func TestRunWritesOnlyWhatChanged(t *testing.T) {
	s := site.New(t)
	log := generate(t, loggen.Config{Seed: 21, Messages: 300, Span: 6 * time.Hour, ShortIDs: true})
	last := map[string]int{} // a message's last line
	for i, l := range log.lines {
		if id, text, _ := strings.Cut(l.Text, ": "); text == "removed" && strings.HasSuffix(l.Program, "/qmgr") {
			last[l.Host+" "+id] = i
		}
	}
	late := slices.Sorted(maps.Keys(last))[:5]
	docs := s.Shipped(loggen.LayoutSyslog, log.lines...)
	var first, second []site.Raw
	for i, d := range docs {
		if slices.ContainsFunc(late, func(k string) bool { return last[k] == i }) {
			second = append(second, d)
		} else {
			first = append(first, d)
		}
	}

	s.Index(first)
	if r := s.Run(); r.Created == 0 || r.Created != r.Documents {
		t.Fatalf("first run: %+v", r)
	}
	before := s.Documents()
	if r := s.Run(); r.Lines+r.Documents+r.Created+r.Updated+r.Unchanged+r.Deleted != 0 {
		t.Errorf("second run at once: %+v", r)
	}
	site.SameBytes(t, "revisions after a second run at once", revisions(s.Documents()), revisions(before))

	s.Index(second)
	if r := s.Run(); r.Updated != len(late) || r.Created+r.Deleted != 0 || r.Lines != len(late) {
		t.Errorf("run after %d late lines of %d messages: %+v", len(second), len(late), r)
	}
	checkMoved(t, before, s.Documents(), late)

	// The same lines once more are nothing new.
	before = s.Documents()
	s.Index(second)
	if r := s.Run(); r.Unchanged != len(late) || r.Created+r.Updated+r.Deleted != 0 {
		t.Errorf("run after lines that were there already: %+v", r)
	}
	site.SameBytes(t, "revisions after lines that were there already", revisions(s.Documents()), revisions(before))
	site.Same(t, "run and merge", site.Sources(before), site.Merged(t, log.file, "--year", "2026"))
}

// checkMoved wants just the documents of these keys to have another revision.
func checkMoved(t *testing.T, before, after []site.Stored, keys []string) {
	t.Helper()
	was := map[string]site.Stored{}
	for _, d := range before {
		was[d.ID] = d
	}
	moved := 0
	for i, d := range decoded(t, sourcesInOrder(after)) {
		k, x := d.Host.Name+" "+d.QueueID, after[i]
		if wanted := slices.Contains(keys, k); wanted != (was[x.ID].SeqNo != x.SeqNo) || wanted && was[x.ID].Version+1 != x.Version {
			t.Errorf("%s: revision %d, version %d; it was %d, %d", k, x.SeqNo, x.Version, was[x.ID].SeqNo, was[x.ID].Version)
		} else if wanted {
			moved++
		}
	}
	if moved != len(keys) || len(before) != len(after) {
		t.Errorf("%d documents moved, want %d; %d documents, before %d", moved, len(keys), len(after), len(before))
	}
}

func sourcesInOrder(docs []site.Stored) []string {
	out := make([]string, len(docs))
	for i, d := range docs {
		out[i] = string(d.Source)
	}
	return out
}

// revisions are ids with their revisions and bytes.
func revisions(docs []site.Stored) []string {
	out := site.Identified(docs)
	for _, d := range docs {
		out = append(out, d.ID+" "+time.Duration(d.SeqNo).String()+" "+time.Duration(d.Version).String())
	}
	slices.Sort(out)
	return out
}

// A log made from a seed: four servers, short ids that come back, an end in the
// middle of everything. What a run leaves is what the generator knows, and what merge makes of the text.
func TestGeneratedLogIsWhatTheGeneratorKnows(t *testing.T) {
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for name, cfg := range map[string]loggen.Config{
		"short": {Seed: 31, Messages: 1500, Servers: 3, ShortIDs: true, ReuseIDs: 0.1, Span: 24 * time.Hour, Start: start, Until: start.Add(22 * time.Hour), Milters: true},
		"both":  {Seed: 32, Messages: 800, Servers: 4, ReuseIDs: 0.05, Span: 60 * time.Hour, Start: start, Until: start.Add(55 * time.Hour), FailingRecipients: 0.02, QueueLife: 12 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			log := generate(t, cfg)
			t.Logf("%d lines, %d messages and rejects", len(log.lines), len(log.truths))
			s := site.New(t)
			// One day has more than one shard, and so a cursor of many places.
			s.ES(http.MethodPut, "/"+s.Daily(start), map[string]any{"settings": map[string]any{"number_of_shards": 3}}, nil)
			// In three arrivals, each with lines of all days.
			docs := s.Shipped(loggen.LayoutPlain, log.lines...)
			for part := range 3 {
				var some []site.Raw
				for i, d := range docs {
					if (i*7919+i/5)%3 == part {
						some = append(some, d)
					}
				}
				s.Index(some)
				s.Run()
			}
			if r := s.Run(); r.Lines != 0 {
				t.Errorf("one more run still finds %d lines", r.Lines)
			}
			got := site.Sources(s.Documents())
			compareWithTruth(t, got, log.truths)
			site.Same(t, "run and merge", got, site.Merged(t, log.file, "--year", "2026"))
		})
	}
}

// The sample of the Logstash aggregate filter, nine lines of one message to two
// recipients, is one whole document.
func TestAggregateSampleIsOneDocument(t *testing.T) {
	file := site.CorpusFile("logstash-aggregate/mail.log")
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines []loggen.Line
	if err := loggen.Read(f, 2026, time.UTC, func(l loggen.Line) error { lines = append(lines, l); return nil }); err != nil {
		t.Fatal(err)
	}
	for name, layout := range layouts {
		t.Run(name, func(t *testing.T) {
			s := site.New(t)
			s.Index(s.Shipped(layout, lines...))
			s.Run()
			got := site.Sources(s.Documents())
			site.Same(t, "run and merge", got, site.Merged(t, file, "--year", "2026"))
			if len(got) != 1 {
				t.Fatalf("%d documents, want 1", len(got))
			}
			d := decoded(t, got)[0]
			if len(d.Recipients) != 2 || !d.Complete || d.From == "" || d.Size == nil || d.Client.IP == "" {
				t.Errorf("%s", got[0])
			}
			for _, r := range d.Recipients {
				if r.Status == "" || r.Delay == nil {
					t.Errorf("recipient %+v", r)
				}
			}
		})
	}
}
