package message

import (
	"strings"

	"github.com/postweave/postweave/worker/postlog"
)

// IsReject tells whether a line is a reject without a queue id, which becomes a
// document of its own: NOQUEUE rejects, and what a before-queue filter refused.
func IsReject(e *postlog.Event) bool {
	if !e.NoQueue || e.Kind != postlog.Verdict {
		return false
	}
	switch strings.TrimPrefix(e.Check.Action, "milter-") {
	case "reject", "hangup", "abort", "proxy-reject":
		return true
	}
	return false
}

// Reject makes the document of a NOQUEUE reject, for which [IsReject] is true.
func Reject(host string, line Line, o Options) Document {
	buf := buffers.Get().(*factBuffer)
	defer buf.release()
	facts := read([]Line{line}, "", buf)
	return rejectDocument(host, &facts[0], &o)
}

// RejectOf is [IsReject] and [Reject] at once, for a line that begins with
// "NOQUEUE:". ok is false where it is no reject.
func RejectOf(host string, line Line, o Options) (d Document, ok bool) {
	buf := buffers.Get().(*factBuffer)
	defer buf.release()
	facts := read([]Line{line}, "", buf)
	if !IsReject(facts[0].event) {
		return d, false
	}
	return rejectDocument(host, &facts[0], &o), true
}

func rejectDocument(host string, x *fact, o *Options) Document {
	e := x.event
	d := Document{
		Kind: KindReject, Host: host, Timestamp: x.Time, FirstSeen: x.Time, LastSeen: x.Time,
		Origin: "smtp", Status: Rejected, Lines: 1, Log: []Line{x.Line},
	}
	f := folding{doc: &d, opts: o}
	if x.cut {
		f.warn(WarnLineCut)
	}
	f.takeSender(e)
	f.takePeer(e)
	f.check(x)
	d.SASL = SASL{f.value(e.SASL.Method), f.value(e.SASL.Username), f.value(e.SASL.Sender)}
	if e.HasTo {
		f.rcpts.refuse(&f, x)
	}
	f.rcpts.settle(&f)
	f.rcpts.release()
	d.Direction = direction(&d, o.LocalDomains)
	d.searchedWords = searchWords(&d)
	d.Warnings = f.warnings
	d.ID = rejectID(host, x.Line)
	return d
}
