// Command profile makes one run, one backfill or one merge in its own process and writes what it spent its time and memory on. The parts
// are joined as the product's command joins them; the product itself has no switch for profiles.
//
//	go run ./test/bench/profile -es http://127.0.0.1:9200 -cpu cpu.out -mem mem.out
//	go run ./test/bench/profile -merge mail.log -cpu cpu.out
//	go tool pprof -top cpu.out
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"time"

	"github.com/postweave/postweave/esquery"
	"github.com/postweave/postweave/worker"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var o options
	flag.StringVar(&o.url, "es", os.Getenv("POSTWEAVE_TEST_ES_URL"), "`URL` of an Elasticsearch node with lines in it")
	flag.StringVar(&o.source, "source", "syslog-*", "index pattern of the lines")
	flag.StringVar(&o.target, "target", "profile-messages", "alias to write to; set up where it is missing")
	flag.StringVar(&o.state, "state", "profile-state", "index of the cursor")
	flag.IntVar(&o.days, "backfill", 0, "backfill so many days before -to, instead of a run")
	flag.StringVar(&o.to, "to", "", "the `day` at which the backfill ends")
	flag.IntVar(&o.concurrency, "concurrency", 2, "groups of keys at once")
	flag.StringVar(&o.merge, "merge", "", "merge this `file` instead: no node is needed")
	flag.IntVar(&o.year, "year", 2026, "of its lines")
	flag.StringVar(&o.cpu, "cpu", "", "`file` for the CPU profile")
	flag.StringVar(&o.mem, "mem", "", "`file` for the profile of allocations")
	flag.Parse()
	if err := o.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "profile:", err)
		os.Exit(1)
	}
}

type options struct {
	url, source, target, state string
	days                       int
	to                         string
	concurrency                int
	merge                      string
	year                       int
	cpu, mem                   string
}

func (o options) run(ctx context.Context) error {
	if o.merge != "" {
		return o.profileMerge(ctx)
	}
	clock := &requestClock{next: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 8}, spent: map[string]*spent{}}
	client, err := esquery.Connect(esquery.Config{Addresses: []string{o.url}, Transport: clock})
	if err != nil {
		return err
	}
	defer client.Close()
	if _, err := client.Setup(ctx, esquery.SetupOptions{Target: o.target, State: o.state}); err != nil {
		return err
	}
	source, err := client.Source(esquery.SourceOptions{Patterns: strings.Split(o.source, ","), Target: o.target, State: o.state})
	if err != nil {
		return err
	}
	work := worker.Run{Source: source.Arrivals(), Target: client.Documents(o.target), Command: "run", Concurrency: o.concurrency}
	if o.days > 0 {
		to, err := time.Parse(time.DateOnly, o.to)
		if err != nil {
			return fmt.Errorf("-to: %w", err)
		}
		work.Source, work.Command = source.Days(to.AddDate(0, 0, -o.days), to), "backfill"
	}
	var report worker.Report
	if err := o.profiled(func() (err error) {
		report, err = work.Do(ctx)
		return err
	}); err != nil {
		return err
	}
	line, err := json.Marshal(report)
	if err != nil {
		return err
	}
	fmt.Printf("%s\n", line)
	clock.print()
	return nil
}

// profiled does the work between the beginning and the end of the profiles, and prints what it took of memory.
func (o options) profiled(do func() error) error {
	stop, err := o.start()
	if err != nil {
		return err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin := time.Now()
	err = do()
	took := time.Since(begin)
	runtime.ReadMemStats(&after)
	if err := errors.Join(err, stop()); err != nil {
		return err
	}
	fmt.Printf("%v, allocated %d MB in %d objects, %d collections, %d MB from the system\n", took.Round(time.Millisecond),
		(after.TotalAlloc-before.TotalAlloc)>>20, after.Mallocs-before.Mallocs, after.NumGC-before.NumGC, after.Sys>>20)
	return nil
}

// start begins the CPU profile; stop ends it and writes the other one.
func (o options) start() (stop func() error, err error) {
	if o.cpu == "" {
		return func() error { return writeAllocs(o.mem) }, nil
	}
	f, err := os.Create(o.cpu)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return errors.Join(f.Close(), writeAllocs(o.mem))
	}, nil
}

func writeAllocs(path string) error {
	if path == "" {
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
}

// requestClock adds up how long Elasticsearch took to begin its answers, by kind of request. Requests overlap, so the sum may be
// more than the run.
type requestClock struct {
	next  http.RoundTripper
	mu    sync.Mutex
	spent map[string]*spent
}

type spent struct {
	requests int
	time     time.Duration
}

func (c *requestClock) RoundTrip(r *http.Request) (*http.Response, error) {
	begin := time.Now()
	res, err := c.next.RoundTrip(r)
	kind := r.Method + " " + r.URL.Path
	if i := strings.LastIndex(kind, "/_"); i >= 0 { // without names of indices and documents
		kind = r.Method + " " + kind[i+1:]
	}
	if r.URL.Path == "/_search" {
		kind += " (lines)"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.spent[kind]
	if s == nil {
		s = &spent{}
		c.spent[kind] = s
	}
	s.requests++
	s.time += time.Since(begin)
	return res, err
}

func (c *requestClock) CloseIdleConnections() {
	if t, ok := c.next.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
}

func (c *requestClock) print() {
	for kind, s := range c.spent {
		fmt.Printf("%6d %-40.60s %v\n", s.requests, kind, s.time.Round(time.Millisecond))
	}
}
