package esquery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/postweave/postweave/mappings"
	"github.com/postweave/postweave/worker/message"
)

// Bounds on one bulk request. Elasticsearch's own advice is to stay well under
// some tens of megabytes; its limit is http.max_content_length, 100 MB.
const (
	bulkBytes = 5 << 20
	bulkItems = 1000

	actionSize = 120 // at most, of an action's own line
)

// Write carries out the changes, each on its condition. It believes only what
// Elasticsearch confirms item by item, and sends again only those items that it asked to be sent
// again. An error means that at least one outcome is not known.
func (d *Documents) Write(ctx context.Context, changes []message.Change) ([]message.Outcome, error) {
	outcomes := make([]message.Outcome, len(changes))
	for from := 0; from < len(changes); {
		to := cutBulk(changes, from)
		if err := d.settle(ctx, changes[from:to], outcomes[from:to]); err != nil {
			return nil, err
		}
		from = to
	}
	return outcomes, nil
}

// cutBulk returns the end of the request that begins at from.
func cutBulk(changes []message.Change, from int) int {
	size, to := 0, from
	for to < len(changes) && to-from < bulkItems && (to == from || size+len(changes[to].Source) <= bulkBytes) {
		size += len(changes[to].Source)
		to++
	}
	return to
}

// settle sends changes until each has an outcome.
func (d *Documents) settle(ctx context.Context, changes []message.Change, outcomes []message.Outcome) error {
	deadline := time.Now().Add(d.client.retryBudget)
	left := make([]int, len(changes))
	for i := range left {
		left[i] = i
	}
	for attempt := 0; ; attempt++ {
		again, err := d.send(ctx, changes, left, outcomes)
		if err != nil || len(again) == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return &Error{
				Class: ClassUnavailable, Op: "write documents", Index: d.alias, Status: http.StatusTooManyRequests,
				Err: errors.New("the cluster kept refusing documents for lack of room"), Hint: "look at its write queue and its load; the run begins here again",
			}
		}
		if err := pauseBulk(ctx, attempt); err != nil {
			return err
		}
		left = again
	}
}

// pauseBulk waits before refused items are sent again: full jitter, up to 30 s.
func pauseBulk(ctx context.Context, attempt int) error {
	longest := min(30*time.Second, 200*time.Millisecond<<min(attempt, 10))
	t := time.NewTimer(time.Duration(rand.Int64N(int64(longest)) + 1))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// send sends the changes that are left in one request and returns those to
// send again. A request that is too large, or that is refused as a whole, is halved until
// the one change that is to blame stands alone.
func (d *Documents) send(ctx context.Context, changes []message.Change, left []int, outcomes []message.Outcome) (again []int, err error) {
	var body bytes.Buffer
	size := 0
	for _, i := range left {
		size += len(changes[i].Source) + actionSize
	}
	body.Grow(size)
	for _, i := range left {
		d.writeAction(&body, &changes[i])
	}
	res, err := d.client.Do(ctx, Request{
		Op: "write documents", Method: http.MethodPost, Path: "/" + url.PathEscape(d.alias) + "/_bulk",
		Query: url.Values{
			"require_alias": {"true"}, // else a missing target would be made anew, with a guessed mapping
			"filter_path":   {"errors,items.*.status,items.*._seq_no,items.*._primary_term,items.*.error.type"},
		},
		Body: body.Bytes(), ContentType: "application/x-ndjson",
		Idempotent: true, // each action is conditional: done twice it conflicts, and the key is read again
		OK:         []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge},
	})
	if err != nil {
		return nil, err
	}
	if res.Status == http.StatusBadRequest || res.Status == http.StatusRequestEntityTooLarge {
		if len(left) == 1 {
			outcomes[left[0]] = message.Outcome{Status: message.Refused, Type: fmt.Sprintf("http_%d", res.Status)}
			return nil, nil
		}
		half := len(left) / 2
		first, err := d.send(ctx, changes, left[:half], outcomes)
		if err != nil {
			return nil, err
		}
		second, err := d.send(ctx, changes, left[half:], outcomes)
		return append(first, second...), err
	}
	return d.takeItems(res.Body, changes, left, outcomes)
}

// writeAction appends the two lines of one change. Ids are hashes in base64url,
// and the target's name was checked: nothing needs escaping.
func (d *Documents) writeAction(b *bytes.Buffer, c *message.Change) {
	index := ""
	if c.Part {
		index = `,"_index":"` + mappings.LogIndex(d.alias) + `","require_alias":false`
	}
	switch c.Action {
	case message.Create:
		b.WriteString(`{"create":{"_id":"` + c.ID + `"` + index + `}}` + "\n")
	case message.Update:
		b.WriteString(`{"index":{"_id":"` + c.ID + `"` + index + revision(c) + "}}\n")
	case message.Delete:
		b.WriteString(`{"delete":{"_id":"` + c.ID + `"` + index + revision(c) + "}}\n")
		return
	}
	b.Write(c.Source)
	b.WriteByte('\n')
}

func revision(c *message.Change) string {
	return `,"if_seq_no":` + strconv.FormatInt(c.SeqNo, 10) + `,"if_primary_term":` + strconv.FormatInt(c.PrimaryTerm, 10)
}

// bulkItem is the outcome of one action.
type bulkItem struct {
	Status      int   `json:"status"`
	SeqNo       int64 `json:"_seq_no"`
	PrimaryTerm int64 `json:"_primary_term"`
	Error       struct {
		Type string `json:"type"`
	} `json:"error"`
}

// takeItems reads the outcomes. An answer that has not exactly one for each
// action proves nothing about any.
func (d *Documents) takeItems(body []byte, changes []message.Change, left []int, outcomes []message.Outcome) (again []int, err error) {
	var res struct {
		Items []map[string]bulkItem `json:"items"`
	}
	if err := json.Unmarshal(body, &res); err != nil || len(res.Items) != len(left) {
		return nil, &Error{
			Class: ClassUnavailable, Op: "write documents", Index: d.alias,
			Err: fmt.Errorf("the answer has %d outcomes for %d documents", len(res.Items), len(left)), Hint: "is there a proxy that alters answers?",
		}
	}
	for n, i := range left {
		item, ok := res.Items[n][actionName(changes[i].Action)]
		if !ok {
			return nil, &Error{Class: ClassUnavailable, Op: "write documents", Index: d.alias, Err: errors.New("the outcomes are not in the order of the documents")}
		}
		retry, err := d.judge(&item, &changes[i], &outcomes[i])
		if err != nil {
			return nil, err
		}
		if retry {
			again = append(again, i)
		}
	}
	return again, nil
}

func actionName(a message.Action) string {
	switch a {
	case message.Create:
		return "create"
	case message.Update:
		return "index"
	}
	return "delete"
}

// judge goes by error.type first, since a status means more than one thing: 429
// is a full queue and a full disk.
func (d *Documents) judge(item *bulkItem, c *message.Change, o *message.Outcome) (retry bool, err error) {
	kind := typeName(item.Error.Type)
	fail := func(class Class, hint string) error {
		return &Error{Class: class, Op: "write documents", Index: d.alias, Type: kind, Status: item.Status, Hint: hint}
	}
	switch {
	case item.Status == http.StatusOK || item.Status == http.StatusCreated:
		*o = message.Outcome{Status: message.Written, SeqNo: item.SeqNo, PrimaryTerm: item.PrimaryTerm}
	case item.Status == http.StatusConflict,
		item.Status == http.StatusNotFound && kind == "" && c.Action == message.Delete, // gone already
		kind == "document_missing_exception":
		o.Status = message.Conflict
	case kind == "cluster_block_exception":
		return false, fail(ClassBlocked, "the target takes no writes: the disk is full or a write block is set; free space or remove the block, then run again")
	case kind == "security_exception" || item.Status == http.StatusUnauthorized:
		return false, fail(ClassAuth, "the user may not write the target; the README lists the privileges that are needed")
	case kind == "index_not_found_exception":
		return false, fail(ClassSetup, "the target is missing: run `postweave setup`")
	case item.Status == http.StatusTooManyRequests || item.Status >= 500:
		return true, nil
	case item.Status >= 400:
		*o = message.Outcome{Status: message.Refused, Type: kind}
	default:
		return false, fail(ClassUnavailable, "the outcome cannot be read")
	}
	return false, nil
}
