package main

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/postweave/postweave/test/bench"
	"github.com/postweave/postweave/test/loggen"
)

// How many times as fast as pflogsumm a merge must be, on one core and on two, and how fast it wants to be.
const (
	mergeOneCore  = 5
	mergeTwoCores = 8
	mergeGoal     = 10
)

// mergeWork measures the merge of two logs: a real one, repeated, and a generated one.
func mergeWork(ctx context.Context, l *lab) (work, error) {
	copies, err := l.repeatedLab()
	if err != nil {
		return work{}, err
	}
	generated, err := l.write("generated.log", l.mail(l.size.merge, 1))
	if err != nil {
		return work{}, err
	}
	floor, err := l.pflogsumm(ctx)
	if err != nil {
		l.leftOut("merge against pflogsumm", err)
	}
	var w work
	for _, x := range []struct {
		name string
		log  logFile
	}{{"lab", copies}, {"generated", generated}} {
		w.rows = append(w.rows, l.merges(x.name, x.log, floor)...)
	}
	if floor != nil {
		w.notes = func([]bench.Result) []string { return []string{"compared with " + floor.Version} }
	}
	return w, nil
}

// merges are the floors and the product on one log.
func (l *lab) merges(name string, log logFile, floor *bench.Pflogsumm) []bench.Measurement {
	lines, summed := name+": lines of the file", name+": pflogsumm, one core"
	rows := []bench.Measurement{{Name: lines, Units: "lines", Run: func(context.Context) (bench.Count, error) { return bench.BareLines(log.path) }}}
	one, err := bench.Cores(1)
	if err != nil {
		l.leftOut(name+": merge on one core", err)
		return rows
	}
	if floor != nil {
		rows = append(rows, bench.Measurement{Name: summed, Units: "lines", Run: func(ctx context.Context) (bench.Count, error) {
			c, _, err := floor.Process(log.path, one).Run(ctx)
			c.Docs = log.lines
			return c, err
		}})
	}
	// merge is a row of the product, held against pflogsumm where there is one.
	merge := func(how string, atLeast float64, over []bench.Ratio, cores []int, into string) {
		if floor != nil {
			over = append(over, bench.TimesAsFast(atLeast, mergeGoal, summed), bench.CPUAUnit(summed))
		}
		rows = append(rows, bench.Measurement{Name: name + ": merge, " + how, Units: "lines", Ratios: over, Run: func(ctx context.Context) (bench.Count, error) {
			return l.mergeInto(ctx, into, log, cores)
		}})
	}
	merge("one core", mergeOneCore, []bench.Ratio{bench.TimesAsLong(0, lines)}, one, "")
	two, err := bench.Cores(2)
	if err != nil {
		l.leftOut(name+": merge on two cores", err)
		return rows
	}
	merge("two cores", mergeTwoCores, nil, two, "")
	merge("two cores, into a file", 0, nil, two, filepath.Join(l.dir, "messages.ndjson"))
	return rows
}

// mergeInto merges a log; the documents go to a file, which is removed, or to the null device: they are written whole, and no disk is measured.
func (l *lab) mergeInto(ctx context.Context, path string, log logFile, cores []int) (c bench.Count, err error) {
	if path == "" {
		return l.mergeTo(ctx, nil, log, cores)
	}
	f, err := os.Create(path)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(path)) }()
	return l.mergeTo(ctx, f, log, cores)
}

func (l *lab) mergeTo(ctx context.Context, out io.Writer, log logFile, cores []int) (bench.Count, error) {
	c, said, err := bench.Process{
		Path: l.binary, Args: []string{"merge", "--year", "2026", log.path}, Env: environment(), Cores: cores, Stdout: out,
	}.Run(ctx)
	c.Docs = log.lines
	if err == nil {
		err = allRead(said, log.lines)
	}
	return c, err
}

// allRead looks at what merge says of itself: a merge that stops early is a fast one.
func allRead(said string, lines int) error {
	if digits := strings.ReplaceAll(said, ",", ""); !strings.Contains(digits, fmt.Sprintf("%d lines merged into", lines)) {
		return fmt.Errorf("merge has not read all %d lines: %.300s", lines, said)
	}
	return nil
}

// copiesApart is how far the copies of the lab's log lie apart; it is a minute and a half long.
const copiesApart = 10 * time.Minute

// repeatedLab is the log of the corpus, of real servers, repeated.
func (l *lab) repeatedLab() (logFile, error) {
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		return logFile{}, errors.New("the corpora are not to be found: the benchmark was built without paths")
	}
	f, err := os.Open(filepath.Join(filepath.Dir(here), "../../corpora/lab-postfix-3.7/mail.log.gz"))
	if err != nil {
		return logFile{}, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return logFile{}, err
	}
	var lines []loggen.Line
	if err := loggen.Read(z, 2026, time.UTC, func(line loggen.Line) error {
		lines = append(lines, line)
		return nil
	}); err != nil {
		return logFile{}, err
	}
	return l.create("lab.log", func(w io.Writer) (int, error) { return bench.WriteCopies(w, lines, l.size.copies, copiesApart) })
}

func (l *lab) pflogsumm(ctx context.Context) (*bench.Pflogsumm, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	return bench.FindPflogsumm(ctx, filepath.Join(cache, "postweave"), l.fetch)
}
