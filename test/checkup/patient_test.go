package checkup

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/esquery"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// patient is a site that is in order until something is done to it.
type patient struct {
	*site.Site
	t     *testing.T
	name  string      // of the symptom
	clock *site.Clock // under which the command runs; nil is the machine's
	// others are findings that come along.
	others []string
}

// healthy is a site on the shared node with new lines, all of which are merged.
func healthy(t *testing.T, name string) *patient {
	t.Helper()
	return inOrder(t, name, site.New(t))
}

// inOrder gives a site new lines and merges them.
func inOrder(t *testing.T, name string, s *site.Site) *patient {
	t.Helper()
	p := &patient{Site: s, t: t, name: name}
	p.Env = append(p.Env, "POSTWEAVE_LOCAL_DOMAINS=corp.test", "POSTWEAVE_RETRY_BUDGET=1s")
	p.Index(p.Shipped(loggen.LayoutSyslog, p.news(loggen.Config{LongIDs: true})...))
	p.refresh()
	p.Must("run")
	return p
}

// news is the log of two servers of the last hour.
func (p *patient) news(cfg loggen.Config) []loggen.Line {
	p.t.Helper()
	cfg.Seed, cfg.Messages, cfg.Span = 61, 120, 50*time.Minute
	now := time.Now().UTC().Truncate(time.Second)
	if cfg.Start.IsZero() {
		cfg.Start = now.Add(-time.Hour)
	}
	cfg.Until = cfg.Start.Add(time.Hour - time.Second)
	var lines []loggen.Line
	if err := loggen.New(cfg).Each(func(l loggen.Line) error { lines = append(lines, l); return nil }); err != nil {
		p.t.Fatal(err)
	}
	return lines
}

// again takes the source away and indexes these documents in its place.
func (p *patient) again(docs []site.Raw) {
	p.t.Helper()
	var there []struct{ Index string }
	p.ES(http.MethodGet, "/_cat/indices/"+p.Source+"*?format=json&h=index&expand_wildcards=all", nil, &there)
	for _, i := range there {
		p.ES(http.MethodDelete, "/"+i.Index, nil, nil)
	}
	p.Index(docs)
	p.refresh()
}

// refresh makes what was indexed visible: a check refreshes nothing.
func (p *patient) refresh() {
	p.t.Helper()
	p.ES(http.MethodPost, "/"+p.Source+"*/_refresh", nil, nil)
}

// newest is the newest index of the source.
func (p *patient) newest() string {
	p.t.Helper()
	var there []struct{ Index string }
	p.ES(http.MethodGet, "/_cat/indices/"+p.Source+"*?format=json&h=index&s=index:desc&expand_wildcards=all", nil, &there)
	return there[0].Index
}

// call is a call of the command.
func (p *patient) call(args ...string) site.Outcome {
	p.t.Helper()
	if p.clock != nil {
		return p.clock.Call(p.Site, args...)
	}
	return p.Call(args...)
}

// file writes a file of the test's own and returns its path.
func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// findings is what a check says, and how it ended.
func (p *patient) findings() ([]esquery.Finding, site.Outcome) {
	p.t.Helper()
	o := p.call("check", "--json")
	var all []esquery.Finding
	lines := strings.Split(strings.TrimSpace(o.Stdout), "\n")
	if len(lines) < 2 {
		p.t.Fatalf("check says nothing: exit %d\n%s%s", o.Code, o.Stdout, o.Stderr)
	}
	for _, line := range lines[:len(lines)-1] {
		var f esquery.Finding
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			p.t.Fatalf("%v: %s", err, line)
		}
		all = append(all, f)
	}
	var sum struct {
		OK, Notices, Warnings, Failures int
		Code                            int `json:"exit_code"`
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &sum); err != nil {
		p.t.Fatalf("%v: %s", err, lines[len(lines)-1])
	}
	if sum.OK+sum.Notices+sum.Warnings+sum.Failures != len(all) || sum.Code != o.Code {
		p.t.Errorf("the sum is %+v over %d findings, exit %d", sum, len(all), o.Code)
	}
	return all, o
}

// sick wants the symptom, told to machines and to people, with an exit code that
// is that of the first failure. words must stand in what was found.
func (p *patient) sick(words ...string) esquery.Finding {
	p.t.Helper()
	all, o := p.findings()
	i := slices.IndexFunc(all, func(f esquery.Finding) bool { return f.Name == p.name })
	if i < 0 {
		p.t.Fatalf("%s is not found:\n%s%s", p.name, o.Stdout, o.Stderr)
	}
	found := all[i]
	code := 0
	for _, f := range all {
		if code == 0 {
			code = f.ExitCode
		}
		if f.Level == esquery.LevelFailure != (f.ExitCode != 0) {
			p.t.Errorf("level %s with exit code %d", f.Level, f.ExitCode)
		}
		if f.Level == esquery.LevelFailure || f.Level == esquery.LevelWarning {
			if f.Name != p.name && !slices.Contains(p.others, f.Name) {
				p.t.Errorf("also found: %+v", f)
			}
		}
	}
	if o.Code != code {
		p.t.Errorf("exit %d, want that of the first failure, %d", o.Code, code)
	}
	for _, w := range append(words, found.On) {
		if !strings.Contains(found.Found+found.On, w) {
			p.t.Errorf("what was found lacks %q: %+v", w, found)
		}
	}
	text := p.call("check")
	for _, w := range []string{found.Found, "costs: " + found.Costs, "do:    " + found.Do} {
		if !strings.Contains(text.Stdout, w) {
			p.t.Errorf("the text lacks %q:\n%s", w, text.Stdout)
		}
	}
	if text.Code != o.Code {
		p.t.Errorf("exit %d with --json, %d without", o.Code, text.Code)
	}
	return found
}

// foretold makes a run, which ends as the check says.
func (p *patient) foretold(f esquery.Finding) {
	p.t.Helper()
	if o := p.call("run"); o.Code != f.ExitCode {
		p.t.Errorf("a run ends with %d, and check says %d\n%s", o.Code, f.ExitCode, o.Stderr)
	}
}

// well wants the symptom gone, and nothing else in its place.
func (p *patient) well() {
	p.t.Helper()
	all, o := p.findings()
	for _, f := range all {
		switch {
		case f.Name == p.name:
			p.t.Errorf("still there: %+v", f)
		case (f.Level == esquery.LevelFailure || f.Level == esquery.LevelWarning) && !slices.Contains(p.others, f.Name):
			p.t.Errorf("instead: %+v", f)
		}
	}
	if o.Code != 0 {
		p.t.Errorf("exit %d after what it said was done\n%s%s", o.Code, o.Stdout, o.Stderr)
	}
}

// set changes settings of the command.
func (p *patient) set(name, value string) {
	p.Env = append(p.Env, fmt.Sprintf("POSTWEAVE_%s=%s", name, value))
}
