package message

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/worker/postlog"
)

func TestTimesAreThoseOfAppendFormat(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 20_000 {
		at := time.Unix(r.Int64N(300_000_000_000)-62_000_000_000, r.Int64N(1e9)).UTC()
		if r.IntN(2) == 0 {
			at = at.Truncate(time.Millisecond)
		}
		layout := "2006-01-02T15:04:05.000Z"
		if at.Nanosecond()%int(time.Millisecond) != 0 {
			layout = "2006-01-02T15:04:05.000000Z"
		}
		if got := string(appendTime(nil, at)); got != at.Format(layout) {
			t.Fatalf("%s, want %s", got, at.Format(layout))
		}
	}
}

func TestEightBytesAtOnce(t *testing.T) {
	for place := range 8 {
		for c := range 256 {
			for _, fill := range []string{"aaaaaaaa", "        ", "\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f", "!!!!!!!!", "########", "]]]]]]]]"} {
				b := []byte(fill)
				b[place] = byte(c)
				if (plainPrefix(string(b)) == len(b)) != plain[c] {
					t.Fatalf("%q: %t", b, !plain[c])
				}
				var back string
				if s := strings.ToValidUTF8(string(b), "\uFFFD"); json.Unmarshal(appendString(nil, string(b)), &back) != nil || back != s {
					t.Fatalf("%q comes back as %q", b, back)
				}
			}
		}
	}
}

func TestOrderSortsInPlace(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 40 {
		facts := make([]fact, n)
		for i := range facts {
			facts[i].Text = string(rune('a' + r.IntN(26)))
			facts[i].kind = postlog.Unknown
		}
		want := slices.Clone(facts)
		slices.SortFunc(want, func(a, b fact) int { return compare(&a, &b) })
		order(facts)
		for i := range facts {
			if facts[i].Line != want[i].Line {
				t.Fatalf("%d facts: %q at %d, want %q", n, facts[i].Text, i, want[i].Text)
			}
		}
	}
}

func TestMergeAfter(t *testing.T) {
	k := Key{Host: "mx1", QueueID: "ABCDEF012"}
	at := time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)
	life := func(at time.Time) []Line {
		return []Line{
			{at, "postfix/smtpd", "1", "ABCDEF012: client=a[192.0.2.1]"},
			{at, "postfix/qmgr", "2", "ABCDEF012: from=<a@a>, size=1, nrcpt=1 (queue active)"},
			{at.Add(time.Second), "postfix/qmgr", "2", "ABCDEF012: removed"},
		}
	}
	var all []Line
	var past Past
	var got []string
	for _, h := range []time.Duration{0, 5, 20, 30, 31, 200} {
		lines := life(at.Add(h * time.Hour))
		all = append(all, lines...)
		docs, now, late := MergeAfter(k, lines, past, Options{})
		if late != 0 {
			t.Errorf("%d late", late)
		}
		past = now
		for i := range docs {
			got = append(got, docs[i].ID+string(docs[i].AppendJSON(nil)))
		}
	}
	var want []string
	docs := Merge(k, all, Options{})
	for i := range docs {
		want = append(want, docs[i].ID+string(docs[i].AppendJSON(nil)))
	}
	if !slices.Equal(got, want) {
		t.Errorf("one after the other:\n%s\nat once:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	behind := []Line{{at.Add(200 * time.Hour), "postfix/bounce", "3", "ABCDEF012: sender non-delivery notification: ABCDEF013"}}
	late, _, n := MergeAfter(k, behind, past, Options{})
	if n != 1 || len(late) != 1 || late[0].ID != docs[len(docs)-1].ID {
		t.Errorf("%d late lines, in %d documents", n, len(late))
	}
}
