package esquery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// tripper is a function as the network.
type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// reply is an answer of Elasticsearch.
func reply(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, ContentLength: int64(len(body)),
		Header: http.Header{"X-Elastic-Product": {"Elasticsearch"}, "Content-Type": {"application/json"}},
		Body:   io.NopCloser(strings.NewReader(body)),
	}
}

var refused = &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connect: connection refused")}

// script answers one request after the other and then with 200, and notes when
// and where each was sent.
type script struct {
	start time.Time
	steps []func(*http.Request) (*http.Response, error)
	at    []time.Duration
	hosts []string
	sent  []string
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.at = append(s.at, time.Since(s.start))
	s.hosts = append(s.hosts, r.URL.Host)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.sent = append(s.sent, string(body))
	n := len(s.at) - 1
	if n < len(s.steps) {
		return s.steps[n](r)
	}
	return reply(200, `{}`), nil
}

func status(code int, header ...string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		res := reply(code, `{"error":{"type":"some_exception"}}`)
		for i := 0; i+1 < len(header); i += 2 {
			res.Header.Set(header[i], header[i+1])
		}
		return res, nil
	}
}

func refuse(*http.Request) (*http.Response, error) { return nil, refused }

func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func repeat(n int, step func(*http.Request) (*http.Response, error)) []func(*http.Request) (*http.Response, error) {
	steps := make([]func(*http.Request) (*http.Response, error), n)
	for i := range steps {
		steps[i] = step
	}
	return steps
}

func scripted(t *testing.T, cfg Config, s *script) *Client {
	t.Helper()
	s.start = time.Now()
	cfg.Transport = s
	if cfg.Addresses == nil {
		cfg.Addresses = []string{"http://127.0.0.1:9200"}
	}
	c, err := Connect(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var reading = Request{Op: "try", Method: http.MethodPost, Path: "/_search", Body: []byte(`{"a":1}`), Idempotent: true}

func TestRetryUntilAnswered(t *testing.T) {
	for name, step := range map[string]func(*http.Request) (*http.Response, error){
		"refused": refuse, "408": status(408), "425": status(425), "429": status(429),
		"500": status(500), "502": status(502), "503": status(503), "504": status(504),
		"empty": func(*http.Request) (*http.Response, error) { return reply(200, ""), nil },
		"cut off": func(*http.Request) (*http.Response, error) {
			res := reply(200, "")
			res.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"a":`), failingReader{io.ErrUnexpectedEOF}))
			return res, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{steps: repeat(3, step)}
				c := scripted(t, Config{}, s)
				if _, err := c.Do(t.Context(), reading); err != nil {
					t.Fatal(err)
				}
				if len(s.at) != 4 {
					t.Errorf("%d attempts", len(s.at))
				}
				// Full jitter: at most 200, 400 and 800 ms.
				if s.at[3] > 1400*time.Millisecond {
					t.Errorf("attempts at %v", s.at)
				}
				for _, body := range s.sent {
					if body != `{"a":1}` {
						t.Errorf("sent %q", body)
					}
				}
			})
		})
	}
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

func TestRetryBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: repeat(10_000, status(503))}
		c := scripted(t, Config{RetryBudget: time.Minute}, s)
		_, err := c.Do(t.Context(), reading)
		wantError(t, err, ClassUnavailable, "503")
		if took := time.Since(s.start); took > time.Minute {
			t.Errorf("took %v", took)
		}
		if len(s.at) < 5 || len(s.at) > 100 {
			t.Errorf("%d attempts", len(s.at))
		}
	})
}

// An attempt that hangs ends by its deadline, the last one by the budget, and
// what is reported is the failure that says more than "no answer in time".
func TestRetryBudgetEndsHangingRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: append([]func(*http.Request) (*http.Response, error){hang, status(503)}, repeat(1000, hang)...)}
		c := scripted(t, Config{RetryBudget: 30 * time.Second, RequestTimeout: 60 * time.Second}, s)
		_, err := c.Do(t.Context(), reading)
		wantError(t, err, ClassUnavailable, "503")
		if took := time.Since(s.start); took < 89*time.Second || took > 90*time.Second {
			t.Errorf("took %v, want the request timeout and the budget", took)
		}
		if len(s.at) != 3 || s.at[1] < time.Minute {
			t.Errorf("attempts at %v", s.at)
		}
	})
}

func TestSlowBodyMeetsTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		s.steps = repeat(1000, func(r *http.Request) (*http.Response, error) {
			res := reply(200, "")
			res.ContentLength = -1
			res.Body = io.NopCloser(readerFunc(func(p []byte) (int, error) {
				select {
				case <-r.Context().Done():
					return 0, r.Context().Err()
				case <-time.After(time.Second):
					p[0] = ' '
					return 1, nil
				}
			}))
			return res, nil
		})
		c := scripted(t, Config{RetryBudget: time.Second, RequestTimeout: 5 * time.Second}, s)
		_, err := c.Do(t.Context(), reading)
		wantError(t, err, ClassUnavailable, "no answer in time")
		if took := time.Since(s.start); took > 6*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// A request that takes long by its nature is waited for, and no other one.
func TestLongRequestsAreWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(r *http.Request) (*http.Response, error) {
			select {
			case <-r.Context().Done():
				return nil, r.Context().Err()
			case <-time.After(70 * time.Second):
				return reply(200, `{}`), nil
			}
		}
		long := reading
		long.wait = refreshWait
		c := scripted(t, Config{}, &script{start: time.Now(), steps: repeat(1, slow)})
		if _, err := c.Do(t.Context(), long); err != nil {
			t.Error(err)
		}
		_, err := scripted(t, Config{}, &script{start: time.Now(), steps: repeat(9, slow)}).Do(t.Context(), reading)
		wantError(t, err, ClassUnavailable, "no answer in time")
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestRetryAfterIsHonoured(t *testing.T) {
	tests := []struct {
		header   string
		min, max time.Duration
	}{
		{"7", 7 * time.Second, 7 * time.Second},
		{"3600", 30 * time.Second, 30 * time.Second}, // capped
		{"99999999999999999999", 0, 200 * time.Millisecond},
		{"-5", 0, 200 * time.Millisecond},
		{"soon", 0, 200 * time.Millisecond},
	}
	for _, test := range tests {
		t.Run(test.header, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{steps: repeat(1, status(429, "Retry-After", test.header))}
				c := scripted(t, Config{RetryBudget: time.Minute}, s)
				if _, err := c.Do(t.Context(), reading); err != nil {
					t.Fatal(err)
				}
				if s.at[1] < test.min || s.at[1] > test.max {
					t.Errorf("second attempt after %v", s.at[1])
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		date := time.Now().Add(9 * time.Second).UTC().Format(http.TimeFormat)
		s := &script{steps: repeat(1, status(503, "Retry-After", date))}
		c := scripted(t, Config{RetryBudget: time.Minute}, s)
		if _, err := c.Do(t.Context(), reading); err != nil {
			t.Fatal(err)
		}
		if s.at[1] != 9*time.Second {
			t.Errorf("second attempt after %v", s.at[1])
		}
	})
	// A wait beyond the budget is not begun.
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: repeat(1, status(429, "Retry-After", "20"))}
		c := scripted(t, Config{RetryBudget: 10 * time.Second}, s)
		_, err := c.Do(t.Context(), reading)
		wantError(t, err, ClassUnavailable, "429")
		if took := time.Since(s.start); took != 0 {
			t.Errorf("took %v", took)
		}
	})
}

func TestCancelEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: repeat(1000, status(429, "Retry-After", "25"))}
		c := scripted(t, Config{RetryBudget: time.Hour}, s)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			time.Sleep(time.Second)
			cancel()
		}()
		_, err := c.Do(ctx, reading)
		if !errors.Is(err, context.Canceled) || time.Since(s.start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(s.start))
		}
		if failed := (*Error)(nil); errors.As(err, &failed) {
			t.Errorf("a cancelled operation is classed as %v", failed.Class)
		}
	})
}

func TestCancelEndsARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: repeat(1000, hang)}
		c := scripted(t, Config{}, s)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Do(ctx, reading)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(s.start) != time.Second || len(s.at) != 1 {
			t.Errorf("%v after %v, %d attempts", err, time.Since(s.start), len(s.at))
		}
	})
}

func TestNotRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, code := range []int{400, 401, 403, 404, 405, 409, 413} {
			s := &script{steps: repeat(10, status(code))}
			c := scripted(t, Config{}, s)
			if _, err := c.Do(t.Context(), reading); err == nil || len(s.at) != 1 {
				t.Errorf("%d: %v after %d attempts", code, err, len(s.at))
			}
		}
	})
}

// Without a promise of the caller only what the server cannot have seen is repeated.
func TestNotIdempotent(t *testing.T) {
	once := reading
	once.Idempotent = false
	for _, test := range []struct {
		name     string
		step     func(*http.Request) (*http.Response, error)
		attempts int
	}{
		{"refused", refuse, 2},
		{"429", status(429), 2},
		{"503", status(503), 1},
		{"closed", func(*http.Request) (*http.Response, error) { return nil, io.EOF }, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{steps: repeat(1, test.step)}
			c := scripted(t, Config{}, s)
			_, err := c.Do(t.Context(), once)
			if len(s.at) != test.attempts || (err == nil) != (test.attempts == 2) {
				t.Errorf("%s: %d attempts, %v", test.name, len(s.at), err)
			}
		})
	}
}

func TestFailOver(t *testing.T) {
	addresses := []string{"http://a:1", "http://b:2", "http://c:3"}
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: repeat(2, refuse)}
		c := scripted(t, Config{Addresses: addresses}, s)
		for range 2 {
			if _, err := c.Do(t.Context(), reading); err != nil {
				t.Fatal(err)
			}
		}
		// At once to the next, and it stays with the one that answered.
		if got := fmt.Sprint(s.hosts); got != "[a:1 b:2 c:3 c:3]" || s.at[3] != 0 {
			t.Errorf("asked %s at %v", got, s.at)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: repeat(1000, refuse)}
		c := scripted(t, Config{Addresses: addresses}, s)
		_, err := c.Do(t.Context(), reading)
		wantError(t, err, ClassUnavailable, "connection refused")
		if len(s.at) > 300 || time.Since(s.start) > 30*time.Second {
			t.Errorf("%d attempts in %v", len(s.at), time.Since(s.start))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: repeat(1, status(502))}
		c := scripted(t, Config{Addresses: addresses}, s)
		if _, err := c.Do(t.Context(), reading); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(s.hosts); got != "[a:1 b:2]" {
			t.Errorf("asked %s", got)
		}
	})
}

func TestExponential(t *testing.T) {
	if exponential(0) != 200*time.Millisecond || exponential(3) != 1600*time.Millisecond || exponential(1_000_000) != 30*time.Second {
		t.Error(exponential(0), exponential(3), exponential(1_000_000))
	}
	for i := range 100 {
		if d := exponential(i); d <= 0 || d > backoffCap {
			t.Errorf("exponential(%d) = %v", i, d)
		}
	}
}
