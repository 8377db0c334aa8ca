package bench

import (
	"bytes"
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// Stream writes documents into one index as they come, one a line, by two requests at once. Elasticsearch makes their ids. It is an
// io.Writer.
type Stream struct {
	Each func(document []byte) // is shown each document; it may be nil

	path   string
	group  *errgroup.Group
	ctx    context.Context //nolint:containedctx // of its requests, which outlive the call that began them
	bodies chan []byte
	rest   []byte // of a line
	body   []byte
	count  Count
	begin  time.Time
}

// NewStream begins to write. It must be closed.
func NewStream(ctx context.Context, n *Node, index string) *Stream {
	s := &Stream{path: "/" + index + "/_bulk", bodies: make(chan []byte, 1), begin: time.Now()}
	s.group, s.ctx = errgroup.WithContext(ctx)
	for range 2 {
		s.group.Go(func() error {
			var buf bytes.Buffer
			for body := range s.bodies {
				if err := n.bulk(s.ctx, s.path, body, &buf); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return s
}

// Write takes documents, and the beginning of the next one.
func (s *Stream) Write(p []byte) (int, error) {
	n := len(p)
	for {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			s.rest = append(s.rest, p...)
			return n, nil
		}
		document := p[:end]
		if len(s.rest) > 0 {
			s.rest = append(s.rest, document...)
			document = s.rest
		}
		if err := s.add(document); err != nil {
			return 0, err
		}
		s.rest, p = s.rest[:0], p[end+1:]
	}
}

func (s *Stream) add(document []byte) error {
	if s.Each != nil {
		s.Each(document)
	}
	s.count.Docs++
	s.body = Document{JSON: document}.append(s.body)
	if len(s.body) < 5<<20 {
		return nil
	}
	return s.send()
}

func (s *Stream) send() error {
	s.count.Requests++
	s.count.Bytes += int64(len(s.body))
	select {
	case s.bodies <- s.body:
		s.body = make([]byte, 0, 6<<20)
		return nil
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	}
}

// Close waits until all is written.
func (s *Stream) Close() (Count, error) {
	var err error
	if len(s.body) > 0 {
		err = s.send()
	}
	close(s.bodies)
	if failed := s.group.Wait(); failed != nil {
		err = failed
	}
	s.count.Elapsed = time.Since(s.begin)
	return s.count, err
}
