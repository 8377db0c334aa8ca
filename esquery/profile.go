package esquery

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode"
)

// Bounds on a field profile. What is given may be no profile at all, and its names
// become part of a URL.
const (
	maxProfile     = 64 << 10 // bytes of the file
	maxFieldNames  = 20       // for one part of a line
	maxNameOfField = 256      // bytes
)

// readProfile reads a layout from a file: a JSON object with a list of names for
// each of time, host, program, pid, text and queue_id, and nothing else. Its errors do not name the file.
func readProfile(path string) (layout, error) {
	none := layout{}
	raw, err := readBounded(path)
	if err != nil {
		return none, err
	}
	if err := distinctMembers(raw); err != nil {
		return none, err
	}
	l := layout{Name: "file"}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&l); err != nil {
		return none, fmt.Errorf("it is no such JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return none, errors.New("something follows the JSON object")
	}
	if len(l.Time) == 0 || len(l.Host) == 0 || len(l.Program) == 0 || len(l.Text) == 0 {
		return none, errors.New("time, host, program and text are needed")
	}
	for part, names := range map[string][]string{"time": l.Time, "host": l.Host, "program": l.Program, "pid": l.PID, "text": l.Text, "queue_id": l.QueueID} {
		if len(names) > maxFieldNames {
			return none, fmt.Errorf("%s has more than %d names", part, maxFieldNames)
		}
		if i := slices.IndexFunc(names, badFieldName); i >= 0 {
			return none, fmt.Errorf("name %d of %s is no name of a field", i+1, part)
		}
	}
	return l, nil
}

// badFieldName tells what is no field's name, or would be read as several: names
// are joined with commas, and a star stands for others.
func badFieldName(name string) bool {
	return name == "" || len(name) > maxNameOfField || strings.ContainsAny(name, `*,"\`) ||
		strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == unicode.ReplacementChar })
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, bare(err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxProfile+1))
	switch {
	case err != nil:
		return nil, bare(err)
	case len(raw) > maxProfile:
		return nil, fmt.Errorf("it is larger than %d KiB", maxProfile>>10)
	}
	return raw, nil
}

// bare leaves out what the caller says again: the file's name.
func bare(err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}

// distinctMembers refuses a part that is named twice, of which the last would
// count without a word.
func distinctMembers(raw []byte) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	if begin, err := d.Token(); err != nil || begin != json.Delim('{') {
		return nil //nolint:nilerr // the decoder of the whole says what is wrong
	}
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil //nolint:nilerr // likewise
		}
		key := strings.ToLower(fmt.Sprint(name)) // names are matched without regard to case
		if seen[key] {
			return fmt.Errorf("%q is there twice", key)
		}
		seen[key] = true
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil
		}
	}
	return nil
}
