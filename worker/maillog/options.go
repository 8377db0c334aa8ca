package maillog

import (
	"errors"
	"io"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// Defaults of [Options].
const (
	DefaultWindow    = 10 * time.Minute
	DefaultMaxMemory = 96 << 20
)

// Options are what a merge depends on beside the lines.
type Options struct {
	// Inputs are the logs. They are read side by side in the order of their
	// time stamps, so that the order in which they are named does not matter.
	Inputs []Input
	// Year is the year of each input's first line, for stamps that name none. 0
	// takes it from the input's ModTime.
	Year int
	// Zone is the zone of stamps that name none. Nil is UTC.
	Zone *time.Location
	// Window is how much disorder is set right, in log time. 0 is DefaultWindow.
	Window time.Duration
	// MaxMemory is about how many bytes of lines are held before open messages
	// spill to a temporary file. 0 is DefaultMaxMemory. What is read ahead, merged
	// and collected takes some 140 MiB more.
	MaxMemory int64
	// SpillDir is where the temporary file is made. Empty is os.TempDir. It
	// is made when it is first needed, readable by its owner only, and gone
	// in the end.
	SpillDir string
	Message  message.Options
	// Progress is told, block by block and from one goroutine, how many lines more were taken up. It may be nil.
	Progress func(lines int64)
	// Explain fills Report.Shapes.
	Explain bool
}

// Input is one log: plain or gzip, told by its first bytes and not by its name.
type Input struct {
	Name string // for errors
	// Open is called once. Where what it returns can seek, only the descriptor stays
	// open until the log's turn comes.
	Open    func() (io.ReadCloser, error)
	ModTime time.Time // last change; its newest line is taken to be older
}

func (o Options) withDefaults() (Options, error) {
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Window == 0 {
		o.Window = DefaultWindow
	}
	if o.MaxMemory == 0 {
		o.MaxMemory = DefaultMaxMemory
	}
	switch {
	case o.Window < 0:
		return o, errors.New("the window is negative")
	case o.MaxMemory < 0:
		return o, errors.New("the memory bound is negative")
	}
	return o, nil
}
