package bench

import (
	"bufio"
	"fmt"
	"os"
	"time"
)

// BareLines reads a file line by line and does nothing with the lines: the floor of every reader of logs. Docs counts lines.
func BareLines(path string) (Count, error) {
	start := time.Now()
	f, err := os.Open(path)
	if err != nil {
		return Count{}, err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(make([]byte, 1<<20), 1<<20)
	var c Count
	for s.Scan() {
		c.Docs++
		c.Bytes += int64(len(s.Bytes())) + 1
	}
	if err := s.Err(); err != nil {
		return c, fmt.Errorf("read %s: %w", path, err)
	}
	c.Elapsed = time.Since(start)
	return c, nil
}
