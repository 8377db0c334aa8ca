package maillog

import (
	"context"
	"io"
	"time"
)

// source is an input whose lines are read ahead.
type source struct {
	Input
	rc    io.ReadCloser
	log   *logReader // the goroutine's, once it runs
	first time.Time  // earliest of the first block

	block *block
	next  int // line of the block

	progress func(lines int64) // see Options
	told     int64             // lines

	// Blocks go round: read ahead, merged, and read into again.
	ahead, free chan *block // nil until the goroutine runs
	stop        chan struct{}
}

// blocksAhead is how many blocks an input is read ahead.
const blocksAhead = 4

func newSource(in Input, o *Options) *source {
	return &source{Input: in, log: newLogReader(in, o), block: new(block), progress: o.Progress}
}

func newLogReader(in Input, o *Options) *logReader {
	return &logReader{name: in.Name, mod: in.ModTime, zone: o.Zone, fixed: o.Year}
}

// probe opens the input and reads its first block, so that a file which is no
// log is refused before anything is written. keep leaves it at that; otherwise an input that
// can seek goes back to its start and lets its buffers go.
func (s *source) probe(o *Options, keep bool) error {
	rc, err := s.Open()
	if err != nil {
		return openError(s.Name, err)
	}
	s.rc, s.log.r = rc, rc
	s.log.fill(s.block)
	if s.block.err != nil && s.block.counts.lines == 0 {
		return s.block.err
	}
	if len(s.block.lines) == 0 {
		return s.log.noSyslog()
	}
	s.first = s.block.least[0]
	if seeker, ok := rc.(io.Seeker); ok && !keep {
		if _, err := seeker.Seek(0, io.SeekStart); err == nil { // a pipe cannot
			s.log, s.block = newLogReader(s.Input, o), new(block)
			s.log.r = rc
		}
	}
	return nil
}

// fill takes the next block. While it is not there yet, meanwhile says what else is waited for and is called again once
// that is there. It leaves an empty block at the end, and where the context ends the wait.
func (s *source) fill(ctx context.Context, meanwhile func() <-chan struct{}) {
	if s.next = 0; s.progress != nil {
		s.progress(s.block.counts.lines - s.told)
		s.told = s.block.counts.lines
	}
	if s.block.last {
		s.block.lines = nil
		return
	}
	was := block{counts: s.block.counts, notSyslog: s.block.notSyslog, last: true} // before it is read into again
	if s.ahead == nil {
		s.start()
	} else {
		s.free <- s.block
	}
	select {
	case s.block = <-s.ahead:
		return
	default:
	}
	for {
		select {
		case s.block = <-s.ahead:
			return
		case <-meanwhile():
		case <-ctx.Done():
			s.block = &was
			return
		}
	}
}

// start begins to read ahead.
func (s *source) start() {
	s.ahead, s.free, s.stop = make(chan *block, blocksAhead+1), make(chan *block, blocksAhead+1), make(chan struct{})
	for range blocksAhead {
		s.free <- new(block)
	}
	s.free <- s.block
	go readAhead(s.log, s.rc, s.ahead, s.free, s.stop)
}

// readAhead reads to the end of the input, or until it is stopped, and closes it.
func readAhead(log *logReader, rc io.Closer, ahead chan<- *block, free <-chan *block, stop <-chan struct{}) {
	defer rc.Close()
	for {
		select {
		case b := <-free:
			log.fill(b)
			ahead <- b // there is room for all
			if b.last {
				return
			}
		case <-stop:
			return
		}
	}
}

// close ends the reading. One that waits for its input is left to itself: whoever was to read what comes has
// gone.
func (s *source) close() {
	switch {
	case s.stop != nil:
		close(s.stop)
	case s.rc != nil:
		s.rc.Close()
	}
	s.rc, s.stop = nil, nil
}
