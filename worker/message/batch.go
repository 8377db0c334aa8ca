package message

import "github.com/postweave/postweave/worker/postlog"

// Batch is lines that were read together, sorted by whom they belong to. The
// zero Batch is empty and ready to use.
type Batch struct {
	Lines   map[Key][]Line
	Rejects []HostLine // NOQUEUE rejects; each becomes a document
	Context []HostLine // lines for [Sessions], among those counted in Other
	Read    int        // all lines added
	Other   int        // lines without a queue id at their start and no reject
	Bytes   int        // of text
}

// HostLine is a line and the server that wrote it.
type HostLine struct {
	Host string
	Line
}

// Add files one line under the queue id that its text begins with. Whatever
// field a shipper or a grok pattern made of the line, the text decides.
func (b *Batch) Add(host string, l Line) {
	b.Read++
	b.Bytes += len(l.Text)
	host = CleanHost(host)
	id, noqueue := postlog.LeadingQueueID(l.Text)
	switch {
	case host == "":
		b.Other++
	case id != "":
		if b.Lines == nil {
			b.Lines = make(map[Key][]Line)
		}
		k := Key{Host: host, QueueID: id}
		b.Lines[k] = append(b.Lines[k], l)
	case noqueue && rejects(&l):
		b.Rejects = append(b.Rejects, HostLine{host, l})
	default:
		b.Other++
		if id == "" && !noqueue && postlog.IsContext(l.Program, l.Text) {
			b.Context = append(b.Context, HostLine{host, l})
		}
	}
}

func rejects(l *Line) bool {
	e := postlog.Parse(l.Program, l.Text)
	return IsReject(&e)
}

// Join adds another batch's lines.
func (b *Batch) Join(o *Batch) {
	if b.Lines == nil {
		b.Lines = o.Lines
	} else {
		for k, l := range o.Lines {
			b.Lines[k] = append(b.Lines[k], l...)
		}
	}
	b.Rejects = append(b.Rejects, o.Rejects...)
	b.Context = append(b.Context, o.Context...)
	b.Read += o.Read
	b.Other += o.Other
	b.Bytes += o.Bytes
}
