package bench

import (
	"os"
	"path/filepath"
	"testing"
)

// Where there is no pflogsumm and no way to fetch it, the error says so and nothing is left behind.
func TestNoPflogsumm(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("PATH", t.TempDir())
	if p, err := FindPflogsumm(t.Context(), cache, true); err == nil {
		t.Fatal(p)
	}
	perl := filepath.Join(os.Getenv("PATH"), "perl")
	if err := os.WriteFile(perl, []byte("#!/bin/sh\nexit 0\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if p, err := FindPflogsumm(t.Context(), cache, true); err == nil {
		t.Fatal("without apt-get:", p)
	}
	if left, err := os.ReadDir(cache); err != nil || len(left) > 0 {
		t.Error("left behind:", left, err)
	}
}
