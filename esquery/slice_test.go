package esquery

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// pagesOfLines answers searches with lines, page by page, and notes what was asked.
type pagesOfLines struct {
	text   string
	lines  int
	told   int // lines that it says it has
	most   int // of one page
	bodies []map[string]json.RawMessage
	alter  func(page int, answer string) string
}

func (p *pagesOfLines) RoundTrip(r *http.Request) (*http.Response, error) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(r.URL.Path, "/_pit") {
		return reply(http.StatusOK, `{"id":"p","_shards":{"total":1,"failed":0}}`), nil
	}
	var body map[string]json.RawMessage
	if err := json.Unmarshal(raw, &body); err != nil {
		return nil, err
	}
	p.bodies = append(p.bodies, body)
	var size, from int
	if _, err := fmt.Sscan(string(body["size"]), &size); err != nil {
		return nil, err
	}
	if after, ok := body["search_after"]; ok {
		if _, err := fmt.Sscanf(string(after), "[%d]", &from); err != nil {
			return nil, fmt.Errorf("search_after is %s", after)
		}
	}
	var hits []string
	for n := from + 1; n <= p.lines && len(hits) < size; n++ {
		hits = append(hits, fmt.Sprintf(`{"_index":"i","_id":"x","_source":{"@timestamp":"2026-11-22T01:29:07.000Z","syslog_hostname":"mx1","syslog_program":"postfix/qmgr","syslog_message":"3A9C9%05X: %s"},"sort":[%d]}`, n, p.text, n))
	}
	total := ""
	if string(body["track_total_hits"]) != "false" {
		total = fmt.Sprintf(`"total":{"value":%d,"relation":"eq"},`, p.told)
	}
	answer := `{"pit_id":"p","took":1,"timed_out":false,"_shards":{"total":1,"failed":0},"hits":{` + total + `"hits":[` + strings.Join(hits, ",") + `]}}`
	if p.alter != nil {
		answer = p.alter(len(p.bodies), answer)
	}
	return reply(http.StatusOK, answer), nil
}

func (p *pagesOfLines) slice(t *testing.T) *slice {
	t.Helper()
	client, err := Connect(Config{Addresses: []string{"http://127.0.0.1:9200"}, Transport: p, RetryBudget: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	source, err := client.Source(SourceOptions{Patterns: []string{"i"}, Target: "t", State: "s"})
	if err != nil {
		t.Fatal(err)
	}
	if p.most > 0 {
		source.linesPage = newPage(p.most)
	}
	point, err := client.openPIT(t.Context(), []string{"i"})
	if err != nil {
		t.Fatal(err)
	}
	return &slice{source: source, pit: point, indices: []string{"i"}, fields: fitted(t, capsOf("syslog_hostname", "syslog_program", "syslog_pid", "syslog_message", "postfix_queueid"))}
}

// The lines of all pages come, each once, and the first search counts them, so that no other is made.
func TestSliceCountsItsLines(t *testing.T) {
	p := &pagesOfLines{text: "removed", lines: 25, told: 25, most: 10}
	b, err := p.slice(t).read(t.Context())
	if err != nil || b.Read != 25 || len(b.Lines) != 25 || len(p.bodies) != 3 {
		t.Fatalf("%v, %+v, %d searches", err, b, len(p.bodies))
	}
	for key, lines := range b.Lines { // the pages share memory
		if lines[0].Text != key.QueueID+": removed" || lines[0].Program != "postfix/qmgr" {
			t.Errorf("%s has %q", key.QueueID, lines[0])
		}
	}
	for i, body := range p.bodies {
		if got, want := string(body["track_total_hits"]), []string{fmt.Sprint(sliceLines + 1), "false", "false"}[i]; got != want {
			t.Errorf("search %d counts up to %s, want %s", i+1, got, want)
		}
	}
}

// What comes must be what was counted, whole and with documents.
func TestSliceBelievesOnlyWhatIsWhole(t *testing.T) {
	for name, p := range map[string]*pagesOfLines{
		"one line too few":        {lines: 24, told: 25},
		"one line too many":       {lines: 25, told: 24},
		"a failed shard":          {lines: 25, told: 25, alter: onPage(2, `"failed":0`, `"failed":1`)},
		"timed out":               {lines: 25, told: 25, alter: onPage(3, `"timed_out":false`, `"timed_out":true`)},
		"a document left out":     {lines: 25, told: 25, alter: onPage(2, `"_source":`, `"x":`)},
		"no object as a document": {lines: 25, told: 25, alter: onPage(1, `"_source":{`, `"_source":[],"x":{`)},
		"the answer cut short":    {lines: 25, told: 25, alter: onPage(2, `]}}`, `]}`)},
	} {
		p.text, p.most = "removed", 10
		b, err := p.slice(t).read(t.Context())
		var failed *Error
		if b != nil || !errors.As(err, &failed) || failed.Class != ClassSource {
			t.Errorf("%s: %v, %+v", name, err, b)
		}
		if name == "a document left out" && (failed == nil || failed.Index != "i" || !strings.Contains(failed.Error(), "_source")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func onPage(n int, old, now string) func(int, string) string {
	return func(page int, answer string) string {
		if page != n {
			return answer
		}
		return strings.Replace(answer, old, now, 1)
	}
}

// A slice beyond a bound is divided, whatever the bound. Nothing of it is taken, and no more of it is read.
func TestSliceTooWide(t *testing.T) {
	for name, p := range map[string]*pagesOfLines{
		"lines": {text: "removed", lines: 30, told: sliceLines + 1, most: 10},
		"bytes": {text: strings.Repeat("x", sliceBytes/20), lines: 50, told: 50, most: 25},
	} {
		b, err := p.slice(t).read(t.Context())
		if b != nil || !errors.Is(err, errTooWide) || len(p.bodies) != 1 {
			t.Errorf("%s: %v after %d searches", name, err, len(p.bodies))
		}
	}
}

// The next slice is as wide as to be well filled, whatever came before.
func TestNextWidth(t *testing.T) {
	for _, c := range []struct {
		width time.Duration
		lines int
		want  time.Duration
	}{
		{time.Hour, 0, 4 * time.Hour},
		{time.Hour, 40_000, 2 * time.Hour},
		{time.Hour, 80_000, time.Hour},
		{time.Hour, 100_000, 48 * time.Minute},
		{12 * time.Hour, 0, 24 * time.Hour},
		{time.Millisecond, 100_000, time.Millisecond},
	} {
		if got := nextWidth(c.width, c.lines); got != c.want {
			t.Errorf("after %d lines in %v: %v, want %v", c.lines, c.width, got, c.want)
		}
	}
}

// Long lines fill a slice by their bytes.
func TestLongLinesFillASlice(t *testing.T) {
	for _, c := range []struct {
		lines, bytes int
		want         time.Duration
	}{
		{40_000, 40_000 * 150, 2 * time.Hour},
		{10_000, sliceBytes * 4 / 5, time.Hour},
		{10_000, sliceBytes, 48 * time.Minute},
	} {
		got := nextWidth(time.Hour, filling(&message.Batch{Read: c.lines, Bytes: c.bytes}))
		if got.Round(time.Minute) != c.want {
			t.Errorf("after %d lines of %d bytes: %v, want %v", c.lines, c.bytes, got, c.want)
		}
	}
}

// The memory of an answer is used again, but not for ever where one was very large.
func TestPagesShareMemory(t *testing.T) {
	p := &pagesOfLines{text: "removed", lines: 20, told: 20, most: 10}
	s := p.slice(t)
	if _, err := s.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.pit.pages.Cap() == 0 {
		t.Error("the memory of the pages was not kept")
	}
	s.pit.pages.Grow(keptPage + 1)
	if _, err := s.read(t.Context()); err != nil || s.pit.pages.Cap() > keptPage {
		t.Errorf("%v, %d bytes are kept", err, s.pit.pages.Cap())
	}
}

// A document that is taken as it comes is as good as one that is kept.
func TestAnswerGoesToItsSource(t *testing.T) {
	const answer = `{"_shards":{"total":1},"hits":{"hits":[{"_index":"i","_source":{"n":"]}"},"sort":[1]},{"_index":"j","sort":[2]},{"_source":{},"_index":"k"}]},"took":1}`
	var got [][]byte
	a, ok := decodeAnswer([]byte(answer), func(s *scanner) bool {
		raw, ok := s.value()
		got = append(got, raw)
		return ok
	})
	if !ok || a.count != 3 || a.bare != "j" || string(bytes.Join(got, nil)) != `{"n":"]}"}{}` || len(a.Hits.Hits) != 1 || a.Hits.Hits[0].Index != "k" || a.Hits.Hits[0].Sort != nil {
		t.Errorf("%v, %+v, %q", ok, a, got)
	}
	if _, ok := decodeAnswer([]byte(answer), func(*scanner) bool { return false }); ok {
		t.Error("a document that could not be read is taken")
	}
}
