package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/postweave/postweave/worker/maillog"
)

// Line is a line of the log, taken apart by hand: what checks the product must
// not be wrong in the same way.
type Line struct {
	Program string // "postfix-mx/smtpd"
	Text    string
}

// logs are the logs of both instances, packed with gzip where they were put by.
func logs(dir string) []string {
	return []string{packed(dir, "postfix-mx.log"), packed(dir, "postfix-out.log")}
}

// packed is where a file of a run is: as the run left it, or packed.
func packed(dir, name string) string {
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path + ".gz"); err == nil {
		return path + ".gz"
	}
	return path
}

// readFile reads a file, and unpacks it where its name says so.
func readFile(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil || !strings.HasSuffix(path, ".gz") {
		return b, err
	}
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// readLogs reads the lines of all logs.
func readLogs(paths []string) ([]Line, error) {
	var lines []Line
	for _, path := range paths {
		b, err := readFile(path)
		if err != nil {
			return nil, err
		}
		for s := range strings.Lines(string(b)) {
			head, text, found := strings.Cut(strings.TrimSuffix(s, "\n"), "]: ")
			words := strings.Fields(head)
			if !found || len(words) == 0 {
				return nil, errors.New("a log has a line that is none of Postfix's")
			}
			program, _, _ := strings.Cut(words[len(words)-1], "[")
			lines = append(lines, Line{Program: program, Text: text})
		}
	}
	return lines, nil
}

// showEnd gives the end of each log, for an error that Postfix explains there.
func showEnd(dir string) error {
	var errs []error
	for _, path := range logs(dir) {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		lines := bytes.Split(b, []byte("\n"))
		errs = append(errs, fmt.Errorf("end of %s:\n%s", path, bytes.Join(lines[max(0, len(lines)-15):], []byte("\n"))))
	}
	return errors.Join(errs...)
}

// complaints is what the merge itself says was not right.
func complaints(r maillog.Report) []string {
	var list []string
	if r.Unparsed > 0 {
		list = append(list, fmt.Sprintf("%d lines of messages were not understood", r.Unparsed))
	}
	for _, s := range r.Shapes {
		list = append(list, fmt.Sprintf("not understood, %d times: %s: %s", s.Count, s.Daemon, s.Text))
	}
	for name, n := range map[string]int64{
		"no syslog": r.NotSyslog, "of foreign programs": r.Foreign, "repeated": r.Repeated, "cut": r.Truncated, "late": r.Late,
	} {
		if n > 0 && name != "repeated" {
			list = append(list, fmt.Sprintf("%d lines %s", n, name))
		}
	}
	return list
}
