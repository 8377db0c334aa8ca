package esquery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/postweave/postweave/worker/message"
)

// bulkServer answers bulk requests item by item as verdict says.
type bulkServer struct {
	t        *testing.T
	requests []int // number of items
	verdict  func(action, id string, round int) (status int, errorType string)
	maxBody  int
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
				items = append(items, fmt.Sprintf(`{%q:{"status":%d,"error":{"type":%q}}}`, name, status, kind))
			} else {
				items = append(items, fmt.Sprintf(`{%q:{"status":%d,"_seq_no":7,"_primary_term":2}}`, name, status))
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
// apart.
func TestWriteStopsAtABlock(t *testing.T) {
	for _, test := range []struct {
		status int
		kind   string
		class  Class
	}{
		{429, "cluster_block_exception", ClassBlocked},
		{403, "cluster_block_exception", ClassBlocked},
		{403, "security_exception", ClassAuth},
		{404, "index_not_found_exception", ClassSetup},
	} {
		s := &bulkServer{t: t, verdict: func(string, string, int) (int, string) { return test.status, test.kind }}
		_, err := documentsOn(t, s).Write(context.Background(), []message.Change{change(message.Create, "a")})
		var e *Error
		if !errors.As(err, &e) || e.Class != test.class || len(s.requests) != 1 {
			t.Errorf("%d %s: %v after %d requests", test.status, test.kind, err, len(s.requests))
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

// answers gives fixed bodies to bulk requests.
type fixedAnswer string

func (f fixedAnswer) RoundTrip(*http.Request) (*http.Response, error) {
	return reply(http.StatusOK, string(f)), nil
}

func TestWriteBelievesOnlyOneOutcomeAnItem(t *testing.T) {
	for name, body := range map[string]string{
		"fewer":         `{"errors":false,"items":[{"create":{"status":201}}]}`,
		"more":          `{"errors":false,"items":[{"create":{"status":201}},{"create":{"status":201}},{"create":{"status":201}}]}`,
		"none":          `{"errors":false}`,
		"other order":   `{"errors":false,"items":[{"delete":{"status":200}},{"create":{"status":201}}]}`,
		"no status":     `{"errors":false,"items":[{"create":{}},{"create":{"status":201}}]}`,
		"empty objects": `{"errors":false,"items":[{},{}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := documentsOn(t, fixedAnswer(body)).Write(context.Background(), []message.Change{change(message.Create, "a"), change(message.Create, "b")})
			var e *Error
			if !errors.As(err, &e) || e.Class != ClassUnavailable {
				t.Errorf("error %v", err)
			}
		})
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
