package test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/esquery"
	"github.com/postweave/postweave/test/corpus"
	"github.com/postweave/postweave/test/loggen"

	"github.com/postweave/postweave/test/site"
)

func situations(t *testing.T) []corpus.Situation {
	t.Helper()
	all, err := corpus.All()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The merge command prints each situation's documents.
func TestMergeCommandOnSituations(t *testing.T) {
	all := situations(t)
	for i := range all {
		s := &all[i]
		t.Run(s.Name, func(t *testing.T) {
			args := []string{"--year", fmt.Sprint(s.Facts.Year())}
			if s.Facts.Zone != "" {
				args = append(args, "--timezone", s.Facts.Zone)
			}
			site.Same(t, "merge and "+corpus.DocsFile, site.Merged(t, filepath.Join("corpus", s.Name, corpus.LogFile), args...), s.Sorted())
		})
	}
}

// All situations in one Elasticsearch, whole and in parts, in both layouts, with
// fields of the expected shape and of others: the documents are those that merge prints.
func TestSituationsFromElasticsearch(t *testing.T) {
	all := situations(t)
	var lines []loggen.Line
	for i := range all {
		some, err := all[i].Lines()
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, some...)
	}
	// One index a layout: the days that the situations are strewn over would take a minute to make.
	shipped := func(s *site.Site, layout loggen.Layout) []site.Raw {
		docs := s.Shipped(layout, lines...)
		for i := range docs {
			docs[i].Index = fmt.Sprint(s.Source, layout)
		}
		return docs
	}
	t.Run("whole", func(t *testing.T) {
		s := site.New(t)
		s.Index(shipped(s, loggen.LayoutSyslog))
		runFromTheBeginning(s)
		compareSituations(t, all, s.Documents(), true)
	})
	t.Run("in two parts at random", func(t *testing.T) {
		s := site.New(t)
		for _, part := range halves(shipped(s, loggen.LayoutPlain)) {
			s.Index(part)
			runFromTheBeginning(s)
		}
		compareSituations(t, all, s.Documents(), false)
	})
	t.Run("what comes late, in a run of its own", func(t *testing.T) {
		s := site.New(t)
		var first, second []site.Raw
		newest := map[string]time.Time{}
		for i, d := range shipped(s, loggen.LayoutPlain) {
			l := lines[i]
			if l.Time.Before(newest[l.Host].Add(-time.Minute)) {
				second = append(second, d)
				continue
			}
			newest[l.Host] = l.Time
			first = append(first, d)
		}
		s.Index(first)
		runFromTheBeginning(s)
		before := len(s.Documents())
		s.Index(second)
		runFromTheBeginning(s)
		after := s.Documents()
		if len(after) == before {
			t.Errorf("%d late lines moved no boundary", len(second))
		}
		compareSituations(t, all, after, false)
	})
	t.Run("in odd shapes", func(t *testing.T) {
		s := site.New(t)
		plain := halves(change(t, shipped(s, loggen.LayoutPlain), oddShape))
		syslog := halves(change(t, shipped(s, loggen.LayoutSyslog), oddShape))
		s.Index(syslog[0])
		s.Index(plain[1])
		runFromTheBeginning(s)
		compareSituations(t, all, s.Documents(), false)
	})
}

// runFromTheBeginning makes a pass with a horizon before the oldest situation.
// It reads dovecot's lines too, which a run leaves out unless told.
func runFromTheBeginning(s *site.Site) {
	s.T.Helper()
	if r := s.Report(s.Must("run", "--json", "--horizon", "30000h", "--programs", strings.Join(esquery.DefaultPrograms, ",")+",dovecot")); r.More || r.Lines == 0 {
		s.T.Errorf("no complete pass: %+v", r)
	}
}

// halves is documents in random order, in two parts.
func halves(docs []site.Raw) [][]site.Raw {
	r := rand.New(rand.NewPCG(5, 3))
	docs = slices.Clone(docs)
	r.Shuffle(len(docs), func(i, j int) { docs[i], docs[j] = docs[j], docs[i] })
	return [][]site.Raw{docs[:len(docs)/2], docs[len(docs)/2:]}
}

// oddShape gives a document's fields the shapes that filters which run twice, or
// patterns that know no Postfix, leave behind.
func oddShape(i int, d doc) {
	program, message := "program", "message"
	if _, ok := d["syslog_program"]; ok {
		program, message = "syslog_program", "syslog_message"
	}
	switch i % 4 {
	case 0: // each value twice
		for name, v := range d {
			if name != "@timestamp" {
				d[name] = []any{v, v}
			}
		}
	case 1: // the id taken for one more program
		id, text, ok := strings.Cut(d[message].(string), ":")
		if known, _ := d["postfix_queueid"].(string); ok && known == id && known != "NOQUEUE" {
			d[program], d[message] = []any{d[program], id}, text
			delete(d, "postfix_queueid")
		}
	case 2: // grok found nothing
		for name := range d {
			if strings.HasPrefix(name, "postfix_") {
				delete(d, name)
			}
		}
	}
}

// compareSituations compares what a run made of all situations' lines, told
// apart by their servers, with each situation's documents. The session context must be the same
// only where all lines were read together in their order.
func compareSituations(t *testing.T, all []corpus.Situation, docs []site.Stored, together bool) {
	t.Helper()
	situation := map[string]int{} // by server
	for i := range all {
		for _, d := range decoded(t, all[i].Documents) {
			if other, known := situation[d.Host.Name]; known && other != i {
				t.Fatalf("%s and %s have a server of one name, %s", all[i].Name, all[other].Name, d.Host.Name)
			}
			situation[d.Host.Name] = i
		}
	}
	have := make([][]string, len(all))
	plain := site.Sources(docs)
	for i, d := range decoded(t, plain) {
		at, known := situation[d.Host.Name]
		if !known {
			t.Errorf("a document of no situation: %.2000s", plain[i])
			continue
		}
		have[at] = append(have[at], plain[i])
	}
	for i := range all {
		s := &all[i]
		got, want := have[i], s.Sorted()
		if !together {
			got, want = corpus.Cores(got), corpus.Cores(want)
		}
		site.Same(t, s.Name+": run and "+corpus.DocsFile, got, want)
	}
}
