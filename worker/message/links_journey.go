package message

import (
	"cmp"
	"slices"
)

// Step is one document of a journey: what belongs together through links, from
// the first server that is known to the last.
type Step struct {
	Journey int    // counted from 1
	Depth   int    // links between it and the journey's first document
	End     int    // position of the document
	Parent  int    // position of the document that it came of, -1 for the first
	Rel     string // what it is to that document
}

// Journeys puts the documents that hang together with those found into order:
// each journey whole, in the order of the documents found; in it what came of a document stands
// below it, by time. Relations are those of [Relate] on the same ends.
func Journeys(ends []End, relations []Relation, found []int) []Step {
	j := journeys{ends: ends, parent: make(map[int]Relation, len(relations)), children: make(map[int][]Relation), seen: make([]bool, len(ends))}
	for _, r := range relations {
		j.parent[r.Child] = r
		j.children[r.Parent] = append(j.children[r.Parent], r)
	}
	for _, c := range j.children {
		slices.SortFunc(c, func(a, b Relation) int {
			// Not by arrival: what was requeued keeps that of long ago.
			return cmp.Or(ends[a.Child].first.Compare(ends[b.Child].first), cmp.Compare(a.Child, b.Child))
		})
	}
	for _, i := range found {
		if !j.seen[i] {
			j.count++
			j.walk(Step{Journey: j.count, End: j.first(i), Parent: -1})
		}
	}
	return j.steps
}

type journeys struct {
	ends     []End
	parent   map[int]Relation
	children map[int][]Relation
	seen     []bool
	count    int
	steps    []Step
}

// first climbs to where the journey begins. Servers that each say the other
// had it first make a circle, of which the document begun with is the first.
func (j *journeys) first(i int) int {
	for at, n := i, 0; n < len(j.ends); n++ {
		r, ok := j.parent[at]
		if !ok {
			return at
		}
		at = r.Parent
	}
	return i
}

func (j *journeys) walk(s Step) {
	if j.seen[s.End] {
		return
	}
	j.seen[s.End] = true
	j.steps = append(j.steps, s)
	for _, r := range j.children[s.End] {
		j.walk(Step{Journey: s.Journey, Depth: s.Depth + 1, End: r.Child, Parent: s.End, Rel: r.Rel})
	}
}
