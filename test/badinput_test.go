package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/site"
)

// Each case of this file is a refusal: the exit code says of which kind, the
// message says what, where and what to do, nothing of a mail is repeated, and
// nothing on the node is changed. What needs no node is in the scripts of
// cmd/postweave.

const (
	badID     = "3A9C96093D"
	badPerson = "carol@secret.example" // in every line, in no message
)

// badWork is what reads and writes. The backfill's range begins where the lines
// are, so that no earlier slice is done and noted.
var badWork = [][]string{{"run"}, {"backfill", "--from", "2026-11-20T10:00:00Z", "--to", "2026-11-20T11:00:00Z"}}

// badRefusal is what a command that is refused has to show.
type badRefusal struct {
	code  int
	words []string // in the message
}

// badSite is a site with the lines of one message.
func badSite(t *testing.T) *site.Site {
	t.Helper()
	s := site.New(t)
	badLine(s, "2026.11.20", "postfix/smtpd", badID+": client=mail."+badPerson[6:]+"[192.0.2.7]")
	badLine(s, "2026.11.20", "postfix/qmgr", badID+": from=<"+badPerson+">, size=5493, nrcpt=1 (queue active)")
	return s
}

// badLine indexes one line, as Logstash does.
func badLine(s *site.Site, day, program, text string) {
	s.T.Helper()
	badDocument(s, day, map[string]any{
		"@timestamp": "2026-11-20T10:00:00.000Z", "syslog_hostname": "mx1", "syslog_program": program, "syslog_pid": "7",
		"syslog_message": text, "postfix_queueid": badID,
	})
}

func badDocument(s *site.Site, day string, doc map[string]any) {
	s.T.Helper()
	s.ES(http.MethodPost, "/"+s.Source+day+"/_doc", doc, nil)
}

// refused runs commands that have to be refused alike, and compares the node
// before and after.
func refused(s *site.Site, want badRefusal, commands ...[]string) {
	s.T.Helper()
	if len(commands) == 0 {
		commands = badWork
	}
	before := badSnapshot(s)
	for _, args := range commands {
		o := badCall(s, args...)
		badMessage(s, want, args, o)
		after := badSnapshot(s)
		for i := range max(len(before), len(after)) {
			if i >= len(before) || i >= len(after) || before[i] != after[i] {
				s.T.Errorf("postweave %q wrote on its way to a refusal\nbefore %.1000s\nafter  %.1000s", args, before[min(i, len(before)):], after[min(i, len(after)):])
				break
			}
		}
	}
}

// badCall runs a command that soon gives up. A flag among args comes before that.
func badCall(s *site.Site, args ...string) site.Outcome {
	s.T.Helper()
	return s.Call(append([]string{args[0], "--retry-budget", "1s", "--log-format", "text"}, args[1:]...)...)
}

func badMessage(s *site.Site, want badRefusal, args []string, o site.Outcome) {
	s.T.Helper()
	if o.Code != want.code {
		s.T.Errorf("postweave %q: exit %d, want %d\n%s%s", args, o.Code, want.code, o.Stdout, o.Stderr)
	}
	message := o.Stderr[strings.LastIndex(strings.TrimRight(o.Stderr, "\n"), "\n")+1:]
	for _, word := range want.words {
		if !strings.Contains(message, word) {
			s.T.Errorf("postweave %q: %q is not in its message\n%s", args, word, o.Stderr)
		}
	}
	for _, private := range []string{"carol", "secret"} {
		if strings.Contains(o.Stdout+o.Stderr, private) {
			s.T.Errorf("postweave %q repeats what stands in a mail\n%s%s", args, o.Stdout, o.Stderr)
		}
	}
}

// badSnapshot is all that the node holds of a site, down to the revisions of
// documents.
func badSnapshot(s *site.Site) []string {
	s.T.Helper()
	mine := strings.TrimSuffix(s.Target, "messages")
	var all []string
	for _, path := range []string{
		"/_cat/indices/" + mine + "*?format=json&h=index,uuid,status&s=index&expand_wildcards=all",
		"/" + mine + "*/_mapping?expand_wildcards=all",
		"/" + mine + "*/_alias?expand_wildcards=all",
	} {
		var answer any // decoded and encoded again: its keys are sorted
		s.ES(http.MethodGet, path, nil, &answer)
		text, err := json.Marshal(answer)
		if err != nil {
			s.T.Fatal(err)
		}
		all = append(all, string(text))
	}
	var found struct {
		Hits struct{ Hits []json.RawMessage }
	}
	s.ES(http.MethodPost, "/"+mine+"*/_refresh", nil, nil)
	s.ES(http.MethodPost, "/"+mine+"*/_search", map[string]any{"size": 1000, "seq_no_primary_term": true}, &found)
	var docs []string
	for _, hit := range found.Hits.Hits {
		docs = append(docs, string(hit))
	}
	slices.Sort(docs)
	return append(all, docs...)
}

func TestBadSource(t *testing.T) {
	t.Run("no index matches", func(t *testing.T) {
		s := badSite(t)
		refused(s, badRefusal{1, []string{"no index matches it-no-such-*", "POSTWEAVE_SOURCE"}},
			[]string{"run", "--source", "it-no-such-*"}, []string{"backfill", "--days", "1", "--source", "it-no-such-*"})
		refused(s, badRefusal{1, []string{"it-no-such", "POSTWEAVE_SOURCE"}}, []string{"run", "--source", "it-no-such"})
	})
	t.Run("an index without the fields", func(t *testing.T) {
		s := badSite(t) // whose good index must not be merged either
		badDocument(s, "odd", map[string]any{"@timestamp": "2026-11-20T10:00:00.000Z", "line": "from=<" + badPerson + ">"})
		refused(s, badRefusal{5, []string{s.Source + "odd", "fields of a syslog line", "POSTWEAVE_FIELDS", "POSTWEAVE_SOURCE"}})
	})
	t.Run("a profile that does not fit", func(t *testing.T) {
		s := badSite(t)
		refused(s, badRefusal{5, []string{s.Source, "POSTWEAVE_FIELDS"}}, []string{"run", "--fields", "logstash"})
	})
	t.Run("a young index is closed", func(t *testing.T) {
		s := badSite(t)
		badLine(s, "2026.11.21", "postfix/qmgr", badID+": removed")
		s.ES(http.MethodPost, "/"+s.Source+"2026.11.21/_close", nil, nil)
		refused(s, badRefusal{5, []string{s.Source + "2026.11.21", "closed", "open it, or leave it out of POSTWEAVE_SOURCE"}})
	})
}

func TestBadTarget(t *testing.T) {
	working, all := badWork, append(slices.Clone(badWork), []string{"setup"})
	const setup = "run `postweave setup`"
	for name, c := range map[string]struct {
		spoil func(*site.Site)
		want  func(*site.Site) badRefusal
		on    [][]string
	}{
		"the template is missing": {
			func(s *site.Site) { s.ES(http.MethodDelete, "/_index_template/"+s.Target, nil, nil) },
			func(s *site.Site) badRefusal {
				return badRefusal{1, []string{s.Target, "no index template", setup}}
			}, working,
		},
		"the alias and its index are missing": {
			func(s *site.Site) { s.ES(http.MethodDelete, "/"+s.Target+"-000001", nil, nil) },
			func(s *site.Site) badRefusal { return badRefusal{1, []string{s.Target, "no such alias", setup}} }, working,
		},
		"the alias is missing": {
			func(s *site.Site) { s.ES(http.MethodDelete, "/"+s.Target+"-000001/_alias/"+s.Target, nil, nil) },
			func(s *site.Site) badRefusal {
				return badRefusal{1, []string{s.Target + "-000001", "the alias " + s.Target + " does not", "add the alias"}}
			}, all,
		},
		"the state is missing": {
			func(s *site.Site) { s.ES(http.MethodDelete, "/"+s.State, nil, nil) },
			func(s *site.Site) badRefusal { return badRefusal{1, []string{s.State, "no such index", setup}} }, working,
		},
		"an index has the alias's name": {
			func(s *site.Site) {
				s.ES(http.MethodDelete, "/"+s.Target+"-000001", nil, nil)
				s.ES(http.MethodPut, "/"+s.Target, map[string]any{}, nil)
			},
			func(s *site.Site) badRefusal {
				return badRefusal{1, []string{s.Target, "it is an index", "choose another POSTWEAVE_TARGET"}}
			}, all,
		},
		"the alias is somebody else's": {
			func(s *site.Site) {
				s.ES(http.MethodDelete, "/"+s.Target+"-000001", nil, nil)
				s.ES(http.MethodPut, "/"+s.Target+"-other", map[string]any{"aliases": map[string]any{s.Target: map[string]any{}}}, nil)
			},
			func(s *site.Site) badRefusal {
				return badRefusal{1, []string{s.Target + "-other", "not one of postweave", "choose another POSTWEAVE_TARGET"}}
			}, all,
		},
		"the index is of a newer schema": {
			func(s *site.Site) { badSchema(s, s.Target+"-000001") },
			func(s *site.Site) badRefusal {
				return badRefusal{8, []string{s.Target + "-000001", "schema 99", "use the newer postweave"}}
			}, all,
		},
		"the state is of a newer schema": {
			func(s *site.Site) { badSchema(s, s.State) },
			func(s *site.Site) badRefusal {
				return badRefusal{8, []string{s.State, "schema 99", "use the newer postweave"}}
			}, all,
		},
		"the disk is full": {
			func(s *site.Site) { badBlock(s, "read_only_allow_delete") },
			func(s *site.Site) badRefusal {
				return badRefusal{7, []string{s.Target, "cluster_block_exception", "free space"}}
			}, working,
		},
		"the index is write-blocked": {
			func(s *site.Site) { badBlock(s, "write") },
			func(s *site.Site) badRefusal {
				return badRefusal{7, []string{s.Target, "cluster_block_exception", "remove the block"}}
			}, working,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := badSite(t)
			c.spoil(s)
			want := c.want(s)
			refused(s, want, c.on...)
			if slices.Contains(want.words, setup) { // the advice is good
				s.Must("setup")
				if r := s.Run(); r.Created != 1 {
					t.Errorf("the run after it: %+v", r)
				}
			}
		})
	}
}

// badSchema pretends that a later postweave has been here.
func badSchema(s *site.Site, index string) {
	s.ES(http.MethodPut, "/"+index+"/_mapping", map[string]any{"_meta": map[string]any{"product": "postweave", "schema": 99}}, nil)
}

// badBlock sets a block on the target and takes it away after the test.
func badBlock(s *site.Site, kind string) {
	set := func(on any) {
		s.ES(http.MethodPut, "/"+s.Target+"-000001/_settings", map[string]any{"index.blocks." + kind: on}, nil)
	}
	set(true)
	s.T.Cleanup(func() {
		// Not through s.es, whose context has ended by now.
		body := strings.NewReader(`{"index.blocks.` + kind + `":null}`)
		req, err := http.NewRequest(http.MethodPut, s.Node+"/"+s.Target+"-000001/_settings", body)
		if err != nil {
			s.T.Error(err)
			return
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			s.T.Error(err)
			return
		}
		res.Body.Close()
	})
}

// A block does not go away by waiting: the command ends long before a budget
// that is meant for outages.
func TestBadBlockEndsTheRunAtOnce(t *testing.T) {
	s := badSite(t)
	badBlock(s, "read_only_allow_delete")
	begin := time.Now()
	refused(s, badRefusal{7, []string{"429 cluster_block_exception"}}, []string{"run", "--retry-budget", "90s"})
	if took := time.Since(begin); took > 45*time.Second {
		t.Errorf("it took %v", took)
	}
}

// A document that a later postweave wrote is left as it is.
func TestBadDocumentOfANewerSchema(t *testing.T) {
	s := badSite(t)
	s.Run()
	docs := s.Documents()
	newer := regexp.MustCompile(`"schema":[0-9]+}$`).ReplaceAll(docs[0].Source, []byte(`"schema":99}`))
	if bytes.Equal(newer, docs[0].Source) {
		t.Fatalf("the schema is not where it was: %s", docs[0].Source)
	}
	s.ES(http.MethodPut, "/"+s.Target+"/_doc/"+docs[0].ID+"?refresh=true", json.RawMessage(newer), nil)
	badLine(s, "2026.11.20", "postfix/qmgr", badID+": removed")
	refused(s, badRefusal{8, []string{"newer postweave"}})
}

// badAnswers stands between the command and the node and changes answers whose
// method and path pass, on their way back.
func badAnswers(s *site.Site, passes func(method, path string) bool, change func(answer map[string]any)) *site.Site {
	s.T.Helper()
	node, err := url.Parse(s.Node)
	if err != nil {
		s.T.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(node) },
		ModifyResponse: func(res *http.Response) error {
			if !passes(res.Request.Method, res.Request.URL.Path) {
				return nil
			}
			decoder := json.NewDecoder(res.Body)
			decoder.UseNumber()
			var answer map[string]any
			if err := decoder.Decode(&answer); err != nil {
				return err
			}
			change(answer)
			body, err := json.Marshal(answer)
			if err != nil {
				return err
			}
			res.Body = io.NopCloser(bytes.NewReader(body))
			res.ContentLength = int64(len(body))
			res.Header.Set("Content-Length", fmt.Sprint(len(body)))
			return nil
		},
	}
	server := httptest.NewServer(proxy)
	s.T.Cleanup(server.Close)
	return s.Through(server.URL)
}

// A search that lost a shard answers 200 with what is left. So do a refresh,
// the statistics and the look at the fields.
func TestBadAnswersOfTheSource(t *testing.T) {
	s := badSite(t)
	failed := func(a map[string]any) {
		a["_shards"] = map[string]any{"total": 2, "successful": 1, "failed": 1, "failures": []any{
			map[string]any{"shard": 0, "reason": map[string]any{"type": "query_shard_exception", "reason": "failed on " + badPerson}},
		}}
	}
	inTime := func(method, path string) bool { return method == http.MethodPost && path == "/_search" }
	onSource := func(end string) func(string, string) bool {
		return func(_, path string) bool { return strings.Contains(path, s.Source) && strings.HasSuffix(path, end) }
	}
	for name, c := range map[string]struct {
		passes func(method, path string) bool
		change func(map[string]any)
		words  []string
	}{
		"a search fails on a shard":      {inTime, failed, []string{"failed on a shard", "not whole", "cluster's health"}},
		"a search times out on a shard":  {inTime, func(a map[string]any) { a["timed_out"] = true }, []string{"timed out on a shard", "not whole"}},
		"a search ends early":            {inTime, func(a map[string]any) { a["terminated_early"] = true }, []string{"ended early", "not whole"}},
		"a remote cluster is left out":   {inTime, func(a map[string]any) { a["_clusters"] = map[string]any{"total": 2, "successful": 1, "skipped": 1} }, []string{"remote cluster was skipped"}},
		"a shard is not refreshed":       {onSource("/_refresh"), failed, []string{"refresh", "a shard could not be refreshed"}},
		"a shard is not in the snapshot": {onSource("/_pit"), failed, []string{"open point in time", "not all shards"}},
		"a shard tells no checkpoint":    {onSource("/_stats/docs"), failed, []string{"checkpoints", "a shard did not answer"}},
		"an index tells no fields": {onSource("/_field_caps"), func(a map[string]any) {
			a["failures"] = []any{map[string]any{"indices": []string{s.Source + "2026.11.20"}, "failure": map[string]any{"reason": badPerson}}}
		}, []string{"fields", "did not answer"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := *s
			s.T = t
			work := badWork
			if strings.HasPrefix(name, "a shard tells") { // a backfill asks for no checkpoints
				work = [][]string{{"run"}}
			}
			refused(badAnswers(&s, c.passes, c.change), badRefusal{5, c.words}, work...)
		})
	}
	// Nothing of all that is left behind: the first clean run does it all.
	if r := s.Run(); r.Created != 1 || r.Lines != 2 {
		t.Errorf("the run after it: %+v", r)
	}
}

// The same of the target is no fault of the source.
func TestBadAnswersOfTheTarget(t *testing.T) {
	s := badSite(t)
	failed := func(a map[string]any) { a["_shards"] = map[string]any{"total": 1, "successful": 0, "failed": 1} }
	through := func(end string) *site.Site {
		return badAnswers(s, func(_, path string) bool { return path == "/"+s.Target+end }, failed)
	}
	refused(through("/_search"), badRefusal{3, []string{"find documents", "failed on a shard"}})
	// The target is refreshed after the write, to see whether others wrote too.
	// Without an answer to that the document is there, and not confirmed.
	before := s.Cursor()
	badMessage(s, badRefusal{3, []string{"refresh", s.Target, "a shard could not be refreshed"}}, []string{"run"}, badCall(through("/_refresh"), "run"))
	if after := s.Cursor(); after != before {
		t.Errorf("the cursor moved past what is not confirmed\nbefore %s\nafter  %s", before, after)
	}
	if r := s.Run(); r.Unchanged != 1 || r.Documents != 1 {
		t.Errorf("the run after it: %+v", r)
	}
}

// What a bulk request did is believed item by item only. Here the node does
// what it is asked to, or does nothing, and the answer tells otherwise.
func TestBadAnswersToWrites(t *testing.T) {
	item := func(status int, kind string) func(map[string]any) {
		return func(a map[string]any) {
			for _, i := range a["items"].([]any) {
				for action, was := range i.(map[string]any) {
					i.(map[string]any)[action] = map[string]any{"_id": was.(map[string]any)["_id"], "status": status, "error": map[string]any{"type": kind, "reason": "failed to parse field of " + badPerson}}
				}
			}
			a["errors"] = true
		}
	}
	for name, c := range map[string]struct {
		change func(map[string]any)
		want   badRefusal
	}{
		"fewer items than documents": {
			func(a map[string]any) { a["items"] = a["items"].([]any)[1:] },
			badRefusal{3, []string{"write documents", "0 outcomes for 1 documents", "proxy"}},
		},
		"no items at all": {func(a map[string]any) { delete(a, "items") }, badRefusal{3, []string{"0 outcomes for 1 documents"}}},
		"items of other actions": {
			func(a map[string]any) { a["items"] = []any{map[string]any{"delete": map[string]any{"status": 200}}} },
			badRefusal{3, []string{"not in the order of the documents"}},
		},
		"an item without room":       {item(429, "es_rejected_execution_exception"), badRefusal{3, []string{"lack of room"}}},
		"an item without privilege":  {item(403, "security_exception"), badRefusal{4, []string{"security_exception", "privileges index, write", "setup --print role"}}},
		"an item on a full disk":     {item(429, "cluster_block_exception"), badRefusal{7, []string{"cluster_block_exception", "free space"}}},
		"an item without its target": {item(404, "index_not_found_exception"), badRefusal{1, []string{"index_not_found_exception", "the target is missing: run `postweave setup`"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := badSite(t)
			cursor := s.Cursor()
			through := badAnswers(s, func(_, path string) bool { return strings.HasSuffix(path, "/_bulk") }, c.change)
			o := badCall(through, "run")
			badMessage(s, c.want, []string{"run"}, o)
			if after := s.Cursor(); after != cursor {
				t.Errorf("the cursor moved past what is not confirmed\nbefore %s\nafter  %s", cursor, after)
			}
			// The node did write. The next run finds that, and ends in what is right.
			if r := s.Run(); r.Unchanged != 1 || r.Documents != 1 {
				t.Errorf("the run after it: %+v", r)
			}
		})
	}
}

// A document that the target refuses is kept as a stub: the cursor moves, and
// the exit code tells.
func TestBadDocumentIsQuarantined(t *testing.T) {
	s := badSite(t)
	node, err := url.Parse(s.Node)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(node)
	refused := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refused || !strings.HasSuffix(r.URL.Path, "/_bulk") {
			forward.ServeHTTP(w, r)
			return
		}
		refused = true
		var action struct {
			Create struct {
				ID string `json:"_id"`
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&action); err != nil {
			t.Error(err)
		}
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"errors":true,"items":[{"create":{"_id":%q,"status":400,"error":{"type":"document_parsing_exception","reason":"failed to parse %s"}}}]}`, action.Create.ID, badPerson)
	}))
	t.Cleanup(server.Close)
	before := s.Cursor()
	badMessage(s, badRefusal{6, []string{"refused by the target", "kept as stubs", "warnings: quarantined"}}, []string{"run"}, badCall(s.Through(server.URL), "run"))
	if s.Cursor() == before {
		t.Error("the cursor did not move: the document would be refused for ever")
	}
	if docs := s.Documents(); len(docs) != 1 || !bytes.Contains(docs[0].Source, []byte(badID)) || !bytes.Contains(docs[0].Source, []byte("quarantined")) {
		t.Errorf("the stub cannot be found: %s", site.Sources(docs))
	}
	// With the next line it is tried again.
	badLine(s, "2026.11.20", "postfix/qmgr", badID+": removed")
	if r := s.Run(); r.Updated != 1 || r.Quarantined != 0 {
		t.Errorf("the run after it: %+v", r)
	}
	if docs := s.Documents(); len(docs) != 1 || bytes.Contains(docs[0].Source, []byte("quarantined")) || !bytes.Contains(docs[0].Source, []byte(`"lines":3`)) {
		t.Errorf("not healed: %s", site.Sources(docs))
	}
}
