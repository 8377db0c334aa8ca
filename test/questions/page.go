package questions

import (
	"fmt"
	"os"
	"strings"
)

// Question is a section of the page.
type Question struct {
	Heading string
	Command string   // as it stands there, one line
	Shown   []string // the beginning of its answer; "…" ends a line that is cut, and a list that goes on
}

// The fences of the page.
const (
	commandFence = "```sh\n"
	answerFence  = "```text\n"
	fence        = "```\n"
)

// ReadPage reads the questions of a page: each has a heading of the second rank, one command and the shape of its answer.
func ReadPage(path string) ([]Question, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the page: %w", err)
	}
	var all []Question
	for i, section := range strings.Split("\n"+string(text), "\n## ") {
		if i == 0 {
			continue
		}
		heading, rest, _ := strings.Cut(section, "\n")
		command, rest, found := block(rest, commandFence)
		answer, rest, shown := block(rest, answerFence)
		switch {
		case !found || !shown || strings.Contains(rest, "```"):
			return nil, fmt.Errorf("%q: want a command and its answer", heading)
		case strings.Count(command, "\n") != 1 || !strings.HasPrefix(command, "postweave "):
			return nil, fmt.Errorf("%q: want one command", heading)
		case len(strings.Fields(rest)) < 5:
			return nil, fmt.Errorf("%q: want a sentence on how the answer is read", heading)
		}
		all = append(all, Question{heading, strings.TrimSuffix(command, "\n"), strings.Split(strings.TrimSuffix(answer, "\n"), "\n")})
	}
	return all, nil
}

func block(text, opening string) (inside, after string, ok bool) {
	_, rest, ok := strings.Cut(text, opening)
	if !ok {
		return "", text, false
	}
	return strings.Cut(rest, fence)
}

// Args splits a command as a shell does where no more than single quotes are used.
func (q *Question) Args() []string {
	var args []string
	quoted, open := false, false
	var word strings.Builder
	for _, r := range strings.TrimPrefix(q.Command, "postweave ") {
		switch {
		case r == '\'':
			quoted, open = !quoted, true
		case r == ' ' && !quoted:
			if open {
				args = append(args, word.String())
			}
			word.Reset()
			open = false
		default:
			word.WriteRune(r)
			open = true
		}
	}
	if open {
		args = append(args, word.String())
	}
	return args
}
