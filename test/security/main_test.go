package security

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postweave/postweave/mappings"
	"github.com/postweave/postweave/test/esnode"
	"github.com/postweave/postweave/test/site"
)

var shared struct {
	sync.Mutex
	node *esnode.Node
	err  error
}

func TestMain(m *testing.M) {
	code := site.Main(m)
	if shared.node != nil {
		if err := shared.node.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// guarded is the node of this package's tests, with security and TLS. Its users come with the tests.
func guarded(t *testing.T) *esnode.Node {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.node == nil && shared.err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
		defer cancel()
		shared.node, shared.err = esnode.Start(ctx, esnode.Options{Heap: "512m", TLS: true, Users: []esnode.User{{Name: "nobody", Password: "nothing"}}})
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.node
}

// installation is a site on the guarded node, with its target set up by the test's own user.
func installation(t *testing.T) *site.Site {
	t.Helper()
	s := bare(t)
	s.SetUp()
	return s
}

// bare is the same without a target.
func bare(t *testing.T) *site.Site {
	t.Helper()
	node := guarded(t)
	s := site.On(t, node.URL)
	s.Env = []string{"POSTWEAVE_ES_CA=" + node.CA}
	return s
}

// printed is a role as setup prints it for this site.
func printed(s *site.Site, name string) mappings.Role {
	s.T.Helper()
	var role mappings.Role
	decode(s.T, printedText(s, name), &role)
	return role
}

// printedText is the very text.
func printedText(s *site.Site, name string) json.RawMessage {
	s.T.Helper()
	return json.RawMessage(s.Must("setup", "--print", strings.Replace(name, "postweave", "role", 1)).Stdout)
}

func decode(t testing.TB, text []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%v in %.2000s", err, text)
	}
}

// login is a user of the node with one role.
type login struct {
	name string
	role json.RawMessage
}

// admit lets users in and returns when the node knows them and their roles. Each has a password of its own.
func admit(t testing.TB, logins ...login) {
	t.Helper()
	users := make([]esnode.User, len(logins))
	for i, l := range logins {
		users[i] = esnode.User{Name: l.name, Password: "of " + l.name, Role: l.role}
	}
	if err := shared.node.Admit(users...); err != nil {
		t.Fatal(err)
	}
	last := logins[len(logins)-1] // all are in the same files
	var role struct {
		Cluster []string        `json:"cluster"`
		Indices json.RawMessage `json:"indices"`
	}
	decode(t, last.role, &role)
	nothing := len(role.Cluster) == 0 && string(role.Indices) == "[]"
	question := map[string]any{"cluster": role.Cluster, "index": role.Indices}
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		var answer struct {
			All bool `json:"has_all_requested"`
		}
		var err error
		if nothing { // that cannot be asked
			err = esnode.Call(t.Context(), http.MethodGet, shared.node.As(last.name)+"/_security/_authenticate", nil, nil)
		} else {
			err = esnode.Call(t.Context(), http.MethodPost, shared.node.As(last.name)+"/_security/user/_has_privileges", question, &answer)
		}
		if err == nil && (answer.All || nothing) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the node does not know %s with this role: %v\n%s", last.name, err, last.role)
		}
	}
}

// as is the site, whose command logs in as that user.
func as(s *site.Site, user string) *site.Site { return s.Through(shared.node.As(user)) }
