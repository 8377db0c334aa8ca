package esquery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"go.uber.org/zap"

	"github.com/postweave/postweave/mappings"
	"github.com/postweave/postweave/worker/message"
)

// Bounds on one bulk request. Elasticsearch's own advice is to stay well under
// some tens of megabytes; its limit is http.max_content_length, 100 MB.
const (
	bulkBytes = 5 << 20
	bulkItems = 2500 // as many as 1,000 queue ids have at most, as a rule

	actionSize = 120 // at most, of an action's own line

	// bulkTimeout is how long Elasticsearch waits for a shard that is not there. Its own
	// default is one minute, at whose end nobody would be listening any more.
	bulkTimeout = "10s"
)

// Write carries out the changes, each on its condition. It believes only what
// Elasticsearch confirms item by item, and sends again only those items that it asked to be sent
// again. An error means that at least one outcome is not known.
func (d *Documents) Write(ctx context.Context, changes []message.Change) ([]message.Outcome, error) {
	there, err := d.elsewhere(ctx, changes)
	if err != nil {
		return nil, err
	}
	if len(there) == 0 {
		return d.write(ctx, changes)
	}
	var rest []message.Change
	var places []int // of the rest among all
	outcomes := make([]message.Outcome, len(changes))
	for i, c := range changes {
		if c.Action == message.Create && !c.Part && there[c.ID] {
			outcomes[i].Status = message.Conflict
			continue
		}
		rest, places = append(rest, c), append(places, i)
	}
	written, err := d.write(ctx, rest)
	for i, o := range written {
		outcomes[places[i]] = o
	}
	return outcomes, err
}

func (d *Documents) write(ctx context.Context, changes []message.Change) ([]message.Outcome, error) {
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

// settle sends changes until each has an outcome. While the cluster has no room
// for a request as a whole, half as much is sent. It gives up when one of them has had no outcome for
// as long as the retry budget, whatever was in the way: all its requests share the one budget.
func (d *Documents) settle(ctx context.Context, changes []message.Change, outcomes []message.Outcome) error {
	left := make([]int, len(changes))
	for i := range left {
		left[i] = i
	}
	most, calm := len(left), 0
	trouble := backoff{budget: d.client.retryBudget}
	var last *Error
	for len(left) > 0 {
		n := min(most, len(left))
		again, err := d.send(ctx, changes, left[:n], outcomes, &trouble)
		var failed *Error
		switch {
		case err == nil:
			left = left[n:]
			trouble, last = backoff{budget: d.client.retryBudget}, nil
			if calm++; calm >= calmWrites {
				most, calm = min(2*most, bulkItems), 0
			}
			continue
		case !errors.As(err, &failed):
			return err
		case failed.divide && n > 1:
			// It is a lighter request that comes next, so the waits do not grow as if it were the same.
			most, trouble.failures = n/2, min(trouble.failures, mostWhileHalved)
		case failed.divide:
		case again != nil:
			left = append(again, left[n:]...)
		case last != nil && errors.Is(err, errTimeout):
			return last // it was the budget that ran out: the earlier failure tells more
		default:
			return err
		}
		last = failed
		calm = 0
		wait, more := trouble.next(failed, len(d.client.pool.list), failed.after)
		if !more {
			return failed
		}
		d.client.log.Warn("documents were not taken, trying again", zap.Error(failed), zap.Int("documents", max(len(again), n-len(again))), zap.Duration("wait", wait))
		if err := sleep(ctx, wait); err != nil {
			return fmt.Errorf("write documents: %w", err)
		}
	}
	return nil
}

// mostWhileHalved bounds the waits between halves: 200 ms << 2.
const mostWhileHalved = 2

// calmWrites is how many requests are taken before a larger one is tried again.
const calmWrites = 8

// send sends the changes that are left in one request. Where it returns again,
// those have no outcome yet and err says why; any other error ends the work. A request that is too
// large, or that is refused as a whole, is halved until the one change that is to blame stands alone.
func (d *Documents) send(ctx context.Context, changes []message.Change, left []int, outcomes []message.Outcome, trouble *backoff) (again []int, err error) {
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
			"timeout":       {bulkTimeout},
			"filter_path":   {"errors,items.*._id,items.*.status,items.*._seq_no,items.*._primary_term,items.*._shards.failed,items.*.error.type"},
		},
		Body: body.Bytes(), ContentType: "application/x-ndjson",
		Idempotent: true, // each action is conditional: done twice it conflicts, and the key is read again
		Divisible:  true, // settle sends less
		OK:         []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge},
		trouble:    trouble,
	})
	if err != nil {
		return nil, err
	}
	if res.Status != http.StatusBadRequest && res.Status != http.StatusRequestEntityTooLarge {
		return d.takeItems(res.Body, changes, left, outcomes)
	}
	if len(left) == 1 {
		outcomes[left[0]] = message.Outcome{Status: message.Refused, Type: fmt.Sprintf("http_%d", res.Status)}
		return nil, nil
	}
	half := len(left) / 2
	first, err := d.send(ctx, changes, left[:half], outcomes, trouble)
	if err != nil && first == nil {
		return nil, err
	}
	second, err2 := d.send(ctx, changes, left[half:], outcomes, trouble)
	if err2 != nil {
		if second == nil {
			return nil, err2
		}
		err = err2
	}
	return append(first, second...), err
}

// writeAction appends the two lines of one change. Ids are hashes in base64url,
// the target's name was checked, and Elasticsearch allows no index a name that JSON would have to escape.
func (d *Documents) writeAction(b *bytes.Buffer, c *message.Change) {
	index := c.Index
	if c.Part {
		index = mappings.LogIndex(d.alias)
	}
	if index != "" {
		index = `,"_index":"` + index + `","require_alias":false`
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
	ID                 string
	Status             int
	SeqNo, PrimaryTerm int64
	Type               string // of its error
	failed             int64  // copies of the shard that did not take it
}

// takeItems reads the outcomes. An answer that has not exactly one for each
// action, in their order, proves nothing about any: all are sent again.
func (d *Documents) takeItems(body []byte, changes []message.Change, left []int, outcomes []message.Outcome) (again []int, err error) {
	items, err := readItems(body, changes, left)
	if err != nil {
		return slices.Clone(left), &Error{
			Class: ClassUnavailable, Op: "write documents", Index: d.alias, Status: http.StatusOK, Err: err, Hint: "is there a proxy that alters answers?",
		}
	}
	replicas := 0
	for n, i := range left {
		failed := d.judge(&items[n], &changes[i], &outcomes[i])
		if failed != nil && !failed.retry {
			return nil, failed
		}
		if failed != nil {
			again = append(again, i)
			err = failed
		}
		if items[n].failed > 0 {
			replicas++
		}
	}
	if replicas > 0 { // the primary has them, and Elasticsearch takes such a replica out of use
		d.client.log.Warn("documents were written, but not to every replica", zap.String("index", d.alias), zap.Int("documents", replicas))
	}
	return again, err
}

// readItems checks that an answer has an outcome for each of the changes that are
// left, and nothing else.
func readItems(body []byte, changes []message.Change, left []int) ([]bulkItem, error) {
	items := make([]bulkItem, 0, len(left))
	told := 0 // outcomes
	whole, ordered := false, true
	s := scanner{b: body}
	ok := s.members(func(name []byte) bool {
		switch string(name) {
		case "errors":
			whole = s.next() == 't' || s.next() == 'f'
		case "items":
			return s.elements(func() bool {
				told++
				var action []byte
				var item bulkItem
				ok := s.members(func(name []byte) bool {
					action = name
					return s.bulkItem(&item)
				})
				if ok && told <= len(left) {
					c := &changes[left[told-1]]
					ordered = ordered && string(action) == actionName(c.Action) && item.ID == c.ID
					items = append(items, item)
				}
				return ok
			})
		}
		_, ok := s.value()
		return ok
	})
	if !ok || s.next() != 0 || told != len(left) {
		return nil, fmt.Errorf("the answer has %d outcomes for %d documents", told, len(left))
	}
	if !whole {
		return nil, errors.New("the answer is not whole")
	}
	if !ordered {
		return nil, errors.New("the outcomes are not in the order of the documents")
	}
	for i := range items {
		if x := &items[i]; x.Status == 0 || x.Status/100 == 2 && x.PrimaryTerm == 0 {
			return nil, errors.New("an outcome cannot be read")
		}
	}
	return items, nil
}

// bulkItem takes the outcome of one action. There are as many as documents, and encoding/json took as long for them as to encode
// those.
func (s *scanner) bulkItem(x *bulkItem) bool {
	return s.members(func(name []byte) bool {
		part := string(name)
		if part == "_shards" || part == "error" {
			if s.next() != '{' {
				return false
			}
			return s.members(func(name []byte) bool {
				raw, ok := s.value()
				switch {
				case !ok:
				case part == "_shards" && string(name) == "failed":
					x.failed, ok = number(raw)
				case part == "error" && string(name) == "type":
					x.Type, ok = again("", raw)
				}
				return ok
			})
		}
		raw, ok := s.value()
		if !ok {
			return false
		}
		var n int64
		switch part {
		case "_id":
			x.ID, ok = again("", raw)
		case "status":
			n, ok = number(raw)
			x.Status = int(n)
		case "_seq_no":
			x.SeqNo, ok = number(raw)
		case "_primary_term":
			x.PrimaryTerm, ok = number(raw)
		}
		return ok
	})
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
// is a full queue and a full disk. It sets the outcome, or returns why there is none.
func (d *Documents) judge(item *bulkItem, c *message.Change, o *message.Outcome) *Error {
	kind := typeName(item.Type)
	index := d.alias
	if c.Part {
		index = mappings.LogIndex(d.alias)
	}
	failed := &Error{Class: ClassUnavailable, Op: "write documents", Index: index, Type: kind, Status: item.Status}
	switch {
	case item.Status == http.StatusOK || item.Status == http.StatusCreated:
		*o = message.Outcome{Status: message.Written, SeqNo: item.SeqNo, PrimaryTerm: item.PrimaryTerm}
		return nil
	case item.Status == http.StatusConflict,
		item.Status == http.StatusNotFound && kind == "" && c.Action == message.Delete, // gone already
		kind == "document_missing_exception":
		o.Status = message.Conflict
		return nil
	case kind == "cluster_block_exception" && item.Status == http.StatusTooManyRequests:
		failed.Class, failed.Hint = ClassBlocked, "the disk of a data node is full (flood stage): free space, Elasticsearch then lifts the block by itself; then run again"
	case kind == "cluster_block_exception" && item.Status < 500:
		failed.Class, failed.Hint = ClassBlocked, "the index is write-blocked: remove the block (index.blocks of its settings), then run again"
	case item.Status == http.StatusUnauthorized:
		failed.Class, failed.Hint = ClassAuth, hintCredentials
	case item.Status == http.StatusForbidden:
		privilege := "index"
		if c.Action == message.Delete {
			privilege = "delete"
		}
		failed.Class, failed.Hint = ClassAuth, "the user needs one of the privileges "+privilege+", write; "+hintRoles
	case kind == "index_not_found_exception":
		failed.Class, failed.Hint = ClassSetup, "the target is missing: run `postweave setup`"
	case kind == "index_closed_exception":
		failed.Class, failed.Hint = ClassSetup, "the target is closed: open it, then run again"
	case item.Status == http.StatusTooManyRequests:
		failed.retry = true
		failed.Err, failed.Hint = errors.New("the cluster kept refusing documents for lack of room"), "look at its write queue and its load; the run begins here again"
	case retryableStatus(item.Status):
		failed.retry = true
		failed.Err, failed.Hint = errors.New("the cluster kept failing to write documents"), "look at the cluster's health; the run begins here again"
	case item.Status == http.StatusBadRequest || item.Status == http.StatusRequestEntityTooLarge:
		*o = message.Outcome{Status: message.Refused, Type: kind} // it is the document
		return nil
	default: // whatever it is, it is not the document
		failed.Class, failed.Hint = ClassSetup, "the target takes no documents like this; see `postweave setup`"
	}
	return failed
}
