package faults

import (
	"strings"
	"sync"
)

// sharedText may be read while it is written to.
type sharedText struct {
	mu sync.Mutex
	b  strings.Builder
}

func (x *sharedText) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.Write(p)
}

func (x *sharedText) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.String()
}
