package essim_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/esquery"
	"github.com/postweave/postweave/test/hard"
	"github.com/postweave/postweave/worker"
	"github.com/postweave/postweave/worker/message"
)

const sourceMapping = `{"dynamic":false,"properties":{
	"@timestamp":{"type":"date"},"syslog_hostname":{"type":"keyword"},"syslog_program":{"type":"keyword"},"syslog_pid":{"type":"keyword"},
	"syslog_message":{"type":"text"},"postfix_queueid":{"type":"keyword","ignore_above":20}}}`

// index makes an index that is refreshed only when somebody says so.
func (b *both) index(name string, shards int, mapping string) {
	b.must(http.MethodPut, "/"+b.prefix+name, fmt.Sprintf(`{"settings":{"index":{"number_of_shards":%d,"number_of_replicas":0,"refresh_interval":"-1"}},"mappings":%s}`, shards, mapping))
}

// must asks both and ends the test where that is refused.
func (b *both) must(method, uri, body string) []byte {
	b.t.Helper()
	status, answer := b.ask(method, uri, []byte(body))
	if status/100 != 2 {
		b.t.Fatalf("%s %s: %d %s", method, uri, status, answer)
	}
	return answer
}

// TestRunsOfTheProduct compares the answers to all requests that the real code sends: setup, runs, a reset and backfills
// over the hard merges, and two runs that hold a line each of what the other writes.
func TestRunsOfTheProduct(t *testing.T) {
	for i, s := range hard.Scenarios() {
		options := []message.Options{{}, {MaxLogLines: 2}}[i%2]
		t.Run(s.Name, func(t *testing.T) {
			b := newBoth(t)
			target, state := b.prefix+"messages", b.prefix+"state"
			address := "http://127.0.0.1:9200"
			if options.MaxLogLines == 0 {
				address = "http://es.example:9200" // documents are cut for the way
			}
			client, err := esquery.Connect(esquery.Config{Addresses: []string{address}, Transport: b})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second time all is there
				if _, err := client.Setup(t.Context(), esquery.SetupOptions{Target: target, State: state}); err != nil {
					t.Fatal(err)
				}
			}
			b.must(http.MethodPut, "/"+target+","+target+"-log,"+state+"/_settings", `{"index":{"refresh_interval":"-1"}}`)
			made := map[string]bool{}
			n := 0
			for _, step := range s.Steps {
				for _, l := range step.Arrive {
					if !made[l.Index()] {
						b.index(l.Index(), 2, sourceMapping)
						made[l.Index()] = true
					}
					n++
					id, _, _ := strings.Cut(l.Text, ":")
					b.must(http.MethodPost, "/_bulk", fmt.Sprintf("{\"create\":{\"_index\":%q,\"_id\":\"line%d\"}}\n"+
						"{\"@timestamp\":%q,\"syslog_hostname\":%q,\"syslog_program\":%q,\"syslog_pid\":%q,\"syslog_message\":%s,\"postfix_queueid\":[%q,\"NOQUEUE\"]}\n",
						b.prefix+l.Index(), n, l.Time.Format(time.RFC3339Nano), l.Host, l.Program, l.PID, text(l.Text), id))
				}
				for _, index := range step.Drop {
					b.must(http.MethodDelete, "/"+b.prefix+index, "")
					made[index] = false
				}
				for _, r := range slices.Concat(step.Runs, step.Runs[:1]) { // once more when nothing is new
					b.call(client, r, options)
				}
			}
		})
	}
}

// call makes one run of the product.
func (b *both) call(client *esquery.Client, r hard.Run, options message.Options) {
	b.t.Helper()
	target, state := b.prefix+"messages", b.prefix+"state"
	source, err := client.Source(esquery.SourceOptions{Patterns: []string{b.prefix + r.Feed + "-*"}, Target: target, State: state, Width: 3})
	if err != nil {
		b.t.Fatal(err)
	}
	run := &worker.Run{Target: client.Documents(target), Options: options}
	if r.From != "" {
		from, _ := time.Parse(time.DateOnly, r.From)
		to, _ := time.Parse(time.DateOnly, r.To)
		run.Source = source.Days(from, to.AddDate(0, 0, 1))
	} else {
		incoming := source.Incoming()
		if r.Reset {
			if err := incoming.Reset(b.t.Context()); err != nil {
				b.t.Fatal(err)
			}
		}
		run.Source = incoming
	}
	if err := client.CheckTarget(b.t.Context(), target, state); err != nil {
		b.t.Fatal(err)
	}
	if _, err := run.Do(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// TestEdges compares the answers to requests at the edges of what the product
// relies on.
func TestEdges(t *testing.T) {
	b := newBoth(t)
	const keyed = `{"dynamic":"strict","properties":{"h":{"type":"keyword"},"q":{"type":"keyword","ignore_above":4},"n":{"type":"long"},"@timestamp":{"type":"date"},
		"low":{"type":"keyword","normalizer":"lowercase"},"deep":{"properties":{"er":{"type":"keyword"}}},"kept":{"type":"object","enabled":false}}}`
	b.index("one", 1, keyed)
	b.index("three", 3, keyed)
	b.index("other", 2, `{"dynamic":false,"properties":{"h":{"type":"text","fields":{"keyword":{"type":"keyword"}}},"q":{"type":"keyword"}}}`)
	one, three, other := b.prefix+"one", b.prefix+"three", b.prefix+"other"
	ask := func(method, uri, body string) []byte {
		_, answer := b.ask(method, uri, []byte(body))
		return answer
	}
	bulk := func(index string, lines ...string) {
		ask(http.MethodPost, "/"+index+"/_bulk", strings.Join(lines, "\n")+"\n")
	}
	search := func(index, body string) { ask(http.MethodPost, "/"+index+"/_search", body) }
	refresh := func(index string) { ask(http.MethodPost, "/"+index+"/_refresh", "") }
	everything := `{"size":100,"sort":[{"_seq_no":"asc"}],"seq_no_primary_term":true,"track_total_hits":true}`

	// Writes and their conflicts. A delete takes a number, a conflict none, and what was deleted can be made again.
	for _, index := range []string{one, three} {
		bulk(index, `{"create":{"_id":"a"}}`, `{"h":"x","q":["1","2","2"],"n":1,"@timestamp":"2026-11-20T01:02:03.000Z"}`,
			`{"create":{"_id":"a"}}`, `{"h":"y"}`,
			`{"delete":{"_id":"never"}}`, `{"delete":{"_id":"never","if_seq_no":3,"if_primary_term":1}}`,
			`{"index":{"_id":"b","if_seq_no":0,"if_primary_term":1}}`, `{"h":"x"}`,
			`{"index":{"_id":"a","if_seq_no":0,"if_primary_term":2}}`, `{"h":"x"}`,
			`{"index":{"_id":"a","if_seq_no":0,"if_primary_term":1}}`, `{"h":"x","q":"1","deep":{"er":"w"},"kept":{"any":["thing",1]}}`,
			`{"index":{"_id":"a","if_seq_no":0,"if_primary_term":1}}`, `{"h":"z"}`,
			`{"delete":{"_id":"a","if_seq_no":0,"if_primary_term":1}}`,
			`{"index":{"_id":"c"}}`, `{"h":"y","q":["tool","toolong"],"n":[5,3],"@timestamp":"2026-11-20T01:02:03.001Z","low":"ABC"}`,
			`{"create":{"_id":"d"}}`, `{"nobody":"knows"}`,
			`{"create":{"_id":"d"}}`, `{"@timestamp":"no date"}`,
			`{"create":{"_id":"d"}}`, `{"n":"no number"}`,
			`{"create":{"_id":"d"}}`, `{"q":["toolong"],"h":["x","y"],"@timestamp":["2026-11-20T23:59:59.999Z","2026-11-21T00:00:00.000Z"]}`)
		search(index, everything) // nothing is visible
		for _, id := range []string{"a", "b", "c", "d"} {
			ask(http.MethodGet, "/"+index+"/_doc/"+id, "") // but there
		}
		refresh(index)
		search(index, everything)
		bulk(index, `{"delete":{"_id":"a"}}`, `{"create":{"_id":"a"}}`, `{"h":"again"}`, `{"delete":{"_id":"c"}}`, `{"delete":{"_id":"c"}}`)
		search(index, everything)
		refresh(index)
		search(index, everything)
		bulk(index, `{"create":{"_id":"c"}}`, `{"h":"back"}`)
		for i := range 12 {
			bulk(index, fmt.Sprintf(`{"create":{"_id":"m%d"}}`, i),
				fmt.Sprintf(`{"h":"h%d","q":["%d","%d"],"n":%d,"@timestamp":"2026-11-%02dT00:00:00.%03dZ"}`, i%3, i%2, i, i, 10+i, i))
		}
		refresh(index)
	}
	stats := "/_stats/docs?level=shards&filter_path=_shards.failed,indices.*.shards.*.routing.primary,indices.*.shards.*.routing.state,indices.*.shards.*.seq_no,indices.*.shards.*.commit.user_data.history_uuid"
	ask(http.MethodGet, "/"+b.prefix+"*"+stats, "")

	// Queries, one by one.
	for _, q := range []string{
		`{"match_all":{}}`, `{"term":{"h":{"value":"x"}}}`, `{"term":{"h":"h1"}}`, `{"terms":{"h":["h1","h2"]}}`, `{"terms":{"_index":["` + one + `"]}}`,
		`{"terms":{"_id":["m1","m3","nobody"]}}`, `{"ids":{"values":["m1","m3","nobody"]}}`, `{"exists":{"field":"q"}}`, `{"exists":{"field":"low"}}`, `{"exists":{"field":"deep.er"}}`, `{"exists":{"field":"nobody"}}`,
		`{"term":{"low":"aBC"}}`, `{"prefix":{"h":{"value":"h"}}}`, `{"prefix":{"h":{"value":""}}}`, `{"term":{"q":"toolong"}}`,
		`{"range":{"_seq_no":{"gt":3,"lte":6}}}`, `{"range":{"_seq_no":{"gte":3,"lt":6}}}`, `{"range":{"_seq_no":{"gt":-1,"lte":0}}}`, `{"range":{"n":{"gte":3,"lte":4}}}`,
		`{"range":{"@timestamp":{"gte":"2026-11-12T00:00:00.002Z","lt":"2026-11-14T00:00:00.004Z","format":"strict_date_optional_time"}}}`,
		`{"range":{"@timestamp":{"gt":"2026-11-12T00:00:00.002Z","lte":"2026-11-14T00:00:00.004Z","format":"strict_date_optional_time"}}}`,
		`{"range":{"@timestamp":{"gte":"2026-11-12T00:00:00.0021Z","lt":"2026-11-14T00:00:00.0049Z","format":"strict_date_optional_time"}}}`,
		`{"range":{"@timestamp":{"gte":"2026-11-21T00:00:00Z"}}}`,
		`{"bool":{"filter":[{"exists":{"field":"q"}},{"bool":{"should":[{"term":{"h":"h1"}},{"prefix":{"q":{"value":"1"}}}],"minimum_should_match":1}}]}}`,
		`{"bool":{"should":[{"term":{"h":"h1"}}],"filter":{"exists":{"field":"q"}}}}`, `{"bool":{"should":[{"term":{"h":"h1"}}]}}`,
		`{"bool":{"must":{"exists":{"field":"q"}},"must_not":[{"term":{"h":"h1"}}]}}`,
	} {
		search(one+","+three, `{"size":50,"sort":[{"_seq_no":"asc"},{"h":{"order":"asc","missing":"_last"}}],"query":`+q+`}`)
	}
	// What of a hit is shown.
	for _, shown := range []string{
		`"_source":false`, `"_source":true`, `"_source":["h","deep.er","nobody"]`, `"_source":["deep"]`, `"stored_fields":"_none_","docvalue_fields":["h","q"],"seq_no_primary_term":true`,
		`"docvalue_fields":["h","q","n","@timestamp","low","nobody"]`, `"track_total_hits":5`, `"track_total_hits":false`, `"track_total_hits":16`,
	} {
		search(three, `{"size":50,"sort":[{"_seq_no":"asc"},{"h":"desc"}],`+shown+`}`)
		search(one, `{"size":50,"sort":["_doc"],`+shown+`}`)
	}
	for _, sort := range []string{`{"@timestamp":{"order":"desc"}},{"_seq_no":"asc"}`, `{"@timestamp":"asc"},{"h":{"order":"desc"}},{"_seq_no":"desc"}`, `{"n":{"order":"desc","missing":"_last"}},{"_seq_no":"asc"}`} {
		search(one, `{"size":7,"sort":[`+sort+`]}`)
	}
	// Counts.
	for _, index := range []string{one, three, one + "," + three} {
		for _, size := range []int{1, 4, 100} {
			search(index, fmt.Sprintf(`{"size":0,"aggs":{"t":{"composite":{"size":%d,"sources":[{"h":{"terms":{"field":"h"}}},{"q":{"terms":{"field":"q"}}}]}},"newest":{"max":{"field":"@timestamp"}}}}`, size))
			search(index, fmt.Sprintf(`{"size":0,"aggs":{"t":{"composite":{"size":%d,"after":{"h":"h1","q":"1"},"sources":[{"h":{"terms":{"field":"h"}}},{"q":{"terms":{"field":"q"}}}]}}}}`, size))
		}
	}
	search(one, `{"size":0,"query":{"term":{"h":"nobody"}},"aggs":{"newest":{"max":{"field":"@timestamp"}},"t":{"composite":{"sources":[{"h":{"terms":{"field":"h"}}}]}}}}`)

	// Without a @timestamp a node keeps its segments in the order in which they were written.
	b.index("paged", 3, `{"dynamic":false,"properties":{"h":{"type":"keyword"}}}`)
	paged := b.prefix + "paged"
	for i := range 12 {
		bulk(paged, fmt.Sprintf(`{"create":{"_id":"m%d"}}`, i), fmt.Sprintf(`{"h":"h%d"}`, i))
	}
	refresh(paged)
	b.pointsInTime(paged, bulk, refresh)

	// Fields that differ between indices.
	bulk(other, `{"create":{"_id":"1"}}`, `{"h":"text here","q":"1","else":"x"}`)
	for _, names := range []string{one, other, one + "," + other, b.prefix + "*"} {
		ask(http.MethodGet, "/"+names+"/_field_caps?fields=h,h.keyword,q,n,deep,deep.er,kept,nobody&include_unmapped=true&ignore_unavailable=false", "")
	}
	// What is not there.
	nobody := b.prefix + "nobody"
	for _, r := range [][2]string{
		{http.MethodPost, "/_search"},
		{http.MethodPost, "/_refresh"},
		{http.MethodPost, "/_pit?keep_alive=1m"},
		{http.MethodGet, "/_settings"},
		{http.MethodGet, stats},
		{http.MethodGet, "/_field_caps?fields=h"},
		{http.MethodGet, "/_doc/x"},
		{http.MethodGet, ""},
		{http.MethodDelete, ""},
	} {
		ask(r[0], "/"+nobody+r[1], "")
	}
	ask(http.MethodGet, "/"+nobody+"*/_settings?expand_wildcards=open,closed&allow_no_indices=true", "")
	ask(http.MethodGet, "/_resolve/index/"+nobody+"*?expand_wildcards=open,closed", "")
	ask(http.MethodGet, "/"+one+","+nobody+"?features=aliases,mappings&ignore_unavailable=true", "")
	ask(http.MethodGet, "/_index_template/"+nobody, "")
	for _, index := range []string{nobody, one} {
		ask(http.MethodPost, "/"+index+"/_bulk?require_alias=true", "{\"create\":{\"_id\":\"z\"}}\n{\"h\":\"x\"}\n{\"delete\":{\"_id\":\"z\"}}\n{\"create\":{\"_id\":\"zz\",\"_index\":\""+one+"\",\"require_alias\":false}}\n{\"h\":\"x\"}\n")
	}
	// Documents one by one.
	for _, uri := range []string{
		"PUT s?op_type=create", "PUT s?op_type=create", "GET s", "PUT s?if_seq_no=777&if_primary_term=1", "PUT s", "DELETE s?if_seq_no=777&if_primary_term=1", "DELETE s", "DELETE s",
		"DELETE s?if_seq_no=1&if_primary_term=1", "PUT s?if_seq_no=1&if_primary_term=1", "GET s", "PUT s?op_type=create", "GET s",
	} {
		method, rest, _ := strings.Cut(uri, " ")
		body := ""
		if method == http.MethodPut {
			body = `{"h":"s"}`
		}
		ask(method, "/"+one+"/_doc/"+rest, body)
	}
	ask(http.MethodPut, "/"+one, `{"mappings":{}}`) // is there
	// An index that is made anew counts from nought, and what it was before is gone.
	ask(http.MethodDelete, "/"+one, "")
	ask(http.MethodGet, "/"+one+"/_doc/a", "")
	b.index("one", 1, keyed)
	bulk(one, `{"create":{"_id":"a"}}`, `{"h":"x"}`)
	ask(http.MethodGet, "/"+b.prefix+"*"+stats, "")
	if len(b.kinds) < 15 {
		t.Errorf("only %d kinds of requests were compared: %v", len(b.kinds), b.kinds)
	}
	t.Logf("%d requests: %v", b.n, b.kinds)
}

// pointsInTime compares what a point in time shows while its index changes.
func (b *both) pointsInTime(index string, bulk func(string, ...string), refresh func(string)) {
	bulk(index, `{"create":{"_id":"p0"}}`, `{"h":"unseen"}`)
	id := pitOf(b, index)
	pages := func(id string) {
		after := ""
		for range 20 {
			_, answer := b.ask(http.MethodPost, "/_search?allow_partial_search_results=false",
				fmt.Appendf(nil, `{"pit":{"id":%q,"keep_alive":"1m"},"size":4,"sort":[{"_shard_doc":"asc"}],"track_total_hits":false,"seq_no_primary_term":true%s}`, id, after))
			values := lastSort(b.t, answer)
			if values == "" {
				return
			}
			after = `,"search_after":` + values
		}
		b.t.Error("a point in time has no end")
	}
	pages(id)
	bulk(index, `{"create":{"_id":"p1"}}`, `{"h":"later"}`, `{"delete":{"_id":"m3"}}`, `{"index":{"_id":"m4"}}`, `{"h":"other"}`)
	refresh(index)
	pages(id)
	second := pitOf(b, index)
	pages(second)
	b.ask(http.MethodPost, "/_search", fmt.Appendf(nil, `{"pit":{"id":%q},"size":3,"sort":[{"_seq_no":"desc"}]}`, second))
	b.ask(http.MethodDelete, "/_pit", fmt.Appendf(nil, `{"id":%q}`, id))
	b.ask(http.MethodDelete, "/_pit", fmt.Appendf(nil, `{"id":%q}`, id))
	b.ask(http.MethodPost, "/_search", fmt.Appendf(nil, `{"pit":{"id":%q},"size":3,"sort":[{"_shard_doc":"asc"}]}`, id))
	// And of an index that is deleted.
	b.index("short-lived", 2, `{}`)
	third := pitOf(b, b.prefix+"short-lived")
	b.ask(http.MethodDelete, "/"+b.prefix+"short-lived", nil)
	b.ask(http.MethodPost, "/_search?allow_partial_search_results=false", fmt.Appendf(nil, `{"pit":{"id":%q},"size":3,"sort":[{"_shard_doc":"asc"}]}`, third))
}
