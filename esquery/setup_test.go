package esquery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postweave/postweave/mappings"
	"github.com/postweave/postweave/test/esnode"
)

func TestMain(m *testing.M) { os.Exit(esnode.Main(m)) }

// testbed is a client of the real node with names of its own, cleared at the end.
type testbed struct {
	*Client
	t             *testing.T
	url           string
	target, state string
}

func newTestbed(t *testing.T) *testbed {
	t.Helper()
	url := esnode.Shared(t)
	c, err := Connect(Config{Addresses: []string{url}})
	if err != nil {
		t.Fatal(err)
	}
	name := "setup-" + strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))
	b := &testbed{Client: c, t: t, url: url, target: name, state: "state-of-" + name}
	b.clear()
	t.Cleanup(func() {
		b.clear()
		c.Close()
	})
	return b
}

func (b *testbed) clear() {
	for _, name := range b.names() {
		b.send(http.MethodDelete, "/"+name, "", 404)
	}
	for _, name := range []string{b.target, b.target + "-other"} {
		b.send(http.MethodDelete, "/_index_template/"+name, "", 404)
	}
}

// names lists the indices of this testbed.
func (b *testbed) names() []string {
	var names []string
	var found map[string]json.RawMessage
	res := b.send(http.MethodGet, "/"+b.target+"*,"+b.state+"*", "")
	if err := json.Unmarshal(res.Body, &found); err != nil {
		b.t.Fatal(err)
	}
	for name := range found {
		names = append(names, name)
	}
	return names
}

func (b *testbed) send(method, path, body string, ok ...int) *Response {
	b.t.Helper()
	res, err := b.Do(context.Background(), Request{Op: "prepare", Method: method, Path: path, Body: []byte(body), OK: ok})
	if err != nil {
		b.t.Fatal(err)
	}
	return res
}

func (b *testbed) setup() (SetupReport, error) {
	return b.Setup(context.Background(), SetupOptions{Target: b.target, State: b.state})
}

// everything is what setup may change, as text.
func (b *testbed) everything() string {
	var out bytes.Buffer
	for _, path := range []string{"/" + b.target + "*," + b.state + "*", "/_index_template/" + b.target + "*"} {
		out.Write(b.send(http.MethodGet, path, "", 404).Body)
	}
	return out.String()
}

func steps(b *testbed, template, state, log, first string) []SetupStep {
	return []SetupStep{
		{"index template", b.target, template},
		{"index", b.state, state},
		{"index", mappings.LogIndex(b.target), log},
		{"index", mappings.FirstIndex(b.target), first},
	}
}

func TestSetupInstallsOnce(t *testing.T) {
	b := newTestbed(t)
	ctx := context.Background()
	wantError(t, b.CheckTarget(ctx, b.target, b.state), ClassSetup, "postweave setup")

	empty := b.everything()
	dry, err := b.Setup(ctx, SetupOptions{Target: b.target, State: b.state, DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(SetupReport{DryRun: true, Steps: steps(b, "create", "create", "create", "create")}, dry); diff != "" {
		t.Errorf("dry run:\n%s", diff)
	}
	if b.everything() != empty {
		t.Error("the dry run wrote something")
	}

	report, err := b.setup()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(steps(b, "create", "create", "create", "create"), report.Steps); diff != "" {
		t.Errorf("first run:\n%s", diff)
	}
	if !report.Changed() {
		t.Error("the first run says that it changed nothing")
	}
	if err := b.CheckTarget(ctx, b.target, b.state); err != nil {
		t.Errorf("after setup: %v", err)
	}

	installed := b.everything()
	report, err = b.setup()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(steps(b, "unchanged", "unchanged", "unchanged", "unchanged"), report.Steps); diff != "" {
		t.Errorf("second run:\n%s", diff)
	}
	if report.Changed() || b.everything() != installed {
		t.Error("the second run changed something")
	}
}

// An interrupted setup is finished by the next one, whichever part is missing.
func TestSetupCompletes(t *testing.T) {
	for _, missing := range []string{"template", "state", "log", "first"} {
		t.Run(missing, func(t *testing.T) {
			b := newTestbed(t)
			if _, err := b.setup(); err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"template": "unchanged", "state": "unchanged", "log": "unchanged", "first": "unchanged"}
			want[missing] = "create"
			b.send(http.MethodDelete, map[string]string{
				"template": "/_index_template/" + b.target,
				"state":    "/" + b.state,
				"log":      "/" + mappings.LogIndex(b.target),
				"first":    "/" + mappings.FirstIndex(b.target),
			}[missing], "")
			wantError(t, b.CheckTarget(context.Background(), b.target, b.state), ClassSetup, "run `postweave setup`")
			report, err := b.setup()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(steps(b, want["template"], want["state"], want["log"], want["first"]), report.Steps); diff != "" {
				t.Error(diff)
			}
			if err := b.CheckTarget(context.Background(), b.target, b.state); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSetupUpgrades(t *testing.T) {
	b := newTestbed(t)
	old := `{"_meta":{"product":"postweave","schema":0},"dynamic":"strict","properties":{"kind":{"type":"keyword"}}}`
	b.send(http.MethodPut, "/_index_template/"+b.target, fmt.Sprintf(
		`{"index_patterns":["%s-0*"],"priority":501,"_meta":{"product":"postweave","schema":0},"template":{"mappings":%s}}`, b.target, old))
	b.send(http.MethodPut, "/"+mappings.FirstIndex(b.target), fmt.Sprintf(`{"aliases":{"%s":{}}}`, b.target))
	wantError(t, b.CheckTarget(context.Background(), b.target, b.state), ClassSetup, "postweave setup")

	// "kind" has no ignore_above there; adding one is a change that Elasticsearch allows.
	report, err := b.setup()
	if err != nil {
		t.Fatal(err)
	}
	want := []SetupStep{
		{"mapping", mappings.FirstIndex(b.target), "update"},
		{"index template", b.target, "update"},
		{"index", b.state, "create"},
		{"index", mappings.LogIndex(b.target), "create"},
	}
	if diff := cmp.Diff(want, report.Steps); diff != "" {
		t.Error(diff)
	}
	if err := b.CheckTarget(context.Background(), b.target, b.state); err != nil {
		t.Error(err)
	}
	if report, err = b.setup(); err != nil || report.Changed() {
		t.Errorf("second run: %+v, %v", report, err)
	}
}

func TestSetupRefuses(t *testing.T) {
	const ours = `"_meta":{"product":"postweave","schema":1}`
	const newer = `"_meta":{"product":"postweave","schema":99}`
	tests := []struct {
		name  string
		class Class
		text  string
		puts  [][2]string // path and body; TARGET and STATE are filled in
	}{
		{"index", ClassSetup, "must be an alias", [][2]string{
			{"/TARGET", `{}`},
		}},
		{"foreign", ClassSetup, "not one of postweave", [][2]string{
			{"/TARGET-x", `{"aliases":{"TARGET":{}}}`},
		}},
		{"no-write-index", ClassSetup, "none to write to", [][2]string{
			{"/TARGET-000001", `{"aliases":{"TARGET":{}},"mappings":{` + ours + `}}`},
			{"/TARGET-000002", `{"aliases":{"TARGET":{}},"mappings":{` + ours + `}}`},
		}},
		{"only-read", ClassSetup, "none to write to", [][2]string{
			{"/TARGET-000001", `{"aliases":{"TARGET":{"is_write_index":false}},"mappings":{` + ours + `}}`},
		}},
		{"filtered", ClassSetup, "filter", [][2]string{
			{"/TARGET-000001", `{"aliases":{"TARGET":{"filter":{"term":{"a":1}}}},"mappings":{` + ours + `}}`},
		}},
		{"lone-first", ClassSetup, "the alias", [][2]string{
			{"/TARGET-000001", `{"mappings":{` + ours + `}}`},
		}},
		{"foreign-state", ClassSetup, "not one of postweave", [][2]string{
			{"/STATE", `{}`},
		}},
		{"foreign-template", ClassSetup, "not one of postweave", [][2]string{
			{"/_index_template/TARGET", `{"index_patterns":["TARGET-0*"]}`},
		}},
		{"stronger-template", ClassSetup, "higher priority", [][2]string{
			{"/_index_template/TARGET-other", `{"index_patterns":["TARGET*"],"priority":900}`},
		}},
		{"equal-template", ClassSetup, "priority 501", [][2]string{
			{"/_index_template/TARGET-other", `{"index_patterns":["TARGET-0*"],"priority":501}`},
		}},
		{"newer-index", ClassSchema, "newer postweave", [][2]string{
			{"/TARGET-000001", `{"aliases":{"TARGET":{}},"mappings":{` + newer + `}}`},
		}},
		{"newer-template", ClassSchema, "newer postweave", [][2]string{
			{"/_index_template/TARGET", `{"index_patterns":["TARGET-0*"],` + newer + `}`},
		}},
		{"newer-state", ClassSchema, "newer postweave", [][2]string{
			{"/STATE", `{"mappings":{` + newer + `}}`},
		}},
		{"mapping-cannot-grow", ClassSetup, "refused", [][2]string{
			{"/TARGET-000001", `{"aliases":{"TARGET":{}},"mappings":{"_meta":{"product":"postweave","schema":0},"properties":{"kind":{"type":"long"}}}}`},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newTestbed(t)
			fill := strings.NewReplacer("TARGET", b.target, "STATE", b.state)
			for _, put := range test.puts {
				b.send(http.MethodPut, fill.Replace(put[0]), fill.Replace(put[1]))
			}
			before := b.everything()
			report, err := b.setup()
			wantError(t, err, test.class, test.text)
			if report.Changed() {
				t.Errorf("reported %+v", report)
			}
			if b.everything() != before {
				t.Error("something was written on the way to the refusal")
			}
		})
	}
}

// Several indices with one to write to are what a target cut by month looks like.
func TestSetupAcceptsSeveralIndices(t *testing.T) {
	b := newTestbed(t)
	if _, err := b.setup(); err != nil {
		t.Fatal(err)
	}
	b.send(http.MethodPut, "/"+b.target+"-2026.11", fmt.Sprintf(`{"aliases":{"%s":{}}}`, b.target))
	if report, err := b.setup(); err != nil || report.Changed() {
		t.Errorf("%+v, %v", report, err)
	}
	// An index of another kind is not caught by the template.
	b.send(http.MethodPut, "/"+b.target+"-lists", `{}`)
	if res := b.send(http.MethodGet, "/"+b.target+"-lists", ""); bytes.Contains(res.Body, []byte("postweave\"")) {
		t.Errorf("the template caught it: %s", res.Body)
	}
}

// What has the name of the index for long logs and is none of ours stays as it
// is.
func TestSetupLeavesAForeignLogIndex(t *testing.T) {
	b := newTestbed(t)
	b.send(http.MethodPut, "/"+mappings.LogIndex(b.target), `{}`)
	_, err := b.setup()
	wantError(t, err, ClassSetup, "its mapping is not one of postweave")
}

func TestSetupNeighbours(t *testing.T) {
	b := newTestbed(t)
	ctx := context.Background()
	if _, err := b.setup(); err != nil {
		t.Fatal(err)
	}
	other := b.target + "-other"
	if _, err := b.Setup(ctx, SetupOptions{Target: other, State: b.state}); err != nil {
		t.Errorf("a second target whose name begins with the first one's: %v", err)
	}
	if err := b.CheckTarget(ctx, other, b.state); err != nil {
		t.Error(err)
	}
}

func TestSetupNames(t *testing.T) {
	c := &Client{}
	for _, o := range []SetupOptions{
		{Target: "Mail", State: "s"},
		{Target: "a*", State: "s"},
		{Target: "a", State: ""},
		{Target: "a", State: "a"},
		{Target: "a", State: "a-000001"},
		{Target: "a", State: "a-log"},
	} {
		_, err := c.Setup(context.Background(), o)
		wantError(t, err, ClassSetup, "POSTWEAVE_")
		wantError(t, c.CheckTarget(context.Background(), o.Target, o.State), ClassSetup, "POSTWEAVE_")
	}
}

// The role of a run may not look at templates; that is no reason to stop it.
func TestCheckTargetWithoutTemplatePrivilege(t *testing.T) {
	b := newTestbed(t)
	if _, err := b.setup(); err != nil {
		t.Fatal(err)
	}
	c, err := Connect(Config{Addresses: []string{b.url}, Transport: tripper(func(r *http.Request) (*http.Response, error) {
		if strings.HasPrefix(r.URL.Path, "/_index_template/") {
			return reply(403, `{"error":{"type":"security_exception","reason":"no"},"status":403}`), nil
		}
		return http.DefaultTransport.RoundTrip(r)
	})})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.CheckTarget(context.Background(), b.target, b.state); err != nil {
		t.Error(err)
	}
	_, err = c.Setup(context.Background(), SetupOptions{Target: b.target, State: b.state})
	wantError(t, err, ClassAuth, "manage_index_templates")
}

// A document with values beyond every limit is stored, and found by all names.
func TestTemplateTakesHostileValues(t *testing.T) {
	b := newTestbed(t)
	if _, err := b.setup(); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("Ⱥ漢", 40000)
	doc, err := json.Marshal(map[string]any{
		"kind": "message", "@timestamp": "2026-11-01T00:00:00.123456Z", "queue_id": "4Zz",
		"from": "Ann@Example.ORG", "to": []string{"BOB@example.net", long}, "subject": "Hello Wörld " + long,
		"subjects": []string{long}, "search": "ann example.org " + long, "message_id": long, "warnings": []string{long},
		"client": map[string]any{"ip": "2001:db8::1", "hostname": long, "helo": long},
		"recipients": []any{map[string]any{
			"to": long, "orig_to": "Bob@Example.NET", "status": "sent", "response": long,
			"relay": map[string]any{"ip": "192.0.2.1", "port": 25}, "history": []any{map[string]any{"any": "thing"}},
		}},
		"checks":  []any{map[string]any{"program": "cleanup", "text": long}},
		"session": map[string]any{"disconnect": map[string]any{"rcpt": "0/1", "unknown": long}, "checks": []any{map[string]any{"score": 1.5}}},
		"log":     []any{map[string]any{"time": "whatever", "text": long}},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.send(http.MethodPut, "/"+b.target+"/_doc/1?refresh=true&require_alias=true", string(doc))
	for _, query := range []string{
		`{"term":{"from":"ann@example.org"}}`, `{"term":{"email.sender.address":"ANN@EXAMPLE.ORG"}}`,
		`{"term":{"email.to.address":"bob@example.net"}}`, `{"term":{"email.local_id":"4Zz"}}`, `{"term":{"source.ip":"2001:db8::/32"}}`,
		`{"term":{"recipients.orig_to":"bob@example.net"}}`,
		`{"nested":{"path":"recipients","query":{"term":{"recipients.relay.ip":"192.0.2.1"}}}}`,
		`{"match":{"search":"Example.ORG"}}`, `{"match":{"subject":"wörld"}}`, `{"term":{"session.disconnect.rcpt":"0/1"}}`,
	} {
		res := b.send(http.MethodPost, "/"+b.target+"/_search?filter_path=hits.total.value", `{"query":`+query+`}`)
		if !bytes.Contains(res.Body, []byte(`"value":1`)) {
			t.Errorf("%s found %s", query, res.Body)
		}
	}
	_, err = b.Do(context.Background(), Request{Op: "write", Method: http.MethodPut, Path: "/" + b.target + "/_doc/2", Body: []byte(`{"unheard_of":1}`)})
	var failed *Error
	if !errors.As(err, &failed) || failed.Type != "strict_dynamic_mapping_exception" {
		t.Errorf("an unknown field: %v", err)
	}
}

// The shapes of real refusals, as Elasticsearch words them.
func TestClassesOnNode(t *testing.T) {
	b := newTestbed(t)
	ctx := context.Background()
	index := b.target + "-x"
	do := func(method, path, body string, source bool) error {
		_, err := b.Do(ctx, Request{Op: "try", Method: method, Path: path, Body: []byte(body), Source: source})
		return err
	}
	b.send(http.MethodPut, "/"+index, `{}`)
	for setting, name := range map[string]string{"write": "write-blocked", "read_only": "write-blocked", "read_only_allow_delete": "disk"} {
		b.send(http.MethodPut, "/"+index+"/_settings", fmt.Sprintf(`{"index.blocks.%s":true}`, setting))
		wantError(t, do(http.MethodPut, "/"+index+"/_doc/1", `{"a":1}`, false), ClassBlocked, name)
		b.send(http.MethodPut, "/"+index+"/_settings", fmt.Sprintf(`{"index.blocks.%s":null}`, setting))
	}
	b.send(http.MethodPut, "/"+index+"/_doc/1?refresh=true", `{"a":"x"}`)
	err := do(http.MethodPost, "/"+index+"/_search?allow_partial_search_results=false",
		`{"aggs":{"a":{"terms":{"field":"a"}}}}`, true)
	wantError(t, err, ClassSource, "")
	var failed *Error
	if !errors.As(err, &failed) || failed.Type != "illegal_argument_exception" || failed.Index != index {
		t.Errorf("text field: %+v", failed)
	}
	wantError(t, do(http.MethodPost, "/"+b.target+"-none/_search", `{}`, true), ClassSetup, "POSTWEAVE_SOURCE")
	wantError(t, do(http.MethodPost, "/"+b.target+"-none*/_search?allow_no_indices=false", `{}`, true), ClassSetup, "POSTWEAVE_SOURCE")
	wantError(t, do(http.MethodPut, "/"+b.target+"/_doc/1?require_alias=true", `{}`, false), ClassSetup, "postweave setup")
	// 405 is what this node says to GET /; it is Elasticsearch all the same.
	if _, err := b.Do(ctx, Request{Op: "greet", Method: http.MethodGet, Path: "/", OK: []int{405}}); err != nil {
		t.Error(err)
	}
	wantError(t, do(http.MethodPost, "/"+index+"/_search", `{"pit":{"id":"bm90IGEgcGl0"}}`, true), ClassSource, "")

	// A red index: no copy of its shard can be allocated.
	red := b.target + "-red"
	b.send(http.MethodPut, "/"+red+"?wait_for_active_shards=0", `{"settings":{"index.routing.allocation.include._name":"nope"}}`)
	quick, err := Connect(Config{Addresses: []string{b.url}, RetryBudget: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer quick.Close()
	_, err = quick.Do(ctx, Request{
		Op: "read", Method: http.MethodPost, Path: "/" + red + "/_search", Source: true,
		Query: map[string][]string{"allow_partial_search_results": {"false"}}, Body: []byte(`{}`), Idempotent: true,
	})
	wantError(t, err, ClassSource, "shard")
	_, err = quick.Do(ctx, Request{
		Op: "open point in time", Method: http.MethodPost, Path: "/" + red + "/_pit", Source: true,
		Query: map[string][]string{"keep_alive": {"1m"}}, Idempotent: true,
	})
	wantError(t, err, ClassSource, "shard")
}

// What an escaped slash in an index name has to survive: date mathematics.
func TestEscapedPathOnNode(t *testing.T) {
	b := newTestbed(t)
	var seen atomic.Value
	c, err := Connect(Config{Addresses: []string{b.url + "/a%20prefix/"}, Transport: tripper(func(r *http.Request) (*http.Response, error) {
		seen.Store(r.URL.EscapedPath())
		r.URL.Path = strings.TrimPrefix(r.URL.Path, "/a prefix")
		r.URL.RawPath = strings.TrimPrefix(r.URL.RawPath, "/a%20prefix")
		return http.DefaultTransport.RoundTrip(r)
	})})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Do(context.Background(), Request{
		Op: "resolve", Method: http.MethodGet,
		Path: "/_resolve/index/%3C" + b.target + "-%7Bnow%2Fd%7D%3E,x*", OK: []int{404},
	})
	if err != nil {
		t.Error(err)
	}
	if want := "/a%20prefix/_resolve/index/%3C" + b.target + "-%7Bnow%2Fd%7D%3E,x*"; seen.Load() != want {
		t.Errorf("path %q, want %q", seen.Load(), want)
	}
}
