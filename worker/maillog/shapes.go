package maillog

import (
	"cmp"
	"slices"

	"github.com/postweave/postweave/worker/message"
	"github.com/postweave/postweave/worker/postlog"
)

// MaxShapes bounds the kinds of lines that are told apart.
const MaxShapes = 1000

// otherShapes stands for the kinds beyond MaxShapes.
const otherShapes = "(other kinds)"

type shapes map[Shape]int

// appendShapes lists the lines of a document that were not understood.
func appendShapes(list []Shape, d *message.Document) []Shape {
	if d.Unparsed == 0 {
		return list
	}
	for i := range d.Log {
		list = appendShape(list, postlog.Parse(d.Log[i].Program, d.Log[i].Text))
	}
	return list
}

func appendShape(list []Shape, e postlog.Event) []Shape {
	if e.Kind != postlog.Unknown {
		return list
	}
	return append(list, Shape{Daemon: postlog.Shape(e.Daemon), Text: postlog.Shape(e.Text)}) // a forged line has any name
}

// add counts lines by their shapes.
func (s shapes) add(list []Shape) {
	for _, shape := range list {
		if _, known := s[shape]; !known && len(s) >= MaxShapes {
			shape = Shape{Text: otherShapes}
		}
		s[shape]++
	}
}

func (s shapes) sorted() []Shape {
	list := make([]Shape, 0, len(s))
	for shape, n := range s {
		shape.Count = n
		list = append(list, shape)
	}
	slices.SortFunc(list, func(a, b Shape) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Daemon, b.Daemon), cmp.Compare(a.Text, b.Text))
	})
	return list
}
