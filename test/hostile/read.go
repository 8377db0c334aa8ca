package hostile

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/postweave/postweave/test/loggen"
)

// Environment names further log files that the variants are tried on: a list as PATH is one, of files that are
// plain or gzip. Stamps without a year are of the year that [EnvironmentYear] says.
const (
	Environment     = "POSTWEAVE_TEST_LOGS"
	EnvironmentYear = "POSTWEAVE_TEST_YEAR"
)

// ReadFile reads a log, plain or gzip. Lines that syslog did not write are left out.
func ReadFile(name string, year int, zone *time.Location) (Log, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read log: %w", err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return nil, fmt.Errorf("read log %s: %w", filepath.Base(name), err)
		}
	}
	var l Log
	s := bufio.NewScanner(r)
	s.Buffer(nil, 4<<20)
	for s.Scan() {
		if x, err := loggen.ReadLine(s.Text(), year, zone); err == nil {
			l = append(l, x)
		}
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("read log %s: %w", filepath.Base(name), err)
	}
	return l, nil
}
