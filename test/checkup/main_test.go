package checkup

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/postweave/postweave/test/esnode"
	"github.com/postweave/postweave/test/site"
)

func TestMain(m *testing.M) {
	code := site.Main(m)
	if err := stopNodes(); err != nil {
		code = max(code, 1)
	}
	os.Exit(code)
}

var nodes struct {
	sync.Mutex
	all []*esnode.Node
}

// startNode is a node of a test's own. It ends with the tests of the binary.
func startNode(t *testing.T, o esnode.Options) *esnode.Node {
	t.Helper()
	if o.Heap == "" {
		o.Heap = "512m"
	}
	node, err := esnode.Start(context.WithoutCancel(t.Context()), o)
	if err != nil {
		t.Fatal(err)
	}
	nodes.Lock()
	defer nodes.Unlock()
	nodes.all = append(nodes.all, node)
	return node
}

func stopNodes() error {
	nodes.Lock()
	defer nodes.Unlock()
	var err error
	for _, n := range nodes.all {
		err = errors.Join(err, n.Stop())
	}
	return err
}
