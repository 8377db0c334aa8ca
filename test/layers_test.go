package test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/postweave/postweave"

// dependency is one package that another is built from.
type dependency struct {
	path     string
	standard bool // of the standard library, its vendored parts included
}

func (d dependency) in(root string) bool {
	return d.path == root || strings.HasPrefix(d.path, root+"/")
}

// dependencies lists what a package is built from, itself left out. Test files do not count.
func dependencies(t *testing.T, pkg string) []dependency {
	t.Helper()
	var all []dependency
	for _, line := range goList(t, "-deps", "-f", "{{.ImportPath}} {{.Standard}}", pkg) {
		path, standard, _ := strings.Cut(line, " ")
		if path != pkg {
			all = append(all, dependency{path, standard == "true"})
		}
	}
	return all
}

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list %s: %v", strings.Join(args, " "), err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// The pure packages stay free of everything that has a clock, a network or a
// version of its own.
func TestPurePackages(t *testing.T) {
	const (
		postlog, message = module + "/worker/postlog", module + "/worker/message"
		traffic, page    = module + "/worker/traffic", module + "/cmd/postweave/page"
	)
	for pkg, allowed := range map[string][]string{
		postlog: nil,
		message: {postlog, "golang.org/x/text"},
		traffic: {message, postlog, "golang.org/x/text"},
		page:    {traffic, message, postlog, "golang.org/x/text"},
	} {
		for _, d := range dependencies(t, pkg) {
			if !d.standard && !slices.ContainsFunc(allowed, d.in) {
				t.Errorf("%s depends on %s", pkg, d.path)
			}
		}
	}
}

// Neither side of the ports knows the other, and the worker knows no Elasticsearch.
func TestWorkerAndEsqueryStayApart(t *testing.T) {
	const worker, maillog, esquery = module + "/worker", module + "/worker/maillog", module + "/esquery"
	for _, pkg := range []string{worker, maillog} {
		for _, d := range dependencies(t, pkg) {
			if d.in(esquery) || d.in("github.com/elastic") {
				t.Errorf("%s depends on %s", pkg, d.path)
			}
		}
	}
	for _, d := range dependencies(t, esquery) {
		if d.path == worker || d.in(maillog) {
			t.Errorf("%s depends on %s", esquery, d.path)
		}
	}
}

// Only the command joins the parts, and nothing is built from a test's code.
func TestOnlyTheCommandJoins(t *testing.T) {
	for _, pkg := range goList(t, module+"/...") {
		self := dependency{path: pkg}
		if self.in(module + "/test") {
			continue
		}
		var worker, esquery bool
		for _, d := range dependencies(t, pkg) {
			worker = worker || d.path == module+"/worker"
			esquery = esquery || d.path == module+"/esquery"
			if d.in(module + "/test") {
				t.Errorf("%s depends on %s", pkg, d.path)
			}
		}
		if worker && esquery && !self.in(module+"/cmd") {
			t.Errorf("%s joins worker and esquery; only cmd may", pkg)
		}
	}
}

// What checks the product is not built from it.
func TestChecksShareNoCodeWithTheProduct(t *testing.T) {
	for _, name := range []string{"esnode", "score", "loggen", "corpus"} {
		for _, d := range dependencies(t, module+"/test/"+name) {
			if d.in(module) && !d.in(module+"/test") {
				t.Errorf("test/%s depends on %s", name, d.path)
			}
		}
	}
}
