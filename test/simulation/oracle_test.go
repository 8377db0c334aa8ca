package simulation

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postweave/postweave/mappings"
	"github.com/postweave/postweave/test/essim"
	"github.com/postweave/postweave/worker/message"
)

// oracle knows every line that ever arrived and watches every write. It holds
// two things at each moment, not only at the end: a line at or below a cursor is in some document, and no
// write takes such a line out of the last document that had it.
type oracle struct {
	at     map[place]rawLine            // lines by where they lie
	cursor map[string]map[shardID]int64 // by the cursor's document
	lines  map[rawLine]*lineState
	held   map[string][]rawLine // the lines that each document of the target carries, by index and id
	writes int                  // on the target
	fail   func(format string, args ...any)
}

type shardID struct {
	uuid  string
	shard int
}

type place struct {
	shardID
	seqNo int64
}

// rawLine is a line as documents carry it.
type rawLine struct {
	host string
	message.Line
}

type lineState struct {
	carried   int  // documents that have it
	confirmed bool // a cursor stands at or above it
	byHand    bool // somebody deleted the documents that had it
}

func newOracle(fail func(string, ...any)) *oracle {
	return &oracle{at: map[place]rawLine{}, cursor: map[string]map[shardID]int64{}, lines: map[rawLine]*lineState{}, held: map[string][]rawLine{}, fail: fail}
}

// watch is told of each write.
func (o *oracle) watch(w essim.Write) {
	switch {
	case w.Index == state:
		o.state(w)
	case strings.HasPrefix(w.Index, target):
		o.document(w)
	default:
		o.arrived(w)
	}
}

// sourceDoc is a raw line as it is indexed.
type sourceDoc struct {
	Time    time.Time `json:"@timestamp"`
	Host    string    `json:"syslog_hostname"`
	Program string    `json:"syslog_program"`
	PID     string    `json:"syslog_pid"`
	Text    string    `json:"syslog_message"`
	ID      any       `json:"postfix_queueid,omitempty"`
}

func (d *sourceDoc) line() message.Line {
	return message.Line{Time: d.Time.UTC(), Program: d.Program, PID: d.PID, Text: d.Text}
}

// carriedLine is the line as a document carries it; false for one that makes no
// document.
func carriedLine(host string, l message.Line) (rawLine, bool) {
	var b message.Batch
	b.Add(host, l)
	for k, lines := range b.Lines {
		return rawLine{k.Host, message.Merge(k, lines, message.Options{})[0].Log[0]}, true
	}
	for _, r := range b.Rejects {
		return rawLine{r.Host, message.Reject(r.Host, r.Line, message.Options{}).Log[0]}, true
	}
	return rawLine{}, false
}

func (o *oracle) arrived(w essim.Write) {
	var d sourceDoc
	if err := json.Unmarshal(w.New, &d); err != nil {
		panic(err)
	}
	shard := shardID{w.UUID, w.Shard}
	l, ok := carriedLine(d.Host, d.line())
	if !ok {
		return
	}
	o.at[place{shard, w.SeqNo}] = l
	if o.lines[l] == nil {
		o.lines[l] = &lineState{}
	}
	for doc, cursor := range o.cursor {
		if to, ok := cursor[shard]; ok && w.SeqNo <= to {
			o.fail("cursor %s stands at %d, above operation %d of %s, which was still under way: %s", doc, to, w.SeqNo, w.Index, l.Text)
		}
	}
}

// state is told of a new cursor.
func (o *oracle) state(w essim.Write) {
	delete(o.cursor, w.ID)
	var doc struct {
		Kind    string `json:"kind"`
		Payload struct {
			Shards []struct {
				UUID  string `json:"uuid"`
				Shard int    `json:"shard"`
				SeqNo int64  `json:"seq_no"`
			} `json:"shards"`
		} `json:"payload"`
	}
	if w.New == nil {
		return
	}
	if err := json.Unmarshal(w.New, &doc); err != nil || doc.Kind != "cursor" {
		return
	}
	cursor := map[shardID]int64{}
	for _, s := range doc.Payload.Shards {
		cursor[shardID{s.UUID, s.Shard}] = s.SeqNo
	}
	o.cursor[w.ID] = cursor
	for at, l := range o.at {
		to, ok := cursor[at.shardID]
		if s := o.lines[l]; ok && at.seqNo <= to && !s.confirmed {
			if s.carried == 0 && !s.byHand {
				o.fail("the cursor moved to %d past operation %d, whose line is in no document: %s %s", to, at.seqNo, l.Time.Format(time.DateTime), l.Text)
			}
			s.confirmed = true
		}
	}
}

// document is told of a write on the target.
func (o *oracle) document(w essim.Write) {
	o.writes++
	name := w.Index + "/" + w.ID
	before := o.held[name]
	var after []rawLine
	if w.New != nil {
		lines, _, err := message.StoredLines(w.New)
		if err != nil {
			o.fail("document %s: %v", name, err)
			return
		}
		host := hostOf(w.New)
		for _, l := range lines {
			after = append(after, rawLine{host, l})
		}
	}
	o.held[name] = after
	for _, l := range after {
		if s := o.lines[l]; s == nil {
			o.fail("document %s has a line that never was: %s %s", name, l.Time.Format(time.DateTime), l.Text)
		} else {
			s.carried++
			s.byHand = false
		}
	}
	for _, l := range before {
		s := o.lines[l]
		if s == nil {
			continue
		}
		if s.carried--; s.carried == 0 && s.confirmed && !s.byHand {
			o.fail("a confirmed line is in no document any more: %s %s", l.Time.Format(time.DateTime), l.Text)
		}
	}
}

func hostOf(source []byte) string {
	var d struct{ Host struct{ Name string } }
	if err := json.Unmarshal(source, &d); err != nil {
		panic(err)
	}
	return d.Host.Name
}

// byHand is told that somebody is about to delete all documents.
func (o *oracle) byHand() {
	for _, s := range o.lines {
		s.byHand = s.byHand || s.carried > 0
	}
}

// confirmed tells whether all lines of an index may be lost without harm.
func (o *oracle) confirmed(uuid string) bool {
	for at, l := range o.at {
		if at.uuid == uuid && !o.lines[l].confirmed {
			return false
		}
	}
	return true
}

// want is what one clean merge of all lines makes: documents, and pieces of
// their logs.
func (o *oracle) want(options message.Options) (docs map[string]string, parts map[string][]message.Line) {
	docs, parts = map[string]string{}, map[string][]message.Line{}
	var all message.Batch
	for l := range o.lines {
		all.Add(l.host, l.Line)
	}
	for _, r := range all.Rejects {
		d := message.Reject(r.Host, r.Line, options)
		docs[d.ID] = string(d.AppendJSON(nil))
	}
	for k, lines := range all.Lines {
		for _, d := range message.Merge(k, lines, options) {
			docs[d.ID] = string(d.AppendJSON(nil))
			for _, p := range d.Parts() {
				parts[p.ID] = p.Lines
			}
		}
	}
	return docs, parts
}

// difference says in what the target is not what it should be; "" in nothing.
func (o *oracle) difference(c *essim.Cluster, options message.Options) string {
	for l, s := range o.lines {
		if !s.confirmed {
			return fmt.Sprintf("a line was never confirmed: %s %s %s", l.host, l.Time.Format(time.DateTime), l.Text)
		}
	}
	want, parts := o.want(options)
	have, err := c.Documents(target)
	if err != nil {
		return err.Error()
	}
	for id, w := range want {
		if h, ok := have[id]; !ok {
			return fmt.Sprintf("document %s is missing: %s", id, w)
		} else if string(h) != w {
			return fmt.Sprintf("document %s:\nhave %s\nwant %s", id, h, w)
		}
	}
	for id, h := range have {
		if _, ok := want[id]; !ok {
			return fmt.Sprintf("document %s is an orphan: %s", id, h)
		}
	}
	pieces, err := c.Documents(mappings.LogIndex(target))
	if err != nil {
		return err.Error()
	}
	for id, lines := range parts {
		has, _, err := message.StoredLines(pieces[id])
		if err != nil {
			return fmt.Sprintf("piece %s of a log: %v", id, err)
		}
		for _, l := range lines {
			if !slices.Contains(has, l) {
				return fmt.Sprintf("piece %s of a log lacks %s", id, l.Text)
			}
		}
	}
	return ""
}
