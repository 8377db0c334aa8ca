package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/postweave/postweave/test/bench"
)

// traceLimit is how many times as long as the bare search an answer may take.
const traceLimit = 1.2

// question is a kind of question, asked with other values each time.
type question struct {
	name string
	args func(known) []string // without the output; nil where nothing can be made of it
}

// known is what the index is known to hold of a message.
type known struct {
	Kind    string   `json:"kind"`
	QueueID string   `json:"queue_id"`
	To      []string `json:"to"`
	Subject string   `json:"subject"`
}

var questions = []question{
	{"recipient", func(k known) []string { return []string{"--to", k.To[0]} }},
	{"part of an address", func(k known) []string {
		local, _, _ := strings.Cut(k.To[0], "@")
		return []string{"--to", local[len(local)/4:]}
	}},
	{"word of the subject", func(k known) []string { return []string{"--subject", strings.Fields(k.Subject)[0]} }},
	{"queue id", func(k known) []string { return []string{"--queue-id", k.QueueID} }},
}

// asked is one question with its values, and the search that answers it.
type asked struct {
	args []string
	url  string // of the search
	body string // the file that holds its body
}

// bareRow is a row of bare searches, with what Elasticsearch said of them.
type bareRow struct {
	name       string
	took       time.Duration // by Elasticsearch's own clock
	calls      int
	hits, size int // of the answers
}

// traceWork measures questions to an index, as they are asked on the command line, beside the very searches that they send.
func traceWork(ctx context.Context, l *lab) (w work, err error) {
	node, err := l.node(ctx)
	if err != nil {
		return w, err
	}
	s := l.subject(&source{node: node, prefix: l.prefix + "-asked"}, "trace")
	sample, err := s.fillTarget(ctx, l)
	if err != nil {
		return w, err
	}
	var bare []*bareRow
	for _, q := range questions {
		for _, output := range []string{"table", "ndjson"} {
			var all []asked
			for i := range l.size.questions {
				a, err := s.record(ctx, l.dir, append(q.args(sample[i]), "-o", output))
				if err != nil {
					return w, fmt.Errorf("%s: %w", q.name, err)
				}
				all = append(all, a)
			}
			row := &bareRow{name: "search, " + q.name + ", " + output}
			bare = append(bare, row)
			w.rows = append(w.rows,
				node.Metered(bench.Measurement{Name: row.name, Units: "questions", Run: func(ctx context.Context) (bench.Count, error) { return row.run(ctx, all) }}),
				node.Metered(bench.Measurement{
					Name: "trace, " + q.name + ", " + output, Units: "questions", Ratios: []bench.Ratio{bench.TimesAsLong(traceLimit, row.name)},
					Run: func(ctx context.Context) (bench.Count, error) { return s.trace(ctx, all) },
				}))
		}
	}
	w.notes = func(results []bench.Result) []string { return traceNotes(results, bare) }
	return w, nil
}

// fillTarget merges a generated log and writes the documents to a target that setup made. It returns some of the messages, far apart.
func (s *subject) fillTarget(ctx context.Context, l *lab) (sample []known, err error) {
	if err := s.fresh(ctx); err != nil {
		return nil, err
	}
	alias := "/" + s.target() + "/_settings"
	if err := s.node.Put(ctx, alias, `{"index":{"refresh_interval":"-1","translog.durability":"async"}}`); err != nil {
		return nil, err
	}
	cfg := l.mail(l.size.trace, 1)
	log, text := io.Pipe()
	go func() {
		_, err := writeText(text, cfg)
		text.CloseWithError(err)
	}()
	n, every := 0, max(1, l.size.trace/l.size.questions/4)
	docs := bench.NewStream(ctx, s.node, s.target())
	docs.Each = func(document []byte) {
		var k known
		if n++; n%every == 0 && len(sample) < l.size.questions && json.Unmarshal(document, &k) == nil && k.QueueID != "" && len(k.To) > 0 && k.Subject != "" && len(k.To[0]) > 8 {
			sample = append(sample, k)
		} else if n%every == 0 {
			n-- // the next one may do
		}
	}
	_, _, err = s.postweave(ctx, call{args: []string{"merge", "--year", "2026", "-"}, stdin: log, stdout: docs})
	count, failed := docs.Close()
	if err = errors.Join(err, failed); err != nil {
		return nil, err
	}
	if len(sample) < l.size.questions {
		return nil, fmt.Errorf("%d messages can be asked for, want %d", len(sample), l.size.questions)
	}
	if err := s.node.Put(ctx, alias, `{"index":{"refresh_interval":null,"translog.durability":null}}`); err != nil {
		return nil, err
	}
	fmt.Fprintf(l.progress, "%s: merged and loaded %d documents in %v\n", s.target(), count.Docs, count.Elapsed.Round(time.Second))
	return sample, s.node.Settle(ctx, s.target())
}

// record asks a question once and keeps the search that it sends.
func (s *subject) record(ctx context.Context, dir string, args []string) (a asked, err error) {
	r, err := bench.Record(s.node)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	a.args = append([]string{"trace"}, args...)
	if _, _, err := s.postweave(ctx, call{args: a.args, url: r.URL}); err != nil {
		return a, err
	}
	if n, kinds := r.Taken(); n != 1 || len(r.Search().Body) == 0 {
		return a, fmt.Errorf("%q sends %d requests (%s), want one search", a.args, n, kinds)
	}
	f, err := os.CreateTemp(dir, "search-")
	if err != nil {
		return a, err
	}
	_, err = f.Write(r.Search().Body)
	a.url, a.body = s.node.URL+r.Search().Path, f.Name()
	return a, errors.Join(err, f.Close())
}

// trace asks all questions, one after the other.
func (s *subject) trace(ctx context.Context, all []asked) (sum bench.Count, err error) {
	for _, a := range all {
		var out bytes.Buffer
		c, said, err := s.postweave(ctx, call{args: a.args, stdout: &out})
		if err == nil && (out.Len() == 0 || strings.Contains(said, "no message fits")) {
			err = fmt.Errorf("%q finds nothing: %s", a.args, said)
		}
		if err != nil {
			return sum, err
		}
		sum.Docs++
		sum.Elapsed += c.Elapsed
		sum.CPU += c.CPU
		sum.Bytes += int64(out.Len())
		sum.Peak = max(sum.Peak, c.Peak)
	}
	return sum, nil
}

// run makes the same searches, each in a process that does nothing else.
func (b *bareRow) run(ctx context.Context, all []asked) (sum bench.Count, err error) {
	itself, err := os.Executable()
	if err != nil {
		return sum, err
	}
	for _, a := range all {
		var out bytes.Buffer
		c, _, err := bench.Process{Path: itself, Env: append(environment(), bareURL+"="+a.url, bareBody+"="+a.body), Stdout: &out}.Run(ctx)
		if err != nil {
			return sum, err
		}
		var answer struct {
			Took int
			Hits struct{ Hits []json.RawMessage }
		}
		if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
			return sum, fmt.Errorf("%s: %w", a.url, err)
		}
		b.calls++
		b.took += time.Duration(answer.Took) * time.Millisecond
		b.hits += len(answer.Hits.Hits)
		b.size += out.Len()
		sum.Docs++
		sum.Elapsed += c.Elapsed
		sum.Bytes += int64(out.Len())
	}
	return sum, nil
}

// traceNotes says what one question takes.
func traceNotes(results []bench.Result, bare []*bareRow) []string {
	each := func(name string) string {
		for i := range results {
			if r := &results[i]; r.Name == name && len(r.Counts) > 0 {
				return fmt.Sprintf("%.1f ms", 1000*r.Median(func(c bench.Count) float64 { return c.Elapsed.Seconds() / float64(c.Docs) }))
			}
		}
		return "-"
	}
	var notes []string
	for _, b := range bare {
		if b.calls == 0 {
			continue
		}
		what := strings.TrimPrefix(b.name, "search, ")
		n := float64(b.calls)
		notes = append(notes, fmt.Sprintf("%s: trace %s, the search alone %s, of which Elasticsearch says %.1f ms; %.0f hits, %.0f KB", what,
			each("trace, "+what), each(b.name), float64(b.took.Milliseconds())/n, float64(b.hits)/n, float64(b.size)/n/1000))
	}
	return notes
}
