package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
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

// pair is a kind of question and the bare searches that answer it.
type pair struct {
	subject *subject
	search  string // names of the rows
	trace   string
	all     []asked

	count bench.Count // of trace, in the round under way
	// What Elasticsearch said of the searches.
	took       time.Duration // by its own clock
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
	var pairs []*pair
	for _, q := range questions {
		for _, output := range []string{"table", "ndjson"} {
			p := &pair{subject: s, search: "search, " + q.name + ", " + output, trace: "trace, " + q.name + ", " + output}
			for i := range l.size.questions {
				a, err := s.record(ctx, l.dir, append(q.args(sample[i]), "-o", output))
				if err != nil {
					return w, fmt.Errorf("%s: %w", q.name, err)
				}
				p.all = append(p.all, a)
			}
			pairs = append(pairs, p)
			w.rows = append(w.rows,
				bench.Measurement{Name: p.search, Units: "question", Run: p.run},
				bench.Measurement{
					Name: p.trace, Units: "question", Ratios: []bench.Ratio{bench.TimesAsLong(traceLimit, p.search)},
					Run: func(context.Context) (bench.Count, error) { return p.count, nil },
				})
		}
	}
	w.notes = func([]bench.Result) []string { return traceNotes(pairs) }
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

// run asks each question and makes its bare search, one right after the other and now this first, now that, so that whatever else
// the machine does falls on both. A round's figure is its median.
func (p *pair) run(ctx context.Context) (bench.Count, error) {
	var bare, own []bench.Count
	for i, a := range p.all {
		for turn := range 2 {
			var c bench.Count
			var err error
			if bareFirst := i%2 == 0; bareFirst == (turn == 0) {
				if c, err = p.searchBare(ctx, a); err == nil {
					bare = append(bare, c)
				}
			} else if c, err = p.subject.ask(ctx, a); err == nil {
				own = append(own, c)
			}
			if err != nil {
				return c, err
			}
		}
	}
	p.count = medianOf(own)
	return medianOf(bare), nil
}

// medianOf is the call whose time is in the middle.
func medianOf(calls []bench.Count) bench.Count {
	slices.SortFunc(calls, func(a, b bench.Count) int { return cmp.Compare(a.Elapsed, b.Elapsed) })
	return calls[len(calls)/2]
}

// ask asks a question on the command line.
func (s *subject) ask(ctx context.Context, a asked) (bench.Count, error) {
	var out bytes.Buffer
	c, said, err := s.postweave(ctx, call{args: a.args, stdout: &out})
	if err == nil && out.Len() == 0 {
		err = fmt.Errorf("%q finds nothing: %s", a.args, said)
	}
	c.Docs, c.Requests, c.Bytes, c.Peak = 1, 1, int64(out.Len()), 0 // of a process this short the peak says nothing
	return c, err
}

// searchBare makes the same search, in a process that does nothing else.
func (p *pair) searchBare(ctx context.Context, a asked) (bench.Count, error) {
	itself, err := os.Executable()
	if err != nil {
		return bench.Count{}, err
	}
	var out bytes.Buffer
	c, _, err := bench.Process{Path: itself, Env: append(environment(), bareURL+"="+a.url, bareBody+"="+a.body), Stdout: &out}.Run(ctx)
	if err != nil {
		return c, err
	}
	var answer struct {
		Took int
		Hits struct{ Hits []json.RawMessage }
	}
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil || len(answer.Hits.Hits) == 0 {
		return c, fmt.Errorf("%s: %w; %d hits", a.url, err, len(answer.Hits.Hits))
	}
	p.calls++
	p.took += time.Duration(answer.Took) * time.Millisecond
	p.hits += len(answer.Hits.Hits)
	p.size += out.Len()
	c.Docs, c.Requests, c.Bytes, c.Peak = 1, 1, int64(out.Len()), 0 // of a process this short the peak says nothing
	return c, nil
}

// traceNotes says what the table cannot.
func traceNotes(pairs []*pair) []string {
	var notes []string
	for _, p := range pairs {
		if n := float64(p.calls); n > 0 {
			notes = append(notes, fmt.Sprintf("%s: Elasticsearch says it took %.1f ms, on average; %.0f hits, %.0f KB", p.search,
				float64(p.took.Milliseconds())/n, float64(p.hits)/n, float64(p.size)/n/1000))
		}
	}
	return notes
}
