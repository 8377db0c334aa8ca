package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/postweave/postweave/test/bench"
)

// topic is what is measured in turns and printed as one table.
type topic struct {
	name, about string
	work        func(context.Context, *lab) (work, error)
	rare        bool // only where it is named
	once        bool // one round tells, and takes minutes
}

// work is what a topic measures.
type work struct {
	rows []bench.Measurement
	// notes says in words what the table cannot; it may be nil.
	notes func([]bench.Result) []string
}

var topics = []topic{
	{name: "merge", about: "log files against pflogsumm", work: mergeWork},
	{name: "backfill", about: "a day of lines against reading them and writing their documents", work: backfillWork},
	{name: "growth-merge", about: "a line of eight times the lines", work: growingMergeWork},
	{name: "growth-backfill", about: "a line of eight times the lines", work: growingBackfillWork},
	{name: "history", about: "new lines, and none, behind ten times the history", work: historyWork},
	{name: "shards", about: "two workers beside each other", work: shardsWork},
	{name: "trace", about: "questions about a million messages, beside the bare searches", work: traceWork, rare: true},
	{name: "reading", about: "other ways of reading, to choose from by measurement", work: readingWork, rare: true},
	{name: "memory", about: "the most memory of long logs", work: memoryWork, rare: true, once: true},
}

func topicNames() string {
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = t.name
	}
	return strings.Join(names, ",")
}

// choose picks topics by their names; all that are not rare where no name is given.
func choose(names string) ([]topic, error) {
	var chosen []topic
	if names == "" {
		for _, t := range topics {
			if !t.rare {
				chosen = append(chosen, t)
			}
		}
		return chosen, nil
	}
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(topics, func(t topic) bool { return t.name == name })
		if i < 0 {
			return nil, fmt.Errorf("-only %q: want some of %s", name, topicNames())
		}
		chosen = append(chosen, topics[i])
	}
	return chosen, nil
}

// sizes say how large the logs are, in arrivals of about thirteen lines each.
type sizes struct {
	copies       int // of the lab's log
	merge        int // in the generated log for merge
	day          int // in a day in Elasticsearch
	growthMerge  int // in the small log of growth-merge
	historyDay   int // a day of the history
	historyDays  int // of the shorter history
	batch        int // lines that are new
	memoryMerge  int
	memoryOnNode int
	trace        int // behind the index that questions are asked about
	questions    int // of each kind, one after the other
}

var (
	fullSizes = sizes{
		copies: 40, merge: 80_000, day: 40_000, growthMerge: 20_000, historyDay: 800, historyDays: 5, batch: 10_000,
		memoryMerge: 780_000, memoryOnNode: 156_000, trace: 860_000, questions: 10,
	}
	quickSizes = sizes{
		copies: 2, merge: 1000, day: 400, growthMerge: 250, historyDay: 20, historyDays: 1, batch: 200,
		memoryMerge: 2000, memoryOnNode: 800, trace: 400, questions: 2,
	}
)
