package traffic

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// biggest keeps the largest messages.
type biggest struct {
	most int
	kept []Big // in order
}

func (b *biggest) add(d *message.Document) {
	if len(b.kept) == b.most && d.Size < b.kept[len(b.kept)-1].Size {
		return
	}
	x := bigOf(d)
	i, _ := slices.BinarySearchFunc(b.kept, x, compareBig)
	if i == b.most {
		return
	}
	if len(b.kept) == b.most {
		b.kept = b.kept[:b.most-1]
	}
	b.kept = slices.Insert(b.kept, i, x)
}

func bigOf(d *message.Document) Big {
	x := Big{
		Time: time.UnixMilli(d.Timestamp.UnixMilli()).UTC(), From: own(d.From), Recipients: int64(d.Counts.Total), Subject: own(d.Subject),
		Size: d.Size, Status: d.Status, Host: own(d.Host), QueueID: own(d.QueueID),
	}
	if len(d.Recipients) > 0 {
		x.To = own(d.Recipients[0].To)
	}
	return x
}

// own is a copy of a text as it is in JSON.
func own(s string) string { return strings.Clone(valid(s)) }

// compareBig orders messages, the largest first.
func compareBig(a, b Big) int {
	return cmp.Or(cmp.Compare(b.Size, a.Size), a.Time.Compare(b.Time), cmp.Compare(a.Host, b.Host), cmp.Compare(a.QueueID, b.QueueID),
		cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.From, b.From))
}

func (b *biggest) list() []Big { return append([]Big{}, b.kept...) }
