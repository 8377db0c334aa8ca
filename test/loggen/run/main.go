// Command run writes a generated Postfix log to standard output.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/postweave/postweave/test/loggen"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "loggen:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	var cfg loggen.Config
	flag.Uint64Var(&cfg.Seed, "seed", 1, "decides every line")
	flag.IntVar(&cfg.Messages, "messages", 1000, "arrivals; about thirteen lines each")
	flag.IntVar(&cfg.Servers, "servers", 2, "mx1, mx2, …; even ones use long queue ids")
	flag.DurationVar(&cfg.Span, "span", 24*time.Hour, "over which the messages arrive")
	flag.Float64Var(&cfg.ReuseIDs, "reuse", 0, "part of the arrivals that get a short id for the second time")
	flag.BoolVar(&cfg.Micros, "micros", false, "stamps with microseconds")
	flag.BoolVar(&cfg.Milters, "milters", false, "lines of opendkim")
	start := flag.String("start", "2026-03-02", "day of the first arrival")
	days := flag.Float64("days", 0, "end the log after so many days, whatever is in the queue (0: when the queue is empty)")
	format := flag.String("format", "rfc3164", "rfc3164, rfc3339, logstash-syslog or logstash-plain")
	truth := flag.String("truth", "", "write what really became of each message to this file, as NDJSON")
	flag.Parse()
	if cfg.Start, err = time.Parse(time.DateOnly, *start); err != nil {
		return fmt.Errorf("-start: want a day like 2026-03-02: %w", err)
	}
	if *days > 0 {
		cfg.Until = cfg.Start.Add(time.Duration(*days * 24 * float64(time.Hour)))
	}
	appendLine, err := formatter(*format, cfg.Seed)
	if err != nil {
		return err
	}

	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	var truths func(loggen.Truth) error
	if *truth != "" {
		f, err := os.Create(*truth)
		if err != nil {
			return fmt.Errorf("-truth: %w", err)
		}
		w := bufio.NewWriterSize(f, 1<<20)
		enc := json.NewEncoder(w)
		truths = func(t loggen.Truth) error { return enc.Encode(t) }
		defer func() { err = errors.Join(err, w.Flush(), f.Close()) }()
	}
	var buf []byte
	err = loggen.New(cfg).Run(func(l loggen.Line) error {
		buf = appendLine(buf[:0], l)
		_, err := out.Write(buf)
		return err
	}, truths)
	return errors.Join(err, out.Flush())
}

func formatter(name string, seed uint64) (func([]byte, loggen.Line) []byte, error) {
	switch name {
	case "rfc3164":
		return func(b []byte, l loggen.Line) []byte { return l.AppendRFC3164(b) }, nil
	case "rfc3339":
		return func(b []byte, l loggen.Line) []byte { return l.AppendRFC3339(b) }, nil
	case "logstash-syslog":
		return newlined(loggen.NewShipper(loggen.LayoutSyslog, seed)), nil
	case "logstash-plain":
		return newlined(loggen.NewShipper(loggen.LayoutPlain, seed)), nil
	}
	return nil, fmt.Errorf("-format %q: want rfc3164, rfc3339, logstash-syslog or logstash-plain", name)
}

func newlined(s *loggen.Shipper) func([]byte, loggen.Line) []byte {
	return func(b []byte, l loggen.Line) []byte { return append(s.AppendDocument(b, l), '\n') }
}
