package esnode

import (
	"io"
	"sync"
)

// tailBytes of a node's output are kept for the error of a failed start: some forty lines.
const tailBytes = 8 << 10

// tail passes what is written on and remembers the end of it.
type tail struct {
	to io.Writer

	mu  sync.Mutex
	end []byte
}

// Write never fails: a log that cannot be written must not stop the node.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = t.to.Write(p)
	t.end = append(t.end, p...)
	if over := len(t.end) - tailBytes; over > 0 {
		t.end = append(t.end[:0], t.end[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.end)
}
