package hostile

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postweave/postweave/test/corpus"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/worker/maillog"
	"github.com/postweave/postweave/worker/message"
)

// logs are those of the corpora, some made from seeds, and those that the environment names.
var logs = sync.OnceValues(func() (map[string]Log, error) {
	all := map[string]Log{}
	var problems []error
	add := func(name string, year int) {
		l, err := ReadFile(name, year, time.UTC)
		if err == nil && len(l) == 0 {
			err = fmt.Errorf("%s has no line of syslog", name)
		}
		problems = append(problems, err)
		all[filepath.Base(filepath.Dir(name))+"-"+filepath.Base(name)] = l
	}
	corpora := filepath.Join("..", "corpora")
	add(filepath.Join(corpora, "lab-postfix-3.7", "mail.log.gz"), 2026)
	add(filepath.Join(corpora, "edge", "mail.log"), 2026)
	add(filepath.Join(corpora, "logstash-aggregate", "mail.log"), 2026)
	problems = append(problems, situations(all))
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for name, cfg := range map[string]loggen.Config{
		"generated-short": {Seed: 41, Messages: 700, ShortIDs: true, ReuseIDs: 0.2, Span: 20 * time.Hour, Milters: true},
		"generated-open":  {Seed: 42, Messages: 500, Servers: 3, ReuseIDs: 0.05, Span: 30 * time.Hour, Start: start, Until: start.Add(28 * time.Hour), FailingRecipients: 0.02},
		"generated-micro": {Seed: 43, Messages: 500, Micros: true, Span: 3 * time.Hour, QueueLife: 12 * time.Hour, FailingRecipients: 0.02},
	} {
		var l Log
		problems = append(problems, loggen.New(cfg).Each(func(x loggen.Line) error { l = append(l, x); return nil }))
		all[name] = l
	}
	year := time.Now().Year()
	if y, err := strconv.Atoi(os.Getenv(EnvironmentYear)); err == nil {
		year = y
	}
	for _, name := range filepath.SplitList(os.Getenv(Environment)) {
		add(name, year)
	}
	return all, errors.Join(problems...)
})

// situations adds the logs of test/corpus as one: each has servers of its own.
func situations(all map[string]Log) error {
	some, err := corpus.All()
	for i := range some {
		lines, problem := some[i].Lines()
		err = errors.Join(err, problem)
		all["situations"] = append(all["situations"], lines...)
	}
	return err
}

// each runs a test on each log.
func each(t *testing.T, test func(t *testing.T, l Log)) {
	t.Helper()
	all, err := logs()
	if err != nil {
		t.Fatal(err)
	}
	for name, l := range all {
		t.Run(name, func(t *testing.T) { test(t, l) })
	}
}

// document is one as it is written.
type document struct{ ID, raw, host, queueID string }

func (d *document) key() string { return d.host + " " + d.queueID }

// content is what of a document is compared where its times may differ.
type content struct {
	Kind       string
	Host       struct{ Name string }
	QueueID    string `json:"queue_id"`
	Origin     string
	From       string
	Subject    string
	Subjects   []string
	MessageID  string `json:"message_id"`
	Size       *int
	NRcpt      *int
	Client     struct{ IP string }
	SASL       struct{ Username string }
	Status     string
	Complete   bool
	Open       bool
	Lines      int
	Recipients []recipient
	Counts     map[string]int
	Links      []link
	Warnings   []string
	Log        []struct{ Text string }
}

type recipient struct {
	To       string
	OrigTo   string `json:"orig_to"`
	Status   string
	Attempts int
	DSN      string
	Queued   string `json:"remote_queue_id"`
}

type link struct {
	Rel     string
	QueueID string `json:"queue_id"`
}

// essence is what a message is, whenever it was and on whatever server.
func (d *document) essence() string {
	x := d.content()
	x.Host.Name, x.Log = strings.TrimSuffix(strings.TrimSuffix(x.Host.Name, "-elsewhere-1"), "-elsewhere-2"), nil
	if len(x.Subjects) > 0 { // the first by time, as is the message-id
		x.Subject, x.Subjects = "", nil
	}
	if slices.Contains(x.Warnings, message.WarnMessageIDs) {
		x.MessageID = ""
	}
	if x.Size == nil && x.Origin == "local" { // pickup's word and cleanup's: the first by time, where qmgr has not said it
		x.From = ""
	}
	x.Warnings = nil
	slices.SortFunc(x.Links, func(a, b link) int { return cmp.Compare(a.Rel+a.QueueID, b.Rel+b.QueueID) })
	b, err := json.Marshal(x)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// merged is what merge makes of a log, in whatever order its lines are.
func merged(t *testing.T, l Log) []document {
	t.Helper()
	text := l.Text()
	in := maillog.Input{Name: "log", ModTime: time.Unix(0, 0), Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
	var docs []document
	ids := map[string]bool{}
	report, err := maillog.Merge(t.Context(), maillog.Options{Inputs: []maillog.Input{in}, Window: 9000 * 24 * time.Hour}, func(d *message.Document) error {
		d.Session = nil // best effort, and not compared
		if ids[d.ID] {
			t.Errorf("two documents of the id %s", d.ID)
		}
		ids[d.ID] = true
		docs = append(docs, document{ID: d.ID, raw: string(d.AppendJSON(nil)), host: d.Host, queueID: d.QueueID})
		return nil
	})
	if err != nil || report.Late > 0 {
		t.Fatalf("%v, %d late", err, report.Late)
	}
	return docs
}

// content decodes the document.
func (d *document) content() (c content) {
	if err := json.Unmarshal([]byte(d.raw), &c); err != nil {
		panic(err)
	}
	return c
}

func identified(docs []document) []string {
	out := make([]string, len(docs))
	for i := range docs {
		out[i] = docs[i].ID + " " + docs[i].raw
	}
	return out
}

func essences(docs []document) []string {
	out := make([]string, len(docs))
	for i := range docs {
		out[i] = docs[i].essence()
	}
	return out
}

// same fails where two lists, in any order, are not the same.
func same(t *testing.T, got, want []string) {
	t.Helper()
	if len(want) == 0 {
		t.Fatal("nothing to compare with")
	}
	missing, extra := difference(want, got), difference(got, want)
	if len(missing)+len(extra) == 0 {
		return
	}
	t.Errorf("%d documents, want %d; %d are missing, %d too many", len(got), len(want), len(missing), len(extra))
	slices.Sort(missing)
	slices.Sort(extra)
	for _, x := range missing[:min(2, len(missing))] {
		t.Logf("want %.600s", x)
	}
	for _, x := range extra[:min(2, len(extra))] {
		t.Logf("have %.600s", x)
	}
}

// difference is what a has and b has not, with repetition.
func difference(a, b []string) (out []string) {
	n := map[string]int{}
	for _, x := range b {
		n[x]++
	}
	for _, x := range a {
		if n[x]--; n[x] < 0 {
			out = append(out, x)
		}
	}
	return out
}

func messages(docs []document) []document {
	return slices.DeleteFunc(slices.Clone(docs), func(d document) bool { return d.queueID == "" })
}

// Lines that come twice, in any order, and other programs' lines change no byte.
func TestNoise(t *testing.T) {
	each(t, func(t *testing.T, l Log) {
		want := identified(merged(t, l))
		for name, variant := range map[string]Log{
			"every third line twice": l.Doubled(1),
			"shuffled":               l.Shuffled(2),
			"foreign lines":          l.Foreign(3),
			"all at once":            l.Doubled(4).Foreign(5).Shuffled(6),
		} {
			t.Run(name, func(t *testing.T) { same(t, identified(merged(t, variant)), want) })
		}
	})
}

// Two more servers with the same queue ids have documents of their own, which
// differ in the server's name alone.
func TestOtherServersWithTheSameIDs(t *testing.T) {
	each(t, func(t *testing.T, l Log) {
		base := merged(t, l)
		var all Log
		for i := range l { // line by line, side by side
			all = append(all, l[i])
			for _, suffix := range []string{"-elsewhere-1", "-elsewhere-2"} {
				all = append(all, l[i:i+1].Elsewhere(suffix)...)
			}
		}
		var own, others []document
		for _, d := range merged(t, all) {
			if strings.HasSuffix(d.host, "-elsewhere-1") || strings.HasSuffix(d.host, "-elsewhere-2") {
				others = append(others, d)
			} else {
				own = append(own, d)
			}
		}
		same(t, identified(own), identified(base))
		same(t, essences(others), append(essences(base), essences(base)...))
	})
}

// Stamps that are off by up to three seconds change times and nothing else.
func TestMovedLines(t *testing.T) {
	each(t, func(t *testing.T, l Log) {
		l = l.Once() // what came twice in one second is one line; apart it is two
		want := essences(messages(merged(t, l)))
		for seed := range uint64(3) {
			same(t, essences(messages(merged(t, l.Moved(seed, 3)))), want)
		}
	})
}

// The same short ids again on a later day are messages of their own.
func TestTheSameIDsOnALaterDay(t *testing.T) {
	each(t, func(t *testing.T, l Log) {
		base, days := merged(t, l), l.Days()
		later := merged(t, l.Later(days))
		if len(later) == 0 {
			t.Skip("no short queue ids")
		}
		clear := clearKeys(base)
		for name, variant := range map[string]Log{"in order": append(slices.Clone(l), l.Later(days)...), "shuffled": append(slices.Clone(l), l.Later(days)...).Shuffled(1)} {
			t.Run(name, func(t *testing.T) {
				got := merged(t, variant)
				same(t, identified(only(got, clear)), identified(only(append(slices.Clone(base), later...), clear)))
			})
		}
		t.Run("moved by seconds", func(t *testing.T) {
			once := l.Once()
			want := append(essences(only(messages(merged(t, once)), clear)), essences(only(messages(merged(t, once.Later(days))), clear))...)
			both := append(slices.Clone(once), once.Later(days)...)
			same(t, essences(only(messages(merged(t, both.Moved(7, 3))), clear)), want)
		})
	})
}

// Where the first lines of the later messages or the last lines of the earlier ones
// are missing, the others are what they are without each other.
func TestTheSameIDsOnALaterDayInPart(t *testing.T) {
	each(t, func(t *testing.T, l Log) {
		days := l.Days()
		for name, parts := range map[string][2]Log{
			"later ones without their first lines": {l, l.Later(days).Without(35, 0)},
			"earlier ones without their last ones": {l.Without(0, 35), l.Later(days)},
			"both":                                 {l.Without(0, 35), l.Later(days).Without(35, 0)},
		} {
			t.Run(name, func(t *testing.T) {
				earlier, later := merged(t, parts[0]), merged(t, parts[1])
				clear := apart(earlier, later)
				t.Logf("%d of %d queue ids have a boundary that the lines tell", len(clear), len(keys(earlier)))
				want := only(append(slices.Clone(earlier), later...), clear)
				got := only(merged(t, append(slices.Clone(parts[0]), parts[1]...)), clear)
				same(t, identified(got), identified(want))
			})
		}
	})
}

func keys(docs []document) map[string]bool {
	all := map[string]bool{}
	for i := range docs {
		all[docs[i].key()] = true
	}
	return all
}

func only(docs []document, keys map[string]bool) []document {
	return slices.DeleteFunc(slices.Clone(docs), func(d document) bool { return d.queueID != "" && !keys[d.key()] })
}

// clearKeys are those of whose messages each begins with a line that cannot be of
// another.
func clearKeys(docs []document) map[string]bool {
	clear := keys(docs)
	for i := range docs {
		if d := &docs[i]; d.queueID != "" && !d.begins() && !d.delivered() && !d.has("removed") {
			delete(clear, d.key())
		}
	}
	return clear
}

// apart are the keys where the lines tell the later message from the earlier
// one: by its origin line or message-id, by a delivery, or since the earlier one was removed.
func apart(earlier, later []document) map[string]bool {
	first, last := map[string][]*document{}, map[string]*document{}
	for i := range earlier {
		last[earlier[i].key()] = &earlier[i] // in order of arrival
	}
	for i := range later {
		first[later[i].key()] = append(first[later[i].key()], &later[i])
	}
	clear := keys(append(slices.Clone(earlier), later...))
	for k, docs := range first {
		e, d := last[k], docs[0]
		if e == nil || d.has("client=") || d.has("uid=") || d.delivered() || d.has("message-id=") && (e.has("message-id=") || e.has("removed")) || e.has("removed") && (d.has("removed") || d.has("from=<")) {
			continue
		}
		delete(clear, k)
	}
	return clear
}

func (d *document) begins() bool { return d.has("client=") || d.has("uid=") || d.has("message-id=") }

func (d *document) delivered() bool { return d.has("to=<") }

// has tells whether the text of a line, behind its queue id, begins so.
func (d *document) has(what string) bool {
	for _, l := range d.content().Log {
		if _, text, _ := strings.Cut(l.Text, ": "); strings.HasPrefix(text, what) {
			return true
		}
	}
	return false
}
