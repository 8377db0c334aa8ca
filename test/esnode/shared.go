package esnode

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// urlVariable names a node that is already there.
const urlVariable = "POSTWEAVE_TEST_ES_URL"

// sharedLimit bounds the start of the shared node, the first fetch of 100 MB included.
const sharedLimit = 10 * time.Minute

var shared struct {
	sync.Mutex
	ready bool // Main runs, and will stop the node
	tried bool
	node  *Node
	url   string
	err   error
}

// Main runs a package's tests and stops the node that Shared started, if any:
//
//	func TestMain(m *testing.M) { os.Exit(esnode.Main(m)) }
func Main(m *testing.M) int {
	shared.Lock()
	shared.ready = true
	shared.Unlock()
	code := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.node == nil {
		return code
	}
	if err := shared.node.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}

// Shared returns the address of the node that all tests of this binary share,
// without a slash at the end: the one that POSTWEAVE_TEST_ES_URL names, or one
// of the version in POSTWEAVE_TEST_ES_VERSION that the first call starts. Tests share it, so each takes index names of its own.
//
// Where there is neither, the test fails and says what is missing. It is never
// skipped: a suite that passes without having run proves nothing.
func Shared(t testing.TB) string {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if !shared.tried {
		shared.tried = true
		shared.url, shared.err = startShared()
	}
	if shared.err != nil {
		t.Fatalf("no Elasticsearch to test with: %v", shared.err)
	}
	return shared.url
}

func startShared() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), sharedLimit)
	defer cancel()
	if url := strings.TrimRight(os.Getenv(urlVariable), "/"); url != "" {
		if !healthy(ctx, url) {
			return "", errors.New(urlVariable + " is set, but the cluster behind it is not there or not ready")
		}
		return url, sameVersion(ctx, url)
	}
	if !shared.ready {
		return "", errors.New("the package's TestMain has to call esnode.Main, which stops the node")
	}
	node, err := Start(ctx, Options{})
	if err != nil {
		return "", err
	}
	shared.node = node
	return node.URL, nil
}

// sameVersion holds that a node that is already there is of the version that
// was asked for, if one was: a suite that ran on another one proves nothing.
func sameVersion(ctx context.Context, url string) error {
	want := os.Getenv(versionVariable)
	if want == "" {
		return nil
	}
	var answer struct {
		Nodes map[string]struct{ Version string }
	}
	if err := Call(ctx, http.MethodGet, url+"/_nodes?filter_path=nodes.*.version", nil, &answer); err != nil {
		return fmt.Errorf("ask the cluster that %s names for its version: %w", urlVariable, err)
	}
	for _, n := range answer.Nodes {
		if n.Version != want {
			return fmt.Errorf("%s asks for Elasticsearch %s, and %s names a node of version %s: unset one of them", versionVariable, want, urlVariable, n.Version)
		}
	}
	return nil
}
