package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postweave/postweave/test/esnode"
)

func TestMain(m *testing.M) {
	if bareSearch() {
		return
	}
	os.Exit(esnode.Main(m))
}

// quick is one round on small logs. Without slack no limit counts, since a
// ratio measured beside other tests says nothing.
func quick(only string) *options {
	return &options{only: only, rounds: 1, cold: true, quick: true, layout: "plain", seed: 1, servers: 2, quiet: true}
}

// table runs the benchmark and gives what it prints, columns apart by one blank.
func table(t *testing.T, o *options) (string, error) {
	t.Helper()
	var out strings.Builder
	err := o.run(t.Context(), &out)
	t.Log("\n" + out.String())
	lines := strings.Split(out.String(), "\n")
	for i, l := range lines {
		lines[i] = strings.Join(strings.Fields(l), " ")
	}
	return strings.Join(lines, "\n"), err
}

// The benchmark works on a node, measures what it should, and leaves nothing there.
func TestSmallBenchmark(t *testing.T) {
	o := quick("backfill,growth-backfill,history,shards")
	o.url = esnode.Shared(t)
	printed, err := table(t, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		"scan, two slices", "bulk, two streams", "backfill of the day", "run",
		"backfill, 1 day", "backfill, 1 day, 8 times the mail", "backfill, 8 days",
		"run on new lines, short history", "run on new lines, long history", "idle run, short history", "idle run, long history",
	} {
		if !strings.Contains(printed, "\n"+row+" ") {
			t.Errorf("no row %q", row)
		}
	}
	if !strings.Contains(printed, "\nbackfill, two workers ") && !strings.Contains(printed, "backfill has no --shard") {
		t.Error("neither two workers nor a reason why not")
	}
	if left := leftOn(t, o.url); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Questions are answered by one search each, which is found again by itself.
func TestSmallBenchmarkOfQuestions(t *testing.T) {
	o := quick("trace")
	o.url = esnode.Shared(t)
	printed, err := table(t, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range questions {
		for _, output := range []string{"table", "ndjson"} {
			for _, row := range []string{"search", "trace"} {
				if row := row + ", " + q.name + ", " + output; !strings.Contains(printed, "\n"+row+" 1 question ") {
					t.Errorf("no row %q", row)
				}
			}
		}
	}
	if n := strings.Count(printed, ": Elasticsearch says it took "); n != 2*len(questions) {
		t.Errorf("%d notes", n)
	}
	if left := leftOn(t, o.url); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// What is too slow ends it with an error that names it, and only where a limit is broken.
func TestTooSlowIsNoticed(t *testing.T) {
	o := quick("growth-merge")
	o.slack = 0.01
	if _, err := table(t, o); err == nil || !strings.Contains(err.Error(), "growth-merge: merge, 8 days: time a line") {
		t.Error("a limit of a hundredth is not noticed:", err)
	}
	o = quick("growth-merge")
	o.slack = 1000
	if _, err := table(t, o); err != nil {
		t.Error("a limit that nothing can break is broken:", err)
	}
}

// A program that ends before it has read everything is not a fast one. What was measured before it is printed all the same.
func TestWorkLeftUndoneIsNoticed(t *testing.T) {
	lazy := filepath.Join(t.TempDir(), "postweave")
	if err := os.WriteFile(lazy, []byte("#!/bin/sh\necho '1 line merged into 1 message' >&2\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	o := quick("merge")
	o.binary = lazy
	printed, err := table(t, o)
	if err == nil || !strings.Contains(err.Error(), "has not read all") {
		t.Error(err)
	}
	if !strings.Contains(printed, "\nlab: lines of the file ") {
		t.Error("what was measured before is not printed")
	}
}

// The copies of the lab's log are other messages: so many times the log, so many times the documents.
func TestCopiesMergeIntoAsManyTimesTheDocuments(t *testing.T) {
	documents := func(copies int) int {
		l, err := newLab(t.Context(), quick(""))
		if err != nil {
			t.Fatal(err)
		}
		defer l.close(t.Context())
		l.size.copies = copies
		log, err := l.repeatedLab()
		if err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(t.TempDir(), "out")
		f, err := os.Create(out)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := l.mergeTo(t.Context(), f, log, nil); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(b), "\n")
	}
	if one, three := documents(1), documents(3); one < 2500 || three != 3*one {
		t.Errorf("%d documents of one copy, %d of three", one, three)
	}
}

// pflogsumm is fetched or the reason why not is printed; merge itself is measured in both cases.
func TestMergeIsMeasured(t *testing.T) {
	printed, err := table(t, quick("merge"))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{"lab: lines of the file", "lab: merge, one core", "generated: merge, one core"} {
		if !strings.Contains(printed, "\n"+row+" ") && !strings.Contains(printed, "NOT MEASURED") {
			t.Errorf("no row %q", row)
		}
	}
	if !strings.Contains(printed, "compared with pflogsumm") && !strings.Contains(printed, "merge against pflogsumm: no pflogsumm") {
		t.Error("neither compared with pflogsumm nor a reason why not")
	}
}

func TestChoose(t *testing.T) {
	all, err := choose("")
	if err != nil || len(all) < 5 {
		t.Error(len(all), err)
	}
	for _, x := range all {
		if x.rare {
			t.Error(x.name, "is measured unasked")
		}
	}
	if some, err := choose("memory,merge"); err != nil || len(some) != 2 || some[0].name != "memory" {
		t.Error(some, err)
	}
	if _, err := choose("nothing"); err == nil || !strings.Contains(err.Error(), "growth-merge") {
		t.Error(err)
	}
}

// What is interrupted while it loads leaves nothing on the node either.
func TestInterruptionLeavesNothing(t *testing.T) {
	o := quick("memory")
	o.url = esnode.Shared(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l, err := newLab(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	cfg := l.mail(l.size.day, 1)
	s, err := l.source(ctx, "broken-off", cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.fill(ctx, s, cfg); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := l.close(ctx); err != nil {
		t.Fatal(err)
	}
	if left := leftOn(t, o.url); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// leftOn is what the benchmark has left of indices.
func leftOn(t *testing.T, url string) (names []string) {
	t.Helper()
	var left []struct{ Index string }
	if err := esnode.Call(t.Context(), http.MethodGet, fmt.Sprintf("%s/_cat/indices/bench-%d-*?h=index&format=json", url, os.Getpid()), nil, &left); err != nil {
		t.Fatal(err)
	}
	for _, x := range left {
		names = append(names, x.Index)
	}
	return names
}
