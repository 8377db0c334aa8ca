package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/postweave/postweave/worker/maillog"
)

func main() {
	keep := flag.Bool("keep", false, "leave logs and journal in the temporary directory")
	again := flag.String("again", "", "compare the run that was kept in this `directory`, without a Postfix")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *again != "" {
		if err := check(ctx, *again); err != nil {
			fmt.Fprintln(os.Stderr, "test/postfix:", err)
			os.Exit(1)
		}
		return
	}
	// Postfix's commands are in sbin, which root's path may lack after su(1).
	if err := os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin"); err != nil {
		fmt.Fprintln(os.Stderr, "test/postfix:", err)
		os.Exit(1)
	}
	if err := suitable(); err != nil {
		fmt.Fprintln(os.Stderr, "test/postfix:", err)
		os.Exit(1)
	}
	if err := run(ctx, *keep); err != nil {
		fmt.Fprintln(os.Stderr, "test/postfix:", err)
		os.Exit(1)
	}
}

// run does everything once.
func run(ctx context.Context, keep bool) error {
	installing, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if err := install(installing); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "postweave-postfix-")
	if err != nil {
		return err
	}
	if keep {
		fmt.Println("kept:", dir)
	} else {
		defer os.RemoveAll(dir) // the system's own clearing of its temporary files is left
	}
	// Postfix's daemons are another user.
	if err := os.Chmod(dir, 0o755); err != nil { // nothing secret but a key, and that has a mode of its own
		return err
	}
	if err := live(ctx, dir); err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		return errors.Join(err, showEnd(dir))
	}
	return check(ctx, dir)
}

// check compares what a run left in a directory, and then tries the
// comparison itself.
func check(ctx context.Context, dir string) error {
	r, err := read(ctx, dir)
	if err != nil {
		return err
	}
	findings := append(compare(r.journal, r.documents, r.lines), complaints(r.report)...)
	for _, f := range findings {
		fmt.Println("WRONG", f)
	}
	fmt.Printf("%d messages sent, %d transactions arrived, %d lines of log, %d documents, %d wants: %d wrong\n",
		len(r.journal.Sent), len(r.journal.Arrived), len(r.lines), len(r.documents), len(r.journal.Wants), len(findings))
	if len(findings) > 0 {
		return errors.New("the documents are not what was sent and what arrived")
	}
	unnoticed, n, err := falsify(ctx, dir)
	if err != nil {
		return err
	}
	for _, name := range unnoticed {
		fmt.Println("NOT NOTICED", name)
	}
	fmt.Printf("%d falsehoods: %d not noticed\n", n, len(unnoticed))
	if len(unnoticed) > 0 {
		return errors.New("the comparison is blind")
	}
	return nil
}

// result is a run: what was known, what was logged, what was made of it.
type result struct {
	journal   *Journal
	lines     []Line
	documents []Document
	report    maillog.Report
}

// read reads what a run left in a directory, and merges its logs.
func read(ctx context.Context, dir string) (r result, err error) {
	if r.journal, err = readJournal(packed(dir, journalFile)); err != nil {
		return r, err
	}
	if r.lines, err = readLogs(logs(dir)); err != nil {
		return r, err
	}
	r.documents, r.report, err = merge(ctx, r.journal.Year, logs(dir)...)
	return r, err
}

// live lets Postfix work, and leaves logs and journal in the directory.
func live(ctx context.Context, dir string) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*time.Minute, errors.New("it took more than two minutes"))
	defer cancel()
	s, err := open(ctx, dir)
	defer func() { err = errors.Join(err, s.shut()) }()
	if err != nil {
		return err
	}
	for _, situation := range situations {
		if err := situation.play(s, situation.name); err != nil {
			return fmt.Errorf("%s: %w", situation.name, err)
		}
	}
	if err := s.drained(); err != nil {
		return err
	}
	return s.journal.save(filepath.Join(dir, journalFile))
}
