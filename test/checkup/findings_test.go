package checkup

import (
	"maps"
	"slices"
	"testing"

	"github.com/postweave/postweave/esquery"
)

// provoked holds, for each symptom, how it is brought about and remedied.
var provoked = map[string]func(t *testing.T, name string){}

// provoke adds to them. Each file of the package has its own.
func provoke(rows map[string]func(t *testing.T, name string)) struct{} {
	maps.Copy(provoked, rows)
	return struct{}{}
}

// Every finding is there when there is reason, and gone when what it says was done.
func TestEveryFinding(t *testing.T) {
	known := map[string]bool{}
	for _, s := range esquery.Symptoms() {
		known[s.Name] = true
		row := provoked[s.Name]
		if row == nil {
			t.Errorf("nothing provokes %s", s.Name)
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			row(t, s.Name)
		})
	}
	for _, name := range slices.Sorted(maps.Keys(provoked)) {
		if !known[name] {
			t.Errorf("%s is provoked and no symptom", name)
		}
	}
}

// Where all is in order, nothing is found but that the test node has no users.
func TestNothingToFind(t *testing.T) {
	p := healthy(t, "")
	before := p.Cursor()
	docs := len(p.Documents())
	all, o := p.findings()
	checks := map[string]bool{}
	for _, f := range all {
		checks[f.Check] = true
		if f.Level != esquery.LevelOK && f.Name != "no-security" {
			t.Errorf("found: %+v", f)
		}
	}
	if o.Code != 0 || o.Stderr != "" {
		t.Errorf("exit %d\n%s", o.Code, o.Stderr)
	}
	for _, check := range []string{"connection", "login", "version", "source", "fields", "clock", "lines", "subjects", "guarantee", "target", "state"} {
		if !checks[check] {
			t.Errorf("nothing is said of %s:\n%s", check, o.Stdout)
		}
	}
	if p.Cursor() != before || len(p.Documents()) != docs {
		t.Error("a check has written something")
	}
}
