package message

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
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

func TestNumbersAsStrconvWritesThem(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 500_000 {
		v := float64(r.IntN(1_000_000)) / []float64{1, 10, 100, 1000, 3}[i%5]
		switch i % 11 {
		case 0:
			v = math.Float64frombits(r.Uint64())
		case 1:
			v = -v
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		if got, want := string(appendFloat(nil, v)), strconv.FormatFloat(v, 'f', -1, 64); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	}
	if got := string(appendFloat(nil, math.Copysign(0, -1))); got != "-0" {
		t.Errorf("%s, want -0", got)
	}
}

// The words of ASCII text are cut where they stand; they are those of SearchWords.
func TestWordsAsSearchWordsCutsThem(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 20_000 {
		b := make([]byte, r.IntN(900))
		for i := range b {
			b[i] = "aBc9 .@-z_"[r.IntN(10)]
		}
		var want []string
		for _, w := range SearchWords(string(b)) {
			if !slices.Contains(want, w) {
				want = append(want, w)
			}
		}
		var got wordList
		got.add(string(b))
		got.add(string(b)) // nothing new
		if string(got.text) != strings.Join(want, " ") {
			t.Fatalf("%q gives %q, want %q", b, got.text, want)
		}
	}
}
