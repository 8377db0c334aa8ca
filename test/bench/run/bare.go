package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
)

// The variables by which this program is told to be nothing but a search: the URL, and the file that holds the body.
const (
	bareURL  = "POSTWEAVE_BENCH_SEARCH"
	bareBody = "POSTWEAVE_BENCH_BODY"
)

// bareSearch makes one search, reads the answer to its end and writes it to stdout, in a process of its own: so what it is held
// against pays no more for its start. It tells whether that was what this process is for.
func bareSearch() bool {
	url := os.Getenv(bareURL)
	if url == "" {
		return false
	}
	if err := searchOnce(url, os.Getenv(bareBody), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	return true
}

func searchOnce(url, file string, to io.Writer) error {
	body, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	res, err := http.Post(url, "application/json", bytes.NewReader(body)) //nolint:gosec,noctx // the benchmark's own node; it ends with the process
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(to, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the search: %s", res.Status)
	}
	return nil
}
