package main

import (
	"fmt"
	"strings"
)

// comparison holds the documents against the journals. What is wrong is
// gathered, so that one run shows all of it.
type comparison struct {
	journal   *Journal
	documents []Document
	byID      map[string][]Document // by queue id: the instances' forms cannot meet
	known     map[string]bool       // queue ids that something explains
	findings  []string
}

// compare returns what is wrong with the documents.
func compare(j *Journal, documents []Document, lines []Line) []string {
	c := &comparison{journal: j, documents: documents, byID: map[string][]Document{}, known: map[string]bool{}}
	for _, d := range documents {
		if id := d.value("queue_id"); id != "" {
			c.byID[id] = append(c.byID[id], d)
		}
	}
	c.completeness(lines)
	for i := range j.Sent {
		c.sent(&j.Sent[i])
	}
	for i := range j.Arrived {
		c.arrived(&j.Arrived[i])
	}
	c.answers()
	c.refusals()
	for _, w := range j.Wants {
		c.want(w)
	}
	c.explained()
	return c.findings
}

func (c *comparison) wrong(format string, args ...any) {
	c.findings = append(c.findings, fmt.Sprintf(format, args...))
}

// same notes where a value is another.
func (c *comparison) same(where, what, got, want string) {
	if got != want {
		c.wrong("%s: %s is %q, not %q", where, what, got, want)
	}
}

// completeness compares the queue ids in the log, and the rejects, with the
// documents.
func (c *comparison) completeness(lines []Line) {
	inLog, rejects := map[string]int{}, 0
	for _, l := range lines {
		id, rest, _ := strings.Cut(strings.TrimPrefix(l.Text, "warning: "), ": ")
		switch {
		case id == "proxy-reject":
			rejects++
		case id == "NOQUEUE" && (strings.HasPrefix(rest, "reject: ") || strings.HasPrefix(rest, "milter-reject: ")):
			rejects++
		case isQueueID(id):
			inLog[id]++
		}
	}
	for id := range inLog {
		if n := len(c.byID[id]); n != 1 {
			c.wrong("queue id %s has %d documents", id, n)
		}
	}
	documents := 0
	for _, d := range c.documents {
		id := d.value("queue_id")
		switch {
		case d.value("kind") == "reject":
			rejects--
		case inLog[id] == 0:
			c.wrong("a document has the queue id %q, which no line begins with", id)
		case d.value("lines") != fmt.Sprint(inLog[id]):
			c.wrong("%s: %s lines, and %d in the log", id, d.value("lines"), inLog[id])
		}
		documents++
	}
	if rejects != 0 {
		c.wrong("%d rejects too few in the documents", rejects)
	}
	if documents == 0 {
		c.wrong("there are no documents")
	}
}

// isQueueID knows both forms by their length and their letters.
func isQueueID(s string) bool {
	const short, long = "0123456789ABCDEF", "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
	switch {
	case len(s) >= 11 && len(s) <= 14 && strings.Trim(s, short) == "":
		return true
	case len(s) >= 14 && len(s) <= 20 && strings.Trim(s, long) == "" && s[10] == 'z':
		return true
	}
	return false
}

// one finds the document of a queue id.
func (c *comparison) one(where, id string) Document {
	c.known[id] = true
	if n := len(c.byID[id]); n != 1 {
		c.wrong("%s: %d documents for queue id %q", where, n, id)
		return nil
	}
	return c.byID[id][0]
}

// find finds the documents of a Message-ID on an instance: one a passage.
func (c *comparison) find(messageID, instance string) []Document {
	var list []Document
	for _, d := range c.documents {
		if d.value("message_id") == messageID && messageID != "" && d.value("instance") == instance {
			list = append(list, d)
		}
	}
	return list
}

// want compares what a situation says.
func (c *comparison) want(w Want) {
	where := fmt.Sprintf("%s %s", w.Situation, w.MessageID)
	docs := c.byID[w.QueueID]
	if w.QueueID == "" {
		docs = c.find(w.MessageID, w.Instance)
	}
	if len(docs) == 0 {
		c.wrong("%s: no document on %s", where, w.Instance)
	}
	for _, d := range docs {
		path, part := strings.CutSuffix(w.Path, "_has")
		got := d.values(path)
		switch {
		case part && !strings.Contains(strings.Join(got, "\n"), w.Values[0]):
			c.wrong("%s: %s is %q, without %q", where, path, got, w.Values[0])
		case !part && strings.Join(got, "\n") != strings.Join(w.Values, "\n"):
			c.wrong("%s: %s is %q, not %q", where, path, got, w.Values)
		}
	}
}

// explained looks for documents that nothing accounts for: neither client nor sink
// nor the word of another document.
func (c *comparison) explained() {
	for grown := true; grown; {
		grown = false
		for _, d := range c.documents {
			if !c.known[d.value("queue_id")] {
				continue
			}
			for _, id := range append(d.values("links.queue_id"), d.values("recipients.remote_queue_id")...) {
				if len(c.byID[id]) > 0 && !c.known[id] {
					c.known[id], grown = true, true
				}
			}
		}
	}
	fragments, probes := 0, 0
	for id, docs := range c.byID {
		d := docs[0]
		switch {
		case c.known[id] && d.value("kind") == "probe" && d.value("origin") != "local":
			probes++
		case c.known[id]:
		case d.value("lines") == "1" && len(d.each("recipients")) == 0:
			fragments++
		default:
			c.wrong("%s: a document nobody knows of: %s, %s from %q to %q", id, d.value("kind"), d.value("status"), d.value("from"), d.values("to"))
		}
	}
	if fragments != c.journal.Fragments {
		c.wrong("%d messages of one line, not %d", fragments, c.journal.Fragments)
	}
	if probes != c.journal.Probes {
		c.wrong("%d probes, not %d", probes, c.journal.Probes)
	}
}

// nonNull writes the null sender as documents do.
func nonNull(from string) string {
	if from == "" {
		return "<>"
	}
	return from
}

func number(s string) int {
	n := 0
	fmt.Sscanf(s, "%d", &n) //nolint:errcheck // 0 then
	return n
}
