package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/postweave/postweave/test/bench"
)

// The most that a run may take: twice what Elasticsearch itself takes to read the lines and to write the documents.
const runLimit = 2

// subject is what there is to measure on: the node with the generated lines in it, the same lines in a file, and the product.
type subject struct {
	node   *bench.Node
	prefix string // of every index
	log    string // path of the log file
	lines  int
	binary string // path of postweave
	limit  float64
}

// indices is the pattern of the daily indices with the lines, and of nothing that is written in measuring.
func (s subject) indices() string { return s.prefix + "-2*" }

// What is written: the product's alias, its state, and the index that the floor of writing gets.
func (s subject) target() string     { return s.prefix + "-out" }
func (s subject) state() string      { return s.prefix + "-state" }
func (s subject) bulkTarget() string { return s.prefix + "-out-floor" }

// build makes the product as `make build` does: what is measured is what is shipped, not code that was built into the benchmark.
func build(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "postweave")
	// By its import path: the benchmark may be started from any folder of the module.
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "github.com/postweave/postweave/cmd/postweave")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build postweave: %w\n%s", err, out)
	}
	return binary, nil
}

// product gives the measurements of postweave itself. They come after the floors and name them in Over; what they write goes to
// indices whose names begin with the prefix and "-out", which are deleted at the end.
func product(s subject) []bench.Measurement {
	return []bench.Measurement{
		{
			Name: "postweave run", Over: []string{"scan", "bulk"}, Limit: s.limit,
			Before: s.freshTarget,
			Run: func(ctx context.Context) (bench.Count, error) {
				out, c, err := s.postweave(ctx, nil, "run", "--json")
				if err != nil {
					return c, err
				}
				var report struct{ Lines int }
				if err := json.Unmarshal(out, &report); err != nil {
					return c, fmt.Errorf("postweave run: its report is no JSON: %w", err)
				}
				c.Docs = report.Lines
				return c, wholeScan(c, s.lines)
			},
		},
		{
			Name: "postweave merge, one core", Over: []string{"lines of the file"},
			Run: func(ctx context.Context) (bench.Count, error) {
				_, c, err := s.postweave(ctx, []string{"GOMAXPROCS=1"}, "merge", "--year", "2026", s.log)
				c.Docs = s.lines
				return c, err
			},
		},
	}
}

// freshTarget removes what the run before wrote and makes the target anew, as a newcomer's setup does.
func (s subject) freshTarget(ctx context.Context) error {
	if err := s.clearTarget(ctx); err != nil {
		return err
	}
	_, _, err := s.postweave(ctx, nil, "setup")
	return err
}

func (s subject) clearTarget(ctx context.Context) error {
	return errors.Join(s.node.Delete(ctx, s.target()+"-0*"), s.node.Delete(ctx, s.state()))
}

// clear removes everything that was made, the product's template included.
func (s subject) clear(ctx context.Context) error {
	return errors.Join(s.node.Delete(ctx, s.prefix+"-*"), s.node.DeleteTemplate(ctx, s.target()))
}

// documents makes the documents of the subject's lines by one run of the product and reads them back. They are then what the
// floor of writing writes: into an index of the same mapping, and with nothing left to do but to send them.
func documents(ctx context.Context, s subject) ([]bench.Document, error) {
	if err := s.freshTarget(ctx); err != nil {
		return nil, err
	}
	if _, _, err := s.postweave(ctx, nil, "run"); err != nil {
		return nil, err
	}
	return bench.ReadDocuments(ctx, s.node, s.target())
}

// postweave runs the binary and returns what it printed, the wall clock, and the CPU that it took. What merge prints, the
// documents, goes to the null device: they are written whole, and no disk is measured.
func (s subject) postweave(ctx context.Context, env []string, args ...string) (out []byte, c bench.Count, err error) {
	cmd := exec.CommandContext(ctx, s.binary, args...)
	// Nothing of the caller's own settings: they would measure another product.
	cmd.Env = append(withoutSettings(os.Environ()),
		"POSTWEAVE_ES_URL="+s.node.URL, "POSTWEAVE_SOURCE="+s.indices(), "POSTWEAVE_TARGET="+s.target(), "POSTWEAVE_STATE="+s.state(),
		"POSTWEAVE_LOG_LEVEL=warn")
	cmd.Env = append(cmd.Env, env...)
	var stdout, stderr bytes.Buffer
	cmd.Stderr = &stderr
	if args[0] != "merge" {
		cmd.Stdout = &stdout
	}
	start := time.Now()
	err = cmd.Run()
	c.Elapsed = time.Since(start)
	if p := cmd.ProcessState; p != nil {
		c.CPU = p.UserTime() + p.SystemTime()
	}
	if err != nil {
		return nil, c, fmt.Errorf("postweave %s: %w\n%s", args[0], err, stderr.Bytes())
	}
	return stdout.Bytes(), c, nil
}

func withoutSettings(environ []string) []string {
	var out []string
	for _, v := range environ {
		if !strings.HasPrefix(v, "POSTWEAVE_") {
			out = append(out, v)
		}
	}
	return out
}
