package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// falsehoods are one wrong thing each, in what is known or in what was made
// of the log. A comparison that does not notice one of them proves nothing.
var falsehoods = []struct {
	name string
	tell func(j *Journal, docs []Document) []Document
}{
	{"another sender", func(j *Journal, docs []Document) []Document {
		j.Sent[first(j.Sent, queued)].From = "somebody.else@sender.example"
		return docs
	}},
	{"another subject", func(j *Journal, docs []Document) []Document {
		j.Sent[first(j.Sent, queued)].Subject += " not"
		return docs
	}},
	{"another message-id", func(j *Journal, docs []Document) []Document {
		j.Sent[first(j.Sent, queued)].MessageID += ".example"
		return docs
	}},
	{"another queue id", func(j *Journal, docs []Document) []Document {
		j.Sent[first(j.Sent, queued)].QueueID = "0BADC0FFEE0"
		return docs
	}},
	{"another user", func(j *Journal, docs []Document) []Document {
		j.Sent[first(j.Sent, func(s Sent) bool { return s.SASLUser != "" })].SASLUser = "other@client.example"
		return docs
	}},
	{"another TLS version", func(j *Journal, docs []Document) []Document {
		j.Sent[first(j.Sent, func(s Sent) bool { return s.TLS != "" && s.Alone })].TLS = "TLSv1.1"
		return docs
	}},
	{"no TLS where there was some", func(j *Journal, docs []Document) []Document {
		j.Sent[first(j.Sent, func(s Sent) bool { return s.TLS != "" && s.Alone })].TLS = ""
		return docs
	}},
	{"a reject nobody was told of", func(j *Journal, docs []Document) []Document {
		s := &j.Sent[first(j.Sent, func(s Sent) bool { return len(s.Refusals) > 0 && !s.Refusals[0].Queued })]
		s.Refusals = nil
		return docs
	}},
	{"a recipient that is missing", func(_ *Journal, docs []Document) []Document {
		i := first(docs, func(d Document) bool { return len(d.each("recipients")) == 3 && d.value("kind") == "message" })
		docs[i] = maps.Clone(docs[i])
		docs[i]["recipients"] = docs[i]["recipients"].([]any)[1:]
		return docs
	}},
	{"a recipient refused that was not", func(j *Journal, docs []Document) []Document {
		s := &j.Sent[first(j.Sent, queued)]
		s.Refusals = append(s.Refusals, Answer{Stage: "RCPT", To: s.To[0], Queued: true, Reply: "550 5.7.1 no"})
		return docs
	}},
	{"a delivery that was refused", func(j *Journal, docs []Document) []Document {
		j.Arrived[first(j.Arrived, taken)].Answers[0].Reply = "550 5.1.1 nobody of that name"
		return docs
	}},
	{"a refusal that was a delivery", func(j *Journal, docs []Document) []Document {
		a := &j.Arrived[first(j.Arrived, func(a Arrived) bool { return a.Answers[0].Reply[0] == '5' })]
		a.Answers[0].Reply = "250 2.0.0 Ok: queued as 0BADC0FFEE0"
		return docs
	}},
	{"a try that was not noted", func(j *Journal, docs []Document) []Document {
		i := first(j.Arrived, func(a Arrived) bool { return a.Answers[0].Reply[0] == '4' })
		j.Arrived = slices.Delete(j.Arrived, i, i+1)
		return docs
	}},
	{"another size", func(j *Journal, docs []Document) []Document {
		j.Arrived[first(j.Arrived, taken)].Size++
		return docs
	}},
	{"another queue id of the sink", func(j *Journal, docs []Document) []Document {
		j.Arrived[first(j.Arrived, taken)].QueueID = "0BADC0FFEE0"
		return docs
	}},
	{"another way", func(j *Journal, docs []Document) []Document {
		a := &j.Arrived[first(j.Arrived, func(a Arrived) bool { return len(a.Hops) > 1 })]
		a.Hops[1].QueueID = j.Arrived[first(j.Arrived, taken)].Hops[0].QueueID
		return docs
	}},
	{"another port", func(j *Journal, docs []Document) []Document {
		j.Arrived[first(j.Arrived, taken)].Port++
		return docs
	}},
	{"one probe more", func(j *Journal, docs []Document) []Document {
		j.Probes++
		return docs
	}},
	{"one message of one line more", func(j *Journal, docs []Document) []Document {
		j.Fragments++
		return docs
	}},
	{"a document that is missing", func(_ *Journal, docs []Document) []Document { return docs[1:] }},
	{"a document twice", func(_ *Journal, docs []Document) []Document { return append(docs, docs[0]) }},
	{"a document out of nothing", func(_ *Journal, docs []Document) []Document {
		return append(docs, Document{"kind": "message", "queue_id": "0BADC0FFEE0", "lines": json.Number("2")})
	}},
	{"a line that is missing", func(_ *Journal, docs []Document) []Document {
		i := first(docs, func(d Document) bool { return number(d.value("lines")) > 2 })
		docs[i] = maps.Clone(docs[i])
		docs[i]["lines"] = json.Number("2")
		return docs
	}},
}

func queued(s Sent) bool {
	return s.QueueID != "" && s.Subject != "" && s.MessageID != "" && !s.Vanished
}

func taken(a Arrived) bool {
	return len(a.Hops) > 0 && a.QueueID != "" && a.Size > 0 && a.Answers[0].Reply[0] == '2'
}

// first finds an entry. There is one of each kind in every journal.
func first[T any](list []T, is func(T) bool) int { return slices.IndexFunc(list, is) }

// falsify compares once for each falsehood, and for each want turned into its
// contrary. It returns those that went unnoticed, and how many there were.
func falsify(ctx context.Context, dir string) (unnoticed []string, n int, err error) {
	r, err := read(ctx, dir)
	if err != nil {
		return nil, 0, err
	}
	try := func(name string, tell func(j *Journal, docs []Document) []Document) error {
		j, err := r.journal.copied()
		if err != nil {
			return err
		}
		docs := slices.Clone(r.documents)
		n++
		if len(compare(j, tell(j, docs), r.lines)) == 0 {
			unnoticed = append(unnoticed, name)
		}
		return nil
	}
	for _, f := range falsehoods {
		if err := try(f.name, f.tell); err != nil {
			return nil, 0, err
		}
	}
	for i, w := range r.journal.Wants {
		err := try(fmt.Sprintf("want %s %s", w.MessageID, w.Path), func(j *Journal, docs []Document) []Document {
			j.Wants[i].Values = []string{"nothing of that kind"}
			return docs
		})
		if err != nil {
			return nil, 0, err
		}
	}
	return unnoticed, n, nil
}
