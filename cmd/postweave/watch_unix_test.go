//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is postweave at work.
type process struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr said
}

func startProcess(t *testing.T, stdin string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(itself, args...)}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = strings.NewReader(stdin), &p.stdout, &p.stderr
	return p
}

func (p *process) start() {
	p.t.Helper()
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = p.cmd.Process.Kill() })
}

// ask sends SIGUSR1 until what is said contains a text, and returns all of it.
func (p *process) ask(want string) string {
	p.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if err := p.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
			p.t.Fatalf("%v\n%s", err, &p.stderr)
		}
		if said := p.stderr.String(); strings.Contains(said, want) {
			return said
		}
	}
	p.t.Fatalf("nothing says %q:\n%s", want, &p.stderr)
	return ""
}

func (p *process) ends(code int) {
	p.t.Helper()
	err := p.cmd.Wait()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		p.t.Fatal(err)
	}
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		p.t.Errorf("exit code %d (%v), want %d\n%s", got, err, code, &p.stderr)
	}
}

// A merge that waits for a pipe says where it is when it is asked, and its results are none the worse.
func TestAMergeAnswers(t *testing.T) {
	var first, second strings.Builder
	for i := range 4000 {
		b := &first
		if i >= 2000 {
			b = &second
		}
		b.WriteString("Nov 22 10:00:01 mx1 postfix/smtpd[7]: " + strings.ToUpper(string(rune('A'+i%6))) + "BCD0" + string(rune('0'+i/1000)) + ": client=c.example[192.0.2.1]\n")
	}
	plain := startProcess(t, first.String()+second.String(), "merge", "--year", "2026")
	plain.start()
	plain.ends(exitComplete)

	asked := startProcess(t, "", "merge", "--year", "2026")
	asked.cmd.Stdin = nil
	pipe, err := asked.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	asked.start()
	if _, err := pipe.Write([]byte(first.String())); err != nil {
		t.Fatal(err)
	}
	said := asked.ask("2,000 lines")
	for line := range strings.Lines(said) {
		if !strings.HasPrefix(line, "postweave: merge: ") || !strings.Contains(line, " in ") {
			t.Errorf("it says %q", line)
		}
	}
	if _, err := pipe.Write([]byte(second.String())); err != nil {
		t.Fatal(err)
	}
	if err := pipe.Close(); err != nil {
		t.Fatal(err)
	}
	asked.ends(exitComplete)
	if asked.stdout.String() != plain.stdout.String() || plain.stdout.String() == "" {
		t.Error("a merge that was asked where it is has other results")
	}
	if said := asked.stderr.String(); !strings.HasSuffix(said, plain.stderr.String()) {
		t.Errorf("it ends with %q, want %q", said, plain.stderr.String())
	}
}

// A daemon says when the next pass is due and what became of the last one.
func TestADaemonAnswers(t *testing.T) {
	for format, want := range map[string]string{"json": `"message":"progress","of":"daemon","next_pass":"`, "text": "postweave: daemon: waits for the next pass at 20"} {
		p := startProcess(t, "", "daemon", "--es-url", "http://127.0.0.1:1", "--retry-budget", "1s", "--schedule", "0 0 1 1 *", "--log-format", format, "--log-level", "error")
		p.start()
		for deadline := time.Now().Add(30 * time.Second); !strings.Contains(p.stderr.String(), "the pass failed"); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("no pass has failed: %s", &p.stderr)
			}
		}
		said := p.ask(want)
		line := said[strings.LastIndex(strings.TrimSuffix(said, "\n"), "\n")+1:]
		if format == "text" && !strings.Contains(line, "with exit code 3\n") {
			t.Errorf("it says %q", line)
		}
		if format == "json" {
			var entry struct {
				NextPass time.Time `json:"next_pass"`
				LastPass time.Time `json:"last_pass"`
				ExitCode int       `json:"exit_code"`
			}
			if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.ExitCode != exitUnavailable ||
				time.Since(entry.LastPass) > time.Minute || entry.NextPass.Before(time.Now()) || entry.NextPass.YearDay() != 1 {
				t.Errorf("%v: it says %q", err, line)
			}
		}
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		p.ends(exitComplete)
	}
}

// A command that does not know how far it is says at least that it is at work, and goes on.
func TestACommandThatWaitsAnswers(t *testing.T) {
	asked, begun := make(chan struct{}), make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		begun <- struct{}{}
		<-asked
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer server.Close()
	p := startProcess(t, "", "trace", "--to", "someone@example.com", "--es-url", server.URL)
	p.start()
	<-begun
	said := p.ask("postweave: trace: at work for ")
	close(asked)
	p.ends(exitAuth)
	if strings.Contains(said, "someone") {
		t.Errorf("it says %q", said)
	}
}

// Nothing is said of short work.
func TestShortWorkSaysNothing(t *testing.T) {
	var out, said bytes.Buffer
	if code := run(t.Context(), []string{"merge", "--year", "2026"}, strings.NewReader("Nov 22 10:00:01 mx1 postfix/qmgr[7]: ABCD01: removed\n"), &out, &said, nil); code != exitComplete {
		t.Errorf("exit %d", code)
	}
	if got, want := said.String(), "postweave: 1 line merged into 1 message\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
