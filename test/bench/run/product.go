package main

import (
	"github.com/postweave/postweave/test/bench"
)

// subject is what there is to measure on: the node with the generated lines in it, and the same lines in a file.
type subject struct {
	node   *bench.Node
	prefix string // of every index
	log    string // path of the log file
	lines  int
}

// indices is the pattern of the daily indices with the lines, and of nothing that is written in measuring.
func (s subject) indices() string { return s.prefix + "-2*" }

// product gives the measurements of postweave itself. They come after the floors and name them in Over; what they write goes to
// indices whose names begin with the prefix and "-out", which are deleted at the end.
func product(subject) []bench.Measurement {
	return nil
}

// documents gives the documents that the product makes of the subject's lines, for the floor of writing them. Without any, that
// floor is not measured.
func documents(subject) ([]bench.Document, error) {
	return nil, nil
}
