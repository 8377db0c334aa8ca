package site

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/esnode"
	"github.com/postweave/postweave/test/loggen"
)

// CorpusFile is the path of a file of test/corpora.
func CorpusFile(name string) string {
	root, err := Root()
	if err != nil {
		panic(err) // a test outside the module
	}
	return filepath.Join(root, "test", "corpora", filepath.FromSlash(name))
}

// Raw is one document of the source on its way to an index.
type Raw struct {
	Index  string
	Source []byte
}

// Index sends raw documents without a refresh: whoever reads them has to see
// to that. Elasticsearch chooses ids and, save where the index was made before, the mapping. What a busy
// node refuses is sent again.
func (s *Site) Index(docs []Raw) {
	s.T.Helper()
	for _, d := range docs {
		private.AddDocument(d.Source)
	}
	for end := time.Now().Add(time.Minute); len(docs) > 0; {
		n, size := 0, 0
		for n < len(docs) && n < 5000 && (n == 0 || size < 4<<20) {
			size += len(docs[n].Source)
			n++
		}
		if s.AtOnce > 0 {
			n = min(n, s.AtOnce)
		}
		refused := s.index(docs[:n])
		docs = append(refused, docs[n:]...)
		if len(refused) == 0 {
			continue
		}
		if time.Now().After(end) {
			s.T.Fatalf("the node has no room for %d raw documents", len(docs))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// index sends one request and returns what the node had no room for.
func (s *Site) index(docs []Raw) (refused []Raw) {
	s.T.Helper()
	var body bytes.Buffer
	for _, d := range docs {
		fmt.Fprintf(&body, "{\"create\":{\"_index\":%q}}\n%s\n", d.Index, d.Source)
	}
	var answer struct {
		Items []struct {
			Create struct {
				Status int
				Error  json.RawMessage
			}
		}
	}
	err := esnode.Call(s.T.Context(), http.MethodPost, s.Node+"/_bulk", body.Bytes(), &answer)
	if err != nil && strings.Contains(err.Error(), "429 Too Many Requests") {
		return slices.Clone(docs)
	}
	if err != nil {
		s.T.Fatal(err)
	}
	for i, item := range answer.Items {
		switch item.Create.Status {
		case http.StatusCreated:
		case http.StatusTooManyRequests:
			refused = append(refused, docs[i])
		default:
			s.T.Fatalf("the node refuses a raw document: %.2000s", item.Create.Error)
		}
	}
	return refused
}

// Daily puts a line into the source's index of its day.
func (s *Site) Daily(at time.Time) string { return s.Source + at.UTC().Format("2006.01.02") }

// Shipped makes of lines what Logstash would have indexed, each in the index
// of its day.
func (s *Site) Shipped(layout loggen.Layout, lines ...loggen.Line) []Raw {
	ship := loggen.NewShipper(layout, 1)
	docs := make([]Raw, len(lines))
	for i, l := range lines {
		docs[i] = Raw{s.Daily(l.Time), ship.AppendDocument(nil, l)}
	}
	return docs
}

// ReadLines reads a file of the corpora, packed or not.
func ReadLines(t testing.TB, name string) [][]byte {
	t.Helper()
	var lines [][]byte
	if err := eachLine(CorpusFile(name), func(line []byte) { lines = append(lines, bytes.Clone(line)) }); err != nil {
		t.Fatal(err)
	}
	return lines
}

// eachLine reads a log, packed or not.
func eachLine(path string, f func(line []byte)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	in := bufio.NewScanner(file)
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewReader(file)
		if err != nil {
			return err
		}
		in = bufio.NewScanner(z)
	}
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		f(in.Bytes())
	}
	return in.Err()
}

// Mail is the lines of a plain message with one recipient, a second apart.
func Mail(host, id string, at time.Time) []loggen.Line {
	return TextLines(host, at,
		"smtpd", id+": client=web.corp.test[192.0.2.11]",
		"cleanup", id+": message-id=<"+id+"@corp.test>",
		"cleanup", id+": info: header Subject: About "+id+" from web.corp.test[192.0.2.11]; from=<alice@corp.test> to=<bob@ok.test> proto=ESMTP helo=<web>",
		"qmgr", id+": from=<alice@corp.test>, size=500, nrcpt=1 (queue active)",
		"smtp", id+": to=<bob@ok.test>, relay=far.ok.test[198.51.100.1]:25, delay=4, delays=3/0/0.5/0.5, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as ABC)",
		"qmgr", id+": removed",
	)
}

// TextLines makes lines from pairs of daemon and text, a second apart.
func TextLines(host string, at time.Time, pairs ...string) []loggen.Line {
	var lines []loggen.Line
	for pair := range slices.Chunk(pairs, 2) {
		lines = append(lines, loggen.Line{Time: at.Add(time.Duration(len(lines)) * time.Second), Host: host, Program: "postfix/" + pair[0], PID: "77", Text: pair[1]})
	}
	return lines
}
