package bench

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/postweave/postweave/test/loggen"
)

// Source says lines one after the other until its function fails. loggen.Generator is one, and so is a log file:
//
//	SourceFunc(func(f func(loggen.Line) error) error { return loggen.Read(file, 2026, time.UTC, f) })
type Source interface {
	Each(func(loggen.Line) error) error
}

// SourceFunc is a function as a Source.
type SourceFunc func(func(loggen.Line) error) error

// Each calls the function.
func (s SourceFunc) Each(f func(loggen.Line) error) error { return s(f) }

// Loader says how lines get into Elasticsearch.
type Loader struct {
	Layout loggen.Layout
	Prefix string // of the daily indices, "syslog" for syslog-2026.03.02
	Seed   uint64 // of when lines are received
	// Settings of a new index as JSON. Empty leaves the index to be made by its first document, as Logstash leaves it. Mappings
	// are Elasticsearch's dynamic ones in both cases.
	Settings string
}

// Load indexes every line into the daily index of its day by two requests at once, and refreshes. Docs counts lines.
func (o Loader) Load(ctx context.Context, n *Node, src Source) (Count, error) {
	ship := loggen.NewShipper(o.Layout, o.Seed)
	start := time.Now()
	var c Count
	g, gctx := errgroup.WithContext(ctx)
	bodies := make(chan []byte, 1)
	spare := make(chan []byte, 4) // bodies are reused: a load makes gigabytes of them
	for range 2 {
		g.Go(func() error {
			var buf bytes.Buffer
			for body := range bodies {
				if err := n.bulk(gctx, "/_bulk", body, &buf); err != nil {
					return err
				}
				select {
				case spare <- body[:0]:
				default:
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		defer close(bodies)
		made := map[string]bool{}
		body := make([]byte, 0, 6<<20)
		send := func() error {
			select {
			case bodies <- body:
			case <-gctx.Done():
				return gctx.Err()
			}
			c.Requests++
			c.Bytes += int64(len(body))
			select {
			case body = <-spare:
			default:
				body = make([]byte, 0, 6<<20)
			}
			return nil
		}
		day, index := time.Time{}, ""
		err := src.Each(func(l loggen.Line) error {
			if d := l.Time.UTC().Truncate(24 * time.Hour); index == "" || !d.Equal(day) {
				day, index = d, loggen.IndexName(o.Prefix, d)
				if o.Settings != "" && !made[index] {
					if err := n.Put(gctx, "/"+index, `{"settings":`+o.Settings+`}`); err != nil {
						return err
					}
				}
				made[index] = true
			}
			c.Docs++
			body = append(body, `{"create":{"_index":"`...)
			body = append(body, index...)
			body = append(body, "\"}}\n"...)
			body = append(ship.AppendDocument(body, l), '\n')
			if len(body) < 5<<20 {
				return nil
			}
			return send()
		})
		if err == nil && len(body) > 0 {
			err = send()
		}
		return err
	})
	if err := g.Wait(); err != nil {
		return c, fmt.Errorf("load lines: %w", err)
	}
	if err := n.Refresh(ctx, o.Prefix+"-*"); err != nil {
		return c, err
	}
	c.Elapsed = time.Since(start)
	return c, nil
}
