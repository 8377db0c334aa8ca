package message

import (
	"cmp"
	"slices"
)

// Relations between two documents, named for what the later one is to the
// earlier one.
const (
	RelNextServer  = "next_server"  // the same mail on the server it was passed on to
	RelReinjected  = "reinjected"   // the same mail on the same server, back from a filter
	RelForwarded   = "forwarded"    // a new mail to the address that local forwards to
	RelRequeued    = "requeued"     // the same mail after "postsuper -r"
	RelBounce      = "bounce"       // the non-delivery notice about it
	RelDelayNotice = "delay_notice" // the notice that it is late
	RelDSN         = "dsn"          // the notice of success that the sender asked for
)

// Relation says that one document came of another. Both are positions in the
// list given to [Relate].
type Relation struct {
	Parent, Child int
	Rel           string
}

// Doubt is a queue id that fits several documents equally well: a link that is
// not followed.
type Doubt struct {
	End     int    // position of the document that names the id, or that several claim
	QueueID string // the id
}

// Relate finds which documents came of which. It is a pure function of the
// list, save for its order, which the positions refer to.
//
// That a queue id is named says little. Every server of Postfix gives out short
// ids of the same make, and gives them out again, so an id in a stranger's answer
// may well be that of another mail of ours. A link holds only where a document of that id is
// in the list and fits what was said about it, see fits; where two fit equally well none is taken.
// A document comes of one other at most: it was handed in once.
func Relate(ends []End) ([]Relation, []Doubt) {
	byID := make(map[string][]int, len(ends))
	for i := range ends {
		if id := ends[i].QueueID; id != "" {
			byID[id] = append(byID[id], i)
		}
	}
	var claims []claim
	var doubts []Doubt
	for i := range ends {
		for s := range ends[i].says {
			c, found, doubtful := settle(ends, i, &ends[i].says[s], byID)
			if doubtful {
				doubts = append(doubts, Doubt{i, ends[i].says[s].id})
			}
			if found {
				claims = append(claims, c)
			}
		}
	}
	relations, more := oneParent(ends, claims)
	return relations, append(doubts, more...)
}

// claim is a link of which one end was found by what the other says.
type claim struct {
	Relation
	said   string // the statement's rel
	weight int
}

// settle finds the one document that a statement fits best.
func settle(ends []End, owner int, s *statement, byID map[string][]int) (best claim, found, doubtful bool) {
	for _, j := range byID[s.id] {
		if j == owner {
			continue
		}
		weight, ok := s.fits(&ends[owner], &ends[j])
		switch {
		case !ok || found && weight < best.weight:
		case found && weight == best.weight:
			doubtful = true
		default:
			best, found, doubtful = claim{s.relation(ends, owner, j), s.rel, weight}, true, false
		}
	}
	return best, found && !doubtful, doubtful
}

// relation gives the link its direction and its name.
func (s *statement) relation(ends []End, owner, other int) Relation {
	r := Relation{Parent: owner, Child: other, Rel: s.rel}
	if s.backward() {
		r.Parent, r.Child = other, owner
	}
	switch s.rel {
	case handedOver, "reinjected_from":
		r.Rel = RelNextServer
		if ends[owner].Host == ends[other].Host {
			r.Rel = RelReinjected
		}
	case "forwarded_as":
		r.Rel = RelForwarded
	case "requeued_from":
		r.Rel = RelRequeued
	}
	return r
}

// oneParent keeps of the documents that claim a child the one with the most to
// say for it, in order of the children.
func oneParent(ends []End, claims []claim) (relations []Relation, doubts []Doubt) {
	slices.SortFunc(claims, func(a, b claim) int {
		return cmp.Or(cmp.Compare(a.Child, b.Child), cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.said, b.said), cmp.Compare(b.weight, a.weight))
	})
	// What both ends say counts twice, what one says twice does not.
	merged := claims[:0]
	for _, c := range claims {
		if n := len(merged); n > 0 && merged[n-1].Child == c.Child && merged[n-1].Parent == c.Parent {
			if merged[n-1].said != c.said {
				merged[n-1].said, merged[n-1].weight = c.said, merged[n-1].weight+c.weight
			}
			continue
		}
		merged = append(merged, c)
	}
	for len(merged) > 0 {
		n := 1
		for n < len(merged) && merged[n].Child == merged[0].Child {
			n++
		}
		rivals := merged[:n]
		merged = merged[n:]
		slices.SortStableFunc(rivals, func(a, b claim) int { return cmp.Compare(b.weight, a.weight) })
		if n > 1 && rivals[0].weight == rivals[1].weight {
			doubts = append(doubts, Doubt{rivals[0].Child, ends[rivals[0].Child].QueueID})
			continue
		}
		relations = append(relations, rivals[0].Relation)
	}
	return relations, doubts
}
