package bench

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
)

// Document is one that is ready to be written. ID may be empty: Elasticsearch makes one.
type Document struct {
	Index, ID string // Index may be empty where the whole bulk goes to one
	JSON      []byte
}

// Bulk says how to write. Its zero value is the floor itself: one stream, requests of 5 MB.
type Bulk struct {
	Bytes   int // of one request; default 5 MB
	Streams int // requests at once; 0 and 1 are one
}

// BareBulk writes documents into one index that does not have them, and refreshes it. The requests are built before the clock
// starts: to build them is the product's own work, to send them is Elasticsearch's.
func BareBulk(ctx context.Context, n *Node, index string, docs []Document) (Count, error) {
	return Bulk{}.Run(ctx, n, index, docs)
}

// Run writes documents into one index and refreshes it. A document that was there before is an error.
func (o Bulk) Run(ctx context.Context, n *Node, index string, docs []Document) (Count, error) {
	chunks := o.chunks(docs)
	c := Count{Docs: len(docs), Requests: len(chunks)}
	start := time.Now()
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(o.Streams, 1))
	for _, chunk := range chunks {
		c.Bytes += int64(len(chunk))
		g.Go(func() error { return n.bulk(gctx, "/"+index+"/_bulk", chunk, new(bytes.Buffer)) })
	}
	if err := g.Wait(); err != nil {
		return c, err
	}
	if err := n.Refresh(ctx, index); err != nil {
		return c, err
	}
	c.Elapsed = time.Since(start)
	return c, nil
}

func (o Bulk) limit() int {
	if o.Bytes == 0 {
		return 5 << 20
	}
	return o.Bytes
}

func (o Bulk) chunks(docs []Document) [][]byte {
	var chunks [][]byte
	var b []byte
	for _, d := range docs {
		if b == nil {
			b = make([]byte, 0, o.limit()+len(d.JSON)+200)
		}
		if b = d.append(b); len(b) >= o.limit() {
			chunks = append(chunks, b)
			b = nil
		}
	}
	if b != nil {
		chunks = append(chunks, b)
	}
	return chunks
}

// append appends the action line and the document.
func (d Document) append(b []byte) []byte {
	b = append(b, `{"create":{`...)
	if d.Index != "" {
		b = append(b, `"_index":"`...)
		b = append(b, d.Index...)
		b = append(b, '"')
	}
	if d.ID != "" {
		if d.Index != "" {
			b = append(b, ',')
		}
		b = append(b, `"_id":`...)
		b = strconv.AppendQuote(b, d.ID)
	}
	b = append(b, "}}\n"...)
	b = append(b, d.JSON...)
	return append(b, '\n')
}

func (n *Node) bulk(ctx context.Context, path string, body []byte, buf *bytes.Buffer) error {
	if err := n.do(ctx, http.MethodPost, path+"?filter_path=errors,items.*.error", body, buf); err != nil {
		return fmt.Errorf("bulk: %w", err)
	}
	if !bytes.HasPrefix(buf.Bytes(), []byte(`{"errors":false`)) {
		return fmt.Errorf("bulk: not every document was written: %.500s", buf.Bytes())
	}
	return nil
}
