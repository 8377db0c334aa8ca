package security

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/postweave/postweave/mappings"
	"github.com/postweave/postweave/test/esnode"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// attempt is a request that must not be carried out.
type attempt struct {
	what, method, path string
	body               any
}

// Whoever has one of the roles can do what it is for, and nothing else of all
// that one could wish to do to a mail log.
func TestNothingElseIsAllowed(t *testing.T) {
	s := installation(t)
	s.Index(s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "1A2B3C4D5E6", noon)...))
	s.Run()
	raw, doc := s.Search(s.Source + "*")[0].ID, s.Documents()[0].ID
	day, first, log := s.Daily(noon), s.Target+"-000001", s.Target+"-log"
	other := s.Target + "other" // begins with the target's name
	s.ES(http.MethodPut, "/"+other+"/_doc/1?refresh=true", map[string]any{"secret": 1}, nil)

	something := map[string]any{"something": "else"}
	update := map[string]any{"doc": something}
	alias := func(action, index, name string) any {
		return map[string]any{"actions": []any{map[string]any{action: map[string]any{"index": index, "alias": name}}}}
	}
	// Of nobody's business.
	foreign := []attempt{
		{"read an unrelated index", "GET", "/" + other + "/_search", nil},
		{"write an unrelated index", "PUT", "/" + other + "/_doc/2", something},
		{"delete an unrelated index", "DELETE", "/" + other, nil},
		{"look at an unrelated index", "GET", "/" + other, nil},
		{"open a point in time on it", "POST", "/" + other + "/_pit?keep_alive=1m", nil},
		{"create an index", "PUT", "/" + s.Target + "another", nil},
		{"create one by writing", "PUT", "/" + s.Target + "another/_doc/1", something},
		{"create one behind the target", "PUT", "/" + s.Target + "-000002", nil},
		{"cluster settings", "PUT", "/_cluster/settings", map[string]any{"persistent": map[string]any{"cluster.max_shards_per_node": 1}}},
		{"read the cluster's settings", "GET", "/_cluster/settings", nil},
		{"list all indices", "GET", "/_cluster/state", nil},
		{"nodes", "GET", "/_nodes", nil},
		{"tasks", "GET", "/_tasks", nil},
		{"cancel tasks", "POST", "/_tasks/_cancel", nil},
		{"a stored script", "PUT", "/_scripts/x", map[string]any{"script": map[string]any{"lang": "painless", "source": "1"}}},
		{"an ingest pipeline", "PUT", "/_ingest/pipeline/x", map[string]any{"processors": []any{}}},
		{"a snapshot repository", "PUT", "/_snapshot/x", map[string]any{"type": "fs", "settings": map[string]any{"location": "/tmp"}}},
		{"users", "GET", "/_security/user", nil},
		{"roles", "GET", "/_security/role", nil},
		{"give itself a role", "PUT", "/_security/role/x", map[string]any{"cluster": []string{"all"}}},
		{"an API key", "POST", "/_security/api_key", map[string]any{"name": "x"}},
		{"the index of security", "GET", "/.security/_search", nil},
		{"an alias of the raw lines", "POST", "/_aliases", alias("add", day, s.Target)},
		{"an alias of an unrelated index", "POST", "/_aliases", alias("add", other, s.Target)},
		{"write a raw line", "POST", "/" + day + "/_doc", something},
		{"overwrite a raw line", "PUT", "/" + day + "/_doc/" + raw, something},
		{"change a raw line", "POST", "/" + day + "/_update/" + raw, update},
		{"delete a raw line", "DELETE", "/" + day + "/_doc/" + raw, nil},
		{"delete the raw lines", "DELETE", "/" + day, nil},
		{"close the raw lines", "POST", "/" + day + "/_close", nil},
		{"settings of the raw lines", "PUT", "/" + day + "/_settings", map[string]any{"index.number_of_replicas": 0}},
		{"mapping of the raw lines", "PUT", "/" + day + "/_mapping", map[string]any{"properties": map[string]any{"x": map[string]any{"type": "keyword"}}}},
		{"write behind the alias", "PUT", "/" + first + "/_doc/2", something},
		{"read behind the alias", "GET", "/" + first + "/_search", nil},
	}
	// What setup alone may.
	structural := []attempt{
		{"delete the target", "DELETE", "/" + first, nil},
		{"delete the index of long logs", "DELETE", "/" + log, nil},
		{"close the index of long logs", "POST", "/" + log + "/_close", nil},
		{"close the target", "POST", "/" + s.Target + "/_close", nil},
		{"roll the target over", "POST", "/" + s.Target + "/_rollover", nil},
		{"settings of the target", "PUT", "/" + s.Target + "/_settings", map[string]any{"index.blocks.write": true}},
		{"take the alias away", "POST", "/_aliases", alias("remove", first, s.Target)},
		{"a template", "PUT", "/_index_template/" + s.Target, map[string]any{"index_patterns": []string{s.Target + "-9*"}}},
		{"delete the template", "DELETE", "/_index_template/" + s.Target, nil},
		{"read the template", "GET", "/_index_template/" + s.Target, nil},
		{"an old template", "PUT", "/_template/x", map[string]any{"index_patterns": []string{"x*"}}},
	}
	// What setup may not either.
	lasting := []attempt{
		{"delete the state", "DELETE", "/" + s.State, nil},
		{"settings of the state", "PUT", "/" + s.State + "/_settings", map[string]any{"index.blocks.write": true}},
	}
	// Whoever may write an index may extend its mapping by Elasticsearch's old rules, whatever the name of the
	// privilege is. It calls that deprecated and has nothing else. So this is refused to all but the worker.
	extending := []attempt{
		{"mapping of the target", "PUT", "/" + s.Target + "/_mapping", map[string]any{"properties": map[string]any{"x": map[string]any{"type": "keyword"}}}},
		{"mapping of the state", "PUT", "/" + s.State + "/_mapping", map[string]any{"properties": map[string]any{"x": map[string]any{"type": "keyword"}}}},
	}
	writing := []attempt{
		{"write a document", "PUT", "/" + s.Target + "/_doc/2", something},
		{"change a document", "POST", "/" + s.Target + "/_update/" + doc, update},
		{"delete a document", "DELETE", "/" + s.Target + "/_doc/" + doc, nil},
		{"write a part of a log", "PUT", "/" + log + "/_doc/2", something},
		{"move the cursor", "PUT", "/" + s.State + "/_doc/2", something},
		{"refresh", "POST", "/" + s.Target + "/_refresh", nil},
	}
	reading := []attempt{
		{"read the raw lines", "GET", "/" + day + "/_search", nil},
		{"fetch a raw line", "GET", "/" + day + "/_doc/" + raw, nil},
		{"open a point in time on the raw lines", "POST", "/" + day + "/_pit?keep_alive=1m", nil},
		{"fields of the raw lines", "GET", "/" + day + "/_field_caps?fields=*", nil},
		{"look at the raw lines", "GET", "/" + day + "/_stats", nil},
		{"read the logs' parts", "GET", "/" + log + "/_search", nil}, // the reader may
		{"read the cursor", "GET", "/" + s.State + "/_search", nil},
	}
	documents := []attempt{
		{"read the documents", "GET", "/" + s.Target + "/_search", nil},
		{"fetch a document", "GET", "/" + s.Target + "/_doc/" + doc, nil},
		{"count the documents", "GET", "/" + s.Target + "/_count", nil},
	}
	before := everything(s)
	worker, setup, reader := roles(s)
	vias := map[string]string{mappings.WorkerRole: worker.Via, mappings.SetupRole: setup.Via, mappings.ReaderRole: reader.Via}
	for role, lists := range map[string][][]attempt{
		mappings.WorkerRole: {foreign, structural, lasting, {{"delete a part of a log", "DELETE", "/" + log + "/_doc/2", nil}}},
		mappings.SetupRole:  {foreign, lasting, extending[1:], writing[:5], reading, documents},
		mappings.ReaderRole: {foreign, structural, lasting, extending, writing, reading[:5], reading[6:]},
	} {
		t.Run(role, func(t *testing.T) {
			at := vias[role]
			for _, list := range lists {
				for _, a := range list {
					err := esnode.Call(t.Context(), a.method, at+a.path, a.body, nil)
					if err == nil || !strings.Contains(err.Error(), "403 Forbidden") || !strings.Contains(err.Error(), "security_exception") {
						t.Errorf("%s: %s %s: %v", a.what, a.method, a.path, err)
					}
				}
			}
			// What names no index means what one may read.
			var found struct {
				Hits struct {
					Hits []struct {
						Index string `json:"_index"`
					}
				}
			}
			if err := esnode.Call(t.Context(), http.MethodGet, at+"/_search?size=1000", nil, &found); err != nil && !strings.Contains(err.Error(), "403") {
				t.Error(err)
			}
			for _, h := range found.Hits.Hits {
				if h.Index == other || role != mappings.WorkerRole && h.Index != first && (role != mappings.ReaderRole || h.Index != log) {
					t.Errorf("a search of everything finds %s", h.Index)
				}
			}
			bulkRefused(t, at, other, day, first)
		})
	}
	if after := everything(s); after != before {
		t.Errorf("something was done:\n%s\n%s", before, after)
	}
}

// bulkRefused wants each write of a bulk request refused.
func bulkRefused(t *testing.T, at string, indices ...string) {
	t.Helper()
	var body strings.Builder
	for _, index := range indices {
		body.WriteString(`{"index":{"_index":"` + index + `"}}` + "\n{}\n" + `{"delete":{"_index":"` + index + `","_id":"1"}}` + "\n")
	}
	var answer struct {
		Items []map[string]struct{ Status int }
	}
	err := esnode.Call(t.Context(), http.MethodPost, at+"/_bulk", []byte(body.String()), &answer)
	if err != nil {
		if !strings.Contains(err.Error(), "403 Forbidden") {
			t.Error(err)
		}
		return
	}
	if len(answer.Items) != 2*len(indices) {
		t.Errorf("%d outcomes", len(answer.Items))
	}
	for i, item := range answer.Items {
		for action, outcome := range item {
			if outcome.Status != http.StatusForbidden {
				t.Errorf("bulk %s on %s: status %d", action, indices[i/2], outcome.Status)
			}
		}
	}
}

// everything is all that the node has: indices with their mappings, aliases and settings, documents, templates.
func everything(s *site.Site) string {
	s.T.Helper()
	var out strings.Builder
	for _, path := range []string{"/" + s.Source + "*," + s.Target + "*," + s.State, "/_index_template/" + s.Target, "/_cluster/settings"} {
		var answer json.RawMessage
		s.ES(http.MethodGet, path, nil, &answer)
		out.Write(answer)
	}
	for _, index := range []string{s.Source + "*", s.Target + "*", s.State} {
		for _, d := range s.Search(index) {
			out.WriteString(d.ID + " " + string(d.Source) + "\n")
		}
	}
	return out.String()
}
