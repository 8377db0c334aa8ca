package essim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/postweave/postweave/test/esnode"
	"github.com/postweave/postweave/test/essim"
)

func TestMain(m *testing.M) { os.Exit(esnode.Main(m)) }

// both sends each request to the simulation and to a real node, and fails the
// test where they answer differently. It is the transport of a client: what the client sees is the simulation's
// answer.
type both struct {
	t       *testing.T
	sim     *essim.Cluster
	node    *url.URL
	prefix  string // of all names
	mu      sync.Mutex
	n       int
	pits    map[string]string // the simulation's to the node's
	afters  map[string]string // sort values of hits, the simulation's to the node's
	twins   map[string]string // uuids, the simulation's to the node's
	kinds   map[string]int    // requests by kind
	differs func(format string, args ...any)
}

func newBoth(t *testing.T) *both {
	t.Helper()
	node, err := url.Parse(esnode.Shared(t))
	if err != nil {
		t.Fatal(err)
	}
	b := &both{
		t: t, sim: essim.New(time.Now), node: node, prefix: fmt.Sprintf("both-%d-%d-", os.Getpid(), time.Now().UnixNano()%1_000_000),
		pits: map[string]string{}, afters: map[string]string{}, twins: map[string]string{}, kinds: map[string]int{},
	}
	b.differs = t.Errorf
	b.sim.Unknown = func(what string) { t.Errorf("the simulation does not know %s", what) }
	t.Cleanup(func() {
		ctx := t.Context()
		if ctx.Err() != nil {
			ctx = httptest.NewRequest(http.MethodGet, "/", nil).Context()
		}
		if err := esnode.Delete(ctx, node.String(), b.prefix+"*"); err != nil {
			t.Error(err)
		}
		_ = esnode.Call(ctx, http.MethodDelete, node.String()+"/_index_template/"+b.prefix+"messages", nil, nil)
	})
	return b
}

// RoundTrip asks both, one request after the other.
func (b *both) RoundTrip(r *http.Request) (*http.Response, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var body []byte
	if r.Body != nil {
		var from io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			unzipped, err := gzip.NewReader(r.Body)
			if err != nil {
				return nil, err
			}
			from = unzipped
		}
		var err error
		if body, err = io.ReadAll(from); err != nil {
			return nil, err
		}
	}
	status, answer := b.ask(r.Method, r.URL.RequestURI(), body)
	return &http.Response{
		StatusCode: status, Header: http.Header{"X-Elastic-Product": {"Elasticsearch"}, "Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(answer)), ContentLength: int64(len(answer)), Request: r,
	}, nil
}

// ask sends one request to both and returns the simulation's answer.
func (b *both) ask(method, uri string, body []byte) (int, []byte) {
	b.n++
	path, _, _ := strings.Cut(uri, "?")
	b.kinds[kindOf(method, path)]++
	simulated := b.send(method, uri, body, func(r *http.Request) (*http.Response, error) { return b.sim.RoundTrip(r) })
	real := b.send(method, uri, b.translated(body), func(r *http.Request) (*http.Response, error) {
		r.URL.Scheme, r.URL.Host = b.node.Scheme, b.node.Host
		return http.DefaultTransport.RoundTrip(r)
	})
	have, want := b.normal(simulated, body), b.normal(real, body)
	untold(path, have, want)
	if simulated.status != real.status || !reflect.DeepEqual(have, want) {
		b.differs("request %d, %s %s %.1500s\nsimulated: %d %s\n     real: %d %s", b.n, method, uri, body, simulated.status, text(have), real.status, text(want))
	}
	b.pair(simulated.body, real.body)
	return simulated.status, simulated.body
}

// untold leaves out what the node, being of version 8.15, does not tell of the shards behind a point in time. The product
// looks at it only where it is told.
func untold(path string, simulated, real any) {
	has, _ := simulated.(map[string]any)
	lacks, ok := real.(map[string]any)
	if _, told := lacks["_shards"]; ok && !told && strings.HasSuffix(path, "/_pit") {
		delete(has, "_shards")
	}
}

func kindOf(method, path string) string {
	for _, segment := range strings.Split(path, "/") {
		if strings.HasPrefix(segment, "_") {
			return method + " " + segment
		}
	}
	return method + " index"
}

type answered struct {
	status int
	body   []byte
}

func (b *both) send(method, uri string, body []byte, do func(*http.Request) (*http.Response, error)) answered {
	r, err := http.NewRequestWithContext(b.t.Context(), method, "http://es.example"+uri, bytes.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/_bulk") {
			r.Header.Set("Content-Type", "application/x-ndjson")
		}
	}
	res, err := do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answered{res.StatusCode, answer}
}

// translated is a request as the node has to get it: with its own points in time
// and sort values.
func (b *both) translated(body []byte) []byte {
	s := string(body)
	for simulated, real := range b.pits {
		s = strings.ReplaceAll(s, `"`+simulated+`"`, `"`+real+`"`)
	}
	if _, after, ok := strings.Cut(s, `"search_after":`); ok {
		values := after[:strings.IndexByte(after, ']')+1]
		if real, ok := b.afters[values]; ok {
			s = strings.Replace(s, `"search_after":`+values, `"search_after":`+real, 1)
		}
	}
	return []byte(s)
}

// pair notes which names of the simulation stand for which of the node.
func (b *both) pair(simulated, real []byte) {
	type answer struct {
		ID   string `json:"id"`
		PIT  string `json:"pit_id"`
		Hits struct {
			Hits []struct{ Sort json.RawMessage }
		}
	}
	var s, r answer
	if json.Unmarshal(simulated, &s) != nil || json.Unmarshal(real, &r) != nil {
		return
	}
	for _, ids := range [][2]string{{s.ID, r.ID}, {s.PIT, r.PIT}} {
		if ids[0] != "" && ids[1] != "" {
			b.pits[ids[0]] = ids[1]
		}
	}
	for i := range min(len(s.Hits.Hits), len(r.Hits.Hits)) {
		b.afters[string(s.Hits.Hits[i].Sort)] = string(r.Hits.Hits[i].Sort)
	}
}

// normal is an answer without what may differ: names that servers make up, times, places of documents in
// segments, texts of errors, and what nobody asks for.
func (b *both) normal(a answered, request []byte) any {
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return string(a.body)
	}
	byPlace := bytes.Contains(request, []byte(`"_doc"`)) || bytes.Contains(request, []byte(`"_shard_doc"`)) || bytes.Contains(request, []byte(`"pit"`))
	v = b.walk("", v, byPlace)
	// The order of segments is the node's own affair. Small pages are of an index where it has no choice.
	small := regexp.MustCompile(`"size":[0-9]\b`).Match(request)
	if byPlace && !small {
		if o, ok := v.(map[string]any)["hits"].(map[string]any); ok {
			hits, _ := o["hits"].([]any)
			slices.SortFunc(hits, func(a, b any) int { return strings.Compare(text(a), text(b)) })
		}
	}
	return v
}

func (b *both) walk(name string, v any, byPlace bool) any {
	switch v := v.(type) {
	case map[string]any:
		switch name {
		case "mappings": // a node writes them in a form of its own
			return map[string]any{"_meta": b.walk("", v["_meta"], byPlace)}
		case "index_template":
			return map[string]any{"_meta": b.walk("", v["_meta"], byPlace)}
		case "template":
			return map[string]any{"mappings": b.walk("mappings", v["mappings"], byPlace)}
		case "error":
			causes := map[string]bool{}
			list, _ := v["root_cause"].([]any)
			for _, c := range list {
				if o, ok := c.(map[string]any); ok {
					causes[fmt.Sprint(o["type"], " ", o["index"])] = true
				}
			}
			if v["type"] == "search_phase_execution_exception" { // of each shard
				return map[string]any{"type": v["type"], "causes": slices.Sorted(maps.Keys(causes))}
			}
			if list == nil { // of a bulk item
				return map[string]any{"type": v["type"]}
			}
			return map[string]any{"type": v["type"], "index": v["index"], "causes": slices.Sorted(maps.Keys(causes))}
		}
		out := map[string]any{}
		for n, x := range v {
			switch n {
			case "took", "node", "relocating_node", "skipped", "_ignored", "reason", "max_score":
			case "id", "pit_id":
				out[n] = "a point in time"
			case "uuid", "history_uuid", "creation_date":
				out[n] = "made up"
			case "sort":
				if byPlace {
					list, _ := x.([]any)
					out[n] = len(list)
					break
				}
				out[n] = b.walk(n, x, byPlace)
			default:
				out[n] = b.walk(n, x, byPlace)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = b.walk("", x, byPlace)
		}
		if name == "indices" {
			slices.SortFunc(out, func(a, b any) int { return strings.Compare(text(a), text(b)) })
		}
		return out
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			return v
		}
		return f
	}
	return v
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// pitOf opens a point in time and returns the simulation's name of it.
func pitOf(b *both, index string) string {
	var answer struct{ ID string }
	raw := b.must(http.MethodPost, "/"+index+"/_pit?keep_alive=1m&ignore_unavailable=false", "")
	if err := json.Unmarshal(raw, &answer); err != nil {
		b.t.Fatal(err)
	}
	return answer.ID
}

// lastSort is the place of an answer's last hit; "" where it has none.
func lastSort(t *testing.T, answer []byte) string {
	var a struct {
		Hits struct {
			Hits []struct{ Sort json.RawMessage }
		}
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		t.Fatalf("%v in %.300s", err, answer)
	}
	if len(a.Hits.Hits) == 0 {
		return ""
	}
	return string(a.Hits.Hits[len(a.Hits.Hits)-1].Sort)
}
