package checkup

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postweave/postweave/mappings"
	"github.com/postweave/postweave/test/esnode"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

var guardedNode struct {
	sync.Mutex
	node  *esnode.Node
	roles map[string]string // of the users that were let in
}

// guarded is a site on a node with users and TLS, in order for a user with the worker's role.
func guarded(t *testing.T, name string) *patient {
	t.Helper()
	guardedNode.Lock() // its users are files that one test at a time writes
	t.Cleanup(guardedNode.Unlock)
	if guardedNode.node == nil {
		guardedNode.roles = make(map[string]string)
		guardedNode.node = startNode(t, esnode.Options{TLS: true, Users: []esnode.User{{Name: "nobody", Password: "nothing"}}})
	}
	s := site.On(t, guardedNode.node.URL)
	s.Env = []string{"POSTWEAVE_ES_CA=" + guardedNode.node.CA}
	s.SetUp()
	p := inOrder(t, name, s)
	p.as("worker", p.worker())
	return p
}

// worker is the role that setup prints.
func (p *patient) worker() mappings.Role {
	p.t.Helper()
	roles, err := mappings.Roles([]string{p.Source + "*"}, p.Target, p.State)
	if err != nil {
		p.t.Fatal(err)
	}
	return roles[mappings.WorkerRole]
}

// on changes what a role may do on names that begin so.
func on(role mappings.Role, names string, change func([]string) []string) mappings.Role {
	role.Indices = slices.Clone(role.Indices)
	for i, g := range role.Indices {
		if strings.HasPrefix(g.Names[0], names) {
			role.Indices[i].Privileges = change(slices.Clone(g.Privileges))
		}
	}
	return role
}

// without and with are changes of privileges.
func without(names ...string) func([]string) []string {
	return func(p []string) []string {
		return slices.DeleteFunc(p, func(x string) bool { return slices.Contains(names, x) })
	}
}

func with(names ...string) func([]string) []string {
	return func(p []string) []string { return append(p, names...) }
}

// as lets the command log in as a user with this role.
func (p *patient) as(user string, role mappings.Role) {
	p.t.Helper()
	node := guardedNode.node
	text, err := json.Marshal(role)
	if err != nil {
		p.t.Fatal(err)
	}
	user += strings.TrimPrefix(p.State, "it") // one user a site and role
	if guardedNode.roles[user] == string(text) {
		p.Via = node.As(user)
		return
	}
	guardedNode.roles[user] = string(text)
	if err := node.Admit(esnode.User{Name: user, Password: user + "-secret", Role: text}); err != nil {
		p.t.Fatal(err)
	}
	p.Via = node.As(user)
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		var answer struct {
			All bool `json:"has_all_requested"`
		}
		err := esnode.Call(p.t.Context(), http.MethodPost, p.Via+"/_security/user/_has_privileges", map[string]any{"cluster": role.Cluster, "index": role.Indices}, &answer)
		if err == nil && answer.All {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("the node does not know %s: %v", user, err)
		}
	}
}

var _ = provoke(map[string]func(t *testing.T, name string){
	"no-security": func(t *testing.T, name string) {
		healthy(t, name).sick()
		guarded(t, name).well()
	},
	"tls-failed": func(t *testing.T, name string) {
		p := guarded(t, name)
		trusting := p.Env
		p.Env = []string{"POSTWEAVE_LOCAL_DOMAINS=corp.test"}
		p.foretold(p.sick("unknown authority", "POSTWEAVE_ES_CA"))
		p.Env = trusting
		p.well()
	},
	"login-refused": func(t *testing.T, name string) {
		p := guarded(t, name)
		right := p.Via
		p.Via = strings.Replace(right, "@", "x@", 1)
		p.foretold(p.sick("401"))
		p.Via = right
		p.well()
	},
	"version-untold": func(t *testing.T, name string) {
		p := guarded(t, name)
		p.foretold(p.sick())
		role := p.worker()
		role.Cluster = []string{"monitor"}
		p.as("monitoring", role)
		p.well()
	},
	"template-hidden": func(t *testing.T, name string) {
		p := guarded(t, name)
		p.foretold(p.sick())
		role := p.worker()
		role.Cluster = []string{"manage_index_templates"}
		p.as("templates", role)
		p.well()
	},
	"privilege-missing": func(t *testing.T, name string) {
		p := guarded(t, name)
		p.Index(p.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "4jXBLW1S2Pz1SGX8", time.Now().UTC())...))
		p.refresh()
		for i, lacks := range []struct{ on, privilege string }{
			{p.Source, "read"}, {p.Target, "index"}, {p.State, "index"},
		} {
			t.Run(lacks.privilege+" on "+lacks.on, func(t *testing.T) {
				p := *p
				p.t, p.T = t, t
				p.others = []string{"cursor-damaged", "privilege-missing"}
				p.as([]string{"a", "b", "c"}[i], on(p.worker(), lacks.on, without(lacks.privilege)))
				p.foretold(p.sick(lacks.privilege, lacks.on))
				p.as("worker", p.worker())
				p.others = nil
				p.well()
			})
		}
	},
	"privilege-narrow": func(t *testing.T, name string) {
		p := guarded(t, name)
		role := p.worker()
		role.Indices = slices.Clone(role.Indices)
		for i, g := range role.Indices {
			if strings.HasPrefix(g.Names[0], p.Source) {
				role.Indices[i] = mappings.Grant{Names: []string{p.Source + "2*"}, Privileges: g.Privileges}
			}
		}
		p.as("narrow", role)
		p.foretold(p.sick())
		p.as("worker", p.worker())
		p.well()
	},
	"privilege-optional": func(t *testing.T, name string) {
		p := guarded(t, name)
		for i, lacks := range []string{"monitor", "maintenance"} {
			p.as([]string{"a", "b"}[i], on(on(p.worker(), p.Source, without(lacks)), p.Source, with("view_index_metadata")))
			p.others = []string{"overlap"}
			p.foretold(p.sick(lacks))
			p.as("worker", p.worker())
			p.others = nil
			p.well()
		}
	},
	"privilege-excess": func(t *testing.T, name string) {
		p := guarded(t, name)
		p.Via = p.Node // the test's own user
		p.foretold(p.sick("everything"))
		p.as("deleting", on(p.worker(), p.Source, with("delete_index")))
		p.foretold(p.sick("delete"))
		p.as("worker", p.worker())
		p.well()
	},
	"overlap": func(t *testing.T, name string) {
		p := guarded(t, name)
		p.as("a", on(on(p.worker(), p.Source, without("maintenance")), p.Source, with("view_index_metadata")))
		p.others = []string{"privilege-optional"}
		p.foretold(p.sick("maintenance"))
		p.arrives()
		if r := p.Report(p.Must("run", "--json")); r.Guarantee != "overlap" {
			t.Errorf("a run promises %s", r.Guarantee)
		}
		p.as("worker", p.worker())
		p.others = nil
		p.well()
	},
	"no-ingest-time": func(t *testing.T, name string) {
		p := guarded(t, name)
		p.as("a", on(on(p.worker(), p.Source, without("monitor")), p.Source, with("view_index_metadata")))
		p.others = []string{"privilege-optional", "overlap"}
		docs := p.Shipped(loggen.LayoutSyslog, p.news(long)...)
		bare := slices.Clone(docs)
		for i := range bare {
			bare[i].Source = []byte(strings.Replace(string(bare[i].Source), `"received_at"`, `"seen"`, 1))
		}
		p.again(bare)
		p.foretold(p.sick())
		p.again(docs)
		p.well()
	},
})
