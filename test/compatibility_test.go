package test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/postweave/postweave/test/site"
)

// What docs/compatibility.md says of the version that the tests run on is so. make test-versions looks at each.
func TestDocumentedDifferences(t *testing.T) {
	t.Parallel()
	s := site.Bare(t)
	index := s.Source + "1"
	s.ES(http.MethodPut, "/"+index, nil, nil)
	var nodes struct {
		Nodes map[string]struct {
			Version   string
			Transport string `json:"transport_address"`
		}
	}
	s.ES(http.MethodGet, "/_nodes", nil, &nodes)
	version, transport := "", ""
	for _, n := range nodes.Nodes {
		version, transport = n.Version, n.Transport
	}
	accepts := func(manner string) func() string {
		return func() string {
			status, _ := answered(s, http.MethodGet, "/"+index+"/_count", "application/vnd.elasticsearch+json; compatible-with="+manner)
			return strconv.Itoa(status)
		}
	}
	remote := "remote-" + strings.Trim(s.Source, "-")
	observed := map[string]func() string{
		"`POST INDEX/_pit?allow_partial_search_results=false`": func() string {
			status, _ := answered(s, http.MethodPost, "/"+index+"/_pit?keep_alive=1m&allow_partial_search_results=false", "")
			return strconv.Itoa(status)
		},
		"the answer of `_pit` names `_shards`": func() string {
			_, body := answered(s, http.MethodPost, "/"+index+"/_pit?keep_alive=1m", "")
			return map[bool]string{true: "yes", false: "no"}[body["_shards"] != nil]
		},
		"`Accept: …; compatible-with=9`": accepts("9"),
		"`Accept: …; compatible-with=8`": accepts("8"),
		"`Accept: …; compatible-with=7`": accepts("7"),
		"an index template, put back as it was got": func() string {
			name := "/_index_template/" + s.Target
			s.ES(http.MethodPut, name, map[string]any{"index_patterns": []string{s.Target + "-0*"}, "priority": 501}, nil)
			defer s.ES(http.MethodDelete, name, nil, nil)
			var found struct {
				Templates []struct {
					Body json.RawMessage `json:"index_template"`
				} `json:"index_templates"`
			}
			s.ES(http.MethodGet, name, nil, &found)
			status, _ := sent(s, http.MethodPut, name, "", found.Templates[0].Body)
			return strconv.Itoa(status)
		},
		"`skip_unavailable` of a remote cluster, where nothing is set": func() string {
			setting := "cluster.remote." + remote + ".seeds"
			s.ES(http.MethodPut, "/_cluster/settings", map[string]any{"persistent": map[string]any{setting: []string{transport}}}, nil)
			defer s.ES(http.MethodPut, "/_cluster/settings", map[string]any{"persistent": map[string]any{setting: nil}}, nil)
			var info map[string]struct {
				Skip bool `json:"skip_unavailable"`
			}
			s.ES(http.MethodGet, "/_remote/info", nil, &info)
			return strconv.FormatBool(info[remote].Skip)
		},
	}
	documented := columnOf(t, version)
	for row, look := range observed {
		said, ok := documented[row]
		if got := look(); !ok || got != said {
			t.Errorf("Elasticsearch %s, %s: %s; the document says %q", version, row, got, said)
		}
	}
	if len(documented) != len(observed) {
		t.Errorf("%d rows are documented and %d looked at", len(documented), len(observed))
	}
}

// columnOf reads the table of differences: what it says of one version, row by row.
func columnOf(t *testing.T, version string) map[string]string {
	t.Helper()
	root, err := site.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "compatibility.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "### What differs")
	_, table, _ = strings.Cut(table, "\n| |")
	head, table, _ := strings.Cut(table, "\n")
	column := -1
	for i, name := range strings.Split(head, "|") {
		if strings.TrimSpace(name) == version {
			column = i
		}
	}
	if column < 0 {
		t.Fatalf("docs/compatibility.md has no column for Elasticsearch %s", version)
	}
	out := map[string]string{}
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) <= column+2 {
			break
		}
		if !strings.HasPrefix(cells[1], "--") {
			out[strings.TrimSpace(cells[1])] = strings.TrimSpace(cells[column+2])
		}
	}
	return out
}

// answered makes a request of the test's own and returns whatever came of it.
func answered(s *site.Site, method, path, accept string) (int, map[string]json.RawMessage) {
	s.T.Helper()
	return sent(s, method, path, accept, nil)
}

func sent(s *site.Site, method, path, accept string, content []byte) (int, map[string]json.RawMessage) {
	s.T.Helper()
	req, err := http.NewRequestWithContext(s.T.Context(), method, s.Node+path, bytes.NewReader(content))
	if err != nil {
		s.T.Fatal(err)
	}
	if len(content) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.T.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.T.Fatal(err)
	}
	var body map[string]json.RawMessage
	_ = json.Unmarshal(text, &body) // an error may be none
	return res.StatusCode, body
}
