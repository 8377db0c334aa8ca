package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// placed reads a backfill's flags and environment and returns the part that it would do.
func placed(t *testing.T, args []string, environ ...string) (shard, error) {
	t.Helper()
	o := &backfillOptions{}
	c := backfillCommand
	f := newFlagSet(c.name)
	o.flags(f)
	settings := settingsFor(c.settings)
	f.declare(settings)
	rest, err := f.parse(args)
	if err != nil {
		t.Fatal(err)
	}
	err = (&app{stderr: &bytes.Buffer{}}).configure(c, o, f, rest, settings, environ)
	return o.shard, err
}

func TestWhichPart(t *testing.T) {
	days := []string{"--from", "2026-11-01", "--to", "2026-11-20"}
	for name, c := range map[string]struct {
		args    []string
		environ []string
		want    shard
		err     string // words of it
	}{
		"none":                        {},
		"first":                       {args: []string{"--shard", "1/4"}, want: shard{1, 4}},
		"last":                        {args: []string{"--shard=4/4"}, want: shard{4, 4}},
		"of one":                      {args: []string{"--shard", "1/1"}, want: shard{1, 1}},
		"of many":                     {args: []string{"--shard", "256/256"}, want: shard{256, 256}},
		"from 0":                      {args: []string{"--shard", "0/4"}, err: "counted from 1: want 1/4 to 4/4"},
		"beyond":                      {args: []string{"--shard", "5/4"}, err: `"5/4" is not valid, want 1/4 to 4/4`},
		"negative":                    {args: []string{"--shard", "-1/4"}, err: "want 1/4 to 4/4"},
		"of none":                     {args: []string{"--shard", "1/0"}, err: "want a part such as 2/4"},
		"of too many":                 {args: []string{"--shard", "1/257"}, err: "at most 256"},
		"no number":                   {args: []string{"--shard", "a/b"}, err: "want a part such as 2/4"},
		"no parts":                    {args: []string{"--shard", "2"}, err: "want a part such as 2/4"},
		"pod 0":                       {args: []string{"--shards", "4"}, environ: []string{"JOB_COMPLETION_INDEX=0"}, want: shard{1, 4}},
		"pod 3, from the environment": {environ: []string{"JOB_COMPLETION_INDEX=3", "POSTWEAVE_SHARDS=4"}, want: shard{4, 4}},
		"pod beyond":                  {args: []string{"--shards", "4"}, environ: []string{"JOB_COMPLETION_INDEX=4"}, err: "JOB_COMPLETION_INDEX is 4, and 4 parts are counted from 0 to 3: --shards must be the completions"},
		"pod without a number":        {args: []string{"--shards", "4"}, environ: []string{"JOB_COMPLETION_INDEX=x"}, err: "want a whole number, counted from 0"},
		"no pod":                      {args: []string{"--shards", "4"}, err: "which of the 4 parts? JOB_COMPLETION_INDEX is not set"},
		"no pod, empty":               {args: []string{"--shards", "4"}, environ: []string{"JOB_COMPLETION_INDEX="}, err: "which of the 4 parts?"},
		"one part, no pod":            {args: []string{"--shards", "1"}, want: shard{1, 1}},
		"pod without parts":           {environ: []string{"JOB_COMPLETION_INDEX=0"}, err: "each pod of the Job would do the whole range: give --shards N"},
		"pod, and a part by flag":     {args: []string{"--shard", "2/4"}, environ: []string{"JOB_COMPLETION_INDEX=0"}, want: shard{2, 4}},
		"flag before environment":     {args: []string{"--shard", "2/4"}, environ: []string{"POSTWEAVE_SHARDS=8", "JOB_COMPLETION_INDEX=0"}, want: shard{2, 4}},
		"two flags":                   {args: []string{"--shard", "2/4", "--shards", "4"}, err: "give one of them"},
		"too many parts":              {args: []string{"--shards", "257"}, environ: []string{"JOB_COMPLETION_INDEX=0"}, err: "want a whole number from 1 to 256"},
		"negative parts":              {args: []string{"--shards", "-1"}, environ: []string{"JOB_COMPLETION_INDEX=0"}, err: "want a whole number from 1 to 256"},
	} {
		got, err := placed(t, append(days[:len(days):len(days)], c.args...), c.environ...)
		switch {
		case c.err == "" && (err != nil || got != c.want):
			t.Errorf("%s: %v, %v; want %v", name, got, err, c.want)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: %v, want %q", name, err, c.err)
		}
	}
}

// Parts that are started on two days would be parts of two ranges, with a gap between them.
func TestPartsOfARangeThatMoves(t *testing.T) {
	for name, args := range map[string][]string{
		"days": {"--days", "7", "--shard", "1/2"}, "no end": {"--from", "2026-11-01", "--shard", "1/2"},
	} {
		if _, err := placed(t, args); err == nil || !strings.Contains(err.Error(), "give --from and --to") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, args := range [][]string{{"--days", "7"}, {"--days", "7", "--shard", "1/1"}} {
		if _, err := placed(t, args); err != nil {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// What Kubernetes sets is nothing to a command that divides no range.
func TestCompletionIndexOfOtherCommands(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(context.Background(), []string{"setup", "--print", "role"}, nil, &stdout, &stderr, []string{"JOB_COMPLETION_INDEX=3"}); code != 0 {
		t.Errorf("exit %d: %s", code, &stderr)
	}
}
