package security

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/mappings"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
	"github.com/postweave/postweave/worker/message"
)

// logged is a real log: its lines and a file of them.
func logged(t *testing.T, from, to int) (lines []loggen.Line, file string) {
	t.Helper()
	raw := site.ReadLines(t, "lab-postfix-3.7/mail.log.gz")[from:to]
	for _, r := range raw {
		l, err := loggen.ReadLine(string(r), 2026, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	file = filepath.Join(t.TempDir(), "mail.log")
	if err := os.WriteFile(file, append(bytes.Join(raw, []byte("\n")), '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	return lines, file
}

// roles admits a user for each role, with exactly what setup prints for this site.
// It returns the site with the command logged in as each.
func roles(s *site.Site) (worker, setup, reader *site.Site) {
	s.T.Helper()
	var logins []login
	for _, role := range []string{mappings.WorkerRole, mappings.SetupRole, mappings.ReaderRole} {
		logins = append(logins, login{s.Target + "-" + role, printedText(s, role)})
	}
	admit(s.T, logins...)
	return as(s, logins[0].name), as(s, logins[1].name), as(s, logins[2].name)
}

// The printed roles are enough for all that the commands do, through TLS, and the
// documents are those of merge.
func TestPrintedRolesAreEnough(t *testing.T) {
	s := bare(t)
	worker, setup, reader := roles(s)
	if !strings.HasPrefix(worker.Via, "https://") {
		t.Fatal("this is not about TLS")
	}
	if o := setup.Must("setup"); !strings.Contains(o.Stdout, "create") {
		t.Errorf("nothing was set up: %s", o.Stdout)
	}
	if o := setup.Must("setup"); strings.Contains(o.Stdout, "create") {
		t.Errorf("set up twice: %s", o.Stdout)
	}

	lines, file := logged(t, 0, 3000)
	merged := site.Merged(t, file, "--year", "2026")
	s.Index(s.Shipped(loggen.LayoutSyslog, lines[:2000]...))
	worker.Run() // wants the guarantee "arrival"
	s.Index(s.Shipped(loggen.LayoutSyslog, lines[2000:]...))
	if r := worker.Run(); r.Updated == 0 {
		t.Error("no document was brought up by later lines")
	}
	site.Same(t, "run and merge", site.Sources(s.Documents()), merged)
	worker.Must("run", "--reset-cursor")

	day := func(command string, more ...string) []string {
		first, last := lines[0].Time.UTC(), lines[len(lines)-1].Time.UTC()
		return append([]string{command, "--from", first.Format(time.DateOnly), "--to", last.Format(time.DateOnly)}, more...)
	}
	worker.Must(day("backfill")...)
	worker.Must(day("backfill", "--shard", "1/2")...)
	worker.Must(day("backfill", "--shard", "2/2")...)
	worker.Must(day("verify")...)
	docs := s.Documents()
	s.ES(http.MethodDelete, "/"+s.Target+"/_doc/"+docs[0].ID+"?refresh=true", nil, nil)
	if o := worker.Call(day("verify")...); o.Code != 6 {
		t.Errorf("verify, where a document is missing: exit %d\n%s", o.Code, o.Stderr)
	}
	if site.Sources(s.Documents())[0] == merged[0] && len(s.Documents()) == len(merged) {
		t.Error("verify has written")
	}
	worker.Must(day("verify", "--heal")...)
	site.Same(t, "heal and merge", site.Sources(s.Documents()), merged)

	ours := *worker
	ours.Env = append(ours.Env, "POSTWEAVE_LOCAL_DOMAINS=corp.test")
	if r := ours.Report(ours.Must("rebuild", "--all", "--json")); r.Updated == 0 {
		t.Error("rebuild wrote nothing")
	}
	site.Same(t, "rebuild and merge", site.Sources(s.Documents()), site.Merged(t, file, "--year", "2026", "--local-domains", "corp.test"))

	if o := worker.Call("check"); o.Code == 4 || strings.Contains(o.Stdout+o.Stderr, "lacks") {
		t.Errorf("check finds that something is not allowed: exit %d\n%s%s", o.Code, o.Stdout, o.Stderr)
	}
	for _, args := range [][]string{{"trace", "--json"}, {"trace", "--json", "--follow-links", "--limit", "10"}} {
		all := worker.Must(args...)
		if strings.Count(all.Stdout, "\n") < 10 {
			t.Errorf("%q finds nothing", args)
		}
		if got := reader.Must(args...); got.Stdout != all.Stdout {
			t.Errorf("%q: the reader sees something else than the worker", args)
		}
	}
	args := []string{"report", "--json", "--since", "2026-01-01", "--top", "1000"}
	all := worker.Must(args...)
	if got := reader.Must(args...); got.Stdout != all.Stdout || !strings.Contains(got.Stdout, `"notes":[]`) || strings.Contains(got.Stdout, `"messages":0`) {
		t.Errorf("%q: the reader sees something else than the worker, or nothing: %.300s", args, got.Stdout)
	}
}

// A mail whose log is too long for its document, and one whose document is replaced
// by another: what the role has privileges for that are seldom used.
func TestWorkerRoleIsEnoughForRareThings(t *testing.T) {
	s := installation(t)
	worker, _, reader := roles(s)
	mail := site.Mail("mx1", "1A2B3C4D5E6", time.Date(2026, 3, 20, 23, 59, 58, 0, time.UTC))
	s.Index(s.Shipped(loggen.LayoutSyslog, append(longLog("2A2B3C4D5E6"), mail[3])...))
	worker.Run()
	if len(s.Search(s.Target+"-log")) == 0 {
		t.Error("no log lies in parts")
	}
	show := []string{"trace", "--json", "--show", "2A2B3C4D5E6"}
	all := worker.Must(show...).Stdout
	if n := strings.Count(all, `"kind":"deferred"`); n != message.DefaultLogLines+1 || reader.Must(show...).Stdout != all {
		t.Errorf("%d attempts are shown, or others to the reader", n)
	}
	s.Index(s.Shipped(loggen.LayoutSyslog, append(mail[:3:3], mail[4:]...)...))
	if r := worker.Run(); r.Deleted != 1 {
		t.Errorf("%+v, want a document that is replaced", r)
	}
	clean := s.Beside("clean")
	clean.Backfill("2026-03-20", "2026-03-21")
	site.Same(t, "with the worker's role and with all privileges", site.Identified(s.Documents()), site.Identified(clean.Documents()))
}

// The role of setup is enough to bring up what an older postweave installed, indices included
// that somebody has put behind the alias since.
func TestSetupRoleIsEnoughForAnUpgrade(t *testing.T) {
	s := installation(t)
	worker, setup, _ := roles(s)
	s.Index(s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "1A2B3C4D5E6", noon)...))
	s.ES(http.MethodPost, "/"+s.Target+"/_rollover", nil, nil)
	s.ES(http.MethodPut, "/"+s.Target+","+s.Target+"-log/_mapping", map[string]any{"_meta": map[string]any{"product": mappings.Product, "schema": 1}}, nil)
	schemas := func() string {
		var all map[string]struct {
			Mappings struct {
				Meta struct{ Schema int } `json:"_meta"`
			}
		}
		s.ES(http.MethodGet, "/"+s.Target+"*/_mapping", nil, &all)
		return fmt.Sprint(len(all), all[s.Target+"-000001"].Mappings.Meta.Schema, all[s.Target+"-000002"].Mappings.Meta.Schema, all[s.Target+"-log"].Mappings.Meta.Schema)
	}
	if got := schemas(); got != "3 1 1 1" {
		t.Fatal(got)
	}
	if o := worker.Call("run"); o.Code != 1 {
		t.Errorf("run on an older target: exit %d", o.Code)
	}
	setup.Must("setup")
	if got, want := schemas(), fmt.Sprintf("3 %[1]d %[1]d %[1]d", mappings.Schema); got != want {
		t.Errorf("after setup: %s, want %s", got, want)
	}
	if r := worker.Run(); r.Created != 1 {
		t.Errorf("after the upgrade: %+v", r)
	}
}

// The object of all roles has each in the form of the single one, and Elasticsearch takes a
// role with patterns of other clusters.
func TestAllRolesAtOnce(t *testing.T) {
	s := bare(t)
	s.Env = append(s.Env, "POSTWEAVE_SOURCE="+s.Source+"*,other:syslog-*")
	var all map[string]json.RawMessage
	decode(t, []byte(s.Must("setup", "--print", "role").Stdout), &all)
	if len(all) != 3 {
		t.Errorf("%d roles", len(all))
	}
	logins := []login{}
	for name, role := range all {
		var one, other bytes.Buffer
		if json.Compact(&one, role) != nil || json.Compact(&other, printedText(s, name)) != nil || one.String() != other.String() {
			t.Errorf("%s: %s and %s", name, &one, &other)
		}
		if remote := strings.Contains(one.String(), `"remote_indices":[{"clusters":["other"]`); remote != (name == mappings.WorkerRole) {
			t.Errorf("%s: %s", name, &one)
		}
		logins = append(logins, login{s.Target + name, role})
	}
	admit(t, logins...) // returns when the node knows what they may
}
