package bench

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// Scan says how to read an index. Its zero value is the floor itself: one stream, whole documents, pages of 10,000.
type Scan struct {
	Page      int      // documents a page; 10,000 is the most an index allows
	Source    []string // fields of _source to return; nil for all of it
	DocValues []string // fields returned from doc values, and then no _source
	Slices    int      // streams beside each other; 0 and 1 are one
	Query     string   // JSON; all documents where empty
}

// BareScan reads every document of an index, or of several by a pattern, in one stream with its whole _source.
func BareScan(ctx context.Context, n *Node, index string) (Count, error) {
	return Scan{}.Run(ctx, n, index)
}

// Run reads every document by point in time and search_after over _shard_doc. It decodes nothing: hits are counted by their sort
// values, and of the last one the value is taken for the next page.
func (s Scan) Run(ctx context.Context, n *Node, index string) (Count, error) {
	start := time.Now()
	var buf bytes.Buffer
	if err := n.do(ctx, http.MethodPost, "/"+url.PathEscape(index)+"/_pit?keep_alive=5m", nil, &buf); err != nil {
		return Count{}, fmt.Errorf("open point in time: %w", err)
	}
	id, ok := between(buf.Bytes(), `"id":"`, `"`)
	if !ok {
		return Count{}, fmt.Errorf("open point in time: no id in %.200s", buf.Bytes())
	}
	pit := string(id)
	defer n.do(context.WithoutCancel(ctx), http.MethodDelete, "/_pit", []byte(`{"id":"`+pit+`"}`), new(bytes.Buffer)) //nolint:errcheck // it ends by itself

	streams := max(s.Slices, 1)
	counts := make([]Count, streams)
	g, ctx := errgroup.WithContext(ctx)
	for i := range streams {
		g.Go(func() (err error) {
			slice := ""
			if streams > 1 {
				slice = fmt.Sprintf(`,"slice":{"id":%d,"max":%d}`, i, streams)
			}
			counts[i], err = s.stream(ctx, n, pit, slice)
			return err
		})
	}
	err := g.Wait()
	var all Count
	for _, c := range counts {
		all.Docs, all.Requests, all.Bytes = all.Docs+c.Docs, all.Requests+c.Requests, all.Bytes+c.Bytes
	}
	all.Elapsed = time.Since(start)
	return all, err
}

func (s Scan) stream(ctx context.Context, n *Node, pit, slice string) (c Count, err error) {
	page := s.Page
	if page == 0 {
		page = 10_000
	}
	body := `{"size":` + strconv.Itoa(page) + `,"track_total_hits":false,"sort":[{"_shard_doc":"asc"}]` + s.what() + slice
	if s.Query != "" {
		body += `,"query":` + s.Query
	}
	after := ""
	var buf bytes.Buffer
	for {
		req := body + `,"pit":{"id":"` + pit + `","keep_alive":"5m"}` + after + `}`
		if err := n.do(ctx, http.MethodPost, "/_search", []byte(req), &buf); err != nil {
			return c, fmt.Errorf("page %d: %w", c.Requests+1, err)
		}
		b := buf.Bytes()
		if failedShards(b) {
			return c, fmt.Errorf("page %d is not whole: %.300s", c.Requests+1, b[bytes.IndexByte(b, ',')+1:])
		}
		if i := bytes.Index(b[:min(len(b), 4096)], []byte(`"pit_id":"`)); i >= 0 { // it may change from answer to answer
			id, _, _ := bytes.Cut(b[i+len(`"pit_id":"`):], []byte{'"'})
			pit = string(id)
		}
		hits := bytes.Count(b, []byte(`,"sort":[`))
		c.Requests++
		c.Docs += hits
		c.Bytes += int64(len(b))
		if hits < page {
			return c, nil
		}
		last, ok := between(b, `,"sort":[`, `]`)
		if !ok {
			return c, fmt.Errorf("page %d: no sort value in its last hit", c.Requests)
		}
		after = `,"search_after":[` + string(last) + `]`
	}
}

// what asks for the parts of a hit.
func (s Scan) what() string {
	switch {
	case s.DocValues != nil:
		return `,"_source":false,"docvalue_fields":["` + strings.Join(s.DocValues, `","`) + `"]`
	case s.Source != nil:
		return `,"_source":["` + strings.Join(s.Source, `","`) + `"]`
	}
	return ""
}

// Fields of a Logstash document that a reader of Postfix lines cannot do without, by layout.
var (
	FieldsSyslog = []string{"@timestamp", "syslog_hostname", "syslog_program", "syslog_pid", "syslog_message"}
	FieldsPlain  = []string{"@timestamp", "logsource", "program", "pid", "message"}
)
