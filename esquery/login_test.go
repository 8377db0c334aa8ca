package esquery

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// guarded is a server that knows one password of alice, and counts.
type guarded struct {
	*httptest.Server
	password          atomic.Value
	taken, turnedAway atomic.Int32
	wait              sync.WaitGroup // those who are turned away wait for each other
}

func newGuarded(t *testing.T, password string) *guarded {
	t.Helper()
	g := &guarded{}
	g.password.Store(password)
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		user, password, _ := r.BasicAuth()
		if user == "alice" && password == g.password.Load() {
			g.taken.Add(1)
			fmt.Fprint(w, `{}`)
			return
		}
		g.turnedAway.Add(1)
		g.wait.Wait()
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error":{"type":"security_exception","reason":"unable to authenticate user [alice]"},"status":401}`)
	}))
	t.Cleanup(g.Close)
	return g
}

// loggedIn connects as alice with a password, and reads it again as the function says.
func loggedIn(t *testing.T, g *guarded, password string, again func() (string, error)) (*Client, *observer.ObservedLogs, *atomic.Int32) {
	t.Helper()
	reads := new(atomic.Int32)
	core, logs := observer.New(zap.DebugLevel)
	cfg := Config{Addresses: []string{g.URL}, Username: "alice", Password: password, RetryBudget: quickly, Logger: zap.New(core)}
	if again != nil {
		cfg.Credentials = func() (Credentials, error) {
			reads.Add(1)
			password, err := again()
			return Credentials{Username: "alice", Password: password}, err
		}
	}
	c, err := Connect(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, logs, reads
}

// writing is a request that must not be done twice.
var writing = Request{Op: "write", Method: http.MethodPost, Path: "/_bulk", Body: []byte(`{"a":1}`)}

// A secret that was rotated is read anew once, whatever number of requests met the
// refusal together, and all of them are made again with it.
func TestSecretIsReadAnew(t *testing.T) {
	g := newGuarded(t, "hunter2")
	c, logs, reads := loggedIn(t, g, "hunter1", func() (string, error) { return "hunter2", nil })
	const many = 8
	g.wait.Add(many)
	go func() { // all are refused before the first hears of it
		for g.turnedAway.Load() < many {
		}
		for range many {
			g.wait.Done()
		}
	}()
	var all sync.WaitGroup
	for range many {
		all.Go(func() {
			if _, err := c.Do(t.Context(), writing); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if reads.Load() != 1 || g.turnedAway.Load() != many || g.taken.Load() != many {
		t.Errorf("read %d times, %d refused, %d taken; want 1, %d, %d", reads.Load(), g.turnedAway.Load(), g.taken.Load(), many, many)
	}
	if _, err := c.Do(t.Context(), writing); err != nil || g.turnedAway.Load() != many {
		t.Errorf("the next request goes with the old login: %v", err)
	}

	// And again, later.
	g.password.Store("hunter3")
	c.login.read = func() (Credentials, error) { return Credentials{Username: "alice", Password: "hunter3"}, nil }
	if _, err := c.Do(t.Context(), writing); err != nil {
		t.Error(err)
	}
	told := false
	for _, entry := range logs.All() {
		told = told || entry.Level == zap.InfoLevel && strings.Contains(entry.Message, "read anew")
		if text := fmt.Sprint(entry.Message, entry.ContextMap()); strings.Contains(text, "hunter") {
			t.Errorf("logged %s", text)
		}
	}
	if !told {
		t.Error("the log does not tell that the secret was read anew")
	}
}

// What does not help ends at once: clusters lock out those who keep trying.
func TestLoginThatStaysRefused(t *testing.T) {
	for name, x := range map[string]struct {
		again       func() (string, error)
		says        string
		asked, read int32
	}{
		"no file":         {nil, "POSTWEAVE_ES_PASSWORD", 1, 0},
		"the same secret": {func() (string, error) { return "hunter1", nil }, "holds the same one", 1, 1},
		"a wrong one":     {func() (string, error) { return "hunter9", nil }, "so is the one that was read anew", 2, 1},
		"no secret":       {func() (string, error) { return "", errors.New("POSTWEAVE_ES_PASSWORD_FILE: /secret is empty") }, "POSTWEAVE_ES_PASSWORD_FILE: /secret is empty", 1, 1},
		"not a whole one": {func() (string, error) { return "", nil }, "POSTWEAVE_ES_PASSWORD", 1, 1},
		"another each time": {func() func() (string, error) {
			n := 1
			return func() (string, error) {
				if n++; n > 10 {
					return "", errors.New("asked for ever")
				}
				return fmt.Sprint("hunter", n), nil
			}
		}(), "so is the one that was read anew", 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t, "right")
			c, logs, reads := loggedIn(t, g, "hunter1", x.again)
			_, err := c.Do(t.Context(), reading)
			wantError(t, err, ClassAuth, x.says)
			if g.turnedAway.Load() != x.asked || reads.Load() != x.read {
				t.Errorf("asked %d times, read %d times, want %d and %d", g.turnedAway.Load(), reads.Load(), x.asked, x.read)
			}
			if text := fmt.Sprint(err, logs.All()); strings.Contains(text, "hunter") {
				t.Error(text)
			}
		})
	}
}

// Whoever is sent elsewhere does not go there, least of all with the login.
func TestRedirectIsNotFollowed(t *testing.T) {
	visited := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visited = true }))
	defer elsewhere.Close()
	for _, code := range []int{301, 302, 307, 308} {
		for _, product := range []string{"", "Elasticsearch"} {
			g := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if product != "" {
					w.Header().Set("X-Elastic-Product", product)
				}
				http.Redirect(w, r, elsewhere.URL+"/?token=hunter2", code)
			}))
			_, err := func() (*Response, error) {
				c, err := Connect(Config{Addresses: []string{g.URL}, APIKey: "hunter1"})
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				return c.Do(t.Context(), reading)
			}()
			g.Close()
			wantError(t, err, ClassSetup, fmt.Sprint(code))
			if visited || strings.Contains(fmt.Sprint(err), "hunter") {
				t.Errorf("%d: visited: %v, %v", code, visited, err)
			}
		}
	}
}

func TestConfigIsNotPrinted(t *testing.T) {
	cfg := Config{Addresses: []string{"http://u:hunter2@es"}, Username: "u", Password: "hunter2", APIKey: "hunter2"}
	c := Credentials{Username: "u", Password: "hunter2", APIKey: "hunter2"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		for _, x := range []any{cfg, &cfg, c, &c, struct{ C Config }{cfg}} {
			if text := fmt.Sprintf(verb, x); strings.Contains(text, "hunter") {
				t.Errorf("%s: %s", verb, text)
			}
		}
	}
	core, logs := observer.New(zap.DebugLevel)
	zap.New(core).Info("", zap.Any("config", cfg), zap.Any("credentials", c))
	if text, _ := json.Marshal(logs.All()[0].ContextMap()); strings.Contains(string(text), "hunter") {
		t.Errorf("%s", text)
	}
}
