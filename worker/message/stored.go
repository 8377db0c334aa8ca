package message

// Stored is a document as the index holds it.
type Stored struct {
	Key    Key
	ID     string
	Source []byte // its JSON, byte for byte
	// SeqNo and PrimaryTerm are the revision that a write is conditional on.
	SeqNo, PrimaryTerm int64
	// Index is the index that holds it, where that is not the one that new documents go to; empty else.
	Index string
	// Part is 0 for a document, and the number of a piece of a long log.
	Part int
}

// Action is what a [Change] does.
type Action uint8

// The actions. Each of them fails with a conflict, and changes nothing, where the
// index holds something else than the writer believed.
const (
	Create Action = iota + 1 // there is no document of this id
	Update                   // there is one, at this revision
	Delete                   // there is one, at this revision
)

// Change is one conditional write.
type Change struct {
	Action             Action
	ID                 string
	Source             []byte // nothing for Delete
	SeqNo, PrimaryTerm int64  // of what is replaced or deleted
	Index              string // as of the [Stored] that is replaced or deleted
	Part               bool   // of a piece of a long log, which lies in an index of its own
}

// Outcome is what Elasticsearch confirmed for one [Change].
type Outcome struct {
	Status OutcomeStatus
	// SeqNo and PrimaryTerm are the new revision of what was written.
	SeqNo, PrimaryTerm int64
	// Type is error.type of a refused document. Elasticsearch's reason is not kept: it
	// quotes the document.
	Type string
}

// OutcomeStatus tells confirmed, conflicting and refused writes apart.
type OutcomeStatus uint8

// The outcomes.
const (
	Written  OutcomeStatus = iota + 1 // confirmed
	Conflict                          // the index holds another revision
	Refused                           // this document will never be taken as it is
)
