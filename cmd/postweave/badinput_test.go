package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// badInput gives each script servers that are not what postweave looks for, and
// files that are no logs.
func badInput(env *testscript.Env) error {
	// The address of a port where nothing listens any more.
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	env.Setenv("NOBODY", "http://"+gone.Addr().String())
	// Where a script says nothing else, postweave must find nobody, and soon: the
	// default address may be a developer's own Elasticsearch.
	env.Setenv("POSTWEAVE_ES_URL", env.Getenv("NOBODY"))
	env.Setenv("POSTWEAVE_RETRY_BUDGET", "1ms")
	if err := gone.Close(); err != nil {
		return err
	}
	for name, handler := range map[string]http.HandlerFunc{"WEBSITE": website, "NOTFOUND": http.NotFound, "DENIED": denied, "LAME": lame} {
		server := httptest.NewServer(handler)
		env.Defer(server.Close)
		env.Setenv(name, server.URL)
	}
	secure := httptest.NewUnstartedServer(http.HandlerFunc(website))
	secure.Config.ErrorLog = log.New(new(bytes.Buffer), "", 0) // the refused handshakes
	secure.StartTLS()
	env.Defer(secure.Close)
	env.Setenv("SECURE", secure.URL)
	env.Setenv("SECURE_IN_CLEAR", "http"+strings.TrimPrefix(secure.URL, "https"))
	env.Setenv("CLEAR_AS_SECURE", "https"+strings.TrimPrefix(env.Getenv("WEBSITE"), "http"))
	return badFiles(env.WorkDir)
}

func website(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	fmt.Fprint(w, "<!doctype html><title>Welcome, webmaster@shop.example</title>")
}

// denied answers as Elasticsearch does to a wrong password. Its reason repeats
// the name, as the real one does.
func denied(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.WriteHeader(http.StatusUnauthorized)
	fmt.Fprint(w, `{"error":{"root_cause":[],"type":"security_exception","reason":"unable to authenticate user [reader] with hunter2"},"status":401}`)
}

// lame is a cluster that is up and cannot answer.
func lame(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.WriteHeader(http.StatusServiceUnavailable)
	fmt.Fprint(w, `{"error":{"type":"master_not_discovered_exception","reason":null},"status":503}`)
}

// badFiles writes what a script's text cannot hold.
func badFiles(dir string) error {
	var text strings.Builder
	for i := range 5000 {
		// The numbers keep gzip from packing all of it into one block.
		fmt.Fprintf(&text, "Nov 20 10:%02d:%02d mx1 postfix/qmgr[%d]: 3A9C9%06X: from=<carol%d@secret.example>, size=%d, nrcpt=1 (queue active)\n",
			i/60%60, i%60, i*7919%99991, i*104729, i, i*15485863%999983)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(text.String())); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	whole := packed.Bytes()
	corrupt := bytes.Clone(whole)
	copy(corrupt[len(corrupt)/2:], "this is no deflate")
	for name, content := range map[string][]byte{
		"whole.gz":   whole,
		"cut.gz":     whole[:len(whole)/2],
		"head.gz":    whole[:7],
		"corrupt.gz": corrupt,
		"program":    bytes.Repeat([]byte("\x7fELF\x02\x01\x01\x00\xfe\xffcarol@secret.example"), 5000),
		"packed.xz":  []byte("\xfd7zXZ\x00\x00\x04"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// condition tells scripts whether they run as root, whom no file mode keeps out.
func condition(name string) (bool, error) {
	if name != "root" {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	return os.Getuid() == 0, nil
}
