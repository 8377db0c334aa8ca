package message

// United is the document of d's id with further lines of the same key, which
// Merge would give to another document. It is what a writer puts down for a moment while
// lines move from one document to another, so that each of them is in at least one.
func (d *Document) United(further []Line, o Options) Document {
	facts := read(append(append(make([]Line, 0, len(d.Log)+len(further)), d.Log...), further...), "", new(factBuffer))
	var u Document
	fold(&u, Key{Host: d.Host, QueueID: d.QueueID}, &incarnation{facts: facts, arrival: earliest(facts, d.Timestamp)}, &o)
	u.ID = d.ID
	return u
}
