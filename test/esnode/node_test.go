package esnode

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childVariable makes this test binary start a node and wait to be killed.
const childVariable = "POSTWEAVE_ESNODE_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		runChild()
	}
	os.Exit(Main(m))
}

func runChild() {
	node, err := Start(context.Background(), Options{Heap: "512m"})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(node.proc.pid, node.URL, node.dir.root)
	select {}
}

// lab is the number of lines in the corpus test/corpora/lab-postfix-3.7.
const lab = 29312

func TestLoadCorpus(t *testing.T) {
	url := Shared(t)
	for _, layout := range []string{"syslog", "plain"} {
		t.Run(layout, func(t *testing.T) {
			prefix := "esnode-" + layout + "-"
			t.Cleanup(func() {
				if err := Delete(context.Background(), url, prefix+"*"); err != nil {
					t.Error(err)
				}
			})
			in := corpus(t, "logstash-"+layout+".ndjson.gz")
			n, err := LoadNDJSON(t.Context(), url, in, Daily(prefix), LoadOptions{Refresh: true})
			if err != nil {
				t.Fatal(err)
			}
			if n != lab {
				t.Errorf("loaded %d documents, want %d", n, lab)
			}
			var count struct{ Count int }
			if err := Call(t.Context(), http.MethodGet, url+"/"+prefix+"2026.11.22/_count", nil, &count); err != nil {
				t.Fatal(err)
			}
			if count.Count != lab {
				t.Errorf("the index of the day holds %d documents, want %d", count.Count, lab)
			}
			// Elasticsearch's dynamic mapping, as users have it: text with a keyword beside it.
			var mapping map[string]struct {
				Mappings struct {
					Properties map[string]struct {
						Type   string
						Fields map[string]struct{ Type string }
					}
				}
			}
			if err := Call(t.Context(), http.MethodGet, url+"/"+prefix+"*/_mapping", nil, &mapping); err != nil {
				t.Fatal(err)
			}
			id := mapping[prefix+"2026.11.22"].Mappings.Properties["postfix_queueid"]
			if id.Type != "text" || id.Fields["keyword"].Type != "keyword" {
				t.Errorf("postfix_queueid is mapped as %+v", id)
			}
		})
	}
}

func TestDump(t *testing.T) {
	url := Shared(t)
	t.Cleanup(func() {
		if err := Delete(context.Background(), url, "esnode-dump"); err != nil {
			t.Error(err)
		}
	})
	const docs = 2500 // two whole pages and a part
	var in strings.Builder
	for i := range docs {
		fmt.Fprintf(&in, "{\"n\":%d}\n", i)
	}
	to := func(map[string]any, int) string { return "esnode-dump" }
	if _, err := LoadNDJSON(t.Context(), url, strings.NewReader(in.String()), to, LoadOptions{BulkBytes: 1000}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	n, err := Dump(t.Context(), url, "esnode-dump", &out)
	if err != nil {
		t.Fatal(err)
	}
	if got := bytes.Count(out.Bytes(), []byte(`"_source":{"n":`)); n != docs || got != docs {
		t.Errorf("dumped %d documents and wrote %d, want %d", n, got, docs)
	}
}

func TestLoadReportsRefusedDocument(t *testing.T) {
	url := Shared(t)
	t.Cleanup(func() {
		if err := Delete(context.Background(), url, "esnode-refused"); err != nil {
			t.Error(err)
		}
	})
	in := strings.NewReader("{\"n\":1}\n{\"n\":\"no number\"}\n")
	to := func(map[string]any, int) string { return "esnode-refused" }
	_, err := LoadNDJSON(t.Context(), url, in, to, LoadOptions{})
	if err == nil || !strings.Contains(err.Error(), "document_parsing_exception") {
		t.Errorf("error %v, want one that names document_parsing_exception", err)
	}
}

func TestStopLeavesNothing(t *testing.T) {
	var log bytes.Buffer
	node, err := Start(t.Context(), Options{Heap: "512m", Log: &log})
	if err != nil {
		t.Fatal(err)
	}
	if !healthy(t.Context(), node.URL) {
		t.Error("the node is not healthy after Start")
	}
	for range 2 {
		if err := node.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Kill(-node.proc.pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process group %d after Stop: %v, want none", node.proc.pid, err)
	}
	if _, err := os.Stat(node.dir.root); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("folder %s after Stop: %v, want none", node.dir.root, err)
	}
	if !strings.Contains(log.String(), "started") {
		t.Error("the log does not hold the node's output")
	}
}

// A test binary that is killed takes its node with it, and the next start removes the files.
func TestKilledProcessLeavesNothing(t *testing.T) {
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childVariable+"=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	var pid int
	var url, dir string
	if _, err := fmt.Sscan(line, &pid, &url, &dir); err != nil {
		t.Fatalf("the child said %q", line)
	}

	deadline := time.Now().Add(stopLimit)
	for !errors.Is(syscall.Kill(-pid, 0), syscall.ESRCH) {
		if time.Now().After(deadline) {
			t.Fatalf("process group %d outlives its parent by %v", pid, stopLimit)
		}
		time.Sleep(pollEvery)
	}
	as, err := unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	store, err := openStore(as)
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := store.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	store.sweep()
	unlock()
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("folder %s after the sweep: %v, want none", dir, err)
	}
}

func TestFailedStartSaysWhy(t *testing.T) {
	_, err := Start(t.Context(), Options{Settings: map[string]string{"no.such.setting": "1"}})
	if err == nil || !strings.Contains(err.Error(), "no.such.setting") {
		t.Errorf("error %v, want one that names the unknown setting", err)
	}
}

func corpus(t *testing.T, name string) io.Reader {
	t.Helper()
	f, err := os.Open("../corpora/lab-postfix-3.7/" + name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return z
}
