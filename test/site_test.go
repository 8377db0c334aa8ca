package test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postweave/postweave/test/esnode"
)

// site is one installation: a source, a target and a state of its own on the
// node that all tests share.
type site struct {
	t      *testing.T
	node   string // address for what the test does itself
	via    string // address that the command is given
	source string // what the source's index names begin with
	target string
	state  string
}

var sites atomic.Int32

// newSite installs a target and a state. What it made is gone after the test.
func newSite(t *testing.T) *site {
	t.Helper()
	node := esnode.Shared(t)
	name := fmt.Sprintf("it-%d-%d", os.Getpid(), sites.Add(1))
	s := &site{t: t, node: node, via: node, source: name + "-syslog-", target: name + "-messages", state: name + "-state"}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if err := esnode.Delete(ctx, node, name+"-*"); err != nil {
			t.Error(err)
		}
	})
	s.setUp()
	return s
}

func (s *site) setUp() {
	s.t.Helper()
	s.must("setup")
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), time.Minute)
		defer cancel()
		if err := esnode.Call(ctx, http.MethodDelete, s.node+"/_index_template/"+s.target, nil, nil); err != nil {
			s.t.Error(err)
		}
	})
}

// beside is another target of the same source, with its own cursor.
func (s *site) beside(name string) *site {
	s.t.Helper()
	b := *s
	b.via = s.node
	b.target = s.target[:len(s.target)-len("messages")] + name
	b.setUp()
	return &b
}

// through is the same site, whose command reaches the node by another address.
func (s *site) through(address string) *site {
	t := *s
	t.via = address
	return &t
}

// outcome is how one call of the command ended.
type outcome struct {
	code           int
	stdout, stderr string
}

// command prepares a call. Nothing of the environment reaches it but what is
// set here.
func (s *site) command(args ...string) (c *exec.Cmd, stdout, stderr *bytes.Buffer) {
	s.t.Helper()
	path, err := binary()
	if err != nil {
		s.t.Fatal(err)
	}
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	c = exec.CommandContext(s.t.Context(), path, args...)
	c.Env = []string{
		"POSTWEAVE_ES_URL=" + s.via, "POSTWEAVE_SOURCE=" + s.source + "*", "POSTWEAVE_TARGET=" + s.target, "POSTWEAVE_STATE=" + s.state,
	}
	c.Stdout, c.Stderr = stdout, stderr
	return c, stdout, stderr
}

// call runs the command to its end.
func (s *site) call(args ...string) outcome {
	s.t.Helper()
	c, stdout, stderr := s.command(args...)
	return outcome{code: exitCodeOf(s.t, c.Run()), stdout: stdout.String(), stderr: stderr.String()}
}

// exitCodeOf reads the result of a process that ran; -1 is death by a signal.
func exitCodeOf(t *testing.T, err error) int {
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

// must runs the command and ends the test where it does not exit 0.
func (s *site) must(args ...string) outcome {
	s.t.Helper()
	o := s.call(args...)
	if o.code != 0 {
		s.t.Fatalf("postweave %q: exit %d\n%s%s", args, o.code, o.stdout, o.stderr)
	}
	return o
}

// report is the command's own account of a run.
type report struct {
	Slices, Lines                                                int
	Documents, Created, Updated, Unchanged, Quarantined, Deleted int
	More                                                         bool
	Guarantee                                                    string
	Notes                                                        []string
}

// run makes one complete pass.
func (s *site) run() report {
	s.t.Helper()
	r := s.report(s.must("run", "--json"))
	if r.More || r.Guarantee != "arrival" {
		s.t.Errorf("more: %v, guarantee: %s; want a complete pass by arrival", r.More, r.Guarantee)
	}
	return r
}

// backfill makes one over days, both included.
func (s *site) backfill(from, to string) report {
	s.t.Helper()
	return s.report(s.must("backfill", "--json", "--from", from, "--to", to))
}

func (s *site) report(o outcome) report {
	s.t.Helper()
	var r report
	if err := json.Unmarshal([]byte(o.stdout), &r); err != nil {
		s.t.Fatalf("the report is no JSON: %v\n%s%s", err, o.stdout, o.stderr)
	}
	return r
}

// stored is one document of the target.
type stored struct {
	ID      string          `json:"_id"`
	Version int             `json:"_version"`
	SeqNo   int             `json:"_seq_no"`
	Source  json.RawMessage `json:"_source"` // the very bytes
}

// documents returns all of the target, by _id.
func (s *site) documents() []stored {
	s.t.Helper()
	return s.search(s.target)
}

func (s *site) search(index string) []stored {
	s.t.Helper()
	const most = 10_000
	var found struct {
		Hits struct {
			Total struct{ Value int }
			Hits  []stored
		}
	}
	s.es(http.MethodPost, "/"+index+"/_refresh", nil, nil)
	s.es(http.MethodPost, "/"+index+"/_search?allow_partial_search_results=false", map[string]any{
		"size": most, "track_total_hits": true, "version": true, "seq_no_primary_term": true,
	}, &found)
	if len(found.Hits.Hits) != found.Hits.Total.Value {
		s.t.Fatalf("%s has %d documents, more than the test can read at once", index, found.Hits.Total.Value)
	}
	slices.SortFunc(found.Hits.Hits, func(a, b stored) int { return cmp.Compare(a.ID, b.ID) })
	return found.Hits.Hits
}

// cursor is what the state index holds, as it is.
func (s *site) cursor() string {
	s.t.Helper()
	var all []string
	for _, d := range s.search(s.state) {
		all = append(all, d.ID+" "+string(d.Source))
	}
	return fmt.Sprint(all)
}

// es asks the node itself.
func (s *site) es(method, path string, body, out any) {
	s.t.Helper()
	if err := esnode.Call(s.t.Context(), method, s.node+path, body, out); err != nil {
		s.t.Fatal(err)
	}
}

// sources are the documents alone, sorted by their bytes: what there is to
// compare with merge, whose output names no _id.
func sources(docs []stored) []string {
	out := make([]string, len(docs))
	for i, d := range docs {
		out[i] = string(d.Source)
	}
	slices.Sort(out)
	return out
}

// identified are the documents with their ids.
func identified(docs []stored) []string {
	out := make([]string, len(docs))
	for i, d := range docs {
		out[i] = d.ID + " " + string(d.Source)
	}
	slices.Sort(out)
	return out
}

// promised is a document without what is outside the promise: "tls" and
// "session" depend on which lines were read together.
func promised(doc string) string {
	at := strings.IndexByte(doc, '{') // an _id may stand before it
	if at < 0 {
		return doc
	}
	id, doc := doc[:at], doc[at:]
	var out strings.Builder
	out.WriteString(id)
	d := json.NewDecoder(strings.NewReader(doc))
	depth, from, name := 0, 0, ""
	for {
		begin := int(d.InputOffset())
		token, err := d.Token()
		if err != nil {
			break
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
			continue
		case json.Delim('}'), json.Delim(']'):
			depth--
			if depth == 1 && (name == "tls" || name == "session") {
				from, name = int(d.InputOffset()), ""
			}
			continue
		}
		if key, ok := token.(string); depth == 1 && ok && (key == "tls" || key == "session") && strings.HasPrefix(doc[d.InputOffset():], ":{") {
			out.WriteString(doc[from:begin])
			name = key
		}
	}
	out.WriteString(doc[from:])
	return out.String()
}

func TestPromised(t *testing.T) {
	got := promised(`tls {"a":"tls","tls":{"x":{"y":[1]}},"b":[{"session":{"q":1}}],"session":{"c":[{"tls":"z"}]},"d":1}`)
	if want := `tls {"a":"tls","b":[{"session":{"q":1}}],"d":1}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// same fails the test where two lists of documents differ in a byte of what is
// promised.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	strip := func(docs []string) []string {
		out := make([]string, len(docs))
		for i, d := range docs {
			out[i] = promised(d)
		}
		slices.Sort(out)
		return out
	}
	sameBytes(t, what, strip(got), strip(want))
}

// sameBytes fails the test where two sorted lists of documents differ in any
// byte.
func sameBytes(t *testing.T, what string, got, want []string) {
	t.Helper()
	if len(want) == 0 {
		t.Fatalf("%s: nothing to compare with", what)
	}
	if slices.Equal(got, want) {
		return
	}
	missing := slices.DeleteFunc(slices.Clone(want), func(x string) bool { _, ok := slices.BinarySearch(got, x); return ok })
	extra := slices.DeleteFunc(slices.Clone(got), func(x string) bool { _, ok := slices.BinarySearch(want, x); return ok })
	t.Errorf("%s: %d documents, want %d; %d of them are not the same bytes", what, len(got), len(want), len(extra))
	for _, x := range missing[:min(2, len(missing))] {
		t.Logf("want %.3000s", x)
	}
	for _, x := range extra[:min(2, len(extra))] {
		t.Logf("have %.3000s", x)
	}
}

// merged is what the merge command makes of a log, sorted.
func merged(t *testing.T, log string, args ...string) []string {
	t.Helper()
	s := &site{t: t}
	o := s.must(append(append([]string{"merge"}, args...), log)...)
	var out []string
	for line := range bytes.Lines([]byte(o.stdout)) {
		out = append(out, string(bytes.TrimSuffix(line, []byte("\n"))))
	}
	slices.Sort(out)
	return out
}
