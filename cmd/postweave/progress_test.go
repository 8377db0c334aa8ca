package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// said is what is written to people, which others may read meanwhile.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// atWork is a command of a service or of people, whose messages go to no terminal.
func atWork(name string, cfg Config) (*app, *said) {
	out := &said{}
	a := &app{stderr: out, cfg: cfg}
	a.command, _ = findCommand(name)
	a.logger = newLogger(cfg, out)
	a.watched.begin = time.Now()
	return a, out
}

func TestProgressOfAMerge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProgress("merge", "lines")
		p.over([]mergeInput{{Size: 3 << 20}, {Size: 1 << 20}})
		says := func(want string) {
			t.Helper()
			if got := sentence(p.facts(time.Now())); got != want {
				t.Errorf("%q\nwant %q", got, want)
			}
		}
		says("merge: 0%, 0 lines in 0s")
		time.Sleep(10 * time.Second)
		p.done.Add(1 << 20)
		p.read(1)
		says("merge: 25%, 1.0 of 4.0 MiB, 1 line in 10s, 0.1 lines/s, about 30s left")
		p.read(99_999)
		p.done.Add(3 << 20)
		says("merge: 100%, 4.0 of 4.0 MiB, 100,000 lines in 10s, 10,000 lines/s")
		p.done.Add(1 << 20) // somebody wrote on
		says("merge: 100%, 4.0 of 4.0 MiB, 100,000 lines in 10s, 10,000 lines/s")

		p = newProgress("merge", "lines")
		p.over([]mergeInput{{Size: 3 << 20}, {Size: sizeUnknown}, {Size: 3 << 20}})
		time.Sleep(2 * time.Minute)
		p.done.Add(5 << 20)
		p.read(240)
		says("merge: 5.0 MiB, 240 lines in 2m00s, 2.0 lines/s")
	})
}

// What was done before a backfill was taken up is no measure of its pace.
func TestProgressOfWhatGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		p := newProgress("backfill", "lines")
		p.through(from, from.Add(100*time.Hour))
		p.goneOn(from.Add(80 * time.Hour))
		time.Sleep(time.Minute)
		p.upTo(from.Add(81 * time.Hour))
		p.count(1200)
		const want = "backfill: 81%, up to 2026-11-04 09:00 UTC, 1,200 lines in 1m00s, 20 lines/s, about 19m00s left"
		if got := sentence(p.facts(time.Now())); got != want {
			t.Errorf("%q\nwant %q", got, want)
		}
	})
}

// The pace is that of the last minutes. A pause is in it while it lasts, and slow work does not look like none.
func TestPaceIsThatOfTheLastMinutes(t *testing.T) {
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	p := pace{{at: begin}}
	at := func(second int, done int64) (perSecond float64, left time.Duration) {
		s := sample{at: begin.Add(time.Duration(second) * time.Second), done: done, counted: done}
		p = p.with(s)
		return p.reckon(s, 1_000_000)
	}
	done := int64(0)
	for second := 1; second <= 600; second++ { // ten minutes of 10 a second
		done += 10
		at(second, done)
	}
	var perSecond float64
	var left time.Duration
	for second := 601; second <= 600+125; second++ { // then two of 1,000
		done += 1000
		perSecond, left = at(second, done)
	}
	if perSecond < 950 || perSecond > 1000 {
		t.Errorf("%v a second, want nearly 1,000", perSecond)
	}
	if want := time.Duration(float64(1_000_000-done)/perSecond) * time.Second; left < want-time.Second || left > want+time.Second {
		t.Errorf("%v left, want %v", left, want)
	}
	if len(p) > int(paceWindow/paceEvery)+2 {
		t.Errorf("%d samples are kept", len(p))
	}
	for second := 726; second <= 726+3600; second++ { // an hour of nothing
		perSecond, _ = at(second, done)
	}
	if perSecond <= 0 || perSecond > 40 {
		t.Errorf("%v a second after an hour of nothing", perSecond)
	}
	for second, slices := 5000, 1; slices <= 20; slices++ { // slices of five minutes
		done += 3000
		second += 300
		perSecond, _ = at(second+slices*300, done)
	}
	if perSecond < 4 || perSecond > 11 {
		t.Errorf("%v a second, want some 5", perSecond)
	}
}

// A log gets a line each half minute, short work nothing.
func TestALogHearsOfProgressNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, out := atWork("merge", Config{LogLevel: "info", LogFormat: "auto"})
		p := newProgress("merge", "lines")
		end := a.show(p)
		time.Sleep(29 * time.Second)
		p.read(300)
		synctest.Wait()
		if out.String() != "" {
			t.Errorf("after 29 s: %q", out)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got, want := out.String(), "postweave: merge: 300 lines in 30s, 10 lines/s\n"; got != want {
			t.Errorf("after half a minute: %q, want %q", got, want)
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if n := strings.Count(out.String(), "\n"); n != 11 {
			t.Errorf("%d lines in five and a half minutes", n)
		}
		end()
		end() // does no harm
		before := out.String()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if out.String() != before {
			t.Errorf("after the end: %q", out)
		}
	})
}

func TestProgressInALogOfJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, out := atWork("backfill", Config{LogLevel: "info", LogFormat: "auto"})
		from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		p := newProgress("backfill 2026-11-01 to 2026-11-20", "lines")
		p.through(from, from.AddDate(0, 0, 20))
		defer a.show(p)()
		time.Sleep(25 * time.Second)
		p.upTo(from.AddDate(0, 0, 5))
		p.count(75_000)
		time.Sleep(6 * time.Second)
		synctest.Wait()
		var got map[string]any
		if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		delete(got, "time")
		if want := map[string]any{
			"level": "info", "message": "progress", "of": "backfill 2026-11-01 to 2026-11-20", "percent": 25.0, "up_to": "2026-11-06T00:00:00.000Z",
			"lines": 75000.0, "seconds": 30.0, "lines_per_second": 2500.0, "seconds_left": 90.0,
		}; !reflect.DeepEqual(got, want) {
			t.Errorf("have %v\nwant %v", got, want)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		for _, name := range []string{"merge", "backfill"} {
			a, out := atWork(name, Config{LogLevel: "warn", LogFormat: "auto"})
			end := a.show(newProgress(name, "lines"))
			time.Sleep(time.Hour)
			if end(); out.String() != "" {
				t.Errorf("%s, of which only warnings are wanted, says %q", name, out)
			}
		}
	})
}

// A file that is read from its start again is not counted twice.
func TestReadingIsToldOnce(t *testing.T) {
	var names []string
	size, lines := int64(0), 0
	for i := range 3 { // read side by side: each is looked into first
		var b strings.Builder
		for n := range 5000 {
			fmt.Fprintf(&b, "Nov 22 %02d:%02d:%02d mx1 postfix/qmgr[1]: %08X: removed\n", i, n/60%60, n%60, i<<20+n)
		}
		names = append(names, filepath.Join(t.TempDir(), fmt.Sprint(i)))
		if err := os.WriteFile(names[i], []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		size, lines = size+int64(b.Len()), lines+5000
	}
	for _, files := range [][]string{names, names[:1]} {
		l := newLogFiles()
		l.Files, l.Year = files, 2026
		inputs, err := l.inputs(nil)
		if err != nil {
			t.Fatal(err)
		}
		p := newProgress("merge", "lines")
		if _, err := wireMerge(t.Context(), Config{}, mergeOptions{logFiles: l}, inputs, p, newJSONPrinter(&bytes.Buffer{})); err != nil {
			t.Fatal(err)
		}
		part := int64(len(files))
		if got := p.done.Load(); got != size/3*part || p.all.Load() != got {
			t.Errorf("%d of %d bytes of %d files, want %d", got, p.all.Load(), part, size/3*part)
		}
		if got := p.counted.Load(); got != int64(lines/3)*part {
			t.Errorf("%d lines of %d files, want %d", got, part, lines/3*int(part))
		}
	}
	// What a shell has read of a file that it hands on is none of ours.
	f, err := os.Open(names[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Seek(100, 0); err != nil {
		t.Fatal(err)
	}
	if in := stdinInput(f); in.Size != size/3-100 {
		t.Errorf("%d bytes are left of %d, of which 100 were read", in.Size, size/3)
	}
	if in := stdinInput(strings.NewReader("")); in.Size != sizeUnknown {
		t.Errorf("a pipe has %d bytes", in.Size)
	}
}

func TestRoughly(t *testing.T) {
	for d, want := range map[time.Duration]string{
		499 * time.Millisecond: "0s", 8 * time.Second: "8s", 59*time.Second + 600*time.Millisecond: "1m00s",
		750 * time.Second: "12m30s", 80 * time.Minute: "1h20m", 47 * time.Hour: "47h00m", 76 * time.Hour: "3d4h",
	} {
		if got := roughly(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
	for _, c := range []struct {
		done, all int64
		want      string
	}{{5, 900, "5 of 900 B"}, {512, 2048, "0.5 of 2.0 KiB"}, {1 << 30, 7 << 29, "1.0 of 3.5 GiB"}, {3 << 40, 0, "3.0 TiB"}, {5000 << 40, 0, "5000.0 TiB"}, {7, 5, "5 of 5 B"}} {
		if got := inBytes(c.done, c.all)[0].text; got != c.want {
			t.Errorf("%d of %d: %s, want %s", c.done, c.all, got, c.want)
		}
	}
}

func TestBarFits(t *testing.T) {
	facts := []fact{{text: "50%"}, {text: "7 lines"}, {field: zap.Int("seconds", 1)}}
	for columns, want := range map[int]string{
		100: "merge  [====================                    ]  50%, 7 lines",
		40:  "merge  [========         ]  50%, 7 lines",
		30:  "merge  50%, 7 lines",
	} {
		if got := bar("merge", 0.5, true, facts, columns); got != want {
			t.Errorf("%d columns: %q, want %q", columns, got, want)
		}
	}
	if got, want := bar("merge", 0, false, facts[1:], 100), "merge  7 lines"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
