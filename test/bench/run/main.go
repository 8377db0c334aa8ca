// Command run measures the product against floors that share nothing with it, and prints the ratios.
package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/postweave/postweave/test/bench"
	"github.com/postweave/postweave/test/loggen"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	cfg := loggen.Config{}
	url := flag.String("es", os.Getenv("POSTWEAVE_TEST_ES_URL"), "URL of an Elasticsearch node to measure against")
	flag.IntVar(&cfg.Messages, "messages", 40_000, "arrivals; about thirteen lines each")
	flag.Uint64Var(&cfg.Seed, "seed", 1, "of the log")
	flag.IntVar(&cfg.Servers, "servers", 2, "whose logs they are")
	days := flag.Int("days", 1, "over which they arrive")
	repeats := flag.Int("repeats", 5, "rounds that count")
	layout := flag.String("layout", "syslog", "syslog or plain")
	quiet := flag.Bool("quiet", false, "the table alone")
	flag.Parse()
	if *url == "" {
		return errors.New("no Elasticsearch: give -es or POSTWEAVE_TEST_ES_URL")
	}
	cfg.Span = time.Duration(*days) * 24 * time.Hour
	cfg.Start = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	cfg.Until = cfg.Start.Add(cfg.Span)
	progress := os.Stderr
	if *quiet {
		if progress, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0); err != nil {
			return err
		}
	}

	dir, err := os.MkdirTemp("", "postweave-bench")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s := subject{node: bench.NewNode(*url), prefix: fmt.Sprintf("bench-%d", os.Getpid()), log: filepath.Join(dir, "mail.log")}
	defer func() {
		clearing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, s.node.Delete(clearing, s.prefix+"-*"))
	}()
	load := bench.Loader{Prefix: s.prefix, Settings: `{"number_of_replicas":0}`}
	fields, keys := bench.FieldsSyslog, []string{"syslog_hostname.keyword", "postfix_queueid.keyword"}
	if *layout == "plain" {
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

	ms, err := floors(s, fields, keys)
	if err != nil {
		return err
	}
	results, err := bench.Repeat(ctx, *repeats, append(ms, product(s)...), progress)
	if err != nil {
		return err
	}
	if err := bench.WriteTable(os.Stdout, results); err != nil {
		return err
	}
	if over := bench.Exceeded(results); len(over) > 0 {
		return fmt.Errorf("slower than it may be: %s", strings.Join(over, "; "))
	}
	return nil
}

// floors are the measurements that the product is compared with.
func floors(s subject, fields, keys []string) ([]bench.Measurement, error) {
	all := s.indices()
	scan := func(name string, how bench.Scan) bench.Measurement {
		return bench.Measurement{Name: name, Run: func(ctx context.Context) (bench.Count, error) {
			c, err := how.Run(ctx, s.node, all)
			return c, cmp.Or(err, wholeScan(c, s.lines))
		}}
	}
	ms := []bench.Measurement{
		{Name: "lines of the file", Run: func(context.Context) (bench.Count, error) { return bench.BareLines(s.log) }},
		scan("scan", bench.Scan{}),
		scan("scan, needed fields", bench.Scan{Source: fields}),
		scan("scan, two slices", bench.Scan{Slices: 2}),
		{Name: "composite, page 10,000", Run: func(ctx context.Context) (bench.Count, error) {
			return bench.BareComposite(ctx, s.node, all, keys, 10_000, "")
		}},
	}
	docs, err := documents(s)
	if err != nil {
		return nil, fmt.Errorf("documents for the floor of writing: %w", err)
	}
	if len(docs) > 0 {
		target := s.prefix + "-out-floor"
		ms = append(ms, bench.Measurement{Name: "bulk",
			Before: func(ctx context.Context) error { return s.node.Delete(ctx, target) },
			Run: func(ctx context.Context) (bench.Count, error) {
				return bench.BareBulk(ctx, s.node, target, docs)
			}})
	}
	return ms, nil
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
