package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// pflogsummPackages are the Debian packages of pflogsumm and of what it loads, down to the parts of it that are written in C.
var pflogsummPackages = []string{"pflogsumm", "libdate-calc-perl", "libdate-calc-xs-perl", "libbit-vector-perl", "libcarp-clan-perl"}

// Pflogsumm is the program that postmasters have counted their logs with for twenty years.
type Pflogsumm struct {
	Version string // as it says it itself
	path    string
	args    []string // before those of the call
}

// fetchLimit bounds fetching the packages; they are small.
const fetchLimit = time.Minute

// FindPflogsumm takes it from PATH, or from a folder below cache, where Debian's packages of it are unpacked the first time, if it
// may fetch them. Nothing is installed. The error says why there is none.
func FindPflogsumm(ctx context.Context, cache string, fetch bool) (*Pflogsumm, error) {
	if path, err := exec.LookPath("pflogsumm"); err == nil {
		return (&Pflogsumm{path: path}).asked(ctx)
	}
	perl, err := exec.LookPath("perl")
	if err != nil {
		return nil, fmt.Errorf("no pflogsumm in PATH, and no perl to run it with: %w", err)
	}
	dir := filepath.Join(cache, "pflogsumm")
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		if !fetch {
			return nil, errors.New("no pflogsumm in PATH, and none was fetched before")
		}
		if err := fetchPflogsumm(ctx, dir); err != nil {
			return nil, fmt.Errorf("no pflogsumm in PATH, and Debian's package of it cannot be had: %w", err)
		}
	}
	p := &Pflogsumm{path: perl, args: []string{"-I", filepath.Join(dir, "usr/share/perl5")}}
	compiled, err := filepath.Glob(filepath.Join(dir, "usr/lib/*/perl5/*"))
	if err != nil {
		return nil, err
	}
	for _, lib := range compiled {
		p.args = append(p.args, "-I", lib)
	}
	p.args = append(p.args, filepath.Join(dir, "usr/sbin/pflogsumm"))
	return p.asked(ctx)
}

// asked makes it say its version: that it starts at all.
func (p *Pflogsumm) asked(ctx context.Context) (*Pflogsumm, error) {
	out, err := exec.CommandContext(ctx, p.path, append(p.args[:len(p.args):len(p.args)], "--version")...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("pflogsumm does not start: %w: %.300s", err, out)
	}
	p.Version = strings.TrimSpace(string(out))
	return p, nil
}

// Process is its call on a log.
func (p *Pflogsumm) Process(log string, cores []int) Process {
	return Process{Path: p.path, Args: append(p.args[:len(p.args):len(p.args)], log), Env: os.Environ(), Cores: cores}
}

// fetchPflogsumm unpacks the packages into a folder, which then is there as a whole or not at all.
func fetchPflogsumm(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "pflogsumm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	get := exec.CommandContext(ctx, "apt-get", append([]string{"download"}, pflogsummPackages...)...)
	get.Dir = tmp
	if out, err := get.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get download: %w: %.300s", err, out)
	}
	packages, err := filepath.Glob(filepath.Join(tmp, "*.deb"))
	if err != nil {
		return err
	}
	for _, p := range packages {
		if out, err := exec.CommandContext(ctx, "dpkg", "-x", p, filepath.Join(tmp, "x")).CombinedOutput(); err != nil {
			return fmt.Errorf("dpkg -x %s: %w: %.300s", filepath.Base(p), err, out)
		}
	}
	return os.Rename(filepath.Join(tmp, "x"), dir)
}
