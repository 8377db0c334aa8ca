package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// allowed are the licences whose code may be part of the binary: all of them let
// it be passed on under the Apache License 2.0 as long as their texts go along.
var allowed = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"}

// identify tells under which licences a text puts what it is for, as SPDX
// identifiers. A text that is not wholly understood is an error, not a guess.
func identify(licence string) ([]string, error) {
	found := licensecheck.Scan([]byte(licence))
	var ids []string
	for _, m := range found.Match {
		if !m.IsURL {
			ids = append(ids, m.ID)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) == 0 || found.Percent < 75 {
		return nil, fmt.Errorf("no licence is recognised (%.0f %% of the text, %v)", found.Percent, ids)
	}
	for _, id := range ids {
		if !slices.Contains(allowed, id) {
			return nil, fmt.Errorf("the licence %s is not one of those that are allowed: %s", id, strings.Join(allowed, ", "))
		}
	}
	return ids, nil
}

// licences are the SPDX identifiers of all licences of a module, joined by AND.
func (m *module) licences() (string, error) {
	var ids []string
	for _, name := range slices.Sorted(maps.Keys(m.texts)) {
		if m.texts[name].notice {
			continue
		}
		found, err := identify(m.texts[name].content)
		if err != nil {
			return "", fmt.Errorf("%s of %s %s: %w", name, m.path, m.version, err)
		}
		ids = append(ids, found...)
	}
	if len(ids) == 0 {
		return "", fmt.Errorf("%s %s has no licence", m.path, m.version)
	}
	slices.Sort(ids)
	return strings.Join(slices.Compact(ids), " AND "), nil
}

// licences writes the licences of all that is linked into the command, or compares
// them with what is written.
func licences(ctx context.Context, root string, check bool) error {
	all, err := linked(ctx, root, platforms...)
	if err != nil {
		return err
	}
	want, err := licenceList(sorted(all))
	if err != nil {
		return err
	}
	file := filepath.Join(root, "THIRD_PARTY_LICENSES")
	have, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	switch {
	case string(have) == want:
		return nil
	case check:
		return fmt.Errorf("%s does not tell what is linked into the command: run `make licences`", filepath.Base(file))
	}
	return os.WriteFile(file, []byte(want), 0o644)
}

const licenceHead = `The command postweave is linked from the modules below, besides its own code, whose
licence is in the file LICENSE. Their licences and notices follow, each text once.
"make licences" writes this file.

`

// licenceList is the table of the modules with their licences, and the texts.
func licenceList(modules []*module) (string, error) {
	var out strings.Builder
	out.WriteString(licenceHead)
	users := map[string][]string{} // by text
	for _, m := range modules {
		ids, err := m.licences()
		if err != nil {
			return "", err
		}
		name := m.path + " " + m.version
		if m.path == std {
			name = "the standard library of Go" // in the version that built the command
		}
		fmt.Fprintf(&out, "%-75s %s\n", name, ids)
		for _, file := range slices.Sorted(maps.Keys(m.texts)) {
			content := strings.TrimSpace(strings.ReplaceAll(m.texts[file].content, "\r\n", "\n"))
			users[content] = append(users[content], strings.TrimSpace(name)+", "+file)
		}
	}
	for _, content := range slices.SortedFunc(maps.Keys(users), func(a, b string) int { return cmp.Compare(users[a][0], users[b][0]) }) {
		fmt.Fprintf(&out, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 80), strings.Join(users[content], "\n"), content)
	}
	return out.String(), nil
}
