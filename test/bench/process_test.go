package bench

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The test binary is a program to measure: told so, it takes memory and processor time and ends.
func TestMain(m *testing.M) {
	mib, err := strconv.Atoi(os.Getenv("BENCH_TAKES_MIB"))
	if err != nil {
		os.Exit(m.Run())
	}
	held := make([]byte, mib<<20)
	for i := range held {
		held[i] = byte(i)
	}
	for begin := time.Now(); time.Since(begin) < 100*time.Millisecond; {
	}
	runtime.KeepAlive(held)
	os.Stderr.WriteString("cores " + strconv.Itoa(runtime.NumCPU()))
	if os.Getenv("BENCH_FAILS") != "" {
		os.Exit(3)
	}
}

func TestProcessIsMeasured(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("peaks and cores are known on Linux alone")
	}
	one, err := Cores(1)
	if err != nil {
		t.Fatal(err)
	}
	self := Process{Path: os.Args[0], Cores: one, Env: append(os.Environ(), "BENCH_TAKES_MIB=64")}
	c, said, err := self.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if mib := c.Peak >> 20; mib < 64 || mib > 64+60 {
		t.Errorf("peak of %d MiB, of a process that takes 64", mib)
	}
	if c.CPU < 50*time.Millisecond || c.Elapsed < 100*time.Millisecond {
		t.Error(c)
	}
	if said != "cores 1" {
		t.Errorf("it was pinned to one core and said %q", said)
	}

	// Now this process has had more than the child ever has.
	held := make([]byte, 300<<20)
	for i := range held {
		held[i] = byte(i)
	}
	if c, _, err = self.Run(t.Context()); err != nil || c.Peak>>20 > 64+60 || c.Peak>>20 < 64 {
		t.Errorf("peak of %d MiB beside a large process: %v", c.Peak>>20, err)
	}
	runtime.KeepAlive(held)

	self.Env = append(self.Env, "BENCH_FAILS=1")
	if _, _, err := self.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "cores 1") {
		t.Error("a process that fails:", err)
	}
}

func TestCoreList(t *testing.T) {
	if c, err := coreList("0-2,5"); err != nil || !slices.Equal(c, []int{0, 1, 2, 5}) {
		t.Error(c, err)
	}
	if _, err := coreList("all"); err == nil {
		t.Error("no error")
	}
	if c, err := Cores(1 << 20); err == nil {
		t.Error(c)
	}
}
