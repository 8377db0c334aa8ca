package maillog

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/worker/message"
	"github.com/postweave/postweave/worker/postlog"
)

// repeated is the lab corpus n times, each copy two minutes after the one
// before and with queue ids of its own.
func repeated(tb testing.TB, n int) (log string, lines int) {
	tb.Helper()
	source := corpus(tb, labLog)
	known := map[string]bool{}
	for _, raw := range source {
		if l, err := postlog.ParseLine(raw, testYear, time.UTC); err == nil {
			id, _ := postlog.LeadingQueueID(l.Text)
			known[id] = true
		}
	}
	word := regexp.MustCompile(`[0-9A-Za-z]{6,}`)
	var b strings.Builder
	for c := range n {
		for _, raw := range source {
			l, err := postlog.ParseLine(raw, testYear, time.UTC)
			if err != nil {
				tb.Fatal(err)
			}
			raw = word.ReplaceAllStringFunc(raw[16:], func(s string) string {
				if known[s] {
					return fmt.Sprintf("%s%02d", s, c)
				}
				return s
			})
			b.WriteString(l.Time.Add(time.Duration(c) * 2 * time.Minute).Format("Jan _2 15:04:05 "))
			b.WriteString(raw)
			b.WriteByte('\n')
		}
	}
	return b.String(), n * len(source)
}

// BenchmarkMerge is what the merge command does: reading, parsing, merging,
// JSON. Run it with GOMAXPROCS=1 for the rate of one core.
func BenchmarkMerge(b *testing.B) {
	log, lines := repeated(b, 12)
	for _, bench := range []struct {
		name   string
		memory int64
	}{{"memory", 0}, {"spilling", 8 << 20}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(log)))
			var buf []byte
			for b.Loop() {
				out := bufio.NewWriterSize(io.Discard, 64<<10)
				report, err := Merge(b.Context(), Options{Inputs: []Input{input("log", log)}, Year: testYear, MaxMemory: bench.memory, SpillDir: b.TempDir()}, func(d *message.Document) error {
					buf = append(d.AppendJSON(buf[:0]), '\n')
					_, err := out.Write(buf)
					return err
				})
				if err != nil || report.Lines != int64(lines) {
					b.Fatal(err, report.Lines)
				}
			}
			b.ReportMetric(float64(lines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}
