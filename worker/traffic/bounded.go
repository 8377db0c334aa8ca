package traffic

import (
	"cmp"
	"slices"
	"strings"
)

// bounded counts by name within so much memory. Where that is full, the half of the names that count least is let go.
type bounded[V any] struct {
	most    int64 // bytes
	bytes   int64
	weight  func(*V) int64
	m       map[string]*V
	total   int64 // of all that was added, names let go included
	missing int64 // the most that the count of any name may be short by; 0 while nothing was let go
}

// perName is about what a name takes in a map beside its text, in bytes.
const perName = 128

func newBounded[V any](most int64, weight func(*V) int64) bounded[V] {
	return bounded[V]{most: most, weight: weight, m: make(map[string]*V)}
}

// add returns what is counted for a name, which counts for n more.
func (b *bounded[V]) add(name string, n int64) *V {
	b.total = plus(b.total, n)
	if v := b.m[name]; v != nil {
		return v
	}
	if b.bytes+size(name) > b.most && len(b.m) > 1 {
		b.letGo()
	}
	v := new(V)
	b.m[strings.Clone(name)] = v // a part of a line would keep all of it
	b.bytes += size(name)
	return v
}

func size(name string) int64 { return int64(len(name)) + perName }

func (b *bounded[V]) letGo() {
	names := sortedKeys(b.m)
	slices.SortStableFunc(names, func(x, y string) int { return cmp.Compare(b.weight(b.m[x]), b.weight(b.m[y])) })
	most := int64(0)
	for _, name := range names {
		if b.bytes <= b.most/2 {
			break
		}
		most = max(most, b.weight(b.m[name]))
		delete(b.m, name)
		b.bytes -= size(name)
	}
	b.missing = plus(b.missing, most)
}

// each calls f for each name, and returns what names that were let go count.
func (b *bounded[V]) each(f func(name string, v *V)) (others int64) {
	others = b.total
	for name, v := range b.m {
		f(name, v)
		others -= b.weight(v)
	}
	return others
}
