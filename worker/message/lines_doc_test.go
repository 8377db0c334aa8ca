package message_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/worker/message"
	"github.com/postweave/postweave/worker/postlog"
)

// lineRow is a row of docs/lines.md.
type lineRow struct {
	programs []string
	example  string
	kind     string
	document string
}

// lineRows reads the tables of the lines that begin with a queue id.
func lineRows(t *testing.T) []lineRow {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "lines.md"))
	if err != nil {
		t.Fatal(err)
	}
	text, _, ok := strings.Cut(string(b), "\n## Lines without a queue id\n")
	if !ok {
		t.Fatal("the heading of the second part is missing")
	}
	var rows []lineRow
	for line := range strings.SplitSeq(text, "\n") {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| Program |") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if len(cells) != 6 {
			t.Fatalf("%d cells in %s", len(cells), line)
		}
		row := lineRow{programs: coded(cells[0]), kind: strings.TrimSpace(cells[4]), document: strings.TrimSpace(cells[5])}
		examples := coded(cells[2])
		if len(row.programs) == 0 || len(examples) != 1 || len(coded(cells[1])) == 0 && !strings.ContainsAny(cells[1], "abcdefghijklmnopqrstuvwxyz") {
			t.Fatalf("no program, line or example: %s", line)
		}
		row.example = examples[0]
		rows = append(rows, row)
	}
	return rows
}

// coded returns what stands between backquotes.
func coded(cell string) []string {
	var out []string
	for i, part := range strings.Split(cell, "`") {
		if i%2 == 1 {
			out = append(out, part)
		}
	}
	return out
}

// Each example is of the kind that its row says, in the mouth of each of its programs, and alone gives the fields
// that the row names.
func TestLinesOfTheDocs(t *testing.T) {
	postfix := daemonCases(t)
	for _, row := range lineRows(t) {
		for _, program := range row.programs {
			name := program
			if slices.Contains(postfix, program) {
				name = "postfix/" + program
			}
			if !postlog.NamesQueueIDs(name) {
				t.Errorf("lines of %s are not read", name)
			}
			e := postlog.Parse(name, row.example)
			if e.Kind.String() != row.kind || e.QueueID == "" && !e.NoQueue {
				t.Errorf("%s: %s\nis %v of %q, the table says %s", name, row.example, e.Kind, e.QueueID, row.kind)
				continue
			}
			checkDocument(t, &row, name, &e)
		}
	}
}

func checkDocument(t *testing.T, row *lineRow, program string, e *postlog.Event) {
	t.Helper()
	line := message.Line{Time: time.Date(2026, 11, 22, 1, 29, 7, 0, time.UTC), Program: program, PID: "17", Text: row.example}
	var b message.Batch
	b.Add("mx1", line)
	var docs []message.Document
	for k, lines := range b.Lines {
		docs = append(docs, message.Merge(k, lines, message.Options{})...)
	}
	for _, r := range b.Rejects {
		docs = append(docs, message.Reject(r.Host, r.Line, message.Options{}))
	}
	if row.document == "none" {
		if len(docs) != 0 {
			t.Errorf("%s: %s\ngives %d documents, the table says none", program, row.example, len(docs))
		}
		return
	}
	if len(docs) != 1 || len(coded(row.document)) == 0 {
		t.Errorf("%s: %s\ngives %d documents, the table names %s", program, row.example, len(docs), row.document)
		return
	}
	var m any
	if err := json.Unmarshal(docs[0].AppendJSON(nil), &m); err != nil {
		t.Fatal(err)
	}
	if lines := valuesAt(m, "lines"); e.QueueID != "" && fmt.Sprint(lines) != "[1]" {
		t.Errorf("%s: %s\ncounts as %v lines", program, row.example, lines)
	}
	if odd := valuesAt(m, "warnings"); len(odd) > 0 && !strings.Contains(row.document, "`warnings=") {
		t.Errorf("%s: %s\nis odd: %v", program, row.example, odd)
	}
	for _, field := range coded(row.document) {
		path, want, given := strings.Cut(field, "=")
		got := valuesAt(m, path)
		if given && path == "checks.program" && strings.HasPrefix(want, "postfix/") { // the row has several
			want = program
		}
		if len(got) == 0 || given && !slices.Contains(got, want) {
			t.Errorf("%s: %s\n%s is %q, the table says %q", program, row.example, path, got, want)
		}
	}
}

// valuesAt returns what lies at a path, through arrays.
func valuesAt(v any, path string) []string {
	switch x := v.(type) {
	case []any:
		var out []string
		for _, item := range x {
			out = append(out, valuesAt(item, path)...)
		}
		return out
	case map[string]any:
		name, rest, _ := strings.Cut(path, ".")
		if item, ok := x[name]; ok && path != "" {
			return valuesAt(item, rest)
		}
		return nil
	case nil:
		return nil
	default:
		if path != "" {
			return nil
		}
		if f, ok := x.(float64); ok {
			return []string{strconv.FormatFloat(f, 'f', -1, 64)}
		}
		return []string{fmt.Sprint(x)}
	}
}

// Every kind, every daemon and every filter that the code knows has a row.
func TestDocsLackNoLines(t *testing.T) {
	kinds, programs := map[string]bool{}, map[string]bool{}
	for _, row := range lineRows(t) {
		kinds[row.kind] = true
		for _, p := range row.programs {
			programs[p] = true
		}
	}
	for k := postlog.Kind(0); k.String() != "invalid"; k++ {
		if !kinds[k.String()] {
			t.Errorf("no row for the kind %v", k)
		}
	}
	names := daemonCases(t)
	for _, name := range names {
		if !postlog.IsPostfix("mail/" + name) { // under a syslog_name of one's own
			t.Errorf("%s is no daemon of Postfix", name)
		}
	}
	names = append(names, filterNames(t)...)
	if len(names) < 40 {
		t.Fatalf("only %d programs found in the code", len(names))
	}
	for _, name := range names {
		if !programs[name] {
			t.Errorf("no row for the program %s", name)
		}
	}
	for p := range programs {
		if !slices.Contains(names, p) {
			t.Errorf("%s has a row, and no code", p)
		}
	}
}

// daemonCases reads the daemons that postlog tells apart.
func daemonCases(t *testing.T) []string {
	t.Helper()
	var out []string
	ast.Inspect(source(t, "parse.go"), func(n ast.Node) bool {
		f, ok := n.(*ast.FuncDecl)
		if ok && f.Name.Name != "parse" {
			return false
		}
		if c, ok := n.(*ast.CaseClause); ok {
			for _, x := range c.List {
				out = append(out, unquoted(t, x))
			}
		}
		return true
	})
	return out
}

// filterNames reads the programs of postlog's table of filters.
func filterNames(t *testing.T) []string {
	t.Helper()
	var out []string
	ast.Inspect(source(t, "filters.go"), func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); !ok || v.Names[0].Name != "filters" {
			_, decl := n.(*ast.FuncDecl)
			return !decl
		}
		for _, x := range n.(*ast.ValueSpec).Values[0].(*ast.CompositeLit).Elts {
			out = append(out, unquoted(t, x.(*ast.KeyValueExpr).Key))
		}
		return false
	})
	return out
}

func source(t *testing.T, name string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "postlog", name), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func unquoted(t *testing.T, x ast.Expr) string {
	t.Helper()
	s, err := strconv.Unquote(x.(*ast.BasicLit).Value)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
