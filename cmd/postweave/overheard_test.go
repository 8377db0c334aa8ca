package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/postweave/postweave/test/leak"
)

// itself is the name of the real main among the scripts' commands; "postweave" is
// what listens to it.
const itself = "postweave-itself"

// overheardFile is the variable that tells a listener where to write what must not have been
// said: a script that expects a failure would not notice one more.
const overheardFile = "OVERHEARD"

// overheard runs the real main and looks through what it prints: neither a mail
// nor a secret may be told by anything but a result.
func overheard() {
	var stdout, stderr bytes.Buffer
	c := exec.Command(itself, os.Args[1:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, io.MultiWriter(os.Stdout, &stdout), io.MultiWriter(os.Stderr, &stderr)
	c.Env = os.Environ()
	err := c.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(99)
	}
	for _, f := range new(leak.Known).InCall(c, stdout.String(), stderr.String()) {
		if err := appendTo(os.Getenv(overheardFile), fmt.Sprintf("postweave %q tells %s, %q: %s\n", os.Args[1:], f.What, f.Text, f.Line)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(99)
		}
	}
	os.Exit(c.ProcessState.ExitCode())
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// listen prepares a script whose commands are overheard: it fails for what they
// should not have said.
func listen(e *testscript.Env) error {
	f, err := os.CreateTemp("", "overheard-")
	if err != nil {
		return err
	}
	e.Setenv(overheardFile, f.Name())
	e.Defer(func() {
		said, err := os.ReadFile(f.Name())
		if err := errors.Join(err, f.Close(), os.Remove(f.Name())); err != nil {
			e.T().Fatal(err)
		}
		if len(said) > 0 {
			e.T().Fatal(string(said))
		}
	})
	return nil
}
