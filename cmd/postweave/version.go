package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"
)

// version is set by the release build (-ldflags "-X main.version=…"); other
// builds take it from what the Go tool recorded.
var version = ""

var versionCommand = command{
	name:     "version",
	synopsis: "[--json]",
	summary:  "print the version",
	about:    "Prints the version, the commit it was built from and the Go version.",
	example:  "postweave version --json",
	action:   func() action { return &versionOptions{} },
}

type versionOptions struct{ JSON bool }

func (o *versionOptions) flags(f *flagSet) {
	f.toggle(&o.JSON, "json", "print one line of JSON")
}

func (o *versionOptions) check(args []string, _ time.Time) error { return noArguments(args) }

// build is where a binary comes from.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"` // built with changes that were not committed
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func thisBuild() build {
	b := build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if ok && b.Version == "" && info.Main.Version != "(devel)" {
		b.Version = info.Main.Version
	}
	if b.Version == "" {
		b.Version = "devel"
	}
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// userAgent is how postweave calls itself towards Elasticsearch.
func userAgent() string { return "postweave/" + thisBuild().Version }

func (b build) String() string {
	text := "postweave " + b.Version
	if b.Commit != "" {
		text += " (" + b.Commit[:min(12, len(b.Commit))]
		if b.Modified {
			text += ", modified"
		}
		text += ")"
	}
	return fmt.Sprintf("%s %s %s", text, b.Go, b.Platform)
}

func (o *versionOptions) run(_ context.Context, a *app) error {
	b := thisBuild()
	if !o.JSON {
		return a.printLine([]byte(b.String()))
	}
	line, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("encode the version: %w", err)
	}
	return a.printJSON(line)
}
