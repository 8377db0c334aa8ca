package corpus

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"time"
	_ "time/tzdata" // zones are part of the facts, wherever the test runs
)

//go:embed */mail.log */expected.json */documents.ndjson README.md
var files embed.FS

// Names of a situation's files.
const (
	LogFile   = "mail.log"
	FactsFile = "expected.json"
	DocsFile  = "documents.ndjson"
)

// Situation is one log with what must come of it.
type Situation struct {
	Name      string // of its folder
	Log       []byte
	Facts     Facts
	Documents []string // a line of DocsFile each, in the order in which merge prints them
}

// All reads the situations, in order of their names.
func All() ([]Situation, error) {
	folders, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, fmt.Errorf("list the situations: %w", err)
	}
	var all []Situation
	for _, f := range folders {
		if !f.IsDir() {
			continue
		}
		s, err := read(f.Name())
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

func read(name string) (s Situation, err error) {
	s.Name = name
	if s.Log, err = files.ReadFile(path.Join(name, LogFile)); err != nil {
		return s, fmt.Errorf("read a situation: %w", err)
	}
	facts, err := files.ReadFile(path.Join(name, FactsFile))
	if err != nil {
		return s, fmt.Errorf("read a situation: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(facts))
	d.DisallowUnknownFields()
	if err := d.Decode(&s.Facts); err != nil {
		return s, fmt.Errorf("facts of %s: %w", name, err)
	}
	docs, err := files.ReadFile(path.Join(name, DocsFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a new situation has none yet
		return s, fmt.Errorf("read a situation: %w", err)
	}
	for line := range bytes.Lines(docs) {
		s.Documents = append(s.Documents, string(bytes.TrimSuffix(line, []byte("\n"))))
	}
	return s, nil
}

// Sorted is the documents in order of their bytes.
func (s *Situation) Sorted() []string { return slices.Sorted(slices.Values(s.Documents)) }

// Year is that of the log's first line, where stamps name none.
func (f *Facts) Year() int {
	if f.FirstYear == 0 {
		return 2026
	}
	return f.FirstYear
}

// Location is the zone of stamps that name none.
func (f *Facts) Location() (*time.Location, error) {
	zone, err := time.LoadLocation(f.Zone) // the empty name is UTC
	if err != nil {
		return nil, fmt.Errorf("zone of a situation: %w", err)
	}
	return zone, nil
}
