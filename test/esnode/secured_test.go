package esnode

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// A node with users lets each do what was granted and no more; what it held is there after a crash, at the same
// address. It speaks TLS, to those who trust its authority.
func TestSecuredNode(t *testing.T) {
	node, err := Start(t.Context(), Options{Heap: "512m", TLS: true, Users: []User{
		{Name: "reader", Password: "with:colon and space", Indices: []Grant{{Names: []string{"logs-*"}, Privileges: []string{"read"}}}},
		{Name: "leaver", Password: "leaver", Cluster: []string{"monitor"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Stop(); err != nil {
			t.Error(err)
		}
	})
	call := func(address, method, path string, body any) string {
		t.Helper()
		if err := Call(t.Context(), method, address+path, body, nil); err != nil {
			return err.Error()
		}
		return ""
	}
	wants := func(what, got, want string) {
		t.Helper()
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	wants("own user", call(node.URL, http.MethodPut, "/logs-a/_doc/1?refresh=true", map[string]any{"n": 1}), "")
	wants("own user", call(node.URL, http.MethodPut, "/other/_doc/1?refresh=true", map[string]any{"n": 1}), "")
	wants("reader", call(node.As("reader"), http.MethodGet, "/logs-a/_search", nil), "")
	wants("reader elsewhere", call(node.As("reader"), http.MethodGet, "/other/_search", nil), "403")
	wants("reader who writes", call(node.As("reader"), http.MethodPut, "/logs-a/_doc/2", map[string]any{"n": 1}), "403")
	nobody, err := url.Parse(node.URL)
	if err != nil {
		t.Fatal(err)
	}
	nobody.User = nil
	wants("nobody", call(nobody.String(), http.MethodGet, "/logs-a/_search", nil), "401")

	wants("leaver", call(node.As("leaver"), http.MethodGet, "/_cluster/health", nil), "")
	if err := node.Revoke("leaver"); err != nil {
		t.Fatal(err)
	}
	for begin := time.Now(); call(node.As("leaver"), http.MethodGet, "/_cluster/health", nil) == ""; {
		if time.Since(begin) > 30*time.Second {
			t.Fatal("a revoked user still comes in")
		}
		time.Sleep(100 * time.Millisecond)
	}
	wants("reader, whom nobody revoked", call(node.As("reader"), http.MethodGet, "/logs-a/_search", nil), "")

	old := node.As("reader")
	if err := node.Admit(User{Name: "reader", Password: "another", Role: json.RawMessage(`{
		"indices": [{"names": ["/logs-[a-z]/"], "privileges": ["read", "view_index_metadata"]}]
	}`)}); err != nil {
		t.Fatal(err)
	}
	for begin := time.Now(); call(node.As("reader"), http.MethodGet, "/logs-a", nil) != ""; {
		if time.Since(begin) > 30*time.Second {
			t.Fatal("a user does not get the new password and role")
		}
		time.Sleep(100 * time.Millisecond)
	}
	wants("reader with the old password", call(old, http.MethodGet, "/logs-a", nil), "401")

	if _, err := http.Get(nobody.String()); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("who does not know the authority: %v", err)
	}

	at := node.URL
	if err := node.Kill(); err != nil {
		t.Fatal(err)
	}
	if got := call(node.URL, http.MethodGet, "/logs-a/_doc/1", nil); got == "" {
		t.Fatal("a killed node answers")
	}
	if err := node.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if node.URL != at {
		t.Errorf("back at %s, want %s", node.URL, at)
	}
	wants("after a crash", call(node.As("reader"), http.MethodGet, "/logs-a/_doc/1", nil), "")
}

// Two nodes make one cluster.
func TestJoinedNode(t *testing.T) {
	start := func(o Options) *Node {
		t.Helper()
		o.Heap = "512m"
		n, err := Start(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := n.Stop(); err != nil {
				t.Error(err)
			}
		})
		return n
	}
	a := start(Options{Settings: map[string]string{"node.name": "a", "discovery.type": "multi-node", "cluster.initial_master_nodes": "a"}})
	b := start(Options{Join: a, Settings: map[string]string{"node.name": "b", "node.roles": "data"}})
	var health struct {
		Nodes int `json:"number_of_nodes"`
	}
	for _, n := range []*Node{a, b} {
		if err := Call(t.Context(), http.MethodGet, n.URL+"/_cluster/health", nil, &health); err != nil || health.Nodes != 2 {
			t.Errorf("%d nodes, want 2 (%v)", health.Nodes, err)
		}
	}
}
