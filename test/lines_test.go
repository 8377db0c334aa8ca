package test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/postweave/postweave/test/loggen"

	"github.com/postweave/postweave/test/site"
)

// The layouts that Logstash users have, by the corpora's names.
var layouts = map[string]loggen.Layout{"syslog": loggen.LayoutSyslog, "plain": loggen.LayoutPlain}

// arrivals is documents in random order, a fifth of them twice, each in a
// random one of three daily indices, in so many parts.
func arrivals(s *site.Site, seed uint64, sources [][]byte, parts int) [][]site.Raw {
	r := rand.New(rand.NewPCG(seed, 11))
	docs := make([]site.Raw, 0, len(sources)*6/5)
	add := func(source []byte) {
		docs = append(docs, site.Raw{Index: s.Source + [...]string{"2026.11.21", "2026.11.22", "2026.11.23"}[r.IntN(3)], Source: source})
	}
	for _, d := range sources {
		add(d)
	}
	for _, i := range r.Perm(len(sources))[:len(sources)/5] {
		add(sources[i])
	}
	r.Shuffle(len(docs), func(i, j int) { docs[i], docs[j] = docs[j], docs[i] })
	return slices.Collect(slices.Chunk(docs, len(docs)/parts+1))
}

// generated is a log of the generator: its lines, what it knows of them, and
// the text as a file.
type generated struct {
	lines  []loggen.Line
	truths []truth
	file   string
}

func generate(t *testing.T, cfg loggen.Config) generated {
	t.Helper()
	var g generated
	var text []byte
	err := loggen.New(cfg).Run(func(l loggen.Line) error {
		g.lines = append(g.lines, l)
		text = l.AppendRFC3164(text)
		return nil
	}, func(x loggen.Truth) error {
		g.truths = append(g.truths, truthOf(t, x))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	g.file = filepath.Join(t.TempDir(), "mail.log")
	if err := os.WriteFile(g.file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return g
}
