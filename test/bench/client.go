package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Node is an Elasticsearch node to measure against, without security.
type Node struct {
	URL string // http://127.0.0.1:9200

	http  http.Client
	asked time.Time // for its stats
}

// NewNode makes a node of its URL. Connections are kept, and answers come uncompressed: on loopback compression costs and saves nothing.
func NewNode(url string) *Node {
	return &Node{URL: strings.TrimRight(url, "/"), http: http.Client{
		Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16},
		Timeout:   5 * time.Minute,
	}}
}

// do sends a request and reads the answer into buf, which is reused. Any status but 2xx is an error with the start of the answer.
func (n *Node) do(ctx context.Context, method, path string, body []byte, buf *bytes.Buffer) error {
	req, err := http.NewRequestWithContext(ctx, method, n.URL+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if strings.Contains(path, "_bulk") {
		req.Header.Set("Content-Type", "application/x-ndjson")
	}
	res, err := n.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	buf.Reset()
	if res.ContentLength > 0 {
		buf.Grow(int(res.ContentLength))
	}
	if _, err := io.Copy(buf, res.Body); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %.300s", method, path, res.Status, buf.Bytes())
	}
	return nil
}

// Put and Delete are for setting a measurement up and clearing it away.
func (n *Node) Put(ctx context.Context, path, body string) error {
	return n.do(ctx, http.MethodPut, path, []byte(body), new(bytes.Buffer))
}

// Delete removes indices by name or pattern. One that is not there is no error.
func (n *Node) Delete(ctx context.Context, index string) error {
	var buf bytes.Buffer
	// Wildcards are off by default for deletion: list first.
	if err := n.do(ctx, http.MethodGet, "/_cat/indices/"+index+"?h=index&expand_wildcards=all&ignore_unavailable=true", nil, &buf); err != nil {
		return err
	}
	for name := range strings.FieldsSeq(buf.String()) {
		if err := n.do(ctx, http.MethodDelete, "/"+name, nil, new(bytes.Buffer)); err != nil {
			return err
		}
	}
	return nil
}

// DeleteTemplate removes an index template. One that is not there is no error.
func (n *Node) DeleteTemplate(ctx context.Context, name string) error {
	var found bytes.Buffer
	if err := n.do(ctx, http.MethodGet, "/_cat/templates/"+url.PathEscape(name)+"?h=name", nil, &found); err != nil || len(bytes.TrimSpace(found.Bytes())) == 0 {
		return err
	}
	return n.do(ctx, http.MethodDelete, "/_index_template/"+url.PathEscape(name), nil, new(bytes.Buffer))
}

// json sends a request and decodes the answer. For what is not measured.
func (n *Node) json(ctx context.Context, method, path, body string, into any) error {
	var buf bytes.Buffer
	if err := n.do(ctx, method, path, []byte(body), &buf); err != nil {
		return err
	}
	return json.Unmarshal(buf.Bytes(), into)
}

// Refresh makes everything written so far visible.
func (n *Node) Refresh(ctx context.Context, index string) error {
	return n.do(ctx, http.MethodPost, "/"+index+"/_refresh", nil, new(bytes.Buffer))
}

// between gives the bytes after the last start up to the next end, without decoding anything around them.
func between(b []byte, start, end string) ([]byte, bool) {
	i := bytes.LastIndex(b, []byte(start))
	if i < 0 {
		return nil, false
	}
	b = b[i+len(start):]
	j := bytes.Index(b, []byte(end))
	if j < 0 {
		return nil, false
	}
	return b[:j], true
}

// failedShards finds an answer that is not whole. A search says 200 all the same.
func failedShards(b []byte) bool {
	head := b[:min(len(b), 4096)]
	return !bytes.Contains(head, []byte(`"timed_out":false`)) || !bytes.Contains(head, []byte(`"failed":0`))
}
