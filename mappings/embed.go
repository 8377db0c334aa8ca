package mappings

import (
	"bytes"
	_ "embed" // for the JSON files beside this one
	"encoding/json"
	"fmt"
)

const (
	// Schema is the revision of the mapping and of the documents in it.
	// It stands in _meta.schema of everything setup installs. A binary
	// refuses to write where it finds a higher one.
	Schema = 2

	// Product is the mark in _meta.product by which an index, a template or
	// a state index is known to be ours.
	Product = "postweave"
)

//go:embed postfix-messages.template.json
var template []byte

//go:embed postweave-state.json
var state []byte

//go:embed postfix-messages-log.json
var logParts []byte

// indexTemplate is the body of an index template. The parts that do not depend
// on the target pass through as they stand in the file.
type indexTemplate struct {
	Patterns []string        `json:"index_patterns"`
	Priority int             `json:"priority"`
	Version  int             `json:"version"`
	Meta     json.RawMessage `json:"_meta"`
	Template json.RawMessage `json:"template"`
}

// Template returns the body of the index template for the given target alias,
// as JSON. It differs from postfix-messages.template.json in the patterns only.
// The error says why target cannot be the name of an alias.
func Template(target string) ([]byte, error) {
	if err := ValidName(target); err != nil {
		return nil, err
	}
	var t indexTemplate
	if err := json.Unmarshal(template, &t); err != nil {
		return nil, fmt.Errorf("embedded index template: %w", err)
	}
	t.Patterns = Patterns(target)

	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(t); err != nil {
		return nil, fmt.Errorf("embedded index template: %w", err)
	}
	return out.Bytes(), nil
}

// State returns the body, as JSON, with which the state index is created. The
// caller may change the returned bytes.
func State() []byte { return bytes.Clone(state) }

// Log returns the body, as JSON, with which the index is created that takes the
// parts of logs too long for their documents. The caller may change the returned bytes.
func Log() []byte { return bytes.Clone(logParts) }
