package main

import (
	"errors"
	"io"
	"os"
)

// sizeUnknown is the size of a pipe.
const sizeUnknown = -1

// over returns the inputs, told of as they are read: how many bytes of how many, packed as they lie there. Where one of them is a
// pipe nobody knows of how many.
func (p *progress) over(inputs []mergeInput) []mergeInput {
	all := int64(0)
	out := make([]mergeInput, len(inputs))
	for i, in := range inputs {
		if in.Size == sizeUnknown || all == sizeUnknown {
			all = sizeUnknown
		} else {
			all += in.Size
		}
		out[i] = in
		out[i].Open = func() (io.ReadCloser, error) {
			rc, err := in.Open()
			if err != nil {
				return nil, err
			}
			return &toldReader{ReadCloser: rc, progress: p}, nil
		}
	}
	p.mu.Lock()
	p.place = inBytes
	p.mu.Unlock()
	p.set(0, max(all, 0))
	return out
}

// read tells of lines that were read.
func (p *progress) read(lines int64) { p.counted.Add(lines) }

// toldReader tells a progress of each block that is read.
type toldReader struct {
	io.ReadCloser
	progress *progress
	at       int64
}

func (r *toldReader) Read(b []byte) (int, error) {
	n, err := r.ReadCloser.Read(b)
	r.at += int64(n)
	r.progress.done.Add(int64(n))
	return n, err
}

// Seek takes back what was told where a log is read from its start again. Of what cannot seek it is an error.
func (r *toldReader) Seek(offset int64, whence int) (int64, error) {
	seeker, ok := r.ReadCloser.(io.Seeker)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	at, err := seeker.Seek(offset, whence)
	if err == nil {
		r.progress.done.Add(at - r.at)
		r.at = at
	}
	return at, err
}

// sizeOf is how many bytes there are to read of a file that is open.
func sizeOf(f *os.File, info os.FileInfo) int64 {
	if !info.Mode().IsRegular() {
		return sizeUnknown
	}
	at, err := f.Seek(0, io.SeekCurrent) // a shell may have read of what it hands on
	if err != nil {
		return sizeUnknown
	}
	return max(info.Size()-at, 0)
}
