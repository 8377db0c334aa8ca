// Command supply tells what the postweave binary is made of: the licences of its
// modules, a bill of materials, and which known vulnerabilities they have.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
)

// Exit codes. A vulnerability is 3, as govulncheck has it.
const (
	exitFailed     = 1
	exitUsage      = 2
	exitVulnerable = 3
	exitUnchecked  = 4 // no database of vulnerabilities could be had: nothing was checked
)

const usage = `usage: supply licences [-check] ROOT
       supply sbom -binary FILE -version VERSION ROOT
       supply vulns [-db URL] FOLDER...

licences writes THIRD_PARTY_LICENSES, or with -check fails where it is not up to date.
sbom prints what FILE is made of as CycloneDX.
vulns reports the known vulnerabilities of the modules in these folders; exit 3: there are
some, exit 4: no database could be had, nothing was checked.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "supply:", err)
	var code exitError
	if errors.As(err, &code) {
		os.Exit(code.code)
	}
	os.Exit(exitFailed)
}

// exitError is an error with an exit code of its own.
type exitError struct {
	error

	code int
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	wrong := exitError{errors.New("wrong arguments\n" + strings.TrimSpace(usage)), exitUsage}
	if len(args) == 0 {
		return wrong
	}
	f := flag.NewFlagSet(args[0], flag.ContinueOnError)
	f.SetOutput(stderr)
	check := f.Bool("check", false, "only compare")
	binary := f.String("binary", "", "the binary that the bill is for")
	version := f.String("version", "", "its version")
	db := f.String("db", "https://vuln.go.dev", "the database of vulnerabilities, https:// or file://")
	if err := f.Parse(args[1:]); err != nil {
		return exitError{err, exitUsage}
	}
	switch {
	case args[0] == "licences" && f.NArg() == 1:
		return licences(ctx, f.Arg(0), *check)
	case args[0] == "sbom" && f.NArg() == 1 && *binary != "":
		return printBill(ctx, stdout, f.Arg(0), *binary, *version)
	case args[0] == "vulns" && f.NArg() > 0:
		return vulnerabilities(ctx, stdout, stderr, *db, f.Args())
	}
	return wrong
}
