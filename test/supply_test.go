package test

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// requirements are the direct dependencies of the module in a folder, by path.
func requirements(t *testing.T, dir string) map[string]bool {
	t.Helper()
	c := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json")
	c.Dir = dir
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(out, &file); err != nil {
		t.Fatal(err)
	}
	direct := map[string]bool{}
	for _, r := range file.Require {
		if !r.Indirect {
			direct[r.Path] = true
		}
	}
	return direct
}

// Each direct dependency has its reason in docs/supply-chain.md, and says truly
// whether the command is built from it; nothing else is listed there.
func TestDependenciesAreExplained(t *testing.T) {
	page, err := os.ReadFile("../docs/supply-chain.md")
	if err != nil {
		t.Fatal(err)
	}
	have := requirements(t, "..")
	if len(have) < 5 {
		t.Fatalf("%d dependencies in go.mod", len(have))
	}
	built := map[string]bool{}
	for _, path := range goList(t, "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", module+"/cmd/postweave") {
		built[path] = true
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (the command|tests) \\| (.+) \\|$").FindAllStringSubmatch(string(page), -1) {
		path, use, why := row[1], row[2], row[3]
		if !have[path] {
			t.Errorf("docs/supply-chain.md lists %s, which go.mod does not, or lists it twice", path)
		}
		delete(have, path)
		if (use == "the command") != built[path] {
			t.Errorf("docs/supply-chain.md says that %s is for %s", path, use)
		}
		if strings.TrimSpace(why) == "" {
			t.Errorf("docs/supply-chain.md does not say why %s is there", path)
		}
	}
	for path := range have {
		t.Errorf("docs/supply-chain.md does not say why %s is there", path)
	}
}
