// Command run starts an Elasticsearch node for use by hand, prints its address
// on standard output and keeps it up until it is interrupted:
//
//	go run ./test/esnode/run
//	POSTWEAVE_TEST_ES_URL=http://127.0.0.1:41231 go test ./...
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/postweave/postweave/test/esnode"
)

func main() {
	heap := flag.String("heap", "1g", "`size` of the JVM's heap")
	version := flag.String("version", esnode.Version(), "`version` of Elasticsearch")
	verbose := flag.Bool("verbose", false, "show the node's log on standard error")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *heap, *version, *verbose); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, heap, version string, verbose bool) error {
	log := io.Discard
	if verbose {
		log = os.Stderr
	}
	node, err := esnode.Start(ctx, esnode.Options{Log: log, Heap: heap, Version: version})
	if err != nil {
		return err
	}
	fmt.Println(node.URL)
	<-ctx.Done()
	return node.Stop()
}
