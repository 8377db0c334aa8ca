package loggen

// timeline holds what is still to happen, earliest first; of two things at one instant the one planned first happens first.
// The heap moves small keys and leaves the lines where they are: swapping whole lines cost more than making them.
type timeline struct {
	heap  []instant
	slots []event
	free  []int32
	seq   uint64
}

type instant struct {
	at   int64 // microseconds since 1970
	seq  uint64
	slot int32
}

// event is a line to say, or, where do is set, something to do.
type event struct {
	host, program, pid, text string
	do                       func(at int64)
}

func (a instant) before(b instant) bool { return a.at < b.at || a.at == b.at && a.seq < b.seq }

func (t *timeline) add(at int64, e event) {
	var slot int32
	if n := len(t.free); n > 0 {
		slot = t.free[n-1]
		t.free = t.free[:n-1]
		t.slots[slot] = e
	} else {
		slot = int32(len(t.slots))
		t.slots = append(t.slots, e)
	}
	t.seq++
	t.heap = append(t.heap, instant{at, t.seq, slot})
	h := t.heap
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h[i].before(h[up]) {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

// next is the time of the earliest event; ok is false where there is none.
func (t *timeline) next() (at int64, ok bool) {
	if len(t.heap) == 0 {
		return 0, false
	}
	return t.heap[0].at, true
}

func (t *timeline) take() (int64, event) {
	h := t.heap
	first := h[0]
	last := len(h) - 1
	h[0] = h[last]
	h = h[:last]
	t.heap = h
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			break
		}
		if r := down + 1; r < last && h[r].before(h[down]) {
			down = r
		}
		if !h[down].before(h[i]) {
			break
		}
		h[i], h[down] = h[down], h[i]
		i = down
	}
	e := t.slots[first.slot]
	t.slots[first.slot] = event{}
	t.free = append(t.free, first.slot)
	return first.at, e
}
