package maillog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"github.com/klauspost/compress/gzip"
)

// What can be wrong with an input. Errors of [Merge] wrap them and name the
// input, not what it holds.
var (
	ErrNotLog  = errors.New("not a log")
	ErrDamaged = errors.New("damaged")
)

// notLog says that an input was refused before anything was merged.
func notLog(name, why string) error {
	return fmt.Errorf("%s: %w: %s", name, ErrNotLog, why)
}

func openError(name string, err error) error {
	hint := ""
	switch {
	case errors.Is(err, fs.ErrPermission):
		hint = " (mail logs are often readable by the group adm only)"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		hint = " (name fewer files at once, or raise the limit on open files)"
	}
	return fmt.Errorf("%s: cannot be opened: %w%s", name, err, hint)
}

// readError says what broke off the reading after so many lines. What was read
// before is merged all the same.
func readError(name string, lines int64, err error) error {
	switch {
	case errors.Is(err, syscall.EISDIR):
		return fmt.Errorf("%s: is a directory: name the files in it (%w)", name, err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: %w after line %d: the gzip stream ends in the middle of a block; fetch the whole file again (%w)", name, ErrDamaged, lines, err)
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), isCorrupt(err):
		return fmt.Errorf("%s: %w after line %d: the gzip stream is corrupt, and lines before may be too; fetch the file again (%w)", name, ErrDamaged, lines, err)
	}
	return fmt.Errorf("%s: cannot be read on after line %d: %w", name, lines, err)
}
