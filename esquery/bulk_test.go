package esquery

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postweave/postweave/worker/message"
)

// bulkServer answers bulk requests item by item as verdict says.
type bulkServer struct {
	t        *testing.T
	requests []int // number of items
	verdict  func(action, id string, round int) (status int, errorType string)
	maxBody  int
	replicas int // that failed, of each item
}

func (s *bulkServer) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if r.URL.Query().Get("require_alias") != "true" {
		s.t.Error("a bulk request without require_alias")
	}
	if s.maxBody > 0 && len(body) > s.maxBody {
		return reply(http.StatusRequestEntityTooLarge, ""), nil
	}
	var items []string
	for lines := bytes.Split(bytes.TrimSuffix(body, []byte("\n")), []byte("\n")); len(lines) > 0; {
		var action map[string]struct {
			ID string `json:"_id"`
		}
		if err := json.Unmarshal(lines[0], &action); err != nil || len(action) != 1 {
			s.t.Fatalf("action line %s: %v", lines[0], err)
		}
		for name, a := range action {
			status, kind := s.verdict(name, a.ID, len(s.requests))
			if kind != "" {
				items = append(items, fmt.Sprintf(`{%q:{"_id":%q,"status":%d,"error":{"type":%q}}}`, name, a.ID, status, kind))
			} else {
				items = append(items, fmt.Sprintf(`{%q:{"_id":%q,"status":%d,"_seq_no":7,"_primary_term":2,"_shards":{"failed":%d}}}`, name, a.ID, status, s.replicas))
			}
			if lines = lines[1:]; name != "delete" {
				lines = lines[1:]
			}
		}
	}
	s.requests = append(s.requests, len(items))
	return reply(http.StatusOK, `{"errors":true,"items":[`+strings.Join(items, ",")+`]}`), nil
}

func documentsOn(t *testing.T, rt http.RoundTripper) *Documents {
	t.Helper()
	c, err := Connect(Config{Addresses: []string{"http://127.0.0.1:9200"}, Transport: rt})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.Documents("postfix-messages")
}

func change(a message.Action, id string) message.Change {
	c := message.Change{Action: a, ID: id, SeqNo: 3, PrimaryTerm: 1}
	if a != message.Delete {
		c.Source = []byte(`{"kind":"message"}`)
	}
	return c
}

func TestWriteJudgesEachItem(t *testing.T) {
	verdicts := map[string]struct {
		status int
		kind   string
		want   message.OutcomeStatus
	}{
		"created":  {201, "", message.Written},
		"updated":  {200, "", message.Written},
		"conflict": {409, "version_conflict_engine_exception", message.Conflict},
		"gone":     {404, "document_missing_exception", message.Conflict},
		"refused":  {400, "document_parsing_exception", message.Refused},
		"strict":   {400, "strict_dynamic_mapping_exception", message.Refused},
		"immense":  {400, "illegal_argument_exception", message.Refused},
		"large":    {413, "es_rejected_execution_exception", message.Refused},
	}
	var changes []message.Change
	for id := range verdicts {
		changes = append(changes, change(message.Update, id))
	}
	d := documentsOn(t, &bulkServer{t: t, verdict: func(_, id string, _ int) (int, string) {
		return verdicts[id].status, verdicts[id].kind
	}})
	outcomes, err := d.Write(context.Background(), changes)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range changes {
		if want := verdicts[c.ID].want; outcomes[i].Status != want {
			t.Errorf("%s: outcome %d, want %d", c.ID, outcomes[i].Status, want)
		}
		if outcomes[i].Status == message.Written && (outcomes[i].SeqNo != 7 || outcomes[i].PrimaryTerm != 2) {
			t.Errorf("%s: revision %d/%d", c.ID, outcomes[i].SeqNo, outcomes[i].PrimaryTerm)
		}
	}
}

func TestWriteSendsOnlyRefusedItemsAgain(t *testing.T) {
	s := &bulkServer{t: t, verdict: func(_, id string, round int) (int, string) {
		if round < 2 && id == "slow" {
			return 429, "es_rejected_execution_exception"
		}
		if round > 0 && id != "slow" {
			t.Errorf("%s was sent again", id)
		}
		return 201, ""
	}}
	outcomes, err := documentsOn(t, s).Write(context.Background(), []message.Change{change(message.Create, "a"), change(message.Create, "slow"), change(message.Create, "b")})
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range outcomes {
		if o.Status != message.Written {
			t.Errorf("item %d: %+v", i, o)
		}
	}
	if fmt.Sprint(s.requests) != "[3 1 1]" {
		t.Errorf("items in each request: %v", s.requests)
	}
}

// A full disk and a full queue have the same status; only the type tells them
// apart. What is not the document's own fault ends the write at the first item.
func TestWriteStopsAtWhatIsNoDocumentsFault(t *testing.T) {
	for _, test := range []struct {
		status int
		kind   string
		class  Class
		text   string
	}{
		{429, "cluster_block_exception", ClassBlocked, "disk"},
		{403, "cluster_block_exception", ClassBlocked, "remove the block"},
		{401, "security_exception", ClassAuth, "POSTWEAVE_ES_API_KEY"},
		{403, "security_exception", ClassAuth, "privileges index, write"},
		{403, "another_exception", ClassAuth, "another_exception"},
		{404, "index_not_found_exception", ClassSetup, "postweave setup"},
		{400, "index_closed_exception", ClassSetup, "open it"},
		{404, "another_exception", ClassSetup, "another_exception"},
		{405, "another_exception", ClassSetup, "another_exception"},
		{410, "another_exception", ClassSetup, "another_exception"},
		{415, "another_exception", ClassSetup, "another_exception"},
	} {
		s := &bulkServer{t: t, verdict: func(string, string, int) (int, string) { return test.status, test.kind }}
		_, err := documentsOn(t, s).Write(context.Background(), []message.Change{change(message.Create, "a")})
		wantError(t, err, test.class, test.text)
		if len(s.requests) != 1 {
			t.Errorf("%d %s: %d requests", test.status, test.kind, len(s.requests))
		}
	}
}

func TestWriteHalvesWhatIsTooLarge(t *testing.T) {
	s := &bulkServer{t: t, maxBody: 300, verdict: func(string, string, int) (int, string) { return 201, "" }}
	var changes []message.Change
	for i := range 20 {
		changes = append(changes, change(message.Create, fmt.Sprint(i)))
	}
	huge := change(message.Create, "huge")
	huge.Source = bytes.Repeat([]byte("x"), 400)
	outcomes, err := documentsOn(t, s).Write(context.Background(), append(changes, huge))
	if err != nil {
		t.Fatal(err)
	}
	for i := range changes {
		if outcomes[i].Status != message.Written {
			t.Errorf("item %d: %+v", i, outcomes[i])
		}
	}
	if o := outcomes[20]; o.Status != message.Refused || o.Type != "http_413" {
		t.Errorf("the document that is too large by itself: %+v", o)
	}
}

// What an answer says is believed where it has an outcome for each document, in
// their order. Where not, all are sent again, and nothing is known if that goes on.
func TestWriteBelievesOnlyOneOutcomeAnItem(t *testing.T) {
	const a, b = `{"create":{"_id":"a","status":201,"_seq_no":1,"_primary_term":1}}`, `{"create":{"_id":"b","status":201,"_seq_no":2,"_primary_term":1}}`
	changes := []message.Change{change(message.Create, "a"), change(message.Create, "b")}
	for name, body := range map[string]string{
		"fewer":         `{"errors":false,"items":[` + a + `]}`,
		"more":          `{"errors":false,"items":[` + a + `,` + b + `,` + b + `]}`,
		"none":          `{"errors":false}`,
		"other actions": `{"errors":false,"items":[{"delete":{"_id":"a","status":200,"_seq_no":1,"_primary_term":1}},` + b + `]}`,
		"other order":   `{"errors":false,"items":[` + b + `,` + a + `]}`,
		"no ids":        `{"errors":false,"items":[{"create":{"status":201,"_seq_no":1,"_primary_term":1}},{"create":{"status":201,"_seq_no":1,"_primary_term":1}}]}`,
		"no errors":     `{"items":[` + a + `,` + b + `]}`,
		"no status":     `{"errors":false,"items":[` + a + `,{"create":{"_id":"b"}}]}`,
		"no revision":   `{"errors":false,"items":[` + a + `,{"create":{"_id":"b","status":201}}]}`,
		"empty objects": `{"errors":false,"items":[{},{}]}`,
		"no JSON":       `{"errors":false,"items":[}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{steps: repeat(1000, func(*http.Request) (*http.Response, error) { return reply(200, body), nil })}
				_, err := scripted(t, Config{}, s).Documents("postfix-messages").Write(t.Context(), changes)
				wantError(t, err, ClassUnavailable, "write documents: index postfix-messages")
				if took := time.Since(s.start); len(s.at) < 3 || len(s.at) > 100 || took > defaultRetryBudget {
					t.Errorf("%d requests in %v", len(s.at), took)
				}
			})
			synctest.Test(t, func(t *testing.T) {
				s := &script{steps: repeat(2, func(*http.Request) (*http.Response, error) { return reply(200, body), nil })}
				s.steps = append(s.steps, func(*http.Request) (*http.Response, error) {
					return reply(200, `{"errors":false,"items":[`+a+`,`+b+`]}`), nil
				})
				outcomes, err := scripted(t, Config{}, s).Documents("postfix-messages").Write(t.Context(), changes)
				if err != nil || outcomes[0] != (message.Outcome{Status: message.Written, SeqNo: 1, PrimaryTerm: 1}) || outcomes[1].SeqNo != 2 {
					t.Errorf("%+v, %v", outcomes, err)
				}
				if len(s.sent) != 3 || s.sent[2] != s.sent[0] {
					t.Errorf("sent %q", s.sent)
				}
			})
		})
	}
}

// One write has one budget, whatever is in its way: refused items, a refused
// request, an answer that cannot be read, no answer at all.
func TestWriteHasOneBudget(t *testing.T) {
	item := func(status int, kind string) func(*http.Request) (*http.Response, error) {
		return func(*http.Request) (*http.Response, error) {
			return reply(200, fmt.Sprintf(`{"errors":true,"items":[{"create":{"_id":"a","status":%d,"error":{"type":%q}}}]}`, status, kind)), nil
		}
	}
	full := item(429, "es_rejected_execution_exception")
	whole := func(*http.Request) (*http.Response, error) {
		return reply(429, errorBody("es_rejected_execution_exception")), nil
	}
	for name, test := range map[string]struct {
		steps []func(*http.Request) (*http.Response, error)
		text  string
	}{
		"refused items":         {repeat(1000, full), "429 es_rejected_execution_exception: the cluster kept refusing documents for lack of room"},
		"a shard is away":       {repeat(1000, item(503, "unavailable_shards_exception")), "503 unavailable_shards_exception: the cluster kept failing"},
		"a refused request":     {repeat(1000, whole), "429 es_rejected_execution_exception"},
		"a single one":          {repeat(1000, whole), "429"},
		"all of them":           {slices.Repeat([]func(*http.Request) (*http.Response, error){full, status(503), whole, refuse}, 250), "write documents"},
		"refused, then no word": {append(repeat(3, full), repeat(100, hang)...), "lack of room"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{steps: test.steps}
				c := scripted(t, Config{RetryBudget: 20 * time.Second, RequestTimeout: 5 * time.Second}, s)
				_, err := c.Documents("postfix-messages").Write(t.Context(), []message.Change{change(message.Create, "a")})
				wantError(t, err, ClassUnavailable, test.text)
				if took := time.Since(s.start); took > 25*time.Second || len(s.at) > 30 {
					t.Errorf("%d requests in %v", len(s.at), took)
				}
			})
		})
	}
}

// A request that is refused as a whole for lack of room is halved, and what went
// through is not sent again.
func TestWriteHalvesWhatThereIsNoRoomFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &bulkServer{t: t, verdict: func(string, string, int) (int, string) { return 201, "" }}
		var sizes []int
		c := scripted(t, Config{}, &script{steps: repeat(1000, func(r *http.Request) (*http.Response, error) {
			body, err := r.GetBody()
			if err != nil {
				return nil, err
			}
			lines, err := io.ReadAll(body)
			if err != nil {
				return nil, err
			}
			n := bytes.Count(lines, []byte("\n")) / 2
			sizes = append(sizes, n)
			if n > 30 {
				return reply(429, errorBody("es_rejected_execution_exception")), nil
			}
			r.Body = io.NopCloser(bytes.NewReader(lines))
			return node.RoundTrip(r)
		})})
		var changes []message.Change
		for i := range 400 {
			changes = append(changes, change(message.Create, fmt.Sprint(i)))
		}
		begin := time.Now()
		outcomes, err := c.Documents("postfix-messages").Write(t.Context(), changes)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range outcomes {
			if o.Status != message.Written {
				t.Errorf("item %d: %+v", i, o)
			}
		}
		if got := fmt.Sprint(sizes); got != "[400 200 100 50 25 25 25 25 25 25 25 25 50 25 25 25 25 25 25 25 25]" {
			t.Errorf("documents in each request: %s", got)
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// A replica that failed is no reason to write again: the primary has the document.
func TestWriteWarnsOfReplicas(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	c, err := Connect(Config{Addresses: []string{"http://127.0.0.1:9200"}, Logger: zap.New(core), Transport: &bulkServer{
		t: t, replicas: 1, verdict: func(string, string, int) (int, string) { return 201, "" },
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	outcomes, err := c.Documents("postfix-messages").Write(t.Context(), []message.Change{change(message.Create, "a"), change(message.Create, "b")})
	if err != nil || outcomes[0].Status != message.Written || outcomes[1].Status != message.Written {
		t.Errorf("%+v, %v", outcomes, err)
	}
	if all := logs.FilterMessageSnippet("replica").All(); len(all) != 1 || all[0].ContextMap()["documents"] != int64(2) {
		t.Errorf("%+v", logs.All())
	}
}

func TestCutBulk(t *testing.T) {
	changes := make([]message.Change, 2*bulkItems+5)
	if got := cutBulk(changes, 0); got != bulkItems {
		t.Errorf("%d empty changes in one request", got)
	}
	for i := range changes {
		changes[i].Source = make([]byte, bulkBytes/2)
	}
	if got := cutBulk(changes, 0); got != 2 {
		t.Errorf("%d changes of half a request's size", got)
	}
	changes[0].Source = make([]byte, 2*bulkBytes)
	if got := cutBulk(changes, 0); got != 1 {
		t.Errorf("%d changes with one that is too large", got)
	}
}
