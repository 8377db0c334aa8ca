package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// stdinName is the name of stdin among log files.
const stdinName = "-"

const defaultWindow = 10 * time.Minute

// logFiles are the log files that a command reads in place of an index, and how.
type logFiles struct {
	Files  []string // "-" is stdin
	Year   int      // 0: from each input's last change
	Zone   *time.Location
	Window time.Duration // how much disorder is set right, in log time
}

func newLogFiles() logFiles { return logFiles{Zone: time.UTC, Window: defaultWindow} }

// fileFlag declares -f.
func (l *logFiles) fileFlag(f *flagSet) {
	f.add(flagInfo{name: "f", meta: "FILE", usage: "read this log, plain or gzip (- is stdin), and those that follow, not an index"}, func(s string) error {
		if s == "" {
			return errors.New("the name of a log is missing")
		}
		l.Files = append(l.Files, s)
		return nil
	})
}

func (l *logFiles) flags(f *flagSet) {
	f.number(&l.Year, "year", 1980, 2200, "year of lines that name none (default: from the file's last change)")
	f.zone(&l.Zone, "timezone", "time zone of lines that name none (default UTC)")
	f.duration(&l.Window, "window", "how much disorder is set right, in log time (default 10m)")
}

// given tells whether logs are read.
func (l *logFiles) given() bool { return len(l.Files) > 0 }

// asksIndex tells whether an index is asked, where logs could be.
func (l *logFiles) asksIndex() bool { return !l.given() }

// settle takes the arguments for further files: a shell makes several of -f mail.log*.
func (l *logFiles) settle(args []string) error {
	if !l.given() {
		if l.Year != 0 || l.Zone != time.UTC || l.Window != defaultWindow {
			return errors.New("--year, --timezone and --window are about a log: name one with -f")
		}
		if err := noArguments(args); err != nil {
			return fmt.Errorf("%w: a log file is given with -f", err)
		}
		return nil
	}
	l.Files = append(l.Files, args...)
	return l.checkStdin()
}

func (l *logFiles) checkStdin() error {
	stdins := 0
	for _, name := range l.Files {
		if name == stdinName {
			stdins++
		}
	}
	if stdins > 1 {
		return errors.New("stdin (-) can be read only once")
	}
	return nil
}

// read merges the logs and hands over each document, which may be kept.
// What is wrong with a log is said or returned, as merge does.
func (l *logFiles) read(ctx context.Context, a *app, each func(*message.Document) error) error {
	if len(l.Files) == 1 && l.Files[0] == stdinName && isTerminal(a.stdin) {
		return errors.New("nothing to read: name a log file, or send one to stdin")
	}
	inputs, err := l.inputs(a.stdin)
	if err != nil {
		return err
	}
	fewerCollections(200, defaultMaxMemory+spareMemory)
	shown := newProgress(a.command.name, "lines")
	end := a.show(shown)
	result, err := wireRead(ctx, a.cfg, *l, inputs, shown, each)
	end()
	if err == nil {
		err = l.nothingMerged(result)
	}
	if notes := result.notes(); err == nil && len(notes) > 0 {
		a.say("%s read; %s", counted(result.Lines, "line", "lines"), strings.Join(notes, "; "))
	}
	return err
}

// readAgain reads the logs once more, of which all that is wrong was said before.
func (l *logFiles) readAgain(ctx context.Context, a *app, each func(*message.Document) error) error {
	inputs, err := l.inputs(a.stdin)
	if err != nil {
		return err
	}
	shown := newProgress(a.command.name+", once more", "lines")
	defer a.show(shown)()
	_, err = wireRead(ctx, a.cfg, *l, inputs, shown, each)
	return err
}

// mergeInput is one log to read.
type mergeInput struct {
	Name    string // as given, "stdin" for stdin
	Open    func() (io.ReadCloser, error)
	ModTime time.Time // last change, for lines without a year
	Size    int64     // in bytes, packed as it lies there; or sizeUnknown
}

// inputs looks at every file before the first is read, so that a wrong name
// among them stops the merge with nothing written.
func (l *logFiles) inputs(stdin io.Reader) ([]mergeInput, error) {
	var inputs []mergeInput
	var problems []error
	for _, name := range l.Files {
		input, err := inputOf(name, stdin)
		if err != nil {
			problems = append(problems, err)
		}
		inputs = append(inputs, input)
	}
	return inputs, errors.Join(problems...)
}

func inputOf(name string, stdin io.Reader) (mergeInput, error) {
	if name == stdinName {
		return stdinInput(stdin), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return mergeInput{}, fmt.Errorf("cannot read the log: %w%s", err, permissionHint(err))
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return mergeInput{}, fmt.Errorf("cannot read the log: %w", err)
	case info.IsDir():
		return mergeInput{}, fmt.Errorf("cannot read the log: %s is a directory, name the files in it", name)
	}
	return mergeInput{
		Name:    name,
		ModTime: info.ModTime(),
		Size:    sizeOf(f, info),
		Open:    func() (io.ReadCloser, error) { return os.Open(name) },
	}, nil
}

// stdinInput takes the time of a redirected file from the file, of a pipe from
// the clock: what is piped in is being written now.
func stdinInput(stdin io.Reader) mergeInput {
	modTime, size := time.Now(), int64(sizeUnknown)
	if f, ok := stdin.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			modTime, size = info.ModTime(), sizeOf(f, info)
		}
	}
	return mergeInput{
		Name:    "stdin",
		ModTime: modTime,
		Size:    size,
		Open:    func() (io.ReadCloser, error) { return io.NopCloser(stdin), nil },
	}
}

func permissionHint(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return " (mail logs are often readable by the group adm only)"
	}
	return ""
}

// nothingMerged refuses input that was no mail log, of which an empty result
// would be a misleading success.
func (l *logFiles) nothingMerged(r mergeReport) error {
	if r.Lines > 0 && r.NotSyslog == r.Lines {
		return fmt.Errorf("%s is no log: not one of its %s begins as a syslog line does (Nov  1 06:25:01 host program[pid]: …, or an RFC 3339 time)",
			strings.Join(l.Files, ", "), counted(r.Lines, "line", "lines"))
	}
	return nil
}
