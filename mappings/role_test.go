package mappings

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The names of the three roles are those of the settings, and nothing in them has a
// wildcard but what the source's patterns bring.
func TestRoles(t *testing.T) {
	roles, err := Roles([]string{"syslog-*", "mail-lines"}, "postfix-messages", "postweave-state")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		WorkerRole: "syslog-* mail-lines postfix-messages postfix-messages-log postweave-state",
		SetupRole:  "postfix-messages postfix-messages-000001 postfix-messages-log postweave-state",
		ReaderRole: "postfix-messages postfix-messages-log",
	}
	if len(roles) != len(want) {
		t.Errorf("%d roles", len(roles))
	}
	for name, role := range roles {
		var names []string
		for _, g := range role.Indices {
			names = append(names, g.Names...)
			for _, p := range g.Privileges {
				if p == "all" || p == "write" || strings.ContainsAny(p, "*:/") {
					t.Errorf("%s: %s on %s is more than anything needs", name, p, g.Names)
				}
			}
		}
		if got := strings.Join(names, " "); got != want[name] {
			t.Errorf("%s: privileges on %s, want %s", name, got, want[name])
		}
		if (len(role.Cluster) > 0) != (name == SetupRole) || role.Remote != nil {
			t.Errorf("%s: %+v", name, role)
		}
	}
}

// Patterns of other clusters are no indices of this one.
func TestRemoteRoles(t *testing.T) {
	roles, err := Roles([]string{"far:syslog-*", "syslog-*", "near:syslog-*"}, "m", "s")
	if err != nil {
		t.Fatal(err)
	}
	worker := roles[WorkerRole]
	if diff := cmp.Diff([]string{"syslog-*"}, worker.Indices[0].Names); diff != "" {
		t.Error(diff)
	}
	privileges := []string{"read", "read_cross_cluster"}
	if diff := cmp.Diff([]RemoteGrant{{[]string{"far"}, []string{"syslog-*"}, privileges}, {[]string{"near"}, []string{"syslog-*"}, privileges}}, worker.Remote); diff != "" {
		t.Error(diff)
	}
	if roles, err = Roles([]string{"far:syslog-*"}, "m", "s"); err != nil || roles[WorkerRole].Indices[0].Names[0] != "m" {
		t.Errorf("%+v, %v", roles[WorkerRole], err)
	}
}

func TestPrintRole(t *testing.T) {
	for _, name := range []string{"", WorkerRole, SetupRole, ReaderRole} {
		text, err := PrintRole(name, []string{"syslog-*"}, "postfix-messages", "postweave-state")
		if err != nil {
			t.Fatal(err)
		}
		var body map[string]json.RawMessage
		if err := json.Unmarshal(text, &body); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		keys := make([]string, 0, len(body))
		for key := range body {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		want := []string{"cluster", "indices"} // an array each, never null
		if name == "" {
			want = []string{ReaderRole, SetupRole, WorkerRole}
		}
		if diff := cmp.Diff(want, keys); diff != "" || strings.Contains(string(text), "null") {
			t.Errorf("%q: %s\n%s", name, diff, text)
		}
	}
	for _, bad := range [][3]string{{"postweave-nobody", "m", "s"}, {WorkerRole, "m*", "s"}, {WorkerRole, "m", ""}} {
		if text, err := PrintRole(bad[0], nil, bad[1], bad[2]); err == nil {
			t.Errorf("%q: %s", bad, text)
		}
	}
}
