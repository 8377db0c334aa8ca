package esquery

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/postweave/postweave/worker/message"
)

// Revisions are those of Find. In one shard they come without IDs, in more with
// them: two shards may give out the same number.
func TestRevisionsAreThoseOfFind(t *testing.T) {
	b := newTestbed(t)
	if _, err := b.Setup(t.Context(), SetupOptions{Target: b.target, State: b.state}); err != nil {
		t.Fatal(err)
	}
	var changes []message.Change
	var keys []message.Key
	for n := range 20 {
		k := message.Key{Host: "mx1", QueueID: "A" + strconv.Itoa(n/2)} // two documents each
		keys = append(keys, k)
		changes = append(changes, message.Change{
			Action: message.Create, ID: "id" + strconv.Itoa(n),
			Source: []byte(`{"kind":"message","host":{"name":"` + k.Host + `"},"queue_id":"` + k.QueueID + `"}`),
		})
	}
	keys = append(slices.Compact(keys), message.Key{Host: "mx1", QueueID: "MISSING"}, message.Key{Host: "mx2", QueueID: "A1"})
	check := func(want int, named bool) {
		t.Helper()
		d := b.Documents(b.target)
		if err := d.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		found, err := d.Find(t.Context(), keys)
		if err != nil || len(found) != want {
			t.Fatal(len(found), err)
		}
		// A fresh one: it must find out by itself how many shards there are.
		revisions, err := b.Documents(b.target).Revisions(t.Context(), keys)
		if err != nil {
			t.Fatal(err)
		}
		for i := range found {
			found[i].Source = nil
			if !named {
				found[i].ID = ""
			}
		}
		order := func(a, b message.Stored) int {
			return cmp.Or(cmp.Compare(a.Key.QueueID, b.Key.QueueID), cmp.Compare(a.SeqNo, b.SeqNo), cmp.Compare(a.ID, b.ID))
		}
		slices.SortFunc(found, order)
		slices.SortFunc(revisions, order)
		if !slices.EqualFunc(found, revisions, func(a, b message.Stored) bool {
			return a.Key == b.Key && a.ID == b.ID && a.SeqNo == b.SeqNo && a.PrimaryTerm == b.PrimaryTerm && b.Source == nil
		}) {
			t.Errorf("found %+v\nrevisions %+v", found, revisions)
		}
	}
	if _, err := b.Documents(b.target).Write(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	check(20, false)

	second := b.target + "-000002"
	b.send(http.MethodPut, "/"+second, `{"aliases":{"`+b.target+`":{}}}`)
	b.send(http.MethodPut, "/"+second+"/_doc/other", string(changes[0].Source))
	check(21, true)
}
