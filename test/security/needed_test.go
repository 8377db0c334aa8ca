package security

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/mappings"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
	"github.com/postweave/postweave/worker/message"
)

var noon = time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)

// lesser is a role without one privilege.
type lesser struct {
	role      mappings.Role
	privilege string
	on        string // one name of one entry; empty is the cluster
}

func (l lesser) String() string { return l.privilege + " on " + l.on }

// without takes each privilege away in turn, from each name that it is granted on.
func without(role mappings.Role) []lesser {
	var out []lesser
	for i, p := range role.Cluster {
		less := role
		less.Cluster = slices.Delete(slices.Clone(role.Cluster), i, i+1)
		out = append(out, lesser{less, p, ""})
	}
	for i, g := range role.Indices {
		for j, n := range g.Names {
			for k, p := range g.Privileges {
				less := role
				less.Indices = slices.Delete(slices.Clone(role.Indices), i, i+1)
				if others := slices.Delete(slices.Clone(g.Names), j, j+1); len(others) > 0 {
					less.Indices = append(less.Indices, mappings.Grant{Names: others, Privileges: g.Privileges})
				}
				if others := slices.Delete(slices.Clone(g.Privileges), k, k+1); len(others) > 0 {
					less.Indices = append(less.Indices, mappings.Grant{Names: []string{n}, Privileges: others})
				}
				out = append(out, lesser{less, p, n})
			}
		}
	}
	return out
}

// victim is an installation whose user's role lacks something.
type victim struct {
	lesser
	*site.Site
	noticed bool
}

// victims admits a user for each privilege of a role. Each has a target of its own, and all have one source: what
// sourceOf returns, where it is not nil.
func victims(s *site.Site, role string, sourceOf func(lesser) string) []*victim {
	s.T.Helper()
	var out []*victim
	var logins []login
	for i := 0; ; i++ {
		b := *s
		b.Target, b.State = fmt.Sprintf("%s-%d", s.Target, i), fmt.Sprintf("%s-%d", s.State, i)
		all := without(printed(&b, role))
		if len(all) == 0 {
			s.T.Fatalf("%s has no privileges", role)
		}
		if i == len(all) {
			break
		}
		if sourceOf != nil {
			b.Source = sourceOf(all[i])
			all = without(printed(&b, role))
		}
		text, err := json.Marshal(all[i].role)
		if err != nil {
			s.T.Fatal(err)
		}
		logins = append(logins, login{b.Target + "-" + role, text})
		out = append(out, &victim{lesser: all[i], Site: &b})
	}
	admit(s.T, logins...)
	for i, v := range out {
		v.Via = as(v.Site, logins[i].name).Via
	}
	return out
}

// setUp installs the target with all privileges.
func (v *victim) setUp() {
	admin := *v.Site
	admin.Via = v.Node
	admin.SetUp()
}

// suffers calls the command. What is missing has to be told, with what it is
// missing on: as an error, or as the lesser promise that a run can give without it.
func (v *victim) suffers(args ...string) {
	if v.noticed {
		return
	}
	v.T.Helper()
	o := v.Call(args...)
	if o.Code == 0 && !strings.Contains(o.Stdout, `"guarantee":"overlap"`) {
		return
	}
	v.noticed = true
	told := o.Stderr
	if !regexp.MustCompile(`privileges? [a-z_, ]*\b` + v.privilege + `\b`).MatchString(told) {
		v.T.Errorf("without %s, %q: exit %d, and the privilege is not named\n%s", v, args, o.Code, told)
	}
	if o.Code == 0 {
		return // it is on the raw lines, as the note says
	}
	if o.Code != 4 || !strings.Contains(told, strings.TrimRight(v.on, "*")) {
		v.T.Errorf("without %s, %q: exit %d, want 4 and the index\n%s", v, args, o.Code, told)
	}
}

// missed fails the test where a command did all its work without the privilege: it should not be in the role.
func missed(t *testing.T, all []*victim) {
	t.Helper()
	for _, v := range all {
		if !v.noticed {
			t.Errorf("nobody needs %s", v)
		}
	}
}

// days are the arguments that select the lines of these tests.
func days(command string, more ...string) []string {
	return append([]string{command, "--from", "2026-03-20", "--to", "2026-03-21"}, more...)
}

// Nothing can be taken away from the worker's role without that one of its commands
// says what is missing.
func TestEachPrivilegeOfTheWorkerIsNeeded(t *testing.T) {
	s := bare(t)
	long := s.Source + "long-" // what reads it takes longer
	all := victims(s, mappings.WorkerRole, func(l lesser) string {
		if strings.HasSuffix(l.on, "-log") {
			return long
		}
		return s.Source + "mail-"
	})
	midnight := time.Date(2026, 3, 21, 0, 0, 0, 0, time.UTC)
	mail := site.Mail("mx1", "1A2B3C4D5E6", midnight.Add(-2*time.Second))
	ship := func(source string, lines ...loggen.Line) {
		b := *s
		b.Source = source
		b.Index(b.Shipped(loggen.LayoutSyslog, lines...))
	}
	ship(s.Source+"mail-", mail[3])
	ship(long, longLog("2A2B3C4D5E6")...)
	for _, v := range all {
		v.setUp()
		v.suffers("run", "--json")
	}
	// The day of arrival is part of an id. It was the day before, as the lines say that come now: the document is replaced.
	ship(s.Source+"mail-", append(mail[:3:3], mail[4:]...)...)
	for _, v := range all {
		for _, args := range [][]string{
			{"run", "--json"}, {"run", "--json", "--reset-cursor"}, days("backfill"), days("verify"), days("verify", "--heal"), {"rebuild", "--all"}, {"trace"},
		} {
			v.suffers(args...)
		}
	}
	missed(t, all)
}

// longLog is a mail whose log goes on in the index of long logs.
func longLog(id string) []loggen.Line {
	var lines []loggen.Line
	for i := range message.DefaultLogLines + 1 {
		lines = append(lines, site.TextLines("mx1", noon.Add(time.Duration(i)*time.Millisecond), "smtp",
			id+": to=<bob@ok.test>, relay=none, delay=1, delays=1/0/0/0, dsn=4.4.1, status=deferred (connect to far.ok.test[198.51.100.1]:25: Connection refused after "+strconv.Itoa(i)+" ms)")...)
	}
	return lines
}

func TestEachPrivilegeOfSetupIsNeeded(t *testing.T) {
	all := victims(bare(t), mappings.SetupRole, nil)
	for _, v := range all {
		v.suffers("setup")
	}
	missed(t, all)
}

func TestEachPrivilegeOfTheReaderIsNeeded(t *testing.T) {
	s := bare(t)
	s.Index(s.Shipped(loggen.LayoutSyslog, longLog("2A2B3C4D5E6")...))
	all := victims(s, mappings.ReaderRole, nil)
	for _, v := range all {
		v.setUp()
		admin := *v.Site
		admin.Via = v.Node
		admin.Backfill("2026-03-20", "2026-03-21")
		v.suffers("trace")
		v.suffers("trace", "--show", "2A2B3C4D5E6")
	}
	missed(t, all)
}
