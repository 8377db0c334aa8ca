package esquery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// oneDocument is an index of one document, as far as compare-and-set goes. The
// time in these tests is not the real one, and so cannot the node be.
type oneDocument struct {
	mu     sync.Mutex
	body   []byte
	seq    int
	writes int
	// loseAnswers is how many writes are carried out and not answered.
	loseAnswers int
	silent      bool // to reads
}

func (o *oneDocument) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	answer := func(status int, text string) (*http.Response, error) {
		return &http.Response{
			StatusCode: status, Body: io.NopCloser(strings.NewReader(text)), Request: r,
			Header: http.Header{"X-Elastic-Product": {"Elasticsearch"}, "Content-Type": {"application/json"}},
		}, nil
	}
	if r.Method == http.MethodGet {
		if o.silent {
			return nil, io.ErrUnexpectedEOF
		}
		if o.body == nil {
			return answer(404, `{"found":false}`)
		}
		return answer(200, fmt.Sprintf(`{"found":true,"_seq_no":%d,"_primary_term":1,"_source":%s}`, o.seq, o.body))
	}
	q := r.URL.Query()
	if q.Get("op_type") == "create" && o.body != nil || q.Has("if_seq_no") && (o.body == nil || q.Get("if_seq_no") != fmt.Sprint(o.seq)) {
		return answer(409, `{"error":{"type":"version_conflict_engine_exception"},"status":409}`)
	}
	o.seq++
	o.writes++
	o.body = nil
	if r.Method == http.MethodPut {
		o.body, _ = io.ReadAll(r.Body)
	}
	if o.loseAnswers > 0 {
		o.loseAnswers--
		return nil, io.ErrUnexpectedEOF
	}
	return answer(200, fmt.Sprintf(`{"_seq_no":%d,"_primary_term":1}`, o.seq))
}

// holder is who holds the lease, "" for nobody.
func (o *oneDocument) holder(t *testing.T) string {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.body == nil {
		return ""
	}
	var d struct{ Payload leaseHeld }
	if err := json.Unmarshal(o.body, &d); err != nil {
		t.Fatal(err)
	}
	return d.Payload.Holder
}

func leaseSource(t *testing.T, o *oneDocument, holder string) *Source {
	t.Helper()
	c, err := Connect(Config{Addresses: []string{"http://es.example:9200"}, Transport: o})
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Source(SourceOptions{Patterns: []string{"syslog-*"}, Target: "t", State: "s", Holder: holder})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func hold(t *testing.T, s *Source) func() {
	t.Helper()
	release, err := s.hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return release
}

func TestLeaseIsTakenAndGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &oneDocument{}
		begin := time.Now()
		release := hold(t, leaseSource(t, o, "a"))
		if o.holder(t) != "a" {
			t.Errorf("held by %q", o.holder(t))
		}
		release()
		if o.holder(t) != "" {
			t.Error("not given back")
		}
		hold(t, leaseSource(t, o, "b"))()
		if took := time.Since(begin); took > time.Second {
			t.Errorf("a free lease took %v", took)
		}
	})
}

func TestLeaseOfALivingRunIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &oneDocument{}
		release := hold(t, leaseSource(t, o, "a"))
		defer release()
		time.Sleep(time.Minute) // it is renewed as long as the run lasts
		begin := time.Now()
		if _, err := leaseSource(t, o, "b").hold(t.Context()); !errors.Is(err, ErrBusy) {
			t.Errorf("error %v, want ErrBusy", err)
		}
		if took := time.Since(begin); took > leaseRenewed+2*leaseWatch {
			t.Errorf("it took %v to see that the other is alive", took)
		}
		if o.holder(t) != "a" {
			t.Errorf("held by %q", o.holder(t))
		}
	})
}

func TestLeaseThatIsGivenBackMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &oneDocument{}
		release := hold(t, leaseSource(t, o, "a"))
		go func() { time.Sleep(2 * time.Second); release() }()
		hold(t, leaseSource(t, o, "b"))()
	})
}

func TestLeaseOfADeadRunIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &oneDocument{}
		ctx, die := context.WithCancel(t.Context())
		if _, err := leaseSource(t, o, "a").hold(ctx); err != nil {
			t.Fatal(err)
		}
		die() // nothing is given back
		synctest.Wait()
		begin := time.Now()
		release := hold(t, leaseSource(t, o, "b"))
		if took := time.Since(begin); took < leaseLost || took > leaseLost+2*leaseWatch {
			t.Errorf("taken after %v, want %v", took, leaseLost)
		}
		release()
		if o.holder(t) != "" {
			t.Error("not given back")
		}
	})
}

// A process of this machine that is no more keeps nobody waiting.
func TestLeaseOfADeadProcessHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, err := os.Hostname()
		if err != nil {
			t.Skip("this machine has no name")
		}
		const noProcess = 1<<31 - 2
		for holder, wait := range map[string]bool{
			fmt.Sprintf("%s/%d/x", host, noProcess):      false,
			fmt.Sprintf("%s/%d/x", host, os.Getpid()):    false, // of a container before: its first process too
			fmt.Sprintf("%s/%d/x", host, os.Getppid()):   true,
			fmt.Sprintf("%s-b/%d/x", host, noProcess):    true,
			fmt.Sprintf("%s/%d/x/y", host, noProcess):    true,
			fmt.Sprintf("%s/%s/x", host, "not a number"): true,
			strings.Repeat("x", 500) + "\x1b[2J\x00/1/x": true,
		} {
			o := &oneDocument{}
			if _, err := leaseSource(t, o, holder).hold(expired(t)); err == nil {
				t.Fatal("no lease is taken after the end")
			}
			l := &lease{doc: newStateDoc(leaseSource(t, o, holder).client, "s", "lease", "syslog-*", "t"), holder: holder}
			if err := l.write(t.Context()); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			hold(t, leaseSource(t, o, ""))()
			if waited := time.Since(begin) >= leaseLost; waited != wait {
				t.Errorf("holder %q: waited %v, want %v", holder, waited, wait)
			}
		}
	})
}

func expired(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// A run that was frozen finds that another one took over, and leaves it the
// lease.
func TestLeaseLostIsNotTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &oneDocument{}
		release := hold(t, leaseSource(t, o, "a"))
		l := &lease{doc: newStateDoc(leaseSource(t, o, "b").client, "s", "lease", "syslog-*", "t"), holder: "b"}
		var held leaseHeld
		if _, err := l.doc.load(t.Context(), &held); err != nil {
			t.Fatal(err)
		}
		if err := l.write(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * leaseRenewed)
		release()
		if o.holder(t) != "b" {
			t.Errorf("held by %q, want the one that took over", o.holder(t))
		}
	})
}

// A write whose answer was lost meets itself when it is tried again.
func TestStateMeetsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &oneDocument{}
		d := newStateDoc(leaseSource(t, o, "a").client, "s", "cursor", "syslog-*", "t")
		for n := range 3 {
			o.loseAnswers = n % 2
			if err := d.save(t.Context(), cursor{Shards: []shardCursor{{Index: "x", SeqNo: int64(n)}}}); err != nil {
				t.Fatalf("save %d: %v", n, err)
			}
		}
		other := newStateDoc(leaseSource(t, o, "b").client, "s", "cursor", "syslog-*", "t")
		var there cursor
		if _, err := other.load(t.Context(), &there); err != nil {
			t.Fatal(err)
		}
		if err := other.save(t.Context(), cursor{}); err != nil {
			t.Fatal(err)
		}
		for range 2 { // and what another one wrote stays another's, however often it is looked at
			if err := d.save(t.Context(), there); !errors.Is(err, errStateRace) {
				t.Errorf("error %v, want errStateRace", err)
			}
		}
	})
}

// A write that met another one, with nobody there to say whose it was, is no proof of another run: what is down is
// told, and a renewal goes on.
func TestStateThatCannotBeReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &oneDocument{}
		d := newStateDoc(leaseSource(t, o, "a").client, "s", "cursor", "syslog-*", "t")
		if err := d.save(t.Context(), cursor{}); err != nil {
			t.Fatal(err)
		}
		o.loseAnswers, o.silent = 1, true
		err := d.save(t.Context(), cursor{Switched: true})
		var e *Error
		if errors.Is(err, errStateRace) || !errors.As(err, &e) || e.Class != ClassUnavailable {
			t.Errorf("error %v, want Elasticsearch unavailable", err)
		}
	})
}
