//go:build linux

package faults

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// The command's root file system is read only, and there is no folder at all
// that it may write to, nor for temporary files: run, backfill and verify need none.
func TestF45NothingCanBeWritten(t *testing.T) {
	s := site.New(t)
	logged(t, s, loggen.Config{Seed: 451, Messages: 80, Span: 2 * time.Hour, Start: spring})
	for _, args := range [][]string{
		{"run", "--json"},
		{"backfill", "--json", "--from", "2026-03-20", "--to", "2026-03-21"},
		{"verify", "--json", "--from", "2026-03-20", "--to", "2026-03-21"},
	} {
		o := confined(s, args...)
		unscathed(t, o)
		if strings.Contains(o.Stderr, "read-only") || strings.Contains(o.Stderr, "denied") {
			t.Errorf("%q met the file system:\n%s", args, o.Stderr)
		}
	}
	if len(s.Documents()) == 0 {
		t.Error("nothing was written to the target")
	}
	settled(t, s)
}

// Merging a log in little memory needs a folder for what does not fit. Where
// there is none the command says which folder it wanted and what to do, and prints no half of a result as if it were
// whole; in memory enough it needs none.
func TestF45MergeWithoutTemporaryFolder(t *testing.T) {
	s := site.New(t)
	logged(t, s, loggen.Config{Seed: 452, Messages: 40, Span: time.Hour, Start: spring})
	var text []byte
	for _, l := range saidBy(t, loggen.Config{Seed: 453, Messages: 3000, Span: time.Hour, Start: spring}) {
		if !strings.HasSuffix(l.Text, ": removed") { // all stay open, and have to be held
			text = l.AppendRFC3164(text)
		}
	}
	file := filepath.Join(openFolder(t), "mail.log")
	if err := os.WriteFile(file, text, 0o644); err != nil { //nolint:gosec // another user reads it
		t.Fatal(err)
	}
	whole := site.Merged(t, file, "--year", "2026")
	o := confined(s, "merge", "--year", "2026", file)
	unscathed(t, o)
	if n := strings.Count(o.Stdout, "\n"); n != len(whole) {
		t.Errorf("%d documents, want %d", n, len(whole))
	}
	o = confined(s, "merge", "--year", "2026", "--max-memory", "1MB", file)
	if o.Code == 0 && strings.Count(o.Stdout, "\n") == len(whole) {
		t.Fatal("the log fits into the memory that was given, the test shows nothing")
	}
	refused(t, o, 1, "TMPDIR")
	settled(t, s)
}

// openFolder is a folder that any user may read in.
func openFolder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "postweave-faults-") //nolint:usetesting // t.TempDir is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // that is its purpose
		t.Fatal(err)
	}
	return dir
}

// confined makes a call that may write to no file system. As root it gets a view
// of its own in which all of them are read only; else, or where that is refused, a folder without the right to write
// is where it works and where its temporary files would go. Either way it is shown first that nothing can be written.
func confined(s *site.Site, args ...string) site.Outcome {
	s.T.Helper()
	dir := openFolder(s.T)
	if err := os.Chmod(dir, 0o555); err != nil { //nolint:gosec // that is its purpose
		s.T.Fatal(err)
	}
	inner, stdout, stderr := s.Command(args...)
	const script = `
		for d in "$0" "$TMPDIR" /tmp /var/tmp / /dev/shm; do
			if touch "$d/postweave-probe" 2>/dev/null; then rm -f "$d/postweave-probe"; echo "$d can be written" >&2; exit 99; fi
		done
		exec "$@"`
	const readOnly = `
		mount --make-rprivate / || exit 98
		awk '$5 !~ "^/(proc|sys|dev/pts|dev/mqueue)" { print $5 }' /proc/self/mountinfo | while read -r m; do mount -o remount,bind,ro "$m" || exit 98; done || exit 98
		cd "$0" || exit 98`
	outer := exec.CommandContext(s.T.Context(), "/bin/sh", append([]string{"-c", readOnly + script, dir}, inner.Args...)...)
	outer.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	try := func(c *exec.Cmd) site.Outcome {
		stdout.Reset()
		stderr.Reset()
		c.Dir, c.Stdout, c.Stderr = dir, stdout, stderr
		c.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir}, inner.Env...)
		if err := c.Run(); err != nil && c.ProcessState == nil {
			return site.Outcome{Code: 98, Stderr: err.Error()}
		}
		return site.Outcome{Code: c.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}
	}
	o := try(outer)
	if o.Code == 98 {
		s.T.Logf("no read-only view of the file systems can be made here (%s): only the folder and TMPDIR are closed", bytes.TrimSpace([]byte(o.Stderr)))
		only := strings.ReplaceAll(script, " /tmp /var/tmp / /dev/shm", "")
		o = try(exec.CommandContext(s.T.Context(), "/bin/sh", append([]string{"-c", only, dir}, inner.Args...)...))
	}
	if o.Code == 99 {
		s.T.Fatalf("the test shows nothing: %s", o.Stderr)
	}
	return o
}
