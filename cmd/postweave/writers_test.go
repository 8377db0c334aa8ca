package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mayWrite lists what the two outputs may be handed to. Each of them makes what it is given
// visible, writes JSON, writes nothing but texts of our own, or only looks.
var mayWrite = []string{
	"newPrinter", "newTracePrinter", "newRecipientPrinter", "newJSONPrinter", "newTablePrinter", "newCSVPrinter", "newJourneyPrinter", "newJourneyCSV", "newShownPrinter", "newTable",
	"newFiguresPrinter", "newLogger", "shareScreen", "screenOf", "writeUsage", "writeCommandHelp", "writeEnvironment", "writeExitCodes",
	"isTerminal", "terminalWidth", "logsJSON",
}

// writers are the functions that write to an output themselves.
var writers = map[string]string{
	"ui.go/say":                 "through visible",
	"ui.go/printLine":           "what its callers made safe, see toResults",
	"completion.go/run":         "a script without any input",
	"usage.go/writeUsage":       "help",
	"usage.go/writeCommandHelp": "help",
	"usage.go/writeEnvironment": "help",
	"usage.go/writeExitCodes":   "help",
	"logger.go/Write":           "through visible",
}

// toResults are the only callers of printLine: what they print passes visible or is JSON.
var toResults = []string{"report.go", "verify.go", "version.go", "ui.go", "check.go"}

// Whatever is printed passes through the few functions that make it safe for a terminal: no other
// writes to standard output or standard error.
func TestOnlyTheWritersWrite(t *testing.T) {
	seen := 0
	eachFile(t, ".", func(name string, file *ast.File, at func(ast.Node) string) {
		handed := map[ast.Node]bool{}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			where := name + "/" + f.Name.Name
			_, writes := writers[where]
			ast.Inspect(f.Body, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				called := callee(call)
				_, last, _ := strings.Cut(called, ".")
				if last == "" {
					last = called
				}
				switch {
				case called == "print" || called == "println" || strings.HasPrefix(called, "fmt.Print") || strings.HasPrefix(called, "log."):
					t.Errorf("%s: %s writes past everything", at(n), called)
				case (strings.HasPrefix(called, "fmt.Fprint") || called == "io.WriteString" || called == "io.Copy") && !writes && !intoBuilder(call):
					t.Errorf("%s: %s writes to what may be a terminal", at(n), called)
				case last == "printLine" && !slices.Contains(toResults, name):
					t.Errorf("%s: use printJSON or reportOn, or make the line visible", at(n))
				}
				for _, arg := range call.Args {
					if s, ok := arg.(*ast.SelectorExpr); ok && (s.Sel.Name == "stdout" || s.Sel.Name == "stderr") {
						seen++
						handed[s] = true
						if !writes && !slices.Contains(mayWrite, last) {
							t.Errorf("%s: %s is handed an output, and is not known to make safe what it writes", at(n), called)
						}
					}
				}
				return true
			})
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && !handed[s] && (s.Sel.Name == "stdout" || s.Sel.Name == "stderr") {
				t.Errorf("%s: an output is taken to where this test does not see what is written to it", at(n))
			}
			if s, ok := n.(*ast.SelectorExpr); ok && name != "main.go" {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "os" && (s.Sel.Name == "Stdout" || s.Sel.Name == "Stderr") {
					t.Errorf("%s: os.%s is main's alone", at(n), s.Sel.Name)
				}
			}
			return true
		})
	})
	if seen < 10 {
		t.Errorf("only %d uses of the outputs were found: the test looks at nothing", seen)
	}
}

// The packages below the command print nothing at all.
func TestPackagesPrintNothing(t *testing.T) {
	for _, dir := range []string{"../../esquery", "../../worker", "../../worker/message", "../../worker/postlog", "../../worker/maillog", "../../mappings"} {
		eachFile(t, dir, func(_ string, file *ast.File, at func(ast.Node) string) {
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CallExpr:
					if called := callee(n); called == "print" || called == "println" || strings.HasPrefix(called, "fmt.Print") || strings.HasPrefix(called, "log.Print") {
						t.Errorf("%s: %s", at(n), called)
					}
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok && x.Name == "os" && (n.Sel.Name == "Stdout" || n.Sel.Name == "Stderr") {
						t.Errorf("%s: os.%s", at(n), n.Sel.Name)
					}
				}
				return true
			})
		})
	}
}

// eachFile parses the product's files of a folder.
func eachFile(t *testing.T, dir string, visit func(name string, file *ast.File, at func(ast.Node) string)) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: no files (%v)", dir, err)
	}
	for _, path := range names {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		visit(filepath.Base(path), file, func(n ast.Node) string {
			p := set.Position(n.Pos())
			return strings.Join([]string{filepath.Base(p.Filename), p.String()[len(p.Filename)+1:]}, ":")
		})
	}
}

// callee is what is called: "name", "package.Name" or "value.Method".
func callee(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok {
			return x.Name + "." + f.Sel.Name
		}
		return "." + f.Sel.Name
	}
	return ""
}

// intoBuilder tells Fprintf(&b, …) and Fprintf(b, …) of a string builder.
func intoBuilder(call *ast.CallExpr) bool {
	if len(call.Args) == 0 {
		return false
	}
	switch to := call.Args[0].(type) {
	case *ast.UnaryExpr:
		return to.Op == token.AND // the address of a local builder
	case *ast.Ident:
		return to.Name == "b" // a *strings.Builder, as usage.go hands on
	}
	return false
}
