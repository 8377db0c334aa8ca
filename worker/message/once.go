package message

import "slices"

// onceList is a list of texts without repeats, in order of first appearance. The
// zero value is empty and ready to use.
type onceList struct {
	list []string
	seen map[string]struct{} // nil while the list is short
}

func (o *onceList) add(s string) {
	if o.seen == nil && len(o.list) > linearUpTo {
		o.seen = make(map[string]struct{}, 4*linearUpTo)
		for _, x := range o.list {
			o.seen[x] = struct{}{}
		}
	}
	if o.seen == nil {
		if !slices.Contains(o.list, s) {
			o.list = append(o.list, s)
		}
		return
	}
	if _, known := o.seen[s]; !known {
		o.seen[s] = struct{}{}
		o.list = append(o.list, s)
	}
}
