package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/postweave/postweave/test/bench"
	"github.com/postweave/postweave/test/esnode"
	"github.com/postweave/postweave/test/loggen"
)

// lab is what topics measure with: the program, a folder for logs, and a node that is started when it is first asked for.
type lab struct {
	*options
	size     sizes
	dir      string
	binary   string
	prefix   string // of every index
	progress io.Writer
	missing  []string // what was left out, and why

	served   *bench.Node
	stop     func() error
	day      *source // lines of one day, loaded once
	subjects []*subject
}

// firstDay is when every log begins.
var firstDay = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func newLab(ctx context.Context, o *options) (*lab, error) {
	dir, err := os.MkdirTemp("", "postweave-bench")
	if err != nil {
		return nil, err
	}
	size := fullSizes
	if o.quick {
		size = quickSizes
	}
	l := &lab{options: o, size: size, dir: dir, binary: o.binary, prefix: fmt.Sprintf("bench-%d", os.Getpid()), progress: os.Stderr}
	if o.quiet {
		l.progress = io.Discard
	}
	if l.binary == "" {
		if l.binary, err = build(ctx, dir); err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
	}
	return l, nil
}

// build makes the product as `make build` does: what is measured is what is shipped, not code that was built into the benchmark.
func build(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "postweave")
	// By its import path: the benchmark may be started from any folder of the module.
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "github.com/postweave/postweave/cmd/postweave")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build postweave: %w\n%s", err, out)
	}
	return binary, nil
}

// node is the node to measure on.
func (l *lab) node(ctx context.Context) (*bench.Node, error) {
	if l.served != nil {
		return l.served, nil
	}
	url := l.url
	if url == "" {
		started, err := esnode.Start(ctx, esnode.Options{})
		if err != nil {
			return nil, err
		}
		url, l.stop = started.URL, started.Stop
	}
	l.served = bench.NewNode(url)
	return l.served, nil
}

// clear removes what a topic's measurements wrote. The lines stay where others use them.
func (l *lab) clear(ctx context.Context) error {
	var errs []error
	for _, s := range l.subjects {
		errs = append(errs, s.clear(ctx))
		if s.source != l.day {
			errs = append(errs, s.source.clear(ctx))
		}
	}
	l.subjects = nil
	return errors.Join(errs...)
}

// close removes everything and stops the node that was started. It does so after an interruption too.
func (l *lab) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	err := l.clear(ctx)
	if l.served != nil { // what was interrupted is in nobody's list
		err = errors.Join(err, l.served.Delete(ctx, l.prefix+"-*"))
	}
	if l.stop != nil {
		err = errors.Join(err, l.stop())
	}
	return errors.Join(err, os.RemoveAll(l.dir))
}

// leftOut notes, and says at once, that something is not measured.
func (l *lab) leftOut(what string, why error) {
	said := fmt.Sprintf("%s: %v", what, why)
	l.missing = append(l.missing, said)
	fmt.Fprintln(os.Stderr, "bench: NOT MEASURED:", said)
}

// mail is a log of so many arrivals over so many days, cut where the last day ends.
func (l *lab) mail(arrivals, days int) loggen.Config {
	span := time.Duration(days) * 24 * time.Hour
	return loggen.Config{Seed: l.seed, Messages: arrivals, Servers: l.servers, Start: firstDay, Span: span, Until: firstDay.Add(span)}
}

// logFile is a log on disk.
type logFile struct {
	path  string
	lines int
}

// write writes a log as syslog daemons do.
func (l *lab) write(name string, cfg loggen.Config) (logFile, error) {
	return l.create(name, func(w io.Writer) (int, error) { return writeText(w, cfg) })
}

func (l *lab) create(name string, write func(io.Writer) (lines int, err error)) (logFile, error) {
	log := logFile{path: filepath.Join(l.dir, name)}
	f, err := os.Create(log.path)
	if err != nil {
		return log, err
	}
	log.lines, err = write(f)
	return log, errors.Join(err, f.Close())
}

func writeText(to io.Writer, cfg loggen.Config) (lines int, err error) {
	w := bufio.NewWriterSize(to, 1<<20)
	var buf []byte
	err = loggen.New(cfg).Each(func(l loggen.Line) error {
		lines++
		buf = l.AppendRFC3164(buf[:0])
		_, err := w.Write(buf)
		return err
	})
	return lines, errors.Join(err, w.Flush())
}

// machine is what the figures are of.
func machine() string {
	memory := ""
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		_, rest, _ := strings.Cut(string(b), "MemTotal:")
		var kib int
		if _, err := fmt.Sscan(rest, &kib); err == nil {
			memory = fmt.Sprintf(", %d GiB", (kib+1<<19)>>20)
		}
	}
	return fmt.Sprintf("%s, %d cores%s, %s", runtime.GOOS+"/"+runtime.GOARCH, runtime.NumCPU(), memory, runtime.Version())
}
