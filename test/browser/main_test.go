package browser

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

var screenshots = flag.String("screenshots", "", "write pictures of the lab's page into this `folder`")

// Made once for all tests.
var (
	program string          // the command
	browser context.Context // a running Chromium
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "postweave-browser-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "postweave")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/postweave")
	build.Dir, build.Stderr = filepath.Join("..", ".."), os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "cannot build the command:", err)
		return 1
	}
	path := chromium()
	if path == "" {
		fmt.Fprintln(os.Stderr, "no Chromium: install it (Debian: apt-get install chromium), or name one in POSTWEAVE_TEST_CHROMIUM")
		return 1
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(filepath.Join(dir, "profile")))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // root has none to go into
	}
	allocator, stop := chromedp.NewExecAllocator(ctx, options...)
	defer stop()
	started, end := chromedp.NewContext(allocator)
	defer end()
	if err := chromedp.Do(started); err != nil {
		fmt.Fprintln(os.Stderr, "cannot start Chromium:", err)
		return 1
	}
	browser = started
	return m.Run()
}

// chromium finds the browser.
func chromium() string {
	if path := os.Getenv("POSTWEAVE_TEST_CHROMIUM"); path != "" {
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}
