package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// watchPeak begins to watch the memory of a child that has been started. What it returns is called when the child has ended, and gives the peak in bytes.
//
// What wait4 tells of a child is never less than the peak of the process that started it, whose memory it shares until it becomes
// the program. Below that only the child's own account counts, which ends with it: it is read every few
// milliseconds. Of a child that ends before the first look it is what wait4 tells: at most so much.
func watchPeak(pid int) func(*os.ProcessState) int64 {
	stop, seen := make(chan struct{}), make(chan int64)
	own := highWater("/proc/self/status")
	path := fmt.Sprintf("/proc/%d/status", pid)
	go func() {
		var most int64
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-stop:
				tick.Stop()
				seen <- most
				return
			case <-tick.C:
				most = max(most, highWater(path))
			}
		}
	}()
	return func(state *os.ProcessState) int64 {
		close(stop)
		most := <-seen
		usage, ok := state.SysUsage().(*syscall.Rusage)
		if ok && (usage.Maxrss<<10 > own || most == 0) {
			return usage.Maxrss << 10
		}
		return most
	}
}

// highWater is VmHWM of a /proc/PID/status in bytes; 0 where there is none.
func highWater(path string) int64 {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	_, b, _ = bytes.Cut(b, []byte("\nVmHWM:"))
	b, _, _ = bytes.Cut(b, []byte(" kB"))
	kib, err := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}
