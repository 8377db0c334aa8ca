package esquery

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
)

// answering is a source whose Elasticsearch gives one answer to each request
// whose path ends in a given text.
func answering(t *testing.T, o SourceOptions, answers map[string]string) *Source {
	t.Helper()
	c, err := Connect(Config{Addresses: []string{"http://127.0.0.1:9200"}, RetryBudget: quickly, Transport: tripper(func(r *http.Request) (*http.Response, error) {
		for end, body := range answers {
			if strings.HasSuffix(r.URL.Path, end) {
				status := http.StatusOK
				if code, rest, ok := strings.Cut(body, " "); ok && len(code) == 3 {
					if _, err := fmt.Sscan(code, &status); err != nil {
						t.Error(err)
					}
					body = rest
				}
				return reply(status, body), nil
			}
		}
		t.Errorf("asked %s %s", r.Method, r.URL.Path)
		return reply(http.StatusInternalServerError, `{}`), nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	o.State = "state"
	s, err := c.Source(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const wholeHit = `{"took":1,"timed_out":false,"_shards":{"total":1,"failed":0},"hits":{"total":{"value":3},"hits":[{"_id":"a","sort":[2]}]}}`

// An answer that is not whole is never used, whichever request it answers.
func TestAnswersThatAreNotWhole(t *testing.T) {
	one := []string{"syslog-1"}
	for name, test := range map[string]struct {
		ask  func(*Source) error
		good map[string]string // path's end to answer
		end  string            // of the one that is spoilt
		bad  map[string]string // why to spoilt answer
	}{
		"search": {
			ask:  func(s *Source) error { _, err := s.newestOf(t.Context(), []string{"x:syslog-1"}); return err },
			end:  "/_search",
			good: map[string]string{"/_search": `{"timed_out":false,"_shards":{"total":1,"failed":0},"hits":{"total":{"value":0},"hits":[]},"aggregations":{"newest":{"value":1}}}`},
			bad: map[string]string{
				"no shard at all":   `{"timed_out":false,"_shards":{"total":0,"failed":0},"hits":{"total":{"value":0},"hits":[]}}`,
				"a failed shard":    `{"timed_out":false,"_shards":{"total":2,"failed":1},"hits":{"hits":[]}}`,
				"timed out":         `{"timed_out":true,"_shards":{"total":1,"failed":0},"hits":{"hits":[]}}`,
				"terminated early":  `{"timed_out":false,"terminated_early":true,"_shards":{"total":1,"failed":0},"hits":{"hits":[]}}`,
				"a cluster skipped": `{"timed_out":false,"_shards":{"total":1,"failed":0},"_clusters":{"total":2,"skipped":1},"hits":{"hits":[]}}`,
				"a cluster partial": `{"timed_out":false,"_shards":{"total":1,"failed":0},"_clusters":{"total":2,"partial":1},"hits":{"hits":[]}}`,
				"a cluster failed":  `{"timed_out":false,"_shards":{"total":1,"failed":0},"_clusters":{"total":2,"failed":1},"hits":{"hits":[]}}`,
			},
		},
		"survey": {
			ask:  func(s *Source) error { _, err := s.client.survey(t.Context(), []string{"x:syslog-*"}, one); return err },
			end:  "/_msearch",
			good: map[string]string{"/_msearch": `{"responses":[{"timed_out":false,"_shards":{"total":0,"failed":0},"hits":{"hits":[]}},` + wholeHit + `]}`},
			bad: map[string]string{
				"fewer answers":         `{"responses":[` + wholeHit + `]}`,
				"more answers":          `{"responses":[` + wholeHit + `,` + wholeHit + `,` + wholeHit + `]}`,
				"a cluster skipped":     `{"responses":[{"timed_out":false,"_shards":{"total":0,"failed":0},"_clusters":{"total":1,"skipped":1},"hits":{"hits":[]}},` + wholeHit + `]}`,
				"an index of no shards": `{"responses":[` + wholeHit + `,{"timed_out":false,"_shards":{"total":0,"failed":0},"hits":{"hits":[]}}]}`,
				"an index timed out":    `{"responses":[` + wholeHit + `,{"timed_out":true,"_shards":{"total":1,"failed":0},"hits":{"hits":[]}}]}`,
				"an index that failed":  `{"responses":[` + wholeHit + `,{"status":503,"error":{"type":"search_phase_execution_exception","root_cause":[{"type":"no_shard_available_action_exception"}]}}]}`,
			},
		},
		"point in time": {
			ask: func(s *Source) error { _, err := s.client.openPIT(t.Context(), one); return err },
			end: "/_pit", good: map[string]string{"/_pit": `{"id":"p"}`}, // before 8.15 nothing is said of shards
			bad: map[string]string{
				"no shard at all": `{"id":"p","_shards":{"total":0,"failed":0}}`,
				"a failed shard":  `{"id":"p","_shards":{"total":2,"failed":1}}`,
				"no id":           `{"_shards":{"total":1,"failed":0}}`,
			},
		},
		"refresh": {
			ask: func(s *Source) error { return s.refreshed(t.Context(), one) },
			end: "/_refresh", good: map[string]string{"/_refresh": `{"_shards":{"total":2,"failed":0}}`},
			bad: map[string]string{
				"no shard at all": `{"_shards":{"total":0,"failed":0}}`,
				"a failed shard":  `{"_shards":{"total":2,"failed":1}}`,
				"nothing told":    `{}`,
			},
		},
		"fields": {
			ask: func(s *Source) error { _, err := s.client.resolve(t.Context(), one, layouts); return err },
			end: "/_field_caps", good: map[string]string{"/_field_caps": `{"indices":["syslog-1"],"fields":{}}`},
			bad: map[string]string{
				"an index left out":    `{"indices":[],"fields":{}}`,
				"an index that failed": `{"indices":["syslog-1"],"fields":{},"failures":[{"indices":["syslog-1"]}]}`,
			},
		},
		"checkpoints": {
			ask: func(s *Source) error { _, err := s.client.sourceIndices(t.Context(), one); return err },
			end: "/_stats/docs",
			good: map[string]string{
				"/_settings":   `{"syslog-1":{"settings":{"index":{"uuid":"u","number_of_shards":"1","creation_date":"1"}}}}`,
				"/_stats/docs": `{"_shards":{"failed":0},"indices":{"syslog-1":{"shards":{"0":[{"routing":{"primary":true},"seq_no":{"global_checkpoint":1},"commit":{"user_data":{"history_uuid":"h"}}}]}}}}`,
			},
			bad: map[string]string{
				"a failed shard":     `{"_shards":{"failed":1},"indices":{"syslog-1":{"shards":{"0":[{"routing":{"primary":true},"seq_no":{"global_checkpoint":1},"commit":{"user_data":{"history_uuid":"h"}}}]}}}}`,
				"an index left out":  `{"_shards":{"failed":0},"indices":{}}`,
				"a shard left out":   `{"_shards":{"failed":0},"indices":{"syslog-1":{"shards":{}}}}`,
				"no primary started": `{"_shards":{"failed":0},"indices":{"syslog-1":{"shards":{"0":[{"routing":{"primary":false},"seq_no":{"global_checkpoint":1}}]}}}}`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := SourceOptions{Patterns: []string{"syslog-*"}, Target: "t"}
			if err := test.ask(answering(t, o, test.good)); err != nil {
				t.Errorf("a whole answer is refused: %v", err)
			}
			for why, body := range test.bad {
				answers := map[string]string{}
				for end, good := range test.good {
					answers[end] = good
				}
				answers[test.end] = body
				err := test.ask(answering(t, o, answers))
				var e *Error
				if !errors.As(err, &e) || e.Class != ClassSource {
					t.Errorf("%s: %v, want an incomplete source", why, err)
				}
			}
		})
	}
}

// What a user may not do is told from what is broken: only the first is a reason for the overlap.
func TestReasonsForTheOverlap(t *testing.T) {
	refusal := func(action, privilege string) string {
		return `403 {"status":403,"error":{"type":"security_exception","reason":"action [` + action + `] is unauthorized for user [u] on indices [syslog-1], this action is granted by the index privileges [` + privilege + `,manage,all]"}}`
	}
	settings := `{"syslog-1":{"settings":{"index":{"uuid":"u","number_of_shards":"1","creation_date":"1"}}}}`
	o := SourceOptions{Patterns: []string{"syslog-*"}, Target: "t"}
	ask := func(s *Source) error { _, err := s.client.sourceIndices(t.Context(), o.Patterns); return err }
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"monitor":     {ask(answering(t, o, map[string]string{"/_settings": settings, "/_stats/docs": refusal("indices:monitor/stats", "monitor")})), "monitor"},
		"maintenance": {answering(t, o, map[string]string{"/_refresh": refusal("indices:admin/refresh", "maintenance")}).refreshed(t.Context(), []string{"syslog-1"}), "maintenance"},
		"index block": {answering(t, o, map[string]string{"/_refresh": `403 {"status":403,"error":{"type":"cluster_block_exception","reason":"blocked"}}`}).refreshed(t.Context(), []string{"syslog-1"}), ""},
		"red":         {ask(answering(t, o, map[string]string{"/_settings": settings, "/_stats/docs": `{"_shards":{"failed":0},"indices":{}}`})), ""},
		"no error":    {nil, ""},
	} {
		if got := lackReason(test.err); test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q from %v", name, got, test.err)
		}
	}
	err := answering(t, o, map[string]string{"/_refresh": refusal("indices:admin/refresh", "maintenance")}).refreshed(t.Context(), []string{"syslog-1"})
	var e *Error
	if !errors.As(err, &e) || e.Index != "syslog-1" || !strings.Contains(e.Hint, "maintenance") {
		t.Errorf("the refusal does not name index and privilege: %v", err)
	}
}

// The cursor never runs ahead: of the worker's clock, of the newest line, of what is merged. And never back.
func TestPlaceByIngestTime(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 11, 22, 12, minute, 0, 0, time.UTC) }
	o := &Overlap{Source: &Source{log: zap.NewNop(), options: SourceOptions{DryRun: true}}}
	var x ingestCursor
	for _, step := range []struct{ end, clock, want int }{
		{10, 30, 10},
		{20, 15, 15}, // the clock has not come so far
		{5, 30, 15},  // late lines
		{25, 30, 25},
	} {
		if err := o.move(t.Context(), &x, at(step.end), at(step.clock), tide{Docs: 7, SeqNo: 6}); err != nil {
			t.Fatal(err)
		}
		if !x.At.Equal(at(step.want)) {
			t.Errorf("after a slice up to minute %d at minute %d: %v", step.end, step.clock, x.At)
		}
		if x.Mark == (tide{Docs: 7, SeqNo: 6}) {
			t.Error("an index that is read in part looks like one that is read")
		}
	}
}

// Each line is in one clause, by the first ingest time that it has, or its own time.
func TestIngestTimeOfALine(t *testing.T) {
	f := &fields{time: "@timestamp", ingest: []string{"event.ingested", "received_at"}}
	names, which := f.ingestClauses()
	got, err := json.Marshal([]any{names, which})
	if err != nil {
		t.Fatal(err)
	}
	const want = `[["event.ingested","received_at","@timestamp"],[{"bool":{"must_not":[]}},` +
		`{"bool":{"must_not":[{"exists":{"field":"event.ingested"}}]}},` +
		`{"bool":{"must_not":[{"exists":{"field":"event.ingested"}},{"exists":{"field":"received_at"}}]}}]]`
	if string(got) != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	caps := capsOf("syslog_hostname", "syslog_program", "syslog_message", "received_at") // a text is no time
	caps["event.ingested"] = capability{searchable: true, aggregatable: true, date: true}
	if f := fitted(t, caps); len(f.ingest) != 1 || f.ingest[0] != "event.ingested" {
		t.Errorf("followed by %v", f.ingest)
	}
}

// Indices of all kinds of answers are listed by names that a search takes.
func TestIndicesOfRemoteClusters(t *testing.T) {
	s := answering(t, SourceOptions{Patterns: []string{"x:syslog-*", "logs"}, Target: "t"}, map[string]string{
		"/_msearch":       `{"responses":[{"timed_out":false,"_shards":{"total":1,"failed":0},"hits":{"hits":[]}}]}`,
		"/logs/_settings": `{".ds-logs-1":{"settings":{"index":{"uuid":"u","number_of_shards":"1","creation_date":"1"}}}}`,
		"/_alias/logs":    `{}`,
		"/_resolve/index/x:syslog-*,logs": `{"indices":[{"name":"x:syslog-1","attributes":["open"]},{"name":"x:syslog-0","attributes":["closed"]}],
			"aliases":[{"name":"x:syslog-all","indices":["syslog-1","syslog-2"]}],"data_streams":[{"name":"logs","backing_indices":[".ds-logs-1"]}]}`,
	})
	all, err := s.client.listIndices(t.Context(), s.options.Patterns)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range all {
		got = append(got, fmt.Sprint(x.name, " ", x.closed))
	}
	if want := ".ds-logs-1 false, x:syslog-0 true, x:syslog-1 false, x:syslog-2 false"; strings.Join(got, ", ") != want {
		t.Errorf("%s, want %s", strings.Join(got, ", "), want)
	}
}

// A survey of many indices asks in parts, and each part for its own.
func TestSurveyOfManyIndices(t *testing.T) {
	var asked []string
	c, err := Connect(Config{Addresses: []string{"http://127.0.0.1:9200"}, Transport: tripper(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		lines := strings.Split(strings.TrimSpace(string(body)), "\n")
		var answers []string
		for i := 0; i < len(lines); i += 2 {
			asked = append(asked, lines[i])
			answers = append(answers, wholeHit)
		}
		return reply(http.StatusOK, `{"responses":[`+strings.Join(answers, ",")+`]}`), nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	var list []string
	for i := range 250 {
		list = append(list, fmt.Sprint("syslog-", i))
	}
	marks, err := c.survey(t.Context(), []string{"syslog-*"}, list)
	if err != nil || len(marks) != 250 || len(asked) != 251 {
		t.Fatalf("%d marks of %d searches: %v", len(marks), len(asked), err)
	}
	if marks["syslog-249"] != (tide{Docs: 3, SeqNo: 2}) {
		t.Errorf("%+v", marks["syslog-249"])
	}
}

// An index that is gone is told from another whose name ends alike: the target's, for one, whose loss ends the run.
func TestIndexThatIsGone(t *testing.T) {
	for told, same := range map[string]bool{"raw-messages": true, "x:raw-messages": true, "messages": false, "": false} {
		if got := sameIndex("x:raw-messages", told); got != same {
			t.Errorf("%q: %v", told, got)
		}
	}
}
