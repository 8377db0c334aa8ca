package test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// meter stands between the command and the node, and notes when requests come in and how many of them are under way.
type meter struct {
	url string

	mu    sync.Mutex
	at    []time.Time
	under int
	most  int
}

// newMeter makes one that keeps each request for a moment, so that those under way at once meet.
func newMeter(t *testing.T, s *site.Site, moment time.Duration) *meter {
	t.Helper()
	m := &meter{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		m.mu.Lock()
		m.at = append(m.at, begun)
		if !signOfLife(r) {
			m.under++
			m.most = max(m.most, m.under)
		}
		m.mu.Unlock()
		status, header, answer := forwarded(r, s.Node)
		time.Sleep(moment)
		// Before its end is sent: whoever has read it may make the next one.
		m.mu.Lock()
		if !signOfLife(r) {
			m.under--
		}
		m.mu.Unlock()
		maps.Copy(w.Header(), header)
		w.WriteHeader(status)
		_, _ = w.Write(answer)
	}))
	t.Cleanup(server.Close)
	m.url = server.URL
	return m
}

// signOfLife tells a renewal of the lease, which is beside the others.
func signOfLife(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/_doc/lease-")
}

// forwarded passes a request on and reads the whole answer.
func forwarded(r *http.Request, node string) (status int, header http.Header, answer []byte) {
	fail := func(err error) (int, http.Header, []byte) { return http.StatusBadGateway, nil, []byte(err.Error()) }
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return fail(err)
	}
	out, err := http.NewRequestWithContext(r.Context(), r.Method, node+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return fail(err)
	}
	out.Header = r.Header.Clone()
	res, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		return fail(err)
	}
	defer res.Body.Close()
	if answer, err = io.ReadAll(res.Body); err != nil {
		return fail(err)
	}
	return res.StatusCode, res.Header, answer
}

// busiest is the most requests in any second that begins with one.
func (m *meter) busiest() (n int) {
	slices.SortFunc(m.at, time.Time.Compare)
	for i := range m.at {
		end := i
		for end < len(m.at) && m.at[end].Sub(m.at[i]) < time.Second {
			end++
		}
		n = max(n, end-i)
	}
	return n
}

// limited calls a command below a ceiling, and returns what the meter saw.
func limited(t *testing.T, s *site.Site, perSecond, atOnce int, moment time.Duration, args ...string) (*meter, site.Outcome) {
	t.Helper()
	m := newMeter(t, s, moment)
	through := s.Through(m.url)
	through.Env = append(slices.Clone(s.Env), fmt.Sprintf("POSTWEAVE_MAX_REQUESTS_PER_SECOND=%d", perSecond))
	return m, through.Must(append(args, fmt.Sprintf("--max-concurrency=%d", atOnce))...)
}

// ceilingCommands are those that ask much, in an order in which each has something to do.
var ceilingCommands = [][]string{
	{"run", "--json"},
	{"run", "--json", "--reset-cursor"},
	{"backfill", "--json", "--from", unevenFrom, "--to", unevenTo, "--shard", "2/3"},
	{"backfill", "--json", "--from", unevenFrom, "--to", unevenTo},
	{"verify", "--json", "--from", unevenFrom, "--to", unevenTo},
	{"rebuild", "--json", "--all"},
	{"trace", "--json", "--since", "2026-01-01", "--limit", "3", "--follow-links"},
	{"check", "--json"},
	{"setup", "--json"},
}

// No command has more requests under way than it may, whatever it reads and writes at once, and all of them end alike.
func TestCeilingOfRequestsUnderWay(t *testing.T) {
	s := site.New(t)
	s.Env = []string{"POSTWEAVE_HORIZON=1000d"}
	s.Index(s.Shipped(loggen.LayoutSyslog, unevenLog(t)...))
	clean := s.Beside("clean")
	clean.Backfill(unevenFrom, unevenTo)
	for _, most := range []int{1, 2, 8} {
		t.Run(fmt.Sprint(most), func(t *testing.T) {
			p := s.Beside(fmt.Sprintf("under%d", most))
			p.T = t
			reached := 0
			for _, args := range ceilingCommands {
				m, _ := limited(t, p, 0, most, 5*time.Millisecond, args...)
				if m.most > most || len(m.at) == 0 {
					t.Errorf("%s: %d of %d requests were under way at once, want %d at most", args[0], m.most, len(m.at), most)
				}
				reached = max(reached, m.most)
			}
			if want := min(most, 3); reached < want {
				t.Errorf("%d requests at most were under way at once: with %d allowed, nothing is shown", reached, most)
			}
			site.Same(t, "below a ceiling and without", site.Identified(p.Documents()), site.Identified(clean.Documents()))
		})
	}
}

// Nor does it send more of them in any second. A busy machine may hold up a request by a place or two, so that it comes in
// together with those after it; that it leaves in time is held to the millisecond by TestPaceAfterALongRequest.
func TestCeilingOfRequestsInASecond(t *testing.T) {
	const perSecond, heldUp = 8, 2
	s := site.New(t)
	s.Env = []string{"POSTWEAVE_HORIZON=1000d"}
	s.Index(s.Shipped(loggen.LayoutSyslog, unevenLog(t)[:600]...))
	clean := s.Beside("clean")
	clean.Backfill(unevenFrom, unevenTo)
	for _, args := range ceilingCommands {
		free, _ := limited(t, clean, 0, 8, 0, args...)
		m, o := limited(t, s, perSecond, 8, 0, args...)
		if n := m.busiest(); n > perSecond+heldUp {
			t.Errorf("%s: %d requests in a second, want %d at most", args[0], n, perSecond)
		}
		t.Logf("%s: %d requests, %d of them in a second, %d without a ceiling", args[0], len(m.at), m.busiest(), free.busiest())
		if strings.Contains(o.Stderr, "trying again") {
			t.Errorf("%s: the ceiling looks like trouble\n%s", args[0], o.Stderr)
		}
		if args[0] == "backfill" && free.busiest() <= perSecond+heldUp {
			t.Errorf("%s sends %d requests in a second by itself: nothing is shown", args[0], free.busiest())
		}
	}
	site.Same(t, "below a ceiling and without", site.Identified(s.Documents()), site.Identified(clean.Documents()))
}
