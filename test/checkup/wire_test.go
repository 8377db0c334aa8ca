package checkup

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/esnode"
	"github.com/postweave/postweave/test/site"
)

// before is a server before a node, to which it hands everything on.
func before(t *testing.T, node string) http.Handler {
	t.Helper()
	at, err := url.Parse(node)
	if err != nil {
		t.Fatal(err)
	}
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(at) }}
}

// encrypted is the same, with a certificate that ends then.
func encrypted(t *testing.T, node string, a *esnode.Authority, until time.Time) string {
	t.Helper()
	cert, err := a.Server("", until)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewUnstartedServer(before(t, node))
	front.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	front.StartTLS()
	t.Cleanup(front.Close)
	return front.URL
}

var _ = provoke(map[string]func(t *testing.T, name string){
	"tls-expires-soon": func(t *testing.T, name string) {
		p := healthy(t, name)
		a, err := esnode.NewAuthority(filepath.Join(t.TempDir(), "ca.pem"))
		if err != nil {
			t.Fatal(err)
		}
		p.set("ES_CA", a.File)
		soon := time.Now().UTC().Add(5 * 24 * time.Hour)
		p.Via = encrypted(t, p.Node, a, soon)
		p.foretold(p.sick(soon.Format(time.DateOnly)))
		p.Via = encrypted(t, p.Node, a, soon.AddDate(0, 2, 0))
		p.well()
	},
	"credentials-in-clear": func(t *testing.T, name string) {
		p := healthy(t, name)
		// Tests stay on this machine: what goes to another host goes through a proxy.
		proxy := httptest.NewServer(before(t, p.Node))
		defer proxy.Close()
		p.Env = append(p.Env, "HTTP_PROXY="+proxy.URL, "POSTWEAVE_ES_USERNAME=somebody", "POSTWEAVE_ES_PASSWORD=secret")
		p.Via = "http://es1.example:9200"
		p.foretold(p.sick(p.Via))
		a, err := esnode.NewAuthority(filepath.Join(t.TempDir(), "ca.pem"))
		if err != nil {
			t.Fatal(err)
		}
		p.set("ES_CA", a.File)
		p.Via = encrypted(t, p.Node, a, time.Now().AddDate(1, 0, 0))
		p.well()
	},
	"version-old": func(t *testing.T, name string) {
		p := healthy(t, name)
		p.Via = startNode(t, esnode.Options{Version: "7.17.28"}).URL
		p.foretold(p.sick())
		p.Via = p.Node
		p.well()
	},
	"version-untested": func(t *testing.T, name string) {
		p := healthy(t, name)
		p.Via = startNode(t, esnode.Options{Version: "8.14.0"}).URL
		p.others = []string{"source-missing", "not-set-up"} // the lines are elsewhere
		p.sick("8.14.0")
		p.Via, p.others = p.Node, nil
		p.well()
	},
	"version-mixed": func(t *testing.T, name string) {
		older := startNode(t, esnode.Options{Version: "8.15.0", Settings: map[string]string{
			"node.name": "older", "discovery.type": "multi-node", "cluster.initial_master_nodes": "older",
		}})
		newer := startNode(t, esnode.Options{Version: "8.19.0", Join: older, Settings: map[string]string{"node.name": "newer"}})
		p := &patient{Site: site.On(t, newer.URL), t: t}
		p.ES(http.MethodPut, "/_cluster/settings", properties{"persistent": properties{"cluster.routing.allocation.exclude._name": "older"}}, nil)
		p.SetUp()
		p = inOrder(t, name, p.Site)
		p.foretold(p.sick("8.15.0 to 8.19.0"))
		p.ES(http.MethodPost, "/_cluster/voting_config_exclusions?node_names=older", nil, nil)
		if err := older.Stop(); err != nil {
			t.Fatal(err)
		}
		gone(t, newer.URL, "older")
		p.well()
	},
})

// gone returns when a cluster is without a node.
func gone(t *testing.T, cluster, node string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		var nodes []struct{ Name string }
		err := esnode.Call(ctx, http.MethodGet, cluster+"/_cat/nodes?format=json&h=name", nil, &nodes)
		if err == nil && len(nodes) > 0 {
			names := ""
			for _, n := range nodes {
				names += " " + n.Name
			}
			if !strings.Contains(names, node) {
				return
			}
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s is still there", node)
		case <-time.After(200 * time.Millisecond):
		}
	}
}
