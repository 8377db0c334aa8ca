package site

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/postweave/postweave/test/esnode"
)

// Main runs a package's tests and then removes the command and stops the node
// that they shared:
//
//	func TestMain(m *testing.M) { os.Exit(site.Main(m)) }
func Main(m *testing.M) int {
	dir, err := os.MkdirTemp("", "postweave-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binFolder = dir
	code := esnode.Main(m)
	if n := private.LeftOut(); n > 0 {
		fmt.Fprintf(os.Stderr, "%d texts of mails were too many to be looked for in the outputs\n", n)
	}
	return code
}

// binFolder is where the command under test is built.
var binFolder string

// Binary builds the real command, once, and returns its path. The tests run it
// as a process of its own, so that its exit codes are real and a kill leaves it no time to tidy up.
var Binary = sync.OnceValues(func() (string, error) {
	if binFolder == "" {
		return "", errors.New("the package's TestMain has to call site.Main, which removes the command")
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(binFolder, "postweave")
	c := exec.Command("go", "build", "-o", path, "./cmd/postweave")
	c.Dir = root
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the command: %w\n%s", err, out)
	}
	return path, nil
})

// Root is the folder of the product's go.mod, above that of the test: it is not
// the nearest one where the tests are a module of their own, as test/faults is.
var Root = sync.OnceValues(func() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(text, []byte("module github.com/postweave/postweave\n")) {
			return dir, nil
		}
		above := filepath.Dir(dir)
		if above == dir {
			return "", errors.New("no go.mod of postweave at or above the test's folder")
		}
		dir = above
	}
})
