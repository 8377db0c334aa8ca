package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Process is a program to measure, in a process of its own.
type Process struct {
	Path   string
	Args   []string
	Env    []string // all of it
	Stdin  io.Reader
	Stdout io.Writer // nil for the null device
	Cores  []int     // pinned to these; any where there are none
}

// Run runs it and returns the time from its start to its end, its processor time and its peak. said is what it wrote to stderr. A
// status other than 0 is an error.
func (p Process) Run(ctx context.Context) (c Count, said string, err error) {
	path, args := p.Path, p.Args
	if len(p.Cores) > 0 {
		path, args = pinned(p.Cores, path, args)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env, cmd.Stdin, cmd.Stdout = p.Env, p.Stdin, p.Stdout
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return c, "", err
	}
	peak := watchPeak(cmd.Process.Pid)
	err = cmd.Wait()
	c.Elapsed = time.Since(start)
	c.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	c.Peak = peak(cmd.ProcessState)
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s", filepath.Base(p.Path), strings.Join(p.Args, " "), err, stderr.Bytes())
	}
	return c, stderr.String(), err
}

// pinned is a call by way of taskset, which sets the cores and becomes the program.
func pinned(cores []int, path string, args []string) (string, []string) {
	list := make([]string, len(cores))
	for i, c := range cores {
		list[i] = strconv.Itoa(c)
	}
	return "taskset", append([]string{"--cpu-list", strings.Join(list, ","), path}, args...)
}

// Cores picks n of the cores that this process may use. It is an error where there are fewer, or nothing to pin with.
func Cores(n int) ([]int, error) {
	if _, err := exec.LookPath("taskset"); err != nil {
		return nil, fmt.Errorf("processes cannot be pinned to cores: %w (it is part of util-linux)", err)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil, fmt.Errorf("processes cannot be pinned to cores: %w", err)
	}
	_, list, _ := strings.Cut(string(status), "Cpus_allowed_list:")
	list, _, _ = strings.Cut(list, "\n")
	cores, err := coreList(strings.TrimSpace(list))
	if err != nil {
		return nil, err
	}
	if len(cores) < n {
		return nil, fmt.Errorf("%d cores are needed, and there are %d", n, len(cores))
	}
	return cores[len(cores)-n:], nil // the first one serves most interrupts
}

// coreList reads a list such as 0-3,8.
func coreList(list string) (cores []int, err error) {
	for part := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		a, err1 := strconv.Atoi(from)
		b, err2 := strconv.Atoi(to)
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("list of cores %q is not understood", list)
		}
		for ; a <= b; a++ {
			cores = append(cores, a)
		}
	}
	return cores, nil
}
