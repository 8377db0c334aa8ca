package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func node(t *testing.T, answers ...string) (*Node, *[]string) {
	t.Helper()
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method == http.MethodDelete {
			return
		}
		asked = append(asked, r.URL.Path+" "+string(body))
		if len(answers) == 0 {
			http.Error(w, "nothing more", http.StatusTeapot)
			return
		}
		fmt.Fprint(w, answers[0])
		answers = answers[1:]
	}))
	t.Cleanup(s.Close)
	return NewNode(s.URL), &asked
}

const whole = `{"pit_id":"p2","took":1,"timed_out":false,"_shards":{"total":1,"successful":1,"skipped":0,"failed":0},`

func TestScanFollowsSortValuesAndPointInTime(t *testing.T) {
	hit := func(n int) string {
		return fmt.Sprintf(`{"_source":{"message":"says \",\"sort\":[9]"},"sort":[%d]}`, n)
	}
	n, asked := node(t, `{"id":"p1","_shards":{}}`, whole+`"hits":{"hits":[`+hit(3)+`,`+hit(7)+`]}}`, whole+`"hits":{"hits":[`+hit(8)+`]}}`)
	c, err := Scan{Page: 2}.Run(t.Context(), n, "x-*")
	if err != nil || c.Docs != 3 || c.Requests != 2 {
		t.Fatal(c, err)
	}
	if a := (*asked)[2]; !strings.Contains(a, `"search_after":[7]`) || !strings.Contains(a, `"id":"p2"`) {
		t.Error(a)
	}
}

func TestAnAnswerThatIsNotWholeIsAnError(t *testing.T) {
	for _, answer := range []string{
		strings.Replace(whole, `"failed":0`, `"failed":1`, 1) + `"hits":{"hits":[]}}`,
		strings.Replace(whole, `"timed_out":false`, `"timed_out":true`, 1) + `"hits":{"hits":[]}}`,
	} {
		n, _ := node(t, `{"id":"p1"}`, answer)
		if _, err := BareScan(t.Context(), n, "x"); err == nil {
			t.Error("no error at", answer)
		}
		n, _ = node(t, `{"id":"p1"}`, answer)
		if _, err := BareComposite(t.Context(), n, "x", []string{"host"}, 10, ""); err == nil {
			t.Error("no error at", answer)
		}
	}
	n, _ := node(t, `{"errors":true,"items":[{"create":{"error":{"type":"x"}}}]}`)
	if _, err := BareBulk(t.Context(), n, "x", []Document{{ID: "1", JSON: []byte(`{}`)}}); err == nil {
		t.Error("no error where a document was not written")
	}
}

func TestCompositeGoesOnAfterTheLastKey(t *testing.T) {
	n, asked := node(t, `{"id":"p1"}`,
		whole+`"aggregations":{"keys":{"after_key":{"h":"b"},"buckets":[{"key":{"h":"a"},"doc_count":1},{"key":{"h":"b"},"doc_count":2}]}}}`,
		whole+`"aggregations":{"keys":{"buckets":[]}}}`)
	c, err := BareComposite(t.Context(), n, "x", []string{"h"}, 2, "")
	if err != nil || c.Docs != 2 || c.Requests != 2 || !strings.Contains((*asked)[2], `"after":{"h":"b"}`) {
		t.Fatal(c, err, *asked)
	}
}

func TestBulkCutsAtItsSize(t *testing.T) {
	docs := make([]Document, 10)
	for i := range docs {
		docs[i] = Document{ID: fmt.Sprint(`a"`, i), JSON: []byte(`{"x":"` + strings.Repeat("y", 100) + `"}`)}
	}
	chunks := Bulk{Bytes: 300}.chunks(docs)
	if len(chunks) != 4 && len(chunks) != 5 {
		t.Error(len(chunks))
	}
	if all := bytes.Join(chunks, nil); bytes.Count(all, []byte("\n")) != 20 || !bytes.HasPrefix(all, []byte(`{"create":{"_id":"a\"0"}}`+"\n")) {
		t.Errorf("%s", all)
	}
}

func TestBareLines(t *testing.T) {
	p := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(p, []byte("a\nbc\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := BareLines(p); err != nil || c.Docs != 3 || c.Bytes != 6 {
		t.Error(c, err)
	}
}

func TestRatiosAreOfTheSameRound(t *testing.T) {
	took := func(d ...int) func(context.Context) (Count, error) {
		return func(context.Context) (Count, error) {
			c := Count{Docs: 10, Elapsed: time.Duration(d[0]) * time.Second}
			d = d[1:]
			return c, nil
		}
	}
	var ratios []Ratio
	ratios = append(ratios, TimesAsLong(1.25, "a", "b"), TimesAsFast(2, 9, "a"), TimeAUnit(1.25, "b"))
	rs, err := Repeat(t.Context(), Plan{Rounds: 3}, []Measurement{
		{Name: "a", Run: took(99, 1, 2, 4)},
		{Name: "b", Run: took(99, 1, 2, 4)},
		{Name: "ours", Ratios: ratios, Run: took(1, 2, 6, 12)},
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%.2f", rs[2].Is); got != "[[1.00 1.50 1.50] [0.50 0.33 0.33] [2.00 3.00 3.00]]" {
		t.Error(got)
	}
	broken := Broken(rs, 1)
	want := []string{
		"ours: time 1.50 times of a + b, want at most 1.25", "ours: speed 0.33 times of a, want at least 2.00",
		"ours: time a line 3.00 times of b, want at most 1.25",
	}
	if !slices.Equal(broken, want) {
		t.Errorf("%q", broken)
	}
	if broken := Broken(rs, 2); len(broken) != 2 {
		t.Errorf("of limits twice as wide: %q", broken)
	}
	if broken := Broken(rs, 0); len(broken) != 0 {
		t.Errorf("without limits: %q", broken)
	}
	var b strings.Builder
	if err := WriteTables(&b, rs); err != nil {
		t.Error(err)
	}
	for _, row := range []string{
		"ours time 1.50 1.00 1.50 times at most 1.25 - a + b BROKEN", "ours speed 0.33 0.33 0.50 times at least 2.00 9.00 a BROKEN",
	} {
		if !strings.Contains(strings.Join(strings.Fields(b.String()), " "), row) {
			t.Errorf("no %q in\n%s", row, b.String())
		}
	}
	rs[2].Ratios[0].Unless = func([]Result) string { return "there is no room" }
	if broken := Broken(rs, 1); len(broken) != 2 {
		t.Errorf("where a limit does not bind: %q", broken)
	}
}

func TestRatiosOfOtherThings(t *testing.T) {
	own := Count{Docs: 80, CPU: 6 * time.Second, NodeCPU: 2 * time.Second, Peak: 300 << 20, Requests: 7}
	other := []Count{{Docs: 10, CPU: 2 * time.Second, Peak: 200 << 20}}
	for _, x := range []struct {
		ratio  Ratio
		is     float64
		broken bool
	}{
		{CPUAUnit("x"), 0.5, false},
		{PeakMemory(256), 300, true},
		{TimesThePeak(1.1, "x"), 1.5, true},
		{RequestsMade(7), 7, false},
		{RequestsMade(6), 7, true},
	} {
		if is := x.ratio.Of(own, other); is != x.is || x.ratio.broken(is, 1) != x.broken {
			t.Errorf("%s is %v, broken %v", x.ratio.What, is, x.ratio.broken(is, 1))
		}
	}
}

func TestMeasurementsAreRefused(t *testing.T) {
	stop := errors.New("stop")
	fails := func(context.Context) (Count, error) { return Count{}, stop }
	if _, err := Repeat(t.Context(), Plan{Rounds: 1}, []Measurement{{Name: "x", Ratios: []Ratio{TimesAsLong(1, "later")}, Run: fails}, {Name: "later", Run: fails}}, io.Discard); err == nil || errors.Is(err, stop) {
		t.Error("compared with what was not measured:", err)
	}
	if _, err := Repeat(t.Context(), Plan{Rounds: 1}, []Measurement{{Name: "x", Run: fails}, {Name: "x", Run: fails}}, io.Discard); err == nil || errors.Is(err, stop) {
		t.Error("two of one name:", err)
	}
	if _, err := Repeat(t.Context(), Plan{Rounds: 1}, []Measurement{{Name: "x", Run: fails}}, io.Discard); !errors.Is(err, stop) {
		t.Error(err)
	}
}

func TestAColdPlanHasNoOtherRounds(t *testing.T) {
	n := 0
	one := []Measurement{{Name: "x", Run: func(context.Context) (Count, error) { n++; return Count{Elapsed: 1}, nil }}}
	if rs, err := Repeat(t.Context(), Plan{Rounds: 2, Cold: true}, one, io.Discard); err != nil || n != 2 || len(rs[0].Counts) != 2 {
		t.Error(n, rs, err)
	}
	if rs, err := Repeat(t.Context(), Plan{Rounds: 2}, one, io.Discard); err != nil || n != 5 || len(rs[0].Counts) != 2 {
		t.Error(n, rs, err)
	}
}
