package loggen

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func text(t *testing.T, cfg Config) (log []byte, truths []Truth) {
	t.Helper()
	err := New(cfg).Run(func(l Line) error { log = l.AppendRFC3339(log); return nil },
		func(x Truth) error { truths = append(truths, x); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return log, truths
}

func TestASeedDecidesEverything(t *testing.T) {
	cfg := Config{Seed: 5, Messages: 400, ReuseIDs: 0.1, Milters: true}
	a, ta := text(t, cfg)
	b, tb := text(t, cfg)
	if !bytes.Equal(a, b) || fmt.Sprint(ta) != fmt.Sprint(tb) {
		t.Error("two generators of one configuration differ")
	}
	cfg.Seed++
	if c, _ := text(t, cfg); bytes.Equal(a, c) {
		t.Error("another seed says the same")
	}
}

func TestLinesComeInOrderOfTime(t *testing.T) {
	for _, micros := range []bool{false, true} {
		last := time.Time{}
		n := 0
		err := New(Config{Seed: 2, Messages: 500, Servers: 3, Micros: micros, Span: 72 * time.Hour}).Each(func(l Line) error {
			if l.Time.Before(last) {
				t.Errorf("%v after %v", l.Time, last)
			}
			if !micros && l.Time.Nanosecond() != 0 {
				t.Errorf("fraction in %v", l.Time)
			}
			last = l.Time
			n++
			return nil
		})
		if err != nil || n < 3000 {
			t.Fatal(n, err)
		}
	}
}

func TestAnErrorEndsTheLog(t *testing.T) {
	stop := errors.New("stop")
	n := 0
	if err := New(Config{}).Each(func(Line) error { n++; return stop }); !errors.Is(err, stop) || n != 1 {
		t.Error(n, err)
	}
}

func TestQueueIDs(t *testing.T) {
	at := time.Date(2026, 11, 22, 1, 29, 7, 123456000, time.UTC)
	if got := ShortID(at, 0x986275); got != "1E240986275" {
		t.Error(got)
	}
	if got, ok := LongIDTime("4jXBLW1S2Pz1SGX8"); !ok || !got.Truncate(time.Second).Equal(at.Truncate(time.Second)) {
		t.Errorf("a real server's id decodes to %v", got)
	}
	for _, inode := range []uint64{0, 1, 50, 51, 1 << 40} {
		id := LongID(at, inode)
		if got, ok := LongIDTime(id); !ok || !got.Equal(at) {
			t.Errorf("%s: %v", id, got)
		}
	}
	for _, bad := range []string{"", "4jXBLW1S2Pz", "F4240986275", "abc", "4jXBLA1S2Pz1SGX8"} {
		if _, ok := LongIDTime(bad); ok || IsShortID(bad) {
			t.Errorf("%q taken for an id", bad)
		}
	}
}

// seen is what a reader of trivial regular expressions makes of the lines of one message. Nothing hostile fools it because it
// looks at the program first, and the generator's quoted addresses hold no angle brackets.
type seen struct {
	lines       map[string]int
	first, last string
	from        string
	size, nrcpt string
	removed     bool
	tries       map[string]int
	status, dsn map[string]string
	delay       map[string]string
}

var (
	lineRE   = regexp.MustCompile(`^(\S+) (\S+) (\S+)\[(\d+)\]: (?:([0-9A-F]{6,24}|[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,}z[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-y]+): )(.*)$`)
	activeRE = regexp.MustCompile(`^from=<(.*)>, size=(\d+), nrcpt=(\d+) \(queue active\)$`)
	toRE     = regexp.MustCompile(`^to=<(.*?)>, (?:orig_to=<(.*?)>, )?relay=.*?, delay=([\d.]+), delays=[\d./]+, dsn=([\d.]+), status=(\w+) \(`)
)

func TestTruthIsWhatTheLinesSay(t *testing.T) {
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for name, cfg := range map[string]Config{
		"whole":      {Seed: 1, Messages: 1500, Servers: 3, Milters: true},
		"long":       {Seed: 2, Messages: 800, LongIDs: true, Micros: true},
		"cut":        {Seed: 3, Messages: 1500, Until: start.Add(15 * time.Hour)},
		"expiry":     {Seed: 4, Messages: 500, FailingRecipients: 0.05, QueueLife: 6 * time.Hour},
		"no subject": {Seed: 5, Messages: 500, NoSubjects: true},
		"one":        {Seed: 6, Messages: 500, Servers: 1},
	} {
		t.Run(name, func(t *testing.T) {
			log, truths := text(t, cfg)
			said := map[string]*seen{}
			rejects := 0
			for l := range strings.Lines(string(log)) {
				l = strings.TrimSuffix(l, "\n")
				if strings.Contains(l, ": NOQUEUE: reject: ") {
					rejects++
				}
				m := lineRE.FindStringSubmatch(l)
				if m == nil {
					continue
				}
				k := m[2] + " " + m[5]
				s := said[k]
				if s == nil {
					s = &seen{lines: map[string]int{}, first: m[1], tries: map[string]int{}, status: map[string]string{}, dsn: map[string]string{}, delay: map[string]string{}}
					said[k] = s
				}
				s.lines[l]++
				s.last = m[1]
				switch rest := m[6]; {
				case rest == "removed":
					s.removed = true
				case strings.HasSuffix(m[3], "/qmgr") && strings.Contains(rest, "status=expired"):
					for r, st := range s.status {
						if st == "deferred" {
							s.status[r] = "expired"
						}
					}
				case strings.HasSuffix(m[3], "/qmgr"):
					a := activeRE.FindStringSubmatch(rest)
					s.from, s.size, s.nrcpt = cmp.Or(strings.ToLower(a[1]), "<>"), a[2], a[3]
				case strings.HasPrefix(rest, "to=<"):
					a := toRE.FindStringSubmatch(rest)
					if a == nil {
						t.Fatalf("odd delivery line: %s", l)
					}
					r := a[1] + " " + a[2]
					s.tries[r]++
					s.delay[r], s.dsn[r], s.status[r] = a[3], a[4], a[5]
					if strings.HasSuffix(m[3], "/discard") {
						s.status[r] = "discarded"
					}
				}
			}
			n := 0
			for _, x := range truths {
				if x.Kind == "reject" {
					rejects--
					continue
				}
				n++
				k := x.Host + " " + x.QueueID
				s := said[k]
				if s == nil {
					t.Errorf("%s: no line", k)
					continue
				}
				if len(s.lines) != x.Lines || slices.Max(slices.Collect(maps.Values(s.lines))) != 1 {
					t.Errorf("%s: %d lines, want %d", k, len(s.lines), x.Lines)
				}
				if s.removed != x.Complete {
					t.Errorf("%s: complete %v", k, x.Complete)
				}
				stamp := func(at time.Time) string { return at.Format("2006-01-02T15:04:05.000000Z07:00") }
				if s.first != stamp(x.First) || s.last != stamp(x.Last) {
					t.Errorf("%s: %s to %s, want %s to %s", k, s.first, s.last, stamp(x.First), stamp(x.Last))
				}
				if s.size != "" && (s.from != x.From || s.size != strconv.Itoa(x.Size) || s.nrcpt != strconv.Itoa(x.NRcpt)) {
					t.Errorf("%s: %s %s %s, want %+v", k, s.from, s.size, s.nrcpt, x)
				}
				tried := 0
				for _, r := range x.Recipients {
					if r.Attempts == 0 {
						continue
					}
					tried++
					a := r.To + " " + r.OrigTo
					if s.tries[a] != r.Attempts || s.status[a] != r.Status || s.dsn[a] != r.DSN || s.delay[a] != strconv.FormatFloat(r.Delay, 'f', -1, 64) {
						t.Errorf("%s: %s %d %s %s %s, want %+v", k, a, s.tries[a], s.status[a], s.dsn[a], s.delay[a], r)
					}
				}
				if tried != len(s.tries) {
					t.Errorf("%s: %d recipients, want %d", k, len(s.tries), tried)
				}
			}
			if n != len(said) || rejects != 0 {
				t.Errorf("%d messages in the log, %d in the truth; %d rejects too many", len(said), n, rejects)
			}
			t.Logf("%d lines, %d messages", bytes.Count(log, []byte("\n")), n)
		})
	}
}

func TestOnlyReuseMakesAnIDComeTwice(t *testing.T) {
	for _, reuse := range []float64{0, 0.1} {
		_, truths := text(t, Config{Seed: 9, Messages: 1500, ShortIDs: true, ReuseIDs: reuse})
		seen := map[string]int{}
		again := 0
		slices.SortStableFunc(truths, func(a, b Truth) int { return a.First.Compare(b.First) })
		for _, x := range truths {
			if x.Kind != "message" {
				continue
			}
			k := x.Host + x.QueueID
			if seen[k]++; seen[k] > 1 {
				again++
			}
			if x.Incarnation != seen[k] {
				t.Errorf("%s: incarnation %d, want %d", k, x.Incarnation, seen[k])
			}
		}
		if (again > 50) != (reuse > 0) {
			t.Errorf("reuse %v: %d ids came again", reuse, again)
		}
	}
}

func TestIDsHoldTheArrival(t *testing.T) {
	_, truths := text(t, Config{Seed: 3, Messages: 600, Micros: true})
	for _, x := range truths {
		if x.Kind != "message" || x.Origin == "internal" {
			continue
		}
		if at, ok := LongIDTime(x.QueueID); ok {
			if !at.Equal(x.First) {
				t.Errorf("%s: %v, first line %v", x.QueueID, at, x.First)
			}
		} else if us, _ := strconv.ParseInt(x.QueueID[:5], 16, 64); !IsShortID(x.QueueID) || us != int64(x.First.Nanosecond()/1000) {
			t.Errorf("%s: first line %v", x.QueueID, x.First)
		}
	}
}

// A process serves one client at a time: between connect and disconnect no other client may use its pid.
func TestSessionsDoNotShareAProcess(t *testing.T) {
	busy := map[string]string{}
	err := New(Config{Seed: 8, Messages: 3000, Span: 10 * time.Minute}).Each(func(l Line) error {
		if !strings.HasSuffix(l.Program, "/smtpd") {
			return nil
		}
		p := l.Host + l.Program + l.PID
		if c, ok := strings.CutPrefix(l.Text, "connect from "); ok {
			if busy[p] != "" {
				t.Errorf("%s: %s comes while %s is there", p, c, busy[p])
			}
			busy[p] = c
		} else if strings.HasPrefix(l.Text, "disconnect from "+busy[p]+" ") {
			busy[p] = ""
		} else if busy[p] == "" {
			t.Errorf("%s without a client: %s", p, l.Text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func BenchmarkLines(b *testing.B) {
	b.ReportAllocs()
	var buf []byte
	n := 0
	done := errors.New("done")
	for n < b.N {
		_ = New(Config{Seed: uint64(n), Messages: 100_000}).Each(func(l Line) error {
			if n++; n > b.N {
				return done
			}
			buf = l.AppendRFC3164(buf[:0])
			b.SetBytes(int64(len(buf)))
			return nil
		})
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

func BenchmarkDocuments(b *testing.B) {
	b.ReportAllocs()
	ship := NewShipper(LayoutSyslog, 1)
	var buf []byte
	n := 0
	done := errors.New("done")
	for n < b.N {
		_ = New(Config{Seed: uint64(n), Messages: 100_000}).Each(func(l Line) error {
			if n++; n > b.N {
				return done
			}
			buf = ship.AppendDocument(buf[:0], l)
			return nil
		})
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "docs/s")
}
