package maillog

import (
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	scenes "github.com/postweave/postweave/test/corpus"
	"github.com/postweave/postweave/worker/message"
)

var update = flag.Bool("update", false, "write the situations' documents anew")

const corpusFolder = "../../test/corpus"

// Every situation of test/corpus gives the documents that it is known to give,
// and they are what its facts say.
func TestSituations(t *testing.T) {
	all := situations(t)
	for i := range all {
		s := &all[i]
		t.Run(s.Name, func(t *testing.T) {
			docs := mergedSituation(t, s, string(s.Log), DefaultWindow)
			if *update {
				name := filepath.Join(corpusFolder, s.Name, scenes.DocsFile)
				if err := os.WriteFile(name, []byte(text(docs)), 0o600); err != nil {
					t.Fatal(err)
				}
				s.Documents = docs
			}
			for _, wrong := range s.Facts.Wrong(docs) {
				t.Error(wrong)
			}
			if !slices.Equal(docs, s.Documents) {
				t.Error("the documents are not those of " + scenes.DocsFile + "; look at the difference, then write them anew with -update")
				for i := range max(len(docs), len(s.Documents)) {
					if i >= len(docs) || i >= len(s.Documents) || docs[i] != s.Documents[i] {
						t.Fatalf("document %d\n got %s\nwant %s", i, at(docs, i), at(s.Documents, i))
					}
				}
			}
		})
	}
}

func situations(t *testing.T) []scenes.Situation {
	t.Helper()
	all, err := scenes.All()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "nothing"
}

// mergedSituation merges a log as its facts say it is to be read.
func mergedSituation(t *testing.T, s *scenes.Situation, log string, window time.Duration) []string {
	t.Helper()
	zone, err := s.Facts.Location()
	if err != nil {
		t.Fatal(err)
	}
	var docs []string
	report, err := Merge(t.Context(), Options{Inputs: []Input{input(s.Name, log)}, Year: s.Facts.Year(), Zone: zone, Window: window}, func(d *message.Document) error {
		docs = append(docs, string(d.AppendJSON(nil)))
		return nil
	})
	if err != nil || report.NotSyslog > 0 {
		t.Fatalf("%d lines are no syslog: %v", report.NotSyslog, err)
	}
	return docs
}

// The order of a log's lines changes nothing, and no line counts twice: neither
// where lines are let go once the window has passed, nor where all lines of an id are held together, as in a run. The first line stays: it is the one whose year is told.
func TestSituationsInAnyOrder(t *testing.T) {
	all := situations(t)
	for i := range all {
		s := &all[i]
		t.Run(s.Name, func(t *testing.T) {
			if s.Facts.InOrder {
				return
			}
			moved := strewn(t, s, uint64(i))
			var doubled []string
			for j, l := range moved {
				if doubled = append(doubled, l); j%3 == 0 {
					doubled = append(doubled, l)
				}
			}
			want := scenes.Cores(s.Documents)
			for _, window := range []time.Duration{DefaultWindow, 30_000 * time.Hour} {
				docs := scenes.Cores(mergedSituation(t, s, text(doubled), window))
				if slices.Equal(docs, want) {
					continue
				}
				for _, d := range docs {
					if !slices.Contains(want, d) {
						t.Fatalf("window %v, not wanted: %s", window, d)
					}
				}
				t.Fatalf("window %v: %d documents, want %d", window, len(docs), len(want))
			}
		})
	}
}

// strewn moves each line of a log by up to half the window, in log time.
func strewn(t *testing.T, s *scenes.Situation, seed uint64) []string {
	t.Helper()
	lines, err := s.Lines()
	if err != nil {
		t.Fatal(err)
	}
	texts := strings.Split(strings.TrimSuffix(string(s.Log), "\n"), "\n")
	r := rand.New(rand.NewPCG(seed, 1))
	places := make([]int, len(lines))
	at := make([]time.Time, len(lines))
	for i, l := range lines {
		places[i], at[i] = i, l.Time.Add(time.Duration(r.Int64N(int64(DefaultWindow/2))))
	}
	slices.SortStableFunc(places[1:], func(a, b int) int { return at[a].Compare(at[b]) })
	moved := make([]string, len(places))
	for i, p := range places {
		moved[i] = texts[p]
	}
	return moved
}
