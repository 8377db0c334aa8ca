package maillog

import (
	"fmt"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
)

func generated(tb testing.TB, cfg loggen.Config) []string {
	tb.Helper()
	var lines []string
	var buf []byte
	err := loggen.New(cfg).Each(func(l loggen.Line) error {
		if cfg.Micros {
			buf = l.AppendRFC3339(buf[:0])
		} else {
			buf = l.AppendRFC3164(buf[:0])
		}
		lines = append(lines, string(buf[:len(buf)-1]))
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return lines
}

func TestGeneratedLogs(t *testing.T) {
	for i, cfg := range []loggen.Config{
		{Seed: 1, Messages: 1200, ReuseIDs: 0.1, Milters: true},
		{Seed: 2, Messages: 1200, ReuseIDs: 0.3, ShortIDs: true, Span: 60 * time.Hour, Start: time.Date(testYear, 3, 2, 22, 0, 0, 0, time.UTC)},
		{Seed: 3, Messages: 1200, Micros: true, Servers: 4, ReuseIDs: 0.05, Span: 30 * time.Hour},
		{Seed: 4, Messages: 1000, LongIDs: true, FailingRecipients: 0.02, Until: time.Date(testYear, 3, 4, 0, 0, 0, 0, time.UTC)},
	} {
		lines := generated(t, cfg)
		want := reference(lines)
		for _, memory := range []int64{0, 16 << 10} {
			for _, shuffled := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d/memory=%d/shuffled=%t", i, memory, shuffled), func(t *testing.T) {
					lines := lines
					if shuffled {
						lines = disordered(lines, DefaultWindow, uint64(i))
					}
					got, report := merged(t, Options{Inputs: []Input{input("log", text(lines))}, Year: testYear, MaxMemory: memory, SpillDir: t.TempDir()})
					same(t, got, want)
					accounted(t, report)
					if report.Late > 0 {
						t.Errorf("%d late", report.Late)
					}
				})
			}
		}
	}
}
