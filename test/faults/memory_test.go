//go:build linux

package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// memoryBound is what a run may take, in bytes, however much there is to read.
//
// Held at one time are at most three slices (one merged, one waiting, one read) of 100,000 lines, of
// some 250 bytes each with their text: 75 MB. Beside them the documents of one group of keys with their own lines,
// one page of answers for each request under way (5,000 raw lines of 1.5 KB, twice while it grows), and
// one bulk of 5 MB, packed and not: 50 MB. Go lets garbage grow to as much again.
const memoryBound = 256 << 20

// inCgroup makes a group of processes whose memory is bounded, and returns the
// file to write a process id to; empty where this machine does not let us. The bound is hard: a process that
// needs more is killed by the kernel, which is exit 137 of a container.
func inCgroup(t testing.TB, most int64) (procs string) {
	t.Helper()
	for _, x := range []struct{ root, limit string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"}, // version 1
		{"/sys/fs/cgroup", "memory.max"},
	} {
		dir := filepath.Join(x.root, fmt.Sprintf("postweave-test-%d-%d", os.Getpid(), time.Now().UnixNano()))
		if _, err := os.Stat(filepath.Join(x.root, "cgroup.procs")); err != nil || os.Mkdir(dir, 0o755) != nil {
			continue
		}
		t.Cleanup(func() { _ = os.Remove(dir) })
		if os.WriteFile(filepath.Join(dir, x.limit), []byte(strconv.FormatInt(most, 10)), 0o600) != nil {
			continue
		}
		_ = os.WriteFile(filepath.Join(dir, "memory.swap.max"), []byte("0"), 0o600) // version 2, where there is swap
		return filepath.Join(dir, "cgroup.procs")
	}
	return ""
}

// bounded makes a call within so much memory, and returns the most that it took.
func bounded(s *site.Site, most int64, args ...string) (o site.Outcome, took int64) {
	s.T.Helper()
	c, stdout, stderr := s.Command(args...)
	if procs := inCgroup(s.T, most); procs != "" {
		inner := c
		c = exec.CommandContext(s.T.Context(), "/bin/sh", append([]string{"-c", `echo $$ > "$0" && exec "$@"`, procs}, inner.Args...)...)
		c.Env, c.Stdout, c.Stderr = inner.Env, inner.Stdout, inner.Stderr
	} else {
		s.T.Log("no cgroup can be made here: the kernel's own account is looked at, and nothing else bounds the process")
	}
	o.Code = site.ExitCodeOf(s.T, c.Run())
	o.Stdout, o.Stderr = stdout.String(), stderr.String()
	usage, ok := c.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		s.T.Fatal("no account of the process")
	}
	return o, usage.Maxrss << 10
}

func fits(t testing.TB, what string, o site.Outcome, took int64) {
	t.Helper()
	if o.Code != 0 {
		t.Fatalf("%s: exit %d\n%s%s", what, o.Code, o.Stdout, o.Stderr)
	}
	t.Logf("%s: %d MiB at most", what, took>>20)
	if took > memoryBound {
		t.Errorf("%s took %d MiB, want at most %d", what, took>>20, memoryBound>>20)
	}
}

// A source with a great many short lines is read within the bound, from the
// beginning and by a backfill.
func TestF44ManyLines(t *testing.T) {
	s := site.New(t)
	many := sizeFrom(t, "POSTWEAVE_FAULTS_LINES", 600_000)
	s.ES("PUT", "/"+s.Daily(spring), map[string]any{"settings": map[string]any{"number_of_replicas": 0, "refresh_interval": "-1"}}, nil)
	var lines []loggen.Line
	// Mails of thirty lines, a line a millisecond: all of them lie in one hour, which is more than a slice of time holds.
	for i := 0; i < many; i += 30 {
		began := spring.Add(time.Duration(i) * time.Millisecond)
		id := loggen.LongID(began.Add(123456*time.Microsecond), uint64(1000+i))
		for k := range 30 {
			program, text := "smtp", fmt.Sprintf("to=<r%d@ok.test>, relay=none, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (ok)", k)
			switch k {
			case 0:
				program, text = "smtpd", "client=a[192.0.2.1]"
			case 1:
				program, text = "qmgr", "from=<a@corp.test>, size=1, nrcpt=27 (queue active)"
			case 29:
				program, text = "qmgr", "removed"
			}
			lines = append(lines, loggen.Line{Time: began.Truncate(time.Second), Host: "mx2", Program: "postfix/" + program, PID: "1", Text: id + ": " + text})
		}
		if len(lines) >= 15_000 {
			s.Index(s.Shipped(loggen.LayoutPlain, lines...))
			lines = lines[:0]
		}
	}
	s.Index(s.Shipped(loggen.LayoutPlain, lines...))
	o, took := bounded(s, memoryBound, "run", "--json")
	fits(t, "a run", o, took)
	if r := s.Report(o); r.Lines < many || r.Slices < 3 {
		t.Errorf("%d lines read in %d slices, want %d in three at least: the test shows nothing", r.Lines, r.Slices, many)
	}
	o, took = bounded(s, memoryBound, "backfill", "--json", "--from", "2026-03-20", "--to", "2026-03-21")
	fits(t, "a backfill", o, took)
	if r := s.Report(o); r.Lines < many || r.Created+r.Updated != 0 {
		t.Errorf("the backfill: %+v", r)
	}
	if r := s.Run(); r.Lines != 0 {
		t.Errorf("a run after it still finds %d lines", r.Lines)
	}
}

// One mail with a great many lines, of which some come late: the document's log goes on
// in parts, and neither a run nor a late line needs more than the bound.
func TestF44MailOfManyLines(t *testing.T) {
	s := site.New(t)
	const id = "1A2B3C4D5E6"
	many := sizeFrom(t, "POSTWEAVE_FAULTS_MAIL_LINES", 60_000)
	s.ES("PUT", "/"+s.Daily(spring), map[string]any{"settings": map[string]any{"number_of_replicas": 0, "refresh_interval": "-1"}}, nil)
	mail := site.Mail("mx1", id, spring)
	var late []loggen.Line
	lines := append([]loggen.Line{}, mail[:4]...)
	for i := range many {
		l := mail[4]
		l.Time = spring.Add(time.Duration(4+i/4) * time.Second)
		l.Text = fmt.Sprintf("%s: to=<r%d@ok.test>, relay=far.ok.test[198.51.100.1]:25, delay=%d, delays=1/0/0/1, dsn=4.0.0, status=deferred (later)", id, i, 4+i/4)
		if i%1000 == 999 {
			late = append(late, l)
		} else {
			lines = append(lines, l)
		}
		if len(lines) == 15_000 {
			s.Index(s.Shipped(loggen.LayoutPlain, lines...))
			lines = lines[:0]
		}
	}
	s.Index(s.Shipped(loggen.LayoutPlain, lines...))
	o, took := bounded(s, memoryBound, "run", "--json")
	fits(t, "a run", o, took)
	s.Index(s.Shipped(loggen.LayoutPlain, late...))
	o, took = bounded(s, memoryBound, "run", "--json")
	fits(t, "late lines", o, took)
	d := documentsOf(t, s, id)
	if len(d) != 1 || d[0].Lines != many+4 {
		t.Fatalf("%d documents with %v lines, want one with %d", len(d), d, many+4)
	}
	settled(t, s)
}

// sizeFrom is a number from the environment, or what takes about a minute.
func sizeFrom(t testing.TB, variable string, usual int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}
