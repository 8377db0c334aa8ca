package test

import (
	"os"
	"testing"

	"github.com/postweave/postweave/test/esnode"
)

func TestMain(m *testing.M) { os.Exit(esnode.Main(m)) }
