package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The bill names each module that the Go tool finds in the binary, with its
// licence, and is the same each time.
func TestBill(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "postweave")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", binary, "./cmd/postweave")
	build.Dir = "../.."
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var bill, again bytes.Buffer
	for _, out := range []*bytes.Buffer{&bill, &again} {
		if err := printBill(t.Context(), out, "../..", binary, "v1.2.3"); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(bill.Bytes(), again.Bytes()) {
		t.Error("the bill is not the same when it is made again")
	}

	type component struct {
		Purl     string
		Licenses []struct {
			Expression string
			License    struct{ ID string }
		}
		Hashes     []struct{ Alg, Content string }
		Properties []struct{ Name, Value string }
	}
	var got struct {
		BomFormat, SpecVersion string
		Metadata               struct{ Component component }
		Components             []component
		Dependencies           []struct {
			Ref       string
			DependsOn []string
		}
	}
	if err := json.Unmarshal(bill.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if m := got.Metadata.Component; got.BomFormat != "CycloneDX" || m.Purl != "pkg:golang/github.com/postweave/postweave@v1.2.3" || len(m.Hashes) != 1 || len(m.Hashes[0].Content) != 64 {
		t.Errorf("%s %s of %+v", got.BomFormat, got.SpecVersion, m)
	}
	have := map[string]string{} // go.sum's sums by package URL
	for _, c := range got.Components {
		have[c.Purl] = ""
		for _, p := range c.Properties {
			have[c.Purl] = p.Value
		}
		if len(c.Licenses) != 1 || c.Licenses[0].Expression+c.Licenses[0].License.ID == "" {
			t.Errorf("%s has no licence", c.Purl)
		}
	}
	says, err := exec.CommandContext(t.Context(), "go", "version", "-m", binary).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for line := range strings.Lines(string(says)) {
		f := strings.Fields(line)
		switch f[0] {
		case "dep":
			want++
			if url := "pkg:golang/" + f[1] + "@" + f[2]; have[url] != f[3] {
				t.Errorf("%s: %q, the binary was built with %s", url, have[url], f[3])
			}
		case binary + ":":
			want++
			if _, ok := have["pkg:golang/std@"+strings.TrimPrefix(f[1], "go")]; !ok {
				t.Errorf("the standard library of %s is not there", f[1])
			}
		}
	}
	if want < 10 || len(got.Components) != want {
		t.Errorf("%d components, the binary has %d", len(got.Components), want)
	}
	reached := map[string]bool{}
	for _, d := range got.Dependencies {
		for _, url := range d.DependsOn {
			reached[url] = true
			if _, ok := have[url]; !ok {
				t.Errorf("%s depends on %s, which is not there", d.Ref, url)
			}
		}
	}
	for url := range have {
		if !reached[url] {
			t.Errorf("nothing depends on %s", url)
		}
	}
}

// A bill is of the binary that it is made for, not of another one.
func TestBillOfAnotherBinary(t *testing.T) {
	other, err := exec.LookPath("gofmt")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := printBill(t.Context(), &out, "../..", other, "v1"); err == nil || out.Len() != 0 {
		t.Errorf("%v\n%s", err, &out)
	}
}
