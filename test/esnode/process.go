package esnode

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is the node's process group: the start script's JVM and the server's.
type process struct {
	pid   int
	ended chan struct{} // closed when every process that holds the output is gone
	err   error         // how it ended; set before ended is closed
}

// startProcess starts cmd, which has to lead a process group of its own.
func startProcess(cmd *exec.Cmd) (*process, error) {
	endWithParent(cmd.SysProcAttr)
	p := &process{ended: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The parent-death signal fires when the thread that forked ends, not the
		// process. This goroutine keeps its thread for as long as the node runs.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		// Wait also waits for the output's end, and the server inherits the output:
		// so it returns when the launcher and the server are both gone.
		p.err = cmd.Wait()
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	p.pid = cmd.Process.Pid
	return p, nil
}

// stop asks the group to end and, after limit, makes it.
func (p *process) stop(limit time.Duration) error {
	return p.end(limit, syscall.SIGTERM, syscall.SIGKILL)
}

// kill makes the group end at once.
func (p *process) kill(limit time.Duration) error { return p.end(limit, syscall.SIGKILL) }

func (p *process) end(limit time.Duration, signals ...syscall.Signal) error {
	for _, signal := range signals {
		select {
		case <-p.ended:
			return nil
		default:
		}
		if err := syscall.Kill(-p.pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop Elasticsearch (process group %d): %w", p.pid, err)
		}
		select {
		case <-p.ended:
			return nil
		case <-time.After(limit):
		}
	}
	return fmt.Errorf("stop Elasticsearch: process group %d is still there after SIGKILL", p.pid)
}
