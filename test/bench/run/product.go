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
	"strings"
	"time"

	"github.com/postweave/postweave/test/bench"
	"github.com/postweave/postweave/test/loggen"
)

// source is lines in Elasticsearch, in daily indices.
type source struct {
	node     *bench.Node
	prefix   string
	layout   loggen.Layout
	lines    int
	from, to time.Time // first and last day
}

// pattern is that of the daily indices.
func (s *source) pattern() string { return s.prefix + "-2*" }

func (s *source) clear(ctx context.Context) error { return s.node.Delete(ctx, s.pattern()) }

func (s *source) loader() bench.Loader {
	return bench.Loader{Prefix: s.prefix, Layout: s.layout, Settings: sourceSettings}
}

const sourceSettings = `{"number_of_replicas":0}`

// source names where a log is to be indexed. It is not yet.
func (l *lab) source(ctx context.Context, name string, cfg loggen.Config) (*source, error) {
	node, err := l.node(ctx)
	if err != nil {
		return nil, err
	}
	s := &source{node: node, prefix: l.prefix + "-" + name, from: cfg.Start, to: cfg.Until.AddDate(0, 0, -1)}
	if l.layout == "plain" {
		s.layout = loggen.LayoutPlain
	}
	return s, nil
}

// load generates a log and indexes it.
func (l *lab) load(ctx context.Context, name string, cfg loggen.Config) (*source, error) {
	s, err := l.source(ctx, name, cfg)
	if err != nil {
		return nil, err
	}
	return s, l.fill(ctx, s, cfg)
}

func (l *lab) fill(ctx context.Context, s *source, cfg loggen.Config) error {
	c, err := s.loader().Load(ctx, s.node, loggen.New(cfg))
	s.lines = c.Docs
	fmt.Fprintf(l.progress, "%s: loaded %d lines in %v\n", s.prefix, c.Docs, c.Elapsed.Round(time.Millisecond))
	return err
}

// aDay is the lines of a day, which several topics measure on.
func (l *lab) aDay(ctx context.Context) (*source, error) {
	if l.day != nil {
		return l.day, nil
	}
	var err error
	l.day, err = l.load(ctx, "day", l.mail(l.size.day, 1))
	return l.day, err
}

// subject is the product at work on a source, with a target and a state of its own.
type subject struct {
	*source
	binary string
	out    string // before the names of all that is written
}

func (l *lab) subject(s *source, name string) *subject {
	x := &subject{source: s, binary: l.binary, out: l.prefix + "-" + name}
	l.subjects = append(l.subjects, x)
	return x
}

func (s *subject) target() string { return s.out + "-out" }
func (s *subject) state() string  { return s.out + "-state" }
func (s *subject) floor() string  { return s.out + "-floor" } // what the floor of writing writes to

// fresh removes what was written before and makes the target anew, as a newcomer's setup does.
func (s *subject) fresh(ctx context.Context) error {
	if err := s.clearTarget(ctx); err != nil {
		return err
	}
	_, _, err := s.postweave(ctx, call{args: []string{"setup"}})
	return err
}

func (s *subject) clearTarget(ctx context.Context) error {
	return errors.Join(s.node.Delete(ctx, s.target()+"-*"), s.node.Delete(ctx, s.state()))
}

// clear removes everything that was made, the product's template included.
func (s *subject) clear(ctx context.Context) error {
	return errors.Join(s.clearTarget(ctx), s.node.Delete(ctx, s.floor()), s.node.DeleteTemplate(ctx, s.target()))
}

// call is one start of the product.
type call struct {
	args   []string
	url    string // of Elasticsearch, where it is not the node's own
	cores  []int
	stdin  io.Reader
	stdout io.Writer // nil for the null device
}

// postweave runs the product.
func (s *subject) postweave(ctx context.Context, c call) (bench.Count, string, error) {
	return bench.Process{
		Path: s.binary, Args: c.args, Cores: c.cores, Stdin: c.stdin, Stdout: c.stdout,
		Env: append(environment(), "POSTWEAVE_ES_URL="+cmp.Or(c.url, s.node.URL), "POSTWEAVE_SOURCE="+s.pattern(), "POSTWEAVE_TARGET="+s.target(),
			"POSTWEAVE_STATE="+s.state()),
	}.Run(ctx)
}

// reporting runs a command that reports as JSON, and counts the lines that it says it has read.
func (s *subject) reporting(ctx context.Context, c call) (bench.Count, error) {
	var out bytes.Buffer
	var r struct {
		Lines int
		More  bool
	}
	c.stdout = &out
	count, _, err := s.postweave(ctx, c)
	if err == nil {
		err = json.Unmarshal(out.Bytes(), &r)
	}
	if err == nil && r.More {
		err = fmt.Errorf("postweave %s: it did not finish", c.args[0])
	}
	count.Docs = r.Lines
	return count, err
}

// overAll measures a command that has to read every line of the source into an empty target.
func (s *subject) overAll(name string, ratios []bench.Ratio, args ...string) bench.Measurement {
	return s.node.Metered(bench.Measurement{
		Name: name, Units: "lines", Ratios: ratios, Before: s.fresh, After: s.count,
		Run: func(ctx context.Context) (bench.Count, error) {
			c, err := s.reporting(ctx, call{args: append(args, "--json")})
			if err == nil {
				err = wholeScan(c, s.lines)
			}
			return c, err
		},
	})
}

// count adds what has been written since the target was made.
func (s *subject) count(ctx context.Context, c *bench.Count) (err error) {
	c.Written, c.Stored, err = s.node.Written(ctx, s.target()+"-*")
	return err
}

// backfill is the call that merges all days of the source.
func (s *subject) backfill() []string {
	return []string{"backfill", "--from", s.from.Format(time.DateOnly), "--to", s.to.Format(time.DateOnly)}
}

func wholeScan(c bench.Count, lines int) error {
	if c.Docs != lines {
		return fmt.Errorf("read %d lines of %d", c.Docs, lines)
	}
	return nil
}

// environment is the caller's, without what would measure another product: its settings, and Go's own.
func environment() []string {
	var out []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, "POSTWEAVE_") && name != "GOGC" && name != "GOMEMLIMIT" && name != "GOMAXPROCS" && name != "GODEBUG" {
			out = append(out, v)
		}
	}
	return append(out, "POSTWEAVE_LOG_LEVEL=warn")
}
