package main

import (
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// printBill writes what a binary is made of as CycloneDX. The binary itself says
// which modules those are, the module cache under which licences. The same binary gives
// the same bytes: there is no serial number and no time in it.
func printBill(ctx context.Context, w io.Writer, root, binary, version string) error {
	content, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return fmt.Errorf("read what %s was built from: %w", binary, err)
	}
	setting := map[string]string{}
	for _, s := range info.Settings {
		setting[s.Key] = s.Value
	}
	all, err := linked(ctx, root, setting["GOOS"]+"/"+setting["GOARCH"])
	if err != nil {
		return err
	}
	if all[product] == nil || all[std] == nil || info.Main.Path != product {
		return fmt.Errorf("%s is not the command of %s", binary, product)
	}
	all[product].version = version
	all[std].version = strings.TrimPrefix(info.GoVersion, "go")
	sums := map[string]string{}
	for _, d := range info.Deps {
		if d.Replace != nil {
			return fmt.Errorf("%s has a module that was replaced, %s", binary, d.Path)
		}
		if m := all[d.Path]; m == nil || m.version != d.Version {
			return fmt.Errorf("%s was built with %s %s, which the repository does not use: build it again", binary, d.Path, d.Version)
		}
		sums[d.Path] = d.Sum
	}
	if len(all) != len(info.Deps)+2 {
		return fmt.Errorf("%s was built with %d modules, the repository uses %d: build it again", binary, len(info.Deps), len(all)-2)
	}

	bill := cdx.NewBOM()
	sum := sha256.Sum256(content)
	main, err := component(all[product], cdx.ComponentTypeApplication)
	if err != nil {
		return err
	}
	main.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}}
	bill.Metadata = &cdx.Metadata{Component: &main}
	var parts []cdx.Component
	var uses []cdx.Dependency
	for _, m := range append(sorted(all), all[product]) {
		var used []string
		for _, path := range slices.Sorted(maps.Keys(m.uses)) {
			used = append(used, all[path].url())
		}
		uses = append(uses, cdx.Dependency{Ref: m.url(), Dependencies: &used})
		if m.path == product {
			continue
		}
		c, err := component(m, cdx.ComponentTypeLibrary)
		if err != nil {
			return err
		}
		if sum := sums[m.path]; sum != "" { // Go's own kind of sum, which is of no single file
			c.Properties = &[]cdx.Property{{Name: "postweave:go.sum", Value: sum}}
		}
		parts = append(parts, c)
	}
	bill.Components, bill.Dependencies = &parts, &uses
	// Not the newest version of the format, which few scanners read yet.
	return cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).EncodeVersion(bill, cdx.SpecVersion1_6)
}

// url is the package URL of a module, by which scanners know it.
func (m *module) url() string {
	if m.path == std {
		return "pkg:golang/std@" + m.version
	}
	return "pkg:golang/" + m.path + "@" + m.version
}

func component(m *module, kind cdx.ComponentType) (cdx.Component, error) {
	ids, err := m.licences()
	if err != nil {
		return cdx.Component{}, err
	}
	choice := cdx.LicenseChoice{Expression: ids}
	if !strings.Contains(ids, " ") {
		choice = cdx.LicenseChoice{License: &cdx.License{ID: ids}}
	}
	return cdx.Component{
		BOMRef: m.url(), Type: kind, Name: m.path, Version: m.version, PackageURL: m.url(), Licenses: &cdx.Licenses{choice},
	}, nil
}
