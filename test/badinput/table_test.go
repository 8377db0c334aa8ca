package badinput

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/postweave/postweave/test/esnode"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
	"github.com/postweave/postweave/worker/message"
)

// table is all rows.
func table() []row {
	all := slices.Concat(lineRows(), characterRows(), addressRows(), idRows(), numberRows(), bulkRows(), otherRows())
	slices.SortStableFunc(all, func(a, b row) int { return a.number - b.number })
	return all
}

// each runs the rows that go through a path as subtests, and says of the others why not.
func each(t *testing.T, p path, test func(t *testing.T, r row)) {
	t.Helper()
	for _, r := range table() {
		t.Run(fmt.Sprintf("%02d %s", r.number, plain(r.input)), func(t *testing.T) {
			switch why, not := r.not[p]; {
			case r.own != "":
				t.Skip("held by " + r.own)
			case r.none != "":
				t.Skip("not applicable: " + r.none)
			case not:
				t.Skip("not through " + string(p) + ": " + why)
			default:
				test(t, r)
			}
		})
	}
}

func plain(input string) string {
	return strings.Trim(regexp.MustCompile("[^a-zA-Z0-9 ]+").ReplaceAllString(input, ""), " ")
}

// merged is what the parser and the merge make of lines, sorted.
func merged(lines []loggen.Line) (docs []string, read, other int) {
	var b message.Batch
	for _, l := range lines {
		b.Add(l.Host, message.Line{Time: l.Time, Program: l.Program, PID: l.PID, Text: l.Text})
	}
	add := func(d *message.Document) { docs = append(docs, site.Promised(string(d.AppendJSON(nil)))) }
	for k, own := range b.Lines {
		all := message.Merge(k, own, message.Options{})
		for i := range all {
			add(&all[i])
		}
	}
	seen := map[string]bool{}
	for _, x := range b.Rejects {
		if d, ok := message.RejectOf(x.Host, x.Line, message.Options{}); ok && !seen[d.ID] {
			seen[d.ID] = true
			add(&d)
		}
	}
	slices.Sort(docs)
	return docs, b.Read, b.Other
}

// untouched takes the neighbour's document out, which has to be what it is without the bad input.
func untouched(t *testing.T, r *row, docs []string) (others []string) {
	t.Helper()
	want, _, _ := merged(r.neighbour())
	found := 0
	for _, d := range docs {
		if d == want[0] {
			found++
			continue
		}
		others = append(others, d)
	}
	if found != 1 {
		t.Errorf("the neighbour's document is another one:\nwant %.800s\nhave %.800v", want[0], slices.DeleteFunc(slices.Clone(docs), func(d string) bool { return !strings.Contains(d, neighbourID) }))
	}
	return others
}

func sumUnparsed(d documents) (n int) {
	for i := range d {
		n += d[i].Unparsed
	}
	return n
}

// counted wants lines that were not understood to be counted in their documents.
func counted(t *testing.T, r *row, d documents) {
	t.Helper()
	if n := sumUnparsed(d); n != r.unparsed {
		t.Errorf("%d lines were not understood, want %d", n, r.unparsed)
	}
}

func TestThroughTheParser(t *testing.T) {
	each(t, parser, func(t *testing.T, r row) {
		lines := append(r.neighbour(), r.lines...)
		docs, all, _ := merged(lines)
		if all != len(lines) {
			t.Errorf("%d of %d lines were counted", all, len(lines))
		}
		backwards := slices.Clone(lines)
		slices.Reverse(backwards)
		again, _, _ := merged(append(backwards, lines...))
		if !slices.Equal(docs, again) {
			t.Error("the same lines twice and backwards make other documents")
		}
		d := read(t, untouched(t, &r, docs))
		counted(t, &r, d)
		r.check(t, parser, d)
	})
}

// sums are what the merge command says of its lines.
var sums = map[string]*regexp.Regexp{
	"read":     regexp.MustCompile(`([0-9,]+) lines? merged into`),
	"unparsed": regexp.MustCompile(`([0-9,]+) lines? not understood`),
	"syslog":   regexp.MustCompile(`([0-9,]+) lines? (?:is|are) no syslog`),
}

func said(o site.Outcome, what string) int {
	m := sums[what].FindStringSubmatch(o.Stderr)
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(strings.ReplaceAll(m[1], ",", ""))
	if err != nil {
		return -1
	}
	return n
}

func TestThroughTheMergeCommand(t *testing.T) {
	each(t, command, func(t *testing.T, r row) {
		var log []byte
		lines := 0
		for _, l := range append(r.neighbour(), r.lines...) {
			log = l.AppendRFC3339(log)
			lines++
		}
		log = append(log, strings.ReplaceAll(r.log, "HOST", r.host())...)
		lines += strings.Count(r.log, "\n")
		file := filepath.Join(t.TempDir(), "mail.log")
		if err := os.WriteFile(file, log, 0o600); err != nil {
			t.Fatal(err)
		}
		s := &site.Site{T: t}
		o := s.Must("merge", "--window", "9000h", "--year", "2026", "--explain", file)
		if again := s.Must("merge", "--window", "9000h", "--year", "2026", "--explain", file); again != o {
			t.Error("the same log makes other documents")
		}
		if n := said(o, "read"); n != lines {
			t.Errorf("%d lines were read, want %d", n, lines)
		}
		if n := said(o, "syslog"); n != r.notSyslog {
			t.Errorf("%d lines are no syslog, want %d", n, r.notSyslog)
		}
		safe(t, o.Stderr)
		var docs []string
		for line := range strings.Lines(o.Stdout) {
			docs = append(docs, site.Promised(strings.TrimSuffix(line, "\n")))
		}
		own := untouched(t, &r, docs)
		d := read(t, own)
		counted(t, &r, d)
		if n := said(o, "unparsed"); n != r.unparsed {
			t.Errorf("%d lines are said not to be understood, want %d", n, r.unparsed)
		}
		r.check(t, command, d)
		if want, _, _ := merged(append(r.neighbour(), r.lines...)); r.log == "" && r.not[parser] == "" && r.differs[command] == "" {
			slices.Sort(docs)
			site.SameBytes(t, "merge and the parser", docs, want)
		}
		shown(t, s, len(docs), file)
	})
}

// shown looks at the table and at the values of a log for people.
func shown(t *testing.T, s *site.Site, documents int, file string) {
	t.Helper()
	rows := s.Must("merge", "--window", "9000h", "--year", "2026", "-o", "table", file)
	safe(t, rows.Stdout+rows.Stderr)
	if n := strings.Count(rows.Stdout, "\n"); n != documents+1 {
		t.Errorf("the table has %d lines for %d messages", n, documents)
	}
	values := s.Must("merge", "--window", "9000h", "--year", "2026", "-o", "csv", file)
	spreadsheet(t, values.Stdout, documents)
}

// spreadsheet wants comma-separated values of which no cell is a formula.
func spreadsheet(t *testing.T, text string, documents int) {
	t.Helper()
	safe(t, text)
	if n := strings.Count(text, "\n"); n != documents+1 {
		t.Errorf("%d lines of values for %d messages", n, documents)
	}
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) != documents+1 {
		t.Errorf("%d rows of values for %d messages: %v", len(rows), documents, err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if strings.TrimLeft(cell, "=+-@\t\r\x00＝＋－＠") != cell {
				t.Errorf("a spreadsheet takes this for a formula: %.100q", cell)
			}
		}
	}
}

// safe wants text for people without anything that a terminal acts on or hides: C0 beside the line
// feed, DEL, C1, separators of lines, what turns the direction, what has no width, tags; and no byte that is no UTF-8.
func safe(t *testing.T, text string) {
	t.Helper()
	if at := strings.IndexFunc(text, func(r rune) bool {
		return r < 0x20 && r != '\n' || r >= 0x7f && r <= 0x9f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 ||
			r == 0x200b || r == 0x200e || r == 0x200f || r == 0x061c || r == 0x2060 || r == 0xfeff || r == 0xad || r >= 0xe0000 && r <= 0xe0fff
	}); at >= 0 {
		t.Errorf("a terminal would act on this: %.80q", text[max(0, at-20):])
	}
	if clean := strings.ToValidUTF8(text, "!"); clean != text {
		t.Errorf("no UTF-8 is shown: %.80q", text)
	}
}

// ownIndex is the name of a row's index, for one that has settings of its own.
func (r *row) ownIndex(s *site.Site) string { return fmt.Sprintf("%srow-%02d", s.Source, r.number) }

// indexed puts the raw documents of a row into Elasticsearch, and tells how many it did not take.
func (r *row) indexed(t *testing.T, s *site.Site) (taken, refused int) {
	t.Helper()
	var docs []site.Raw
	if r.bare {
		docs = bareDocuments(t, s, r.lines)
	} else {
		docs = s.Shipped(loggen.LayoutSyslog, r.lines...)
	}
	to := s.Daily(start)
	if r.settings != nil {
		to = r.ownIndex(s)
		s.ES(http.MethodPut, "/"+to, r.settings, nil)
	}
	for _, raw := range r.raw {
		docs = append(docs, site.Raw{Index: to, Source: []byte(strings.ReplaceAll(raw, "HOST", r.host()))})
	}
	for some := range slices.Chunk(docs, 2000) {
		var body bytes.Buffer
		for _, d := range some {
			fmt.Fprintf(&body, "{\"create\":{\"_index\":%q}}\n%s\n", d.Index, d.Source)
		}
		var answer struct {
			Items []struct{ Create struct{ Status int } }
		}
		if err := esnode.Call(t.Context(), http.MethodPost, s.Node+"/_bulk", body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		for _, item := range answer.Items {
			switch item.Create.Status {
			case http.StatusCreated:
				taken++
			case http.StatusBadRequest:
				refused++
			default:
				t.Fatalf("a raw document: status %d", item.Create.Status)
			}
		}
	}
	return taken, refused
}

// bareDocuments are lines as a shipper without grok patterns has them.
func bareDocuments(t *testing.T, s *site.Site, lines []loggen.Line) (docs []site.Raw) {
	t.Helper()
	for _, l := range lines {
		text, err := json.Marshal(map[string]string{
			"@timestamp": l.Time.Format("2006-01-02T15:04:05.000Z07:00"), "syslog_hostname": l.Host, "syslog_program": l.Program, "syslog_pid": l.PID, "syslog_message": l.Text,
		})
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, site.Raw{Index: s.Daily(l.Time), Source: text})
	}
	return docs
}

// All rows lie in one source, so that each is bad input to all others too.
func TestThroughElasticsearch(t *testing.T) {
	s := site.New(t)
	// The first half of the neighbours comes before, so that a cursor stands where the bad input begins, and no line from
	// the year 9999 decides what a first run reads.
	var first, second []loggen.Line
	through := map[int]bool{}
	want := 0
	for _, r := range table() {
		if r.own != "" || r.none != "" || r.not[index] != "" {
			continue
		}
		through[r.number] = true
		l := r.neighbour()
		first, second = append(first, l[:3]...), append(second, l[3:]...)
	}
	s.Index(s.Shipped(loggen.LayoutSyslog, first...))
	s.Run()
	s.Index(s.Shipped(loggen.LayoutSyslog, second...))
	want += len(second)
	for _, r := range table() {
		if !through[r.number] {
			continue
		}
		taken, refused := r.indexed(t, s)
		want += taken
		if refused != r.refused {
			t.Errorf("row %d: Elasticsearch refuses %d raw documents, want %d", r.number, refused, r.refused)
		}
	}
	report := s.Run()
	if report.Lines != want {
		t.Errorf("%d lines are in the report, want %d", report.Lines, want)
	}
	all := map[string][]string{}
	for _, d := range s.Documents() {
		var of struct{ Host struct{ Name string } }
		if err := json.Unmarshal(d.Source, &of); err != nil {
			t.Fatal(err)
		}
		all[of.Host.Name] = append(all[of.Host.Name], site.Promised(string(d.Source)))
	}
	if report.Quarantined != 0 {
		t.Errorf("%d documents were refused by the target", report.Quarantined)
	}
	each(t, index, func(t *testing.T, r row) {
		docs := all[r.host()]
		own := untouched(t, &r, docs)
		for host, more := range all {
			if host != r.host() && strings.HasPrefix(host, r.host()) {
				own = append(own, more...)
			}
		}
		d := read(t, own)
		counted(t, &r, d)
		r.check(t, index, d)
		if want, _, _ := merged(append(r.neighbour(), r.lines...)); len(r.raw) == 0 && r.not[parser] == "" && r.differs[index] == "" {
			have := append(slices.Clone(own), neighbourOf(docs)...)
			slices.Sort(have)
			site.SameBytes(t, "run and the parser", have, want)
		}
	})
	t.Run("again, in one go", func(t *testing.T) {
		again := s.Beside("again")
		again.Must("run", "--json", "--since", "1980-01-01")
		site.SameBytes(t, "the second reading", site.Identified(again.Documents()), site.Identified(s.Documents()))
	})
	t.Run("rebuilt", func(t *testing.T) { // over eight thousand years
		before := site.Identified(s.Documents())
		if r := s.Report(s.Must("rebuild", "--all", "--json")); r.Updated != 0 || r.Documents == 0 {
			t.Errorf("%d of %d documents are others", r.Updated, r.Documents)
		}
		site.SameBytes(t, "documents after a rebuild", site.Identified(s.Documents()), before)
	})
	t.Run("verified", func(t *testing.T) {
		o := s.Must("verify", "--from", "2026-03-19", "--to", "2026-03-22")
		safe(t, o.Stdout+o.Stderr)
	})
}

func neighbourOf(docs []string) []string {
	return slices.DeleteFunc(slices.Clone(docs), func(d string) bool { return !strings.Contains(d, `"queue_id":"`+neighbourID+`"`) })
}
