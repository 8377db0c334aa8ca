package site

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/postweave/postweave/test/leak"
)

// private is what no output of a test binary's commands may repeat: what the
// corpora and the indexed lines tell of mails, and the passwords and keys that the
// commands were given.
var private leak.Known

// corpora takes up what the corpora tell, once.
var corpora = sync.OnceValue(func() error {
	root, err := Root()
	if err != nil {
		return err
	}
	var logs []string
	for _, pattern := range []string{"test/corpora/*/mail.log", "test/corpora/*/mail.log.gz", "test/corpus/*/*.log"} {
		found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			return err
		}
		logs = append(logs, found...)
	}
	if len(logs) < 10 {
		return fmt.Errorf("%d logs are not the corpora", len(logs))
	}
	for _, name := range logs {
		if err := eachLine(name, func(line []byte) { private.AddLine(string(line)) }); err != nil {
			return err
		}
	}
	return nil
})

// unspoken wants the outputs of a call to tell nothing of a mail and no secret.
func (s *Site) unspoken(c *exec.Cmd, stdout, stderr string) {
	s.T.Helper()
	if err := corpora(); err != nil {
		s.T.Errorf("read what the corpora tell of mails: %v", err)
	}
	for _, f := range private.InCall(c, stdout, stderr) {
		s.T.Errorf("postweave %q tells %s, %q:\n%.2000s", c.Args[1:], f.What, f.Text, f.Line)
	}
}

// unspokenAtEnd looks through the outputs of a call that the test makes by
// itself, when the test has ended: those it has put in place of ours as well.
func (s *Site) unspokenAtEnd(c *exec.Cmd, stdout, stderr *bytes.Buffer) {
	private.AddCall(c) // a file of a secret may hold another one at the end
	s.T.Cleanup(func() {
		s.T.Helper()
		text := func(own *bytes.Buffer, put any) string {
			switch put := put.(type) {
			case *bytes.Buffer:
				if put == own {
					return own.String()
				}
				return own.String() + "\n" + put.String()
			case fmt.Stringer:
				return own.String() + "\n" + put.String()
			}
			if c.Process != nil {
				s.T.Errorf("what postweave %q says goes where it cannot be looked through: %T has no String", c.Args[1:], put)
			}
			return own.String()
		}
		s.unspoken(c, text(stdout, c.Stdout), text(stderr, c.Stderr))
	})
}
