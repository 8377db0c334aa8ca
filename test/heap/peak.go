// Package heap measures what a piece of work takes of memory.
package heap

import (
	"runtime"
	"runtime/debug"
	"time"
)

// Peak is how far the heap grows while do runs and what it leaves, in bytes. The
// garbage collector runs whenever the heap has grown by so many percent: the fewer, the nearer is the
// figure to what is needed, and the longer it takes.
func Peak(percent int, do func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(percent))
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	from := m.HeapAlloc
	most := from
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.Tick(5 * time.Millisecond); ; {
			select {
			case <-stop:
				return
			case <-tick:
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
		}
	}()
	do()
	close(stop)
	<-done
	runtime.ReadMemStats(&m)
	return max(most, m.HeapAlloc) - from
}
