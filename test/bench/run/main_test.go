package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/postweave/postweave/test/esnode"
	"github.com/postweave/postweave/test/loggen"
)

func TestMain(m *testing.M) { os.Exit(esnode.Main(m)) }

// The benchmark works: one round on a small log, without a limit, since a
// ratio measured beside other tests says nothing.
func TestSmallBenchmark(t *testing.T) {
	url := esnode.Shared(t)
	var table strings.Builder
	o := options{url: url, log: loggen.Config{Seed: 1, Messages: 1500, Servers: 2}, days: 2, repeats: 1, layout: "plain", quiet: true}
	if err := o.run(t.Context(), &table); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + table.String())
	for _, row := range []string{"lines of the file", "scan", "bulk", "postweave run", "postweave merge, one core"} {
		if !strings.Contains(table.String(), "  "+row+"  ") {
			t.Errorf("no row %q", row)
		}
	}
	var left []struct{ Index string }
	if err := esnode.Call(t.Context(), http.MethodGet, fmt.Sprintf("%s/_cat/indices/bench-%d-*?h=index&format=json", url, os.Getpid()), nil, &left); err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
