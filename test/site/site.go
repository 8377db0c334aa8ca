package site

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postweave/postweave/test/esnode"
)

// Site is one installation: a source, a target and a state of its own on a
// node.
type Site struct {
	T      testing.TB
	Node   string // address for what the test does itself
	Via    string // address that the command is given
	Source string // what the source's index names begin with
	Target string
	State  string
	// Env is added to the command's environment, "NAME=value".
	Env []string
	// AtOnce is how many raw documents are indexed at once, for a node that takes few; 0 is many.
	AtOnce int
}

var sites atomic.Int32

// New installs a target and a state on the node that all tests of a binary
// share. What it made is gone after the test.
func New(t testing.TB) *Site {
	t.Helper()
	s := Bare(t)
	s.SetUp()
	return s
}

// Bare is a site on that node where nothing is installed yet. What is made in its names is gone after the test.
func Bare(t testing.TB) *Site {
	t.Helper()
	s := On(t, esnode.Shared(t))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if err := esnode.Delete(ctx, s.Node, strings.TrimSuffix(s.Source, "syslog-")+"*"); err != nil {
			t.Error(err)
		}
	})
	return s
}

// On is a site on a node that is the test's own: nothing is installed, nothing
// is removed.
func On(t testing.TB, node string) *Site {
	name := fmt.Sprintf("it-%d-%d", os.Getpid(), sites.Add(1))
	return &Site{T: t, Node: node, Via: node, Source: name + "-syslog-", Target: name + "-messages", State: name + "-state"}
}

// SetUp installs the target and the state, and takes the template away after the test.
func (s *Site) SetUp() {
	s.T.Helper()
	s.Must("setup")
	s.removeTemplate()
}

// removeTemplate takes the template away after the test.
func (s *Site) removeTemplate() {
	s.T.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.T.Context()), time.Minute)
		defer cancel()
		// A node of the test's own may be gone by then.
		_ = esnode.Call(ctx, http.MethodDelete, s.Node+"/_index_template/"+s.Target, nil, nil)
	})
}

// Beside is another target of the same source, with its own cursor.
func (s *Site) Beside(name string) *Site {
	s.T.Helper()
	b := *s
	b.Via = s.Node
	b.Target = s.Target[:len(s.Target)-len("messages")] + name
	b.SetUp()
	return &b
}

// Through is the same site, whose command reaches the node by another address.
func (s *Site) Through(address string) *Site {
	t := *s
	t.Via = address
	return &t
}

// Outcome is how one call of the command ended.
type Outcome struct {
	Code           int
	Stdout, Stderr string
}

// Command prepares a call. Nothing of the environment reaches it but what is
// set here. When the test ends, what was printed is looked through for what is private; a test that puts
// other writers into c has to give them a String.
func (s *Site) Command(args ...string) (c *exec.Cmd, stdout, stderr *bytes.Buffer) {
	s.T.Helper()
	c, stdout, stderr = s.command(args...)
	s.unspokenAtEnd(c, stdout, stderr)
	return c, stdout, stderr
}

func (s *Site) command(args ...string) (c *exec.Cmd, stdout, stderr *bytes.Buffer) {
	s.T.Helper()
	path, err := Binary()
	if err != nil {
		s.T.Fatal(err)
	}
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	c = exec.CommandContext(s.T.Context(), path, args...)
	c.Env = append([]string{
		"POSTWEAVE_ES_URL=" + s.Via, "POSTWEAVE_SOURCE=" + s.Source + "*", "POSTWEAVE_TARGET=" + s.Target, "POSTWEAVE_STATE=" + s.State,
	}, s.Env...)
	c.Stdout, c.Stderr = stdout, stderr
	return c, stdout, stderr
}

// Call runs the command to its end. What it prints may tell nothing that is private.
func (s *Site) Call(args ...string) Outcome {
	s.T.Helper()
	c, stdout, stderr := s.command(args...)
	o := Outcome{Code: ExitCodeOf(s.T, c.Run()), Stdout: stdout.String(), Stderr: stderr.String()}
	s.unspoken(c, o.Stdout, o.Stderr)
	return o
}

// ExitCodeOf reads the result of a process that ran; -1 is death by a signal.
func ExitCodeOf(t testing.TB, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit == nil {
		return 0
	}
	return exit.ExitCode()
}

// Must runs the command and ends the test where it does not exit 0.
func (s *Site) Must(args ...string) Outcome {
	s.T.Helper()
	o := s.Call(args...)
	if o.Code != 0 {
		s.T.Fatalf("postweave %q: exit %d\n%s%s", args, o.Code, o.Stdout, o.Stderr)
	}
	return o
}

// Report is the command's own account of a run.
type Report struct {
	Slices, Lines                                                int
	Documents, Created, Updated, Unchanged, Quarantined, Deleted int
	More                                                         bool
	Guarantee                                                    string
	Notes                                                        []string
	Part                                                         *Part
}

// Part is the part of a range that a backfill did.
type Part struct {
	Number, Of int
	From, To   time.Time
}

// Run makes one complete pass.
func (s *Site) Run() Report {
	s.T.Helper()
	r := s.Report(s.Must("run", "--json"))
	if r.More || r.Guarantee != "arrival" {
		s.T.Errorf("more: %v, guarantee: %s; want a complete pass by arrival", r.More, r.Guarantee)
	}
	return r
}

// Backfill makes one over days, both included.
func (s *Site) Backfill(from, to string) Report {
	s.T.Helper()
	return s.Report(s.Must("backfill", "--json", "--from", from, "--to", to))
}

// Report reads the account that a call with --json gave.
func (s *Site) Report(o Outcome) Report {
	s.T.Helper()
	var r Report
	if err := json.Unmarshal([]byte(o.Stdout), &r); err != nil {
		s.T.Fatalf("the report is no JSON: %v\n%s%s", err, o.Stdout, o.Stderr)
	}
	return r
}

// ES asks the node itself.
func (s *Site) ES(method, path string, body, out any) {
	s.T.Helper()
	if err := esnode.Call(s.T.Context(), method, s.Node+path, body, out); err != nil {
		s.T.Fatal(err)
	}
}
