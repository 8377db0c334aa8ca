package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// indexTo sends documents with a routing, so that they all lie in one shard.
func indexTo(s *site.Site, routing string, docs []site.Raw) {
	s.T.Helper()
	var body bytes.Buffer
	for _, d := range docs {
		fmt.Fprintf(&body, "{\"create\":{\"_index\":%q,\"routing\":%q}}\n%s\n", d.Index, routing, d.Source)
	}
	var answer struct{ Errors bool }
	s.ES(http.MethodPost, "/_bulk", body.Bytes(), &answer)
	if answer.Errors {
		s.T.Fatal("the node refuses raw documents")
	}
}

// cursorOf is what the site's cursor says of each shard of its only index.
func cursorOf(s *site.Site) map[int]int64 {
	s.T.Helper()
	for _, d := range s.Search(s.State) {
		var doc struct {
			Kind, Target string
			Payload      struct {
				Shards []struct {
					Shard int
					SeqNo int64 `json:"seq_no"`
				}
			}
		}
		if err := json.Unmarshal(d.Source, &doc); err != nil {
			s.T.Fatal(err)
		}
		if doc.Kind == "cursor" && doc.Target == s.Target {
			out := map[int]int64{}
			for _, x := range doc.Payload.Shards {
				out[x.Shard] = x.SeqNo
			}
			return out
		}
	}
	return nil
}

// checkpointsOf is what the node says of them.
func checkpointsOf(s *site.Site, index string) map[int]int64 {
	s.T.Helper()
	var stats struct {
		Indices map[string]struct {
			Shards map[int][]struct {
				SeqNo struct {
					Global int64 `json:"global_checkpoint"`
				} `json:"seq_no"`
			}
		}
	}
	s.ES(http.MethodGet, "/"+index+"/_stats?level=shards", nil, &stats)
	out := map[int]int64{}
	for n, copies := range stats.Indices[index].Shards {
		out[n] = copies[0].SeqNo.Global
	}
	return out
}

// An index of several shards numbers its lines in each anew. The lines of one message lie in all of them, late and in
// any order, and the shards get ahead of one another: nothing is missed, and a run that finds nothing reads nothing.
func TestShardsOfASource(t *testing.T) {
	s := site.New(t)
	day := s.Daily(march)
	// Without replicas and without a refresh of its own (fault F36): a run has to refresh.
	s.ES(http.MethodPut, "/"+day, map[string]any{"settings": map[string]any{"number_of_shards": 3, "number_of_replicas": 0, "refresh_interval": "-1"}}, nil)
	log := generate(t, loggen.Config{Seed: 9, Messages: 120, Span: 6 * time.Hour})
	docs := s.Shipped(loggen.LayoutSyslog, log.lines...)
	for i := range docs {
		docs[i].Index = day
	}
	random := rand.New(rand.NewPCG(5, 5))
	random.Shuffle(len(docs), func(i, j int) { docs[i], docs[j] = docs[j], docs[i] })
	const runs = 6
	for i := range runs {
		part := docs[i*len(docs)/runs : (i+1)*len(docs)/runs]
		if i%2 == 1 {
			indexTo(s, fmt.Sprint("r", i), part) // one shard gets all, the others lag behind it
		} else {
			s.Index(part)
		}
		if r := s.Run(); r.Lines == 0 {
			t.Errorf("run %d finds nothing: %+v", i, r)
		}
		cursor, checkpoints := cursorOf(s), checkpointsOf(s, day)
		if len(cursor) != 3 || fmt.Sprint(cursor) != fmt.Sprint(checkpoints) {
			t.Errorf("run %d: the cursor is at %v, the shards are at %v", i, cursor, checkpoints)
		}
	}
	if r := s.Run(); r.Lines != 0 {
		t.Errorf("nothing is new, and it reads %d lines", r.Lines)
	}
	clean := s.Beside("clean")
	first, last := log.lines[0].Time, log.lines[len(log.lines)-1].Time
	clean.Backfill(first.Format(time.DateOnly), last.Format(time.DateOnly))
	site.Same(t, "in shards and runs, and all at once", site.Identified(s.Documents()), site.Identified(clean.Documents()))
}
