package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// product is the path of the module whose binary this is about.
const product = "github.com/postweave/postweave"

// std is the name under which the standard library is a module among others.
const std = "std"

// module is one that the binary is linked from, the product and the standard
// library included.
type module struct {
	path, version string
	dir           string
	uses          map[string]bool // paths of the modules its linked packages import
	texts         map[string]text // licences and notices that are in force for its linked packages, by file
}

// text is a file that has to go along with a copy.
type text struct {
	content string
	notice  bool // no licence, but to be kept beside one
}

// platforms are those that the binary is looked at for; the modules of all of them are listed.
var platforms = []string{"linux/amd64", "linux/arm64", "darwin/arm64", "windows/amd64", "freebsd/amd64"}

// linked lists the modules that the command in a repository is linked from on
// some platforms, by path.
func linked(ctx context.Context, root string, platforms ...string) (map[string]*module, error) {
	all := map[string]*module{}
	for _, platform := range platforms {
		if err := addLinked(ctx, all, root, platform); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func addLinked(ctx context.Context, all map[string]*module, root, platform string) error {
	goos, goarch, _ := strings.Cut(platform, "/")
	list := exec.CommandContext(ctx, "go", "list", "-deps", "-json=ImportPath,Dir,Standard,Module,Imports", "./cmd/postweave")
	list.Dir = root
	list.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return fmt.Errorf("list the packages of the command for %s: %w", platform, err)
	}
	goroot, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("ask where the standard library is: %w", err)
	}
	type pkg struct {
		ImportPath, Dir string
		Standard        bool
		Imports         []string
		Module          *struct{ Path, Version, Dir string }
	}
	var pkgs []pkg
	of := map[string]*module{} // by package
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("read the list of packages for %s: %w", platform, err)
		}
		// Of the standard library the texts at its root: that of BoringSSL, farther down, is for an object file that is
		// not linked.
		m, dir := module{path: std, dir: strings.TrimSpace(string(goroot))}, strings.TrimSpace(string(goroot))
		if !p.Standard {
			m, dir = module{path: p.Module.Path, version: p.Module.Version, dir: p.Module.Dir}, p.Dir
		}
		if all[m.path] == nil {
			m.uses, m.texts = map[string]bool{}, map[string]text{}
			all[m.path] = &m
		}
		of[p.ImportPath] = all[m.path]
		if err := all[m.path].addTexts(dir); err != nil {
			return err
		}
		pkgs = append(pkgs, p)
	}
	for _, p := range pkgs {
		for _, path := range p.Imports {
			if used := of[path]; used != nil && used != of[p.ImportPath] {
				of[p.ImportPath].uses[used.path] = true
			}
		}
	}
	return nil
}

var licenceFile, noticeFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)`), regexp.MustCompile(`(?i)^(notice|patents)`)

// addTexts takes up the licences and notices in a folder of the module and in those above it.
func (m *module) addTexts(dir string) error {
	for {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			notice := noticeFile.MatchString(e.Name())
			if e.IsDir() || !notice && !licenceFile.MatchString(e.Name()) || filepath.Ext(e.Name()) == ".go" {
				continue
			}
			path := filepath.Join(dir, e.Name())
			name, err := filepath.Rel(m.dir, path)
			if err != nil {
				return err
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			m.texts[filepath.ToSlash(name)] = text{string(content), notice}
		}
		if dir == m.dir || len(dir) <= len(m.dir) {
			return nil
		}
		dir = filepath.Dir(dir)
	}
}

// sorted are the modules by path, without the product.
func sorted(all map[string]*module) []*module {
	var out []*module
	for _, path := range slices.Sorted(maps.Keys(all)) {
		if path != product {
			out = append(out, all[path])
		}
	}
	return out
}
