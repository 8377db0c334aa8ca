package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/postweave/postweave/esquery"
)

// shard is the part of a range that one of several workers does. The zero value is all of it.
type shard struct {
	number int // counted from 1
	of     int
}

// given tells whether the range is divided, be it into one part.
func (s shard) given() bool { return s.of > 0 }

func (s shard) String() string { return fmt.Sprintf("part %d of %d", s.number, s.of) }

// named says of an error which part met it: parts are at work side by side.
func (s shard) named(err error) error {
	if err == nil || !s.given() {
		return err
	}
	return fmt.Errorf("%s: %w", s, err)
}

// parseShard reads "2/4". Parts are counted from 1.
func parseShard(text string) (shard, error) {
	number, of, found := strings.Cut(text, "/")
	n, err := strconv.Atoi(number)
	m, err2 := strconv.Atoi(of)
	switch {
	case !found || err != nil || err2 != nil || m < 1 || m > esquery.MaxParts:
		return shard{}, fmt.Errorf("%q is not valid, want a part such as 2/4, of at most %d", text, esquery.MaxParts)
	case n == 0:
		return shard{}, fmt.Errorf("%q is not valid, parts are counted from 1: want 1/%d to %d/%d, or --shards %d for the pods of an Indexed Job", text, m, m, m, m)
	case n < 0 || n > m:
		return shard{}, fmt.Errorf("%q is not valid, want 1/%d to %d/%d", text, m, m, m)
	}
	return shard{n, m}, nil
}

// completionIndex is what Kubernetes sets in each pod of an Indexed Job, counted from 0.
const completionIndex = "JOB_COMPLETION_INDEX"

// ofPod says which of so many parts is this pod's; zero parts is not divided.
func ofPod(parts int, environ []string) (shard, error) {
	index := ""
	for _, entry := range environ {
		if name, value, _ := strings.Cut(entry, "="); name == completionIndex {
			index = value
		}
	}
	switch {
	case parts == 0 && index == "":
		return shard{}, nil
	case parts == 0:
		return shard{}, errors.New(completionIndex + " is set, and without --shards each pod of the Job would do the whole range: give --shards N, the completions of the Job, or --shard 1/1 if that is meant")
	case index == "" && parts == 1:
		return shard{1, 1}, nil
	case index == "":
		return shard{}, fmt.Errorf("which of the %d parts? %s is not set, which Kubernetes does in a Job with completionMode Indexed; elsewhere give --shard 1/%d to --shard %d/%d", parts, completionIndex, parts, parts, parts)
	}
	n, err := strconv.Atoi(index)
	if err != nil || n < 0 {
		return shard{}, fmt.Errorf("%s: %q is not valid, want a whole number, counted from 0", completionIndex, index)
	}
	if n >= parts {
		return shard{}, fmt.Errorf("%s is %d, and %d parts are counted from 0 to %d: --shards must be the completions of the Job", completionIndex, n, parts, parts-1)
	}
	return shard{n + 1, parts}, nil
}

// place settles which part is to be done. --shard comes before the environment; two flags that say it are one too many.
func (o *backfillOptions) place(cfg Config, flags map[string]string, environ []string) error {
	if !o.shard.given() {
		var err error
		if o.shard, err = ofPod(cfg.Shards, environ); err != nil {
			return err
		}
	} else if flags["SHARDS"] != "" {
		return errors.New("--shard and --shards both divide the range, give one of them")
	}
	if o.shard.of > 1 && !o.fixed() {
		return errors.New("the parts must be of one range, and --days, or --from without --to, ends with the day on which a part is started: give --from and --to")
	}
	return nil
}
