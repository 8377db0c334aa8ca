package esquery

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// stateDoc is one document of the state index: a cursor, a lease or the position of a
// backfill. It is written by compare-and-set only. What is lost with it is work, never data.
type stateDoc struct {
	client *Client
	index  string
	id     string
	kind   string // "cursor", "lease" or "backfill"
	source string
	target string

	patience time.Duration // of each of its requests, see Request
	beside   bool          // likewise

	found              bool
	seqNo, primaryTerm int64
}

// errStateRace says that another process moved the document meanwhile.
var errStateRace = errors.New("another postweave moved the cursor meanwhile")

// newStateDoc names the document for one source and target.
func newStateDoc(c *Client, index, kind, source, target string, more ...string) *stateDoc {
	h := sha256.Sum256([]byte(strings.Join(append([]string{kind, source, target}, more...), "\x00")))
	return &stateDoc{
		client: c, index: index, kind: kind, source: source, target: target,
		id: kind + "-" + base64.RawURLEncoding.EncodeToString(h[:15]),
	}
}

// load reads the payload into what. It tells whether there is one.
func (d *stateDoc) load(ctx context.Context, what any) (bool, error) {
	res, err := d.client.Do(ctx, Request{
		Op: "read the " + d.kind, Method: http.MethodGet, Path: d.path(), OK: []int{http.StatusNotFound}, Idempotent: true,
		patience: d.patience,
	})
	if err != nil {
		return false, err
	}
	var answer struct {
		Found       *bool `json:"found"`
		SeqNo       int64 `json:"_seq_no"`
		PrimaryTerm int64 `json:"_primary_term"`
		Source      struct {
			Payload json.RawMessage `json:"payload"`
		} `json:"_source"`
		Error json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(res.Body, &answer); err != nil {
		return false, &Error{Class: ClassUnavailable, Op: "read the " + d.kind, Index: d.index, Err: errors.New("the answer is no JSON")}
	}
	if res.Status == http.StatusNotFound && len(answer.Error) > 0 {
		return false, &Error{Class: ClassSetup, Op: "read the " + d.kind, Index: d.index, Status: res.Status, Hint: "the state index is missing: run `postweave setup`"}
	}
	// A document that is taken for missing would be a first run, which leaves old lines out.
	if answer.Found == nil || *answer.Found != (res.Status == http.StatusOK) || *answer.Found && answer.PrimaryTerm == 0 {
		return false, &Error{
			Class: ClassUnavailable, Op: "read the " + d.kind, Index: d.index, Status: res.Status,
			Err: errors.New("the answer does not say whether there is one"), Hint: "is there a proxy that alters answers?",
		}
	}
	if d.found = *answer.Found; !d.found {
		return false, nil
	}
	d.seqNo, d.primaryTerm = answer.SeqNo, answer.PrimaryTerm
	if err := json.Unmarshal(answer.Source.Payload, what); err != nil {
		return false, d.damaged()
	}
	return true, nil
}

func (d *stateDoc) damaged() *Error {
	return &Error{
		Class: ClassSetup, Op: "read the " + d.kind, Index: d.index,
		Err: errors.New("its document is damaged"), Hint: "start over with --reset-cursor; no document is lost by that",
	}
}

// exists tells whether there is such a document, damaged or not.
func (d *stateDoc) exists(ctx context.Context) (bool, error) {
	var payload any
	found, err := d.load(ctx, &payload)
	if err != nil && d.found {
		return true, nil
	}
	return found, err
}

// forget removes the document, damaged or not, if there is one.
func (d *stateDoc) forget(ctx context.Context) error {
	if found, err := d.exists(ctx); err != nil || !found {
		return err
	}
	return d.remove(ctx)
}

// move saves a cursor, unless another run moved it: that one may have gone
// further, so this run ends and leaves the rest to it.
func (d *stateDoc) move(ctx context.Context, cursor any) error {
	err := d.save(ctx, cursor)
	if errors.Is(err, errStateRace) {
		return ErrSuperseded
	}
	return err
}

// reload reads the payload once more. It tells whether another process wrote it
// meanwhile, and leaves what alone where not.
func (d *stateDoc) reload(ctx context.Context, what any) (moved bool, err error) {
	before := *d
	var payload json.RawMessage
	found, err := d.load(ctx, &payload)
	if err != nil || !found || before.found && before.seqNo == d.seqNo && before.primaryTerm == d.primaryTerm {
		return false, err
	}
	if err := json.Unmarshal(payload, what); err != nil {
		return false, d.damaged()
	}
	return true, nil
}

// save writes the payload, on the condition that nobody else did since the last
// load or save. errStateRace is returned where somebody did.
func (d *stateDoc) save(ctx context.Context, payload any) error {
	raw, err := json.Marshal(payload)
	if err != nil {
		return fmt.Errorf("write the %s: %w", d.kind, err)
	}
	body, err := json.Marshal(map[string]any{
		"kind": d.kind, "source": d.source, "target": d.target, "payload": json.RawMessage(raw),
	})
	if err != nil {
		return fmt.Errorf("write the %s: %w", d.kind, err)
	}
	err = d.put(ctx, http.MethodPut, body)
	if !errors.Is(err, errStateRace) {
		return err
	}
	// The answer to a write may be lost on the way. Tried again, it meets itself.
	var there json.RawMessage
	now := *d
	found, failed := now.load(ctx, &there)
	if failed != nil { // whose it is cannot be told: that is no other run
		return failed
	}
	if !found || !sameJSON(there, raw) {
		return err
	}
	*d = now
	return nil
}

func sameJSON(a, b []byte) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}

// remove deletes the document on the same condition.
func (d *stateDoc) remove(ctx context.Context) error {
	if !d.found {
		return nil
	}
	if err := d.put(ctx, http.MethodDelete, nil); err != nil {
		return err
	}
	d.found = false
	return nil
}

func (d *stateDoc) put(ctx context.Context, method string, body []byte) error {
	query := url.Values{}
	if d.found {
		query.Set("if_seq_no", strconv.FormatInt(d.seqNo, 10))
		query.Set("if_primary_term", strconv.FormatInt(d.primaryTerm, 10))
	} else {
		query.Set("op_type", "create")
	}
	res, err := d.client.Do(ctx, Request{
		Op: "write the " + d.kind, Method: method, Path: d.path(), Query: query, Body: body,
		Idempotent: true, // doing it twice ends in errStateRace, which only costs work
		OK:         []int{http.StatusConflict, http.StatusNotFound},
		patience:   d.patience, beside: d.beside,
	})
	if err != nil {
		return err
	}
	var answer struct {
		SeqNo       int64 `json:"_seq_no"`
		PrimaryTerm int64 `json:"_primary_term"`
	}
	switch {
	case res.Status == http.StatusConflict, method == http.MethodDelete && res.Status == http.StatusNotFound:
		return errStateRace
	case res.Status == http.StatusNotFound:
		return &Error{Class: ClassSetup, Op: "write the " + d.kind, Index: d.index, Status: res.Status, Hint: "the state index is missing: run `postweave setup`"}
	case json.Unmarshal(res.Body, &answer) != nil || answer.PrimaryTerm == 0:
		return &Error{
			Class: ClassUnavailable, Op: "write the " + d.kind, Index: d.index, Status: res.Status,
			Err: errors.New("the answer does not say what was written"), Hint: "is there a proxy that alters answers? The run begins here again",
		}
	}
	d.found, d.seqNo, d.primaryTerm = true, answer.SeqNo, answer.PrimaryTerm
	return nil
}

func (d *stateDoc) path() string {
	return "/" + url.PathEscape(d.index) + "/_doc/" + url.PathEscape(d.id)
}
