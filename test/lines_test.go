package test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
)

// The layouts that Logstash users have, by the corpora's names.
var layouts = map[string]loggen.Layout{"syslog": loggen.LayoutSyslog, "plain": loggen.LayoutPlain}

func corpusFile(name string) string { return filepath.Join("corpora", filepath.FromSlash(name)) }

// raw is one document of the source on its way to an index.
type raw struct {
	index  string
	source []byte
}

// index sends raw documents without a refresh: whoever reads them has to see
// to that. Elasticsearch chooses ids and, save where the index was made before, the mapping.
func (s *site) index(docs []raw) {
	s.t.Helper()
	for part := range slices.Chunk(docs, 5000) {
		var body bytes.Buffer
		for _, d := range part {
			fmt.Fprintf(&body, "{\"create\":{\"_index\":%q}}\n%s\n", d.index, d.source)
		}
		var answer struct {
			Errors bool
			Items  json.RawMessage
		}
		s.es(http.MethodPost, "/_bulk", body.Bytes(), &answer)
		if answer.Errors {
			s.t.Fatalf("the node refuses raw documents: %.2000s", answer.Items)
		}
	}
}

// daily puts a line into the source's index of its day.
func (s *site) daily(at time.Time) string { return s.source + at.UTC().Format("2006.01.02") }

// shipped makes of lines what Logstash would have indexed, each in the index
// of its day.
func (s *site) shipped(layout loggen.Layout, lines ...loggen.Line) []raw {
	ship := loggen.NewShipper(layout, 1)
	docs := make([]raw, len(lines))
	for i, l := range lines {
		docs[i] = raw{s.daily(l.Time), ship.AppendDocument(nil, l)}
	}
	return docs
}

// arrivals is documents in random order, a fifth of them twice, each in a
// random one of three daily indices, in so many parts.
func (s *site) arrivals(seed uint64, sources [][]byte, parts int) [][]raw {
	r := rand.New(rand.NewPCG(seed, 11))
	docs := make([]raw, 0, len(sources)*6/5)
	add := func(source []byte) {
		docs = append(docs, raw{s.source + [...]string{"2026.11.21", "2026.11.22", "2026.11.23"}[r.IntN(3)], source})
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

// readLines reads a file of the corpora, packed or not.
func readLines(t *testing.T, name string) [][]byte {
	t.Helper()
	f, err := os.Open(corpusFile(name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		in = bufio.NewScanner(z)
	}
	in.Buffer(nil, 1<<20)
	var lines [][]byte
	for in.Scan() {
		lines = append(lines, bytes.Clone(in.Bytes()))
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
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

// mail is the lines of a plain message with one recipient, a second apart.
func mail(host, id string, at time.Time) []loggen.Line {
	return textLines(host, at,
		"smtpd", id+": client=web.corp.test[192.0.2.11]",
		"cleanup", id+": message-id=<"+id+"@corp.test>",
		"cleanup", id+": info: header Subject: About "+id+" from web.corp.test[192.0.2.11]; from=<alice@corp.test> to=<bob@ok.test> proto=ESMTP helo=<web>",
		"qmgr", id+": from=<alice@corp.test>, size=500, nrcpt=1 (queue active)",
		"smtp", id+": to=<bob@ok.test>, relay=far.ok.test[198.51.100.1]:25, delay=4, delays=3/0/0.5/0.5, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as ABC)",
		"qmgr", id+": removed",
	)
}

// textLines makes lines from pairs of daemon and text, a second apart.
func textLines(host string, at time.Time, pairs ...string) []loggen.Line {
	var lines []loggen.Line
	for pair := range slices.Chunk(pairs, 2) {
		lines = append(lines, loggen.Line{Time: at.Add(time.Duration(len(lines)) * time.Second), Host: host, Program: "postfix/" + pair[0], PID: "77", Text: pair[1]})
	}
	return lines
}
