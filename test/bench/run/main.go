// Command run measures the product against floors that share nothing with it, and prints the ratios.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/postweave/postweave/test/bench"
)

func main() {
	if bareSearch() {
		return
	}
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

// options say what to measure, on what, and how often.
type options struct {
	url     string
	binary  string
	only    string
	rounds  int
	quick   bool
	slack   float64
	layout  string
	seed    uint64
	servers int
	quiet   bool
	fetch   bool
	cold    bool // no round to warm up
}

func (o *options) declare(f *flag.FlagSet) {
	f.StringVar(&o.url, "es", os.Getenv("POSTWEAVE_TEST_ES_URL"), "`URL` of an Elasticsearch node to measure against; without one a node is started")
	f.StringVar(&o.binary, "binary", "", "measure this `FILE`; without it the program is built from this tree")
	f.StringVar(&o.only, "only", "", "these `topics` alone, with commas: "+topicNames())
	f.IntVar(&o.rounds, "repeats", 5, "rounds that count")
	f.BoolVar(&o.quick, "quick", false, "small logs: to see that it works, not for figures")
	f.Float64Var(&o.slack, "slack", 1, "let everything be so many times as bad as its limit (0: fail at nothing)")
	f.StringVar(&o.layout, "layout", "syslog", "of the lines in Elasticsearch: syslog or plain")
	f.Uint64Var(&o.seed, "seed", 1, "of the logs")
	f.IntVar(&o.servers, "servers", 4, "whose logs they are; every other one uses long queue ids")
	f.BoolVar(&o.fetch, "fetch", true, "fetch Debian's pflogsumm where there is none, into the user's cache folder")
	f.BoolVar(&o.quiet, "quiet", false, "the tables alone")
}

// run measures the topics one after the other and prints each as it is done. The error names every limit that is broken.
func (o *options) run(ctx context.Context, out io.Writer) (err error) {
	chosen, err := choose(o.only)
	if err != nil {
		return err
	}
	l, err := newLab(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close(ctx)) }()
	fmt.Fprintln(out, machine())
	var broken []string
	for _, t := range chosen {
		b, err := l.measure(ctx, t, out)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		broken = append(broken, b...)
	}
	if len(l.missing) > 0 {
		fmt.Fprintf(out, "\nNOT MEASURED:\n  %s\n", strings.Join(l.missing, "\n  "))
	}
	if len(broken) > 0 {
		return fmt.Errorf("%d limits are broken:\n  %s", len(broken), strings.Join(broken, "\n  "))
	}
	if l.slack == 0 {
		fmt.Fprintln(out, "\nno limit was looked at")
	} else {
		fmt.Fprintln(out, "\nno limit is broken")
	}
	return nil
}

// measure measures one topic and prints it.
func (l *lab) measure(ctx context.Context, t topic, out io.Writer) (broken []string, err error) {
	fmt.Fprintf(out, "\n## %s: %s\n\n", t.name, t.about)
	w, err := t.work(ctx, l)
	if err != nil {
		return nil, err
	}
	results, err := bench.Repeat(ctx, l.plan(t), w.rows, l.progress)
	// What was measured before something failed, or before it was interrupted, took minutes.
	if err := errors.Join(err, bench.WriteTables(out, results)); err != nil {
		return nil, err
	}
	if w.notes != nil {
		for _, n := range w.notes(results) {
			fmt.Fprintln(out, n)
		}
	}
	for _, b := range bench.Broken(results, l.slack) {
		broken = append(broken, t.name+": "+b)
	}
	return broken, l.clear(ctx)
}

func (l *lab) plan(t topic) bench.Plan {
	if t.once {
		return bench.Plan{Rounds: 1, Cold: true}
	}
	return bench.Plan{Rounds: l.rounds, Cold: l.cold}
}
