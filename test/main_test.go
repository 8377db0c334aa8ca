package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/postweave/postweave/test/esnode"
)

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "postweave-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binFolder = dir
	return esnode.Main(m)
}

// binFolder is where the command under test is built.
var binFolder string

// binary builds the real command, once. The tests run it as a process of its
// own, so that its exit codes are real and a kill leaves it no time to tidy up.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(binFolder, "postweave")
	out, err := exec.Command("go", "build", "-o", path, "../cmd/postweave").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the command: %w\n%s", err, out)
	}
	return path, nil
})
