package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// stage is a line of output that tells what is being done, shows that time
// passes, and ends with what came of it.
type stage struct {
	out   io.Writer
	since time.Time
	stop  chan struct{}

	mu sync.Mutex // of out
}

// begin opens the line. A dot is added every two seconds until done or failed.
func begin(out io.Writer, what string) *stage {
	s := &stage{out: out, since: time.Now(), stop: make(chan struct{})}
	fmt.Fprintf(out, "  %-30s ", what)
	go func() {
		tick := time.NewTicker(2 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-s.stop:
				return
			case <-tick.C:
				s.print(".")
			}
		}
	}()
	return s
}

func (s *stage) print(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.stop:
	default:
		fmt.Fprint(s.out, text)
	}
}

// done closes the line.
func (s *stage) done(result string) {
	s.close(fmt.Sprintf(" %s, %.1f s\n", result, time.Since(s.since).Seconds()))
}

// failed closes the line of something that did not come about. The error is told elsewhere.
func (s *stage) failed(how string) { s.close(" " + how + "\n") }

func (s *stage) close(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.stop)
	fmt.Fprint(s.out, text)
}

// Write takes what esnode has to say. Only the news of fetching and unpacking,
// which take minutes the first time, are for the viewer.
func (s *stage) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		if strings.HasPrefix(line, "fetching ") || strings.HasPrefix(line, "unpacking ") {
			s.print("\n    " + strings.TrimSpace(line) + " ")
		}
	}
	return len(p), nil
}
