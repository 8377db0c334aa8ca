package message

import (
	"slices"
	"strings"
	"time"

	"github.com/postweave/postweave/worker/postlog"
)

// Merge makes the documents of one key from all known lines about it, in any
// order and with any repetition. A long queue id gives one document; a short one gives one for
// each message that had it, in order of arrival. Lines that do not begin with the key's queue id are
// the caller's mistake and are merged like the others.
//
// Merge is a pure function of the set of lines and the options: no clock, no
// memory, and no matter how lines are split over calls, the union of their logs merges to the
// same bytes.
func Merge(k Key, lines []Line, o Options) []Document {
	docs, _, _ := MergeAfter(k, lines, Past{}, o)
	return docs
}

// folding is the state while one message's lines are read in order.
type folding struct {
	doc        *Document
	opts       *Options
	rcpts      recipients
	origins    int
	active     bool // seen in the active queue
	cleanup    bool // cleanup wrote about it: its first lines are there
	network    bool // a verdict names a network client
	expired    bool
	deleted    bool // by an operator
	requeued   bool
	aborted    bool
	refused    string // status that a verdict on the whole message gives: rejected or discarded
	held       bool
	redirected bool // all mail goes to another address, which later lines name
	removed    time.Time
	lastTry    time.Time
	subjects   []subject
	links      map[Link]struct{} // those of the document, once they are many
	warnings   []string
	delivered  bool           // at least one attempt
	served     bool           // a line by Postfix, not by a filter alone
	recalled   *fact          // the one that has again
	again      *postlog.Event // see recall
}

// fold makes one document.
func fold(d *Document, k Key, in *incarnation, o *Options) {
	facts := in.facts
	d.reset()
	d.Kind, d.Host, d.QueueID = KindMessage, k.Host, k.QueueID
	d.maxLogLines = o.MaxLogLines
	d.Timestamp = in.arrival
	d.FirstSeen, d.LastSeen = facts[0].Time, facts[len(facts)-1].Time
	d.Lines = len(facts)
	d.Log = slices.Grow(d.Log, len(facts))[:len(facts)]
	f := folding{doc: d, opts: o, warnings: d.Warnings}
	d.plainLog = true
	for i := range facts {
		d.Log[i] = facts[i].Line
		d.plainLog = d.plainLog && facts[i].plain
		f.recall(&facts[i])
		f.take(&facts[i])
	}
	f.finish()
	f.rcpts.release()
}

// recall parses a fact again whose event was let go. The event lasts until the
// next call.
func (f *folding) recall(x *fact) {
	if x.event != nil {
		return
	}
	if f.recalled == nil {
		f.again = new(postlog.Event)
	} else {
		f.recalled.event = nil
	}
	postlog.ParseInto(f.again, x.Program, x.Text)
	x.event, f.recalled = f.again, x
}

// take folds one line.
func (f *folding) take(x *fact) {
	e := x.event
	if x.cut {
		f.warn(WarnLineCut)
	}
	switch e.Kind {
	case postlog.Client:
		f.takeClient(e)
	case postlog.Pickup:
		f.takePickup(e)
	case postlog.MessageID:
		f.takeMessageID(e)
	case postlog.Verdict:
		f.takeVerdict(x)
	case postlog.QueueActive:
		f.takeActive(x)
	case postlog.Delivery:
		f.takeDelivery(x)
	case postlog.Expired:
		f.expired = true
		f.takeSender(e)
	case postlog.Notice:
		f.link(string(e.Rel), e.LinkID, f.doc.Host)
	case postlog.Removed:
		f.takeRemoved(x)
	case postlog.Held:
		f.held = true
	case postlog.Released:
		f.held = false
	case postlog.Requeued:
		f.requeued = true
	case postlog.Aborted:
		f.aborted = true
		f.takePeer(e)
	case postlog.Filtered:
		f.check(x)
		f.served = f.served || postlog.IsPostfix(x.Program)
	case postlog.Unknown:
		f.doc.Unparsed++
	}
	if (e.Daemon == "cleanup" || e.Daemon == "qmgr") && f.doc.Instance == "" {
		f.doc.Instance = postlog.Instance(x.Program)
	}
	if e.Daemon == "cleanup" {
		f.cleanup = true
	}
	if e.Kind != postlog.Filtered {
		f.served = true
	}
}

func (f *folding) takeClient(e *postlog.Event) {
	d := f.doc
	f.origins++
	d.Origin = "smtp"
	if e.Daemon == "qmqpd" {
		d.Origin = "qmqp"
	}
	d.Client.Hostname, d.Client.IP, d.Client.Port = f.value(e.Client.Name), e.Client.IP, e.Client.Port
	d.SASL = SASL{f.value(e.SASL.Method), f.value(e.SASL.Username), f.value(e.SASL.Sender)}
	if e.OrigQueueID != "" {
		f.link("reinjected_from", e.OrigQueueID, "")
	}
}

func (f *folding) takePickup(e *postlog.Event) {
	f.origins++
	f.doc.Origin = "local"
	f.doc.UID, f.doc.HasUID = e.UID, true
	f.takeSender(e)
	if e.OrigID != "" {
		f.link("requeued_from", e.OrigID, f.doc.Host)
	}
}

func (f *folding) takeMessageID(e *postlog.Event) {
	id := f.value(strings.TrimSpace(strings.Trim(strings.TrimSpace(e.ID), "<>")))
	switch {
	case id == "":
	case f.doc.MessageID == "":
		f.doc.MessageID = id
	case f.doc.MessageID != id:
		f.warn(WarnMessageIDs)
	}
}

// takeSender takes the sender where no better line named it: qmgr's overrides,
// see takeActive.
func (f *folding) takeSender(e *postlog.Event) {
	if e.HasFrom && f.doc.From == "" {
		f.doc.From = f.sender(e.From)
	}
}

func (f *folding) sender(s string) string {
	if s == "" {
		return "<>"
	}
	return f.value(s)
}

// takeActive takes what qmgr read from the queue file: the envelope as cleanup
// rewrote it. Of several such lines the last counts.
func (f *folding) takeActive(x *fact) {
	d, e := f.doc, x.event
	d.From = f.sender(e.From)
	if e.HasSize {
		d.Size, d.HasSize = e.Size, true
	}
	if e.HasNRcpt {
		d.NRcpt, d.HasNRcpt = e.NRcpt, true
	}
	if !e.HasSize || !e.HasNRcpt {
		f.warn(WarnSchemaMismatch)
	}
	f.active = true
	f.held = false // what is on hold is not in the active queue
}

func (f *folding) takeDelivery(x *fact) {
	a := &x.event.Delivered
	f.delivered = true
	if a.Incomplete {
		f.warn(WarnDeliveryCut)
	}
	f.rcpts.try(f, x)
	if a.ForwardAs != "" {
		f.link("forwarded_as", a.ForwardAs, f.doc.Host)
	}
	f.lastTry = x.Time
}

func (f *folding) takeRemoved(x *fact) {
	f.doc.Complete = true
	f.removed = x.Time
	switch {
	case x.event.Daemon == "postsuper":
		f.deleted = true
	case x.event.RemovedAs == "discarded" && f.refused == "":
		f.refused = "discarded"
	case x.event.RemovedAs == "canceled":
		f.aborted = true
	}
}

// takeVerdict folds what a check decided. Verdicts that only log a subject are
// no checks.
func (f *folding) takeVerdict(x *fact) {
	e, c := x.event, &x.event.Check
	if raw, ok := subjectHeader(c); ok {
		f.subjects = append(f.subjects, subject{raw: raw, cut: len(c.Header) >= cutOf(c.Action)})
		if c.Action != "warning" && c.Action != "info" {
			f.check(x)
		}
	} else {
		f.check(x)
	}
	f.takeSender(e)
	f.takePeer(e)
	switch strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(c.Action, "milter-"), "header-"), "body-") {
	case "reject", "abort", "hangup":
		f.takeReject(x)
		return
	case "discard":
		if f.refused == "" {
			f.refused = "discarded"
		}
	case "hold":
		f.held = true
	case "redirect":
		f.redirected = true
	}
	if e.HasTo {
		f.rcpts.announce(f.value(e.To))
	}
}

// takeReject tells a refused recipient from a refused message. smtpd refuses
// recipients one by one; a VRFY or ETRN that it refuses between them is no part of the message, and
// where it hangs up at one recipient, all are lost. cleanup, which plays RCPT to milters for mail that did not
// come by SMTP, refuses the whole message at each stage (src/cleanup/cleanup_milter.c
// cleanup_milter_apply).
func (f *folding) takeReject(x *fact) {
	e := x.event
	reject := e.Check.Action == "reject" || e.Check.Action == "milter-reject"
	switch stage := e.Check.Stage; {
	case stage == "RCPT" && reject && e.Daemon != "cleanup":
		if e.HasTo {
			f.rcpts.refuse(f, x)
		}
		return
	case stage == "VRFY" || stage == "ETRN":
		return
	}
	if e.HasTo {
		f.rcpts.announce(f.value(e.To))
	}
	f.refused = "rejected"
}

// takePeer takes what a verdict knows of the client, where no origin line said
// it.
func (f *folding) takePeer(e *postlog.Event) {
	c := &f.doc.Client
	if e.Client.Name != "" || e.Client.IP != "" { // postscreen knows no names
		f.network = true
		if c.Hostname == "" && c.IP == "" {
			c.Hostname, c.IP, c.Port = f.value(e.Client.Name), e.Client.IP, e.Client.Port
		}
	}
	if c.HELO == "" {
		c.HELO = f.value(e.HELO)
	}
	if c.Proto == "" {
		c.Proto = f.value(e.Proto)
	}
	if f.doc.SASL == (SASL{}) && e.SASL != (postlog.SASL{}) { // in rejects of Postfix 3.10 and later
		f.doc.SASL = SASL{f.value(e.SASL.Method), f.value(e.SASL.Username), f.value(e.SASL.Sender)}
	}
}

func (f *folding) check(x *fact) {
	if len(f.doc.Checks) == MaxChecks {
		f.warn(WarnCapChecks)
		return
	}
	c := &x.event.Check
	text := c.Text
	if c.Header != "" {
		text = c.Stage + " " + c.Header
		if c.Text != "" {
			text += ": " + c.Text
		}
	}
	f.doc.Checks = append(f.doc.Checks, Check{
		Program: f.value(x.Program), Action: c.Action, Stage: f.value(c.Stage), Text: f.value(text), Code: c.Code, DSN: c.DSN,
	})
}

func (f *folding) link(rel, id, host string) {
	l := Link{rel, id, host}
	if f.linked(l) {
		return
	}
	if len(f.doc.Links) == MaxLinks {
		f.warn(WarnCapLinks)
		return
	}
	f.doc.Links = append(f.doc.Links, l)
	if f.links != nil {
		f.links[l] = struct{}{}
	}
}

func (f *folding) linked(l Link) bool {
	if len(f.doc.Links) <= linearUpTo {
		return slices.Contains(f.doc.Links, l)
	}
	if f.links == nil {
		f.links = make(map[Link]struct{}, 4*linearUpTo)
		for _, x := range f.doc.Links {
			f.links[x] = struct{}{}
		}
	}
	_, ok := f.links[l]
	return ok
}

// value cuts a single value to what a keyword field takes.
func (f *folding) value(s string) string {
	if len(s) <= maxValue {
		return s
	}
	f.warn(WarnValueCut)
	return cutRunes(s, maxValue)
}

func (f *folding) warn(w string) {
	if !slices.Contains(f.warnings, w) {
		f.warnings = append(f.warnings, w)
	}
}

// finish settles what needs all lines.
func (f *folding) finish() {
	d := f.doc
	if d.Origin == "" {
		d.Origin = "unknown"
		if f.cleanup && !f.network {
			d.Origin = "internal"
		}
	}
	if f.removed.Add(arrivalTolerance).Before(f.lastTry) && !f.removed.IsZero() {
		f.warn(WarnClock)
	}
	f.settleSubject()
	f.rcpts.settle(f)
	d.Status = f.messageStatus()
	if d.Complete && f.outcomeUnknown() {
		f.warn(WarnOutcome)
	}
	d.Open = !d.Complete && !f.ended()
	d.Direction = direction(d, f.opts.LocalDomains)
	d.searchedWords = searchWords(d)
	slices.Sort(f.warnings)
	d.Warnings = f.warnings
	slices.SortFunc(d.Links, func(a, b Link) int {
		return strings.Compare(a.Rel+"\x00"+a.QueueID, b.Rel+"\x00"+b.QueueID)
	})
}
