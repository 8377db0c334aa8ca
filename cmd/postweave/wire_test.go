package main

import (
	"strings"
	"testing"

	"github.com/postweave/postweave/esquery"
)

// The default stands in the settings, where the help shows it, and in the
// package that uses it.
func TestDefaultProgramsAgree(t *testing.T) {
	for _, s := range allSettings() {
		if s.key == "PROGRAMS" && s.defaultValue != strings.Join(esquery.DefaultPrograms, ",") {
			t.Errorf("default %s, esquery has %s", s.defaultValue, strings.Join(esquery.DefaultPrograms, ","))
		}
	}
}
