package site

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/postweave/postweave/mappings"
	"github.com/postweave/postweave/test/esnode"
)

// OlderLines is how many of the laboratory log's first lines the documents of
// schema 1 were made of.
const OlderLines = 400

// InstallOlder leaves the site as a postweave of schema 1 left one: its own template, its state and its documents, and no
// index for long logs, which it did not know. The alias has as many
// indices as are asked for, all of that schema; the last is written to, and the documents are spread over them.
func (s *Site) InstallOlder(indices int) {
	s.T.Helper()
	template, err := os.ReadFile(CorpusFile("schema-1/template.json"))
	if err != nil {
		s.T.Fatal(err)
	}
	var body map[string]any
	if err := json.Unmarshal(template, &body); err != nil {
		s.T.Fatal(err)
	}
	body["index_patterns"] = mappings.Patterns(s.Target)
	s.ES(http.MethodPut, "/_index_template/"+s.Target, body, nil)
	s.removeTemplate()
	state, err := os.ReadFile(CorpusFile("schema-1/state.json"))
	if err != nil {
		s.T.Fatal(err)
	}
	s.ES(http.MethodPut, "/"+s.State, json.RawMessage(state), nil)
	for n := range indices {
		alias := map[string]any{}
		if indices > 1 {
			alias["is_write_index"] = n == indices-1
		}
		s.ES(http.MethodPut, "/"+s.behind(n), map[string]any{"aliases": map[string]any{s.Target: alias}}, nil)
	}
	var bulk bytes.Buffer
	for n, line := range ReadLines(s.T, "schema-1/documents.ndjson.gz") {
		var d Stored
		if err := json.Unmarshal(line, &d); err != nil {
			s.T.Fatal(err)
		}
		fmt.Fprintf(&bulk, "{\"create\":{\"_index\":%q,\"_id\":%q}}\n%s\n", s.behind(n%indices), d.ID, d.Source)
	}
	var answer struct{ Errors bool }
	if err := esnode.Call(s.T.Context(), http.MethodPost, s.Node+"/_bulk?refresh=true", bulk.Bytes(), &answer); err != nil || answer.Errors {
		s.T.Fatalf("the node refuses documents of schema 1: %v", err)
	}
}

// behind is the name of one of the indices behind the target.
func (s *Site) behind(n int) string {
	return strings.TrimSuffix(mappings.FirstIndex(s.Target), "1") + fmt.Sprint(n+1)
}

// OlderSource is the raw lines that the documents of schema 1 were made of.
func (s *Site) OlderSource() []Raw {
	s.T.Helper()
	var docs []Raw
	for _, line := range ReadLines(s.T, "lab-postfix-3.7/logstash-syslog.ndjson.gz")[:OlderLines] {
		docs = append(docs, Raw{s.Source + "2026.11.22", line})
	}
	return docs
}
