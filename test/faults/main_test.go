package faults

import (
	"os"
	"testing"

	"github.com/postweave/postweave/test/site"
)

func TestMain(m *testing.M) { os.Exit(site.Main(m)) }
