// Command run measures the product against floors that share nothing with it, and prints the ratios.
package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/postweave/postweave/test/bench"
	"github.com/postweave/postweave/test/esnode"
	"github.com/postweave/postweave/test/loggen"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var o options
	o.declare(flag.CommandLine)
	flag.Parse()
	if err := o.run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options say what to measure on, and how often.
type options struct {
	url     string
	log     loggen.Config
	days    int
	repeats int
	layout  string
	limit   float64
	wide    bool
	quiet   bool
}

func (o *options) declare(f *flag.FlagSet) {
	f.StringVar(&o.url, "es", os.Getenv("POSTWEAVE_TEST_ES_URL"), "`URL` of an Elasticsearch node to measure against; without one a node is started")
	f.IntVar(&o.log.Messages, "messages", 40_000, "arrivals; about thirteen lines each")
	f.Uint64Var(&o.log.Seed, "seed", 1, "of the log")
	f.IntVar(&o.log.Servers, "servers", 2, "whose logs they are")
	f.IntVar(&o.days, "days", 2, "over which they arrive")
	f.IntVar(&o.repeats, "repeats", 5, "rounds that count")
	f.StringVar(&o.layout, "layout", "syslog", "syslog or plain")
	f.Float64Var(&o.limit, "limit", runLimit, "fail where a run takes more than so many times its floors (0: never)")
	f.BoolVar(&o.wide, "wide", false, "measure other ways of reading too: fewer fields, two slices, composite pages")
	f.BoolVar(&o.quiet, "quiet", false, "the table alone")
}

func (o *options) run(ctx context.Context, table io.Writer) (err error) {
	cfg := o.log
	cfg.Span = time.Duration(o.days) * 24 * time.Hour
	cfg.Start = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	cfg.Until = cfg.Start.Add(cfg.Span)
	var progress io.Writer = os.Stderr
	if o.quiet {
		progress = io.Discard
	}
	dir, err := os.MkdirTemp("", "postweave-bench")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s := subject{prefix: fmt.Sprintf("bench-%d", os.Getpid()), log: filepath.Join(dir, "mail.log"), limit: o.limit}
	if s.binary, err = build(ctx, dir); err != nil {
		return err
	}
	if o.url == "" {
		node, err := esnode.Start(ctx, esnode.Options{})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, node.Stop()) }()
		o.url = node.URL
	}
	s.node = bench.NewNode(o.url)
	defer func() {
		clearing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, s.clear(clearing))
	}()
	load := bench.Loader{Prefix: s.prefix, Settings: `{"number_of_replicas":0}`}
	fields, keys := bench.FieldsSyslog, []string{"syslog_hostname.keyword", "postfix_queueid.keyword"}
	if o.layout == "plain" {
		load.Layout, fields, keys = loggen.LayoutPlain, bench.FieldsPlain, []string{"logsource.keyword", "postfix_queueid.keyword"}
	}
	if s.lines, err = writeLog(s.log, cfg); err != nil {
		return err
	}
	loaded, err := load.Load(ctx, s.node, loggen.New(cfg))
	if err != nil {
		return err
	}
	fmt.Fprintf(progress, "loaded %d lines in %v\n", loaded.Docs, loaded.Elapsed.Round(time.Millisecond))

	ms, err := floors(ctx, s)
	if err != nil {
		return err
	}
	ms = append(ms, product(s)...)
	if o.wide {
		ms = append(ms, wideFloors(s, fields, keys)...)
	}
	results, err := bench.Repeat(ctx, o.repeats, ms, progress)
	if err != nil {
		return err
	}
	if err := bench.WriteTable(table, results); err != nil {
		return err
	}
	if over := bench.Exceeded(results); len(over) > 0 {
		return fmt.Errorf("slower than it may be: %s", strings.Join(over, "; "))
	}
	return nil
}

// scan measures one way of reading all lines.
func (s subject) scan(name string, how bench.Scan) bench.Measurement {
	return bench.Measurement{Name: name, Run: func(ctx context.Context) (bench.Count, error) {
		c, err := how.Run(ctx, s.node, s.indices())
		return c, cmp.Or(err, wholeScan(c, s.lines))
	}}
}

// floors are the measurements that the product is compared with.
func floors(ctx context.Context, s subject) ([]bench.Measurement, error) {
	docs, err := documents(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("documents for the floor of writing: %w", err)
	}
	return []bench.Measurement{
		{Name: "lines of the file", Run: func(context.Context) (bench.Count, error) { return bench.BareLines(s.log) }},
		s.scan("scan", bench.Scan{}),
		{
			Name: "bulk",
			Before: func(ctx context.Context) error {
				if err := s.node.Delete(ctx, s.bulkTarget()); err != nil {
					return err
				}
				return bench.CopyIndex(ctx, s.node, s.target(), s.bulkTarget())
			},
			Run: func(ctx context.Context) (bench.Count, error) {
				return bench.BareBulk(ctx, s.node, s.bulkTarget(), docs)
			},
		},
	}, nil
}

// wideFloors are other ways of reading, to choose from by measurement. Nothing is compared with them.
func wideFloors(s subject, fields, keys []string) []bench.Measurement {
	return []bench.Measurement{
		s.scan("scan, needed fields", bench.Scan{Source: fields}),
		s.scan("scan, two slices", bench.Scan{Slices: 2}),
		s.scan("scan, needed fields, two slices", bench.Scan{Source: fields, Slices: 2}),
		{Name: "composite, page 10,000", Run: func(ctx context.Context) (bench.Count, error) {
			return bench.BareComposite(ctx, s.node, s.indices(), keys, 10_000, "")
		}},
	}
}

func wholeScan(c bench.Count, lines int) error {
	if c.Docs != lines {
		return fmt.Errorf("read %d lines of %d", c.Docs, lines)
	}
	return nil
}

// writeLog writes the same lines that are indexed as a log file.
func writeLog(path string, cfg loggen.Config) (lines int, err error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	var buf []byte
	err = loggen.New(cfg).Each(func(l loggen.Line) error {
		lines++
		buf = l.AppendRFC3164(buf[:0])
		_, err := w.Write(buf)
		return err
	})
	return lines, errors.Join(err, w.Flush(), f.Close())
}
