package questions

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/site"
)

var update = flag.Bool("update", false, "write the shapes of the answers in docs/questions.md anew")

const (
	corpora = "lab-postfix-3.7/"
	page    = "../../docs/questions.md"
)

func TestMain(m *testing.M) { os.Exit(site.Main(m)) }

func questionsAndTruth(t *testing.T) ([]Question, *Truth) {
	t.Helper()
	questions, err := ReadPage(page)
	if err != nil {
		t.Fatal(err)
	}
	all, err := ReadTruth(site.CorpusFile(corpora+"mail.log.gz"), site.CorpusFile(corpora+"sent.ndjson.gz"), site.CorpusFile(corpora+"arrived.ndjson.gz"))
	if err != nil {
		t.Fatal(err)
	}
	if len(all.Mails) < 2000 || len(all.Rejects) < 100 || len(all.Sent) != 1500 || len(all.Arrived) != 1976 {
		t.Fatalf("%d mails, %d refusals, %d sent, %d arrived", len(all.Mails), len(all.Rejects), len(all.Sent), len(all.Arrived))
	}
	return questions, all
}

// Every question has an answer here, and every answer a question.
func TestEachQuestionHasAnAnswer(t *testing.T) {
	questions, _ := questionsAndTruth(t)
	asked := map[string]bool{}
	for _, q := range questions {
		if asked[q.Heading] {
			t.Errorf("asked twice: %s", q.Heading)
		}
		asked[q.Heading] = true
		if _, known := answers[q.Heading]; !known {
			t.Errorf("nobody knows the answer to: %s", q.Heading)
		}
	}
	for heading := range answers {
		if !asked[heading] {
			t.Errorf("nobody asks: %s", heading)
		}
	}
	if len(questions) < 25 {
		t.Errorf("%d questions", len(questions))
	}
}

// asker runs a question's command.
type asker struct {
	*site.Site
	more []string // flags that name the source
}

func (a *asker) ask(q *Question, machine ...string) string {
	args := q.Args()
	if len(machine) > 0 { // instead of the page's own
		if i := slices.Index(args, "-o"); i >= 0 {
			args = slices.Delete(args, i, i+2)
		}
	}
	return a.Must(slices.Concat(args, machine, a.more)...).Stdout
}

// The answers from the log are true, and the page shows how they look.
func TestQuestionsToTheLog(t *testing.T) {
	s := site.On(t, "http://127.0.0.1:9") // nobody is there: a log needs no server
	askAll(t, &asker{s, []string{"-f", site.CorpusFile(corpora + "mail.log.gz"), "--year", "2026"}}, *update)
}

// The answers from the index are true, and look alike.
func TestQuestionsToTheIndex(t *testing.T) {
	s := site.New(t)
	var raw []site.Raw
	for _, source := range site.ReadLines(t, corpora+"logstash-syslog.ndjson.gz") {
		raw = append(raw, site.Raw{Index: s.Daily(time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)), Source: source})
	}
	s.Index(raw)
	s.Backfill("2026-11-22", "2026-11-23")
	s.ES("POST", "/"+s.Target+"/_refresh", nil, nil)
	askAll(t, &asker{s, nil}, false)
}

func askAll(t *testing.T, a *asker, rewrite bool) {
	t.Helper()
	questions, all := questionsAndTruth(t)
	for _, q := range questions {
		t.Run(q.Heading, func(t *testing.T) {
			own := *a.Site
			own.T = t
			a := &asker{&own, a.more}
			e := answers[q.Heading]
			if e.answer == nil {
				t.Fatal("nobody knows the answer")
			}
			got, want := e.answer(t, a.ask(&q, e.machine...)), e.truth(t, all)
			if !e.ordered {
				slices.Sort(got)
				slices.Sort(want)
			}
			if len(want) == 0 {
				t.Error("the answer is empty: ask something else")
			}
			if !slices.Equal(got, want) {
				differ(t, q.Command, got, want)
			}
			printed := a.ask(&q)
			if rewrite {
				show(t, &q, printed)
				return
			}
			shown(t, q.Shown, printed)
		})
	}
}

// differ says what an answer has too much and what it lacks.
func differ(t *testing.T, command string, got, want []string) {
	t.Helper()
	t.Errorf("%s: %d in the answer, %d in truth", command, len(got), len(want))
	for _, g := range got {
		if !slices.Contains(want, g) {
			t.Errorf("not true: %s", g)
		}
	}
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("missing: %s", w)
		}
	}
}

// mostShown are the lines of an answer that the page shows.
const mostShown, widestShown = 6, 160

// shape is what the page shows of an answer.
func shape(printed string) (lines []string) {
	printed, _, _ = strings.Cut(printed, "\nLog, ") // of a timeline
	all := strings.Split(strings.TrimRight(printed, "\n"), "\n")
	most := mostShown
	if strings.HasPrefix(printed, "Message ") {
		most = 24
	}
	for _, l := range all[:min(len(all), most)] {
		if r := []rune(l); len(r) > widestShown {
			l = string(r[:widestShown]) + "…"
		}
		lines = append(lines, l)
	}
	if len(all) > most {
		lines = append(lines, "…")
	}
	return lines
}

// shown compares what the page shows with what is printed, whatever the widths of columns.
func shown(t *testing.T, want []string, printed string) {
	t.Helper()
	got := shape(printed)
	if !slices.Equal(got, want) {
		t.Errorf("the page shows\n%s\nprinted is\n%s\ngo test ./test/questions -run Log -update writes it", strings.Join(want, "\n"), strings.Join(got, "\n"))
	}
}

// show writes the shape of an answer into the page.
func show(t *testing.T, q *Question, printed string) {
	t.Helper()
	path := filepath.FromSlash(page)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, after, found := strings.Cut(string(text), commandFence+q.Command+"\n"+fence+"\n"+answerFence)
	_, after, closed := strings.Cut(after, fence)
	if !found || !closed {
		t.Fatal("the page has no such question")
	}
	all := before + commandFence + q.Command + "\n" + fence + "\n" + answerFence + strings.Join(shape(printed), "\n") + "\n" + fence + after
	if err := os.WriteFile(path, []byte(all), 0o644); err != nil {
		t.Fatal(err)
	}
}
