package score

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Check is one property, tried on everything it applies to.
type Check struct {
	Name         string
	Wrong, Total int
	// Samples say of the first wrong ones what was found and what was expected.
	Samples []string
}

// Result holds the checks in the order in which they were first made.
type Result struct {
	Checks []*Check

	byName map[string]*Check
}

// samplesKept bounds the samples of one check.
const samplesKept = 20

// Documents scores documents, one JSON object a line, against the corpus in a
// folder. A hit of Elasticsearch, an object with _source, is accepted too. The
// error is about reading; wrong documents are in the result.
func Documents(corpusDir string, docs io.Reader) (*Result, error) {
	documents, err := readDocuments(docs)
	if err != nil {
		return nil, err
	}
	truth, err := readLog(corpusDir)
	if err != nil {
		return nil, err
	}
	sent, err := readSent(corpusDir)
	if err != nil {
		return nil, err
	}
	arrived, err := readArrived(corpusDir)
	if err != nil {
		return nil, err
	}
	r := &Result{byName: map[string]*Check{}}
	r.checkLog(documents, truth)
	r.checkSent(documents, sent)
	r.checkArrived(documents, arrived)
	return r, nil
}

// Wrong and total over all checks.
func (r *Result) Wrong() (wrong, total int) {
	for _, c := range r.Checks {
		wrong += c.Wrong
		total += c.Total
	}
	return wrong, total
}

// Print writes one line a check, then its first samples, then the sum.
func (r *Result) Print(w io.Writer, samples int) error {
	var b bytes.Buffer
	for _, c := range r.Checks {
		fmt.Fprintf(&b, "%6d wrong of %6d  %s\n", c.Wrong, c.Total, c.Name)
		for _, s := range c.Samples[:min(samples, len(c.Samples))] {
			fmt.Fprintf(&b, "           %s\n", s)
		}
	}
	wrong, total := r.Wrong()
	fmt.Fprintf(&b, "%d wrong of %d\n", wrong, total)
	_, err := w.Write(b.Bytes())
	return err
}

// check counts one trial; format and args say what is wrong if it is not ok.
func (r *Result) check(name string, ok bool, format string, args ...any) {
	c := r.byName[name]
	if c == nil {
		c = &Check{Name: name}
		r.byName[name] = c
		r.Checks = append(r.Checks, c)
	}
	c.Total++
	if ok {
		return
	}
	c.Wrong++
	if len(c.Samples) < samplesKept {
		c.Samples = append(c.Samples, fmt.Sprintf(format, args...))
	}
}

// open opens a file of the corpus, packed or not.
func open(dir, name string) (io.ReadCloser, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if f, err = os.Open(filepath.Join(dir, name+".gz")); err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", f.Name(), err), f.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{z, f}, nil
}

// eachLine calls do with each line, without its newline.
func eachLine(r io.Reader, do func(line []byte) error) error {
	in := bufio.NewReaderSize(r, 1<<16)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if line = bytes.TrimSuffix(line, []byte{'\n'}); len(line) > 0 {
			if err := do(line); err != nil {
				return fmt.Errorf("line %d: %w", n, err)
			}
		}
		if err != nil {
			return nil
		}
	}
}

// readNDJSON decodes every line of a corpus's file.
func readNDJSON[T any](dir, name string) ([]T, error) {
	f, err := open(dir, name)
	if err != nil {
		return nil, fmt.Errorf("read the corpus: %w", err)
	}
	defer f.Close()
	var all []T
	err = eachLine(f, func(line []byte) error {
		var v T
		if err := json.Unmarshal(line, &v); err != nil {
			return err
		}
		all = append(all, v)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the corpus: %s: %w", name, err)
	}
	return all, nil
}
