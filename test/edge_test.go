package test

import (
	"os"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"

	"github.com/postweave/postweave/test/site"
)

// What two real servers do not show comes out right too: by merge, and by run
// in both layouts, in one pass and line by line in an order turned round.
func TestEdgeCorpusIsWhatItsTruthSays(t *testing.T) {
	truths := readTruth(t, "edge/truth.ndjson")
	f, err := os.Open(site.CorpusFile("edge/mail.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines []loggen.Line
	if err := loggen.Read(f, 2026, time.UTC, func(l loggen.Line) error { lines = append(lines, l); return nil }); err != nil {
		t.Fatal(err)
	}
	t.Run("merge", func(t *testing.T) {
		compareWithTruth(t, site.Merged(t, site.CorpusFile("edge/mail.log"), "--year", "2026", "--window", "9000h"), truths)
	})
	whole := map[string][]string{}
	for name, layout := range layouts {
		t.Run(name, func(t *testing.T) {
			s := site.New(t)
			s.Index(s.Shipped(layout, lines...))
			s.Run()
			whole[name] = site.Identified(s.Documents())
			compareWithTruth(t, site.Sources(s.Documents()), truths)
		})
		t.Run(name+" in parts", func(t *testing.T) {
			s := site.New(t)
			docs := s.Shipped(layout, lines...)
			for part := range 4 { // every fourth line, the latest first
				var some []site.Raw
				for i := len(docs) - 1 - part; i >= 0; i -= 4 {
					some = append(some, docs[i])
				}
				s.Index(some)
				s.Run()
			}
			site.Same(t, "four runs and one", site.Identified(s.Documents()), whole[name])
		})
	}
	site.Same(t, "the two layouts", whole["plain"], whole["syslog"])
}
