package security

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/postweave/postweave/mappings"
	"github.com/postweave/postweave/test/esnode"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// mounted is a secret as Kubernetes mounts it: the file is a link through a link to a
// folder, and a new secret is another folder.
type mounted struct {
	t    *testing.T
	root string
	n    int
}

func (m *mounted) path() string { return filepath.Join(m.root, "password") }

func (m *mounted) write(secret string) {
	m.t.Helper()
	m.n++
	folder := filepath.Join(m.root, "..folder"+string(rune('0'+m.n)))
	fresh := filepath.Join(m.root, "..data_tmp")
	must := func(err error) {
		if err != nil {
			m.t.Fatal(err)
		}
	}
	must(os.Mkdir(folder, 0o700))
	must(os.WriteFile(filepath.Join(folder, "password"), []byte(secret+"\n"), 0o600))
	must(os.Symlink(filepath.Base(folder), fresh))
	must(os.Rename(fresh, filepath.Join(m.root, "..data")))
	if m.n == 1 {
		must(os.Symlink(filepath.Join("..data", "password"), m.path()))
		return
	}
	must(os.RemoveAll(filepath.Join(m.root, "..folder"+string(rune('0'+m.n-1)))))
}

// output may be read while it is written to.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !done(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not in two minutes", what)
		}
	}
}

// A password is rotated while the daemon runs, in the one order and in the other. It goes on with the new one,
// without a restart, and nothing is lost.
func TestPasswordIsRotated(t *testing.T) {
	s := installation(t)
	user := s.Target + "-daemon"
	role := printedText(s, mappings.WorkerRole)
	rotate := func(password string) {
		t.Helper()
		if err := shared.node.Admit(esnode.User{Name: user, Password: password, Role: role}); err != nil {
			t.Fatal(err)
		}
		at, err := url.Parse(shared.node.As(user))
		if err != nil {
			t.Fatal(err)
		}
		await(t, "the node takes the new password", func() bool {
			return esnode.Call(t.Context(), http.MethodGet, at.String()+"/_security/_authenticate", nil, nil) == nil
		})
	}
	secret := &mounted{t: t, root: t.TempDir()}
	secret.write("hunter-one")
	rotate("hunter-one")

	plain, err := url.Parse(s.Node)
	if err != nil {
		t.Fatal(err)
	}
	plain.User = nil
	d := s.Through(plain.String())
	d.Env = append(d.Env, "POSTWEAVE_ES_USERNAME="+user, "POSTWEAVE_ES_PASSWORD_FILE="+secret.path())
	var sent []loggen.Line
	index := func(id string) {
		t.Helper()
		mail := site.Mail("mx1", id, noon.Add(time.Duration(len(sent))*time.Minute))
		sent = append(sent, mail...)
		s.Index(s.Shipped(loggen.LayoutSyslog, mail...))
	}
	send := func(id string) { // and wait for the document
		t.Helper()
		index(id)
		await(t, id, func() bool { return 6*len(s.Documents()) == len(sent) })
	}
	index("0A2B3C4D5E6") // a source without an index is an error
	c, _, _ := d.Command("daemon", "--json", "--schedule", "@every 1s")
	var stdout, stderr output
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	t.Cleanup(func() { _ = c.Process.Kill() })

	renewed := func() int { return strings.Count(stderr.String(), "its secret was read anew") }
	failed := func() int { return strings.Count(stderr.String(), "the pass failed") }
	send("1A2B3C4D5E6")

	// The file first: no pass notices.
	secret.write("hunter-two")
	send("2A2B3C4D5E6")
	rotate("hunter-two")
	send("3A2B3C4D5E6")
	if renewed() != 1 || failed() != 0 {
		t.Errorf("read anew %d times, want 1; %d passes failed, want 0\n%s", renewed(), failed(), &stderr)
	}
	// Elasticsearch first: passes fail until the file is there.
	before := failed()
	rotate("hunter-three")
	await(t, "a pass that is refused", func() bool { return failed() > before })
	secret.write("hunter-three")
	send("4A2B3C4D5E6")
	if renewed() != 2 || !strings.Contains(stderr.String(), `"exit_code":4`) || !strings.Contains(stderr.String(), "holds the same one") {
		t.Errorf("read anew %d times, want 2\n%s", renewed(), &stderr)
	}
	// The file is empty for a while, as one is that is being written in place.
	rotate("hunter-four")
	before = failed()
	secret.write("")
	await(t, "a pass without a secret", func() bool {
		return failed() > before && strings.Contains(stderr.String(), "POSTWEAVE_ES_PASSWORD_FILE")
	})
	secret.write("hunter-four")
	send("5A2B3C4D5E6")

	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if code := site.ExitCodeOf(t, err); code != 0 {
			t.Errorf("the daemon exits %d", code)
		}
	case <-time.After(time.Minute):
		t.Fatal("the daemon does not end")
	}
	if all := stdout.String() + stderr.String(); strings.Contains(all, "hunter") {
		t.Errorf("a secret is in the output:\n%s", all)
	}
	clean := s.Beside("clean")
	clean.Run()
	site.Same(t, "with rotated passwords and without", site.Identified(s.Documents()), site.Identified(clean.Documents()))
}
