// Command demo shows the main job from end to end: it starts a real
// Elasticsearch node, indexes the log lines of two Postfix servers as Logstash
// does, and lets postweave say who wrote to whom. The node stays up until
// Ctrl-C, for queries of your own.
//
//	go run ./test/demo          # or: make demo
//	go run ./test/demo -once    # ends after the table
//
// Without a JDK, or without Maven to fetch Elasticsearch with, it asks the log
// file itself, which needs no server.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	once := flag.Bool("once", false, "end after the table")
	flag.Parse()
	if err := run(*once); err != nil {
		fmt.Fprintf(os.Stderr, "\ndemo: %v\n", err)
		os.Exit(1)
	}
}

func run(once bool) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go endWithParent(ctx, cancel)

	d := demonstration{out: os.Stdout, once: once}
	err := d.show(ctx)
	if ctx.Err() != nil { // Ctrl-C: what it cut short is no failure
		return nil
	}
	return err
}

// endWithParent ends the demonstration when "go run" or make was killed and
// could not pass that on: nobody would be left to press Ctrl-C.
func endWithParent(ctx context.Context, cancel context.CancelFunc) {
	parent := os.Getppid()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for os.Getppid() == parent {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
	cancel()
}
