package message

import (
	"time"

	"github.com/postweave/postweave/worker/postlog"
)

// Past is what must be remembered of a key once its lines are let go, so that
// [MergeAfter] gives the messages that come later the ids that they would have had
// together. The zero value is a key that was not seen before.
type Past struct {
	Arrival  time.Time // of the key's latest message, as its day and ordinal go by it
	LastSeen time.Time // its last line
	Ordinal  int       // among the key's messages of that UTC day
}

// MergeAfter is [Merge] for a reader that cannot hold a key's lines for good: it
// merges those that came after past was let go. The documents are the same as if all lines had been merged at
// once, where the new ones begin with an origin line or are clearly later; late is the number of those
// that speak of the message already let go, whose _id their document has. now is the past that
// follows.
func MergeAfter(k Key, lines []Line, past Past, o Options) (docs []Document, now Past, late int) {
	if len(lines) == 0 {
		return nil, past, 0
	}
	buf := buffers.Get().(*factBuffer)
	defer buf.release()
	docs, parts, now, late := mergeAfter(k, lines, past, &o, buf, nil)
	long := postlog.IsLongQueueID(k.QueueID)
	for i := range docs {
		docs[i].ID = parts[i].id(k, long)
	}
	return docs, now, late
}

// mergeAfter makes the documents in the place of others, which it overwrites.
func mergeAfter(k Key, lines []Line, past Past, o *Options, buf *factBuffer, old []Document) (docs []Document, parts []incarnation, now Past, late int) {
	facts := read(lines, validID(k), buf)
	parts = incarnations(k, facts, buf)
	if past != (Past{}) {
		late = follow(parts, past, postlog.IsLongQueueID(k.QueueID))
	}
	if docs = old; cap(docs) < len(parts) {
		docs = make([]Document, len(parts))
	}
	docs = docs[:len(parts)]
	for i := range parts {
		fold(&docs[i], k, &parts[i], o)
	}
	last := &parts[len(parts)-1]
	now = Past{Arrival: last.anchor, LastSeen: last.facts[len(last.facts)-1].Time, Ordinal: last.ordinal}
	if past.LastSeen.After(now.LastSeen) {
		now.LastSeen = past.LastSeen
	}
	return docs, parts, now, late
}

// Scratch is memory for merges one after the other, for who is done with the documents of one before the next. The
// zero value is ready to use. It is not safe for concurrent use.
type Scratch struct {
	buf  factBuffer
	docs []Document
}

// MergeAfter is the function of that name. The documents are valid until the next call, and their ID is empty: it is no
// part of their JSON.
func (s *Scratch) MergeAfter(k Key, lines []Line, past Past, o *Options) (docs []Document, now Past, late int) {
	if len(lines) == 0 {
		return nil, past, 0
	}
	if cap(s.buf.facts) > maxBuffer {
		*s = Scratch{} // what a long log took is not kept for the short ones
	}
	s.docs, _, now, late = mergeAfter(k, lines, past, o, &s.buf, s.docs)
	return s.docs, now, late
}

// follow numbers the messages on from past. It returns the lines of the first
// one where it is none of its own.
func follow(parts []incarnation, past Past, long bool) (late int) {
	first := &parts[0]
	switch {
	case long:
		return len(first.facts)
	case !first.anchor.After(past.LastSeen):
		first.anchor, first.ordinal = past.Arrival, past.Ordinal
		late = len(first.facts)
	case sameDay(past.Arrival, first.anchor):
		first.ordinal = past.Ordinal + 1
	}
	number(parts)
	return late
}

// id returns the document's _id.
func (in *incarnation) id(k Key, long bool) string {
	if long {
		return longMessageID(k)
	}
	return messageID(k, in.anchor, in.ordinal)
}
