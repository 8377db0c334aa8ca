package loggen

import (
	"testing"
	"time"

	"github.com/postweave/postweave/test/heap"
)

// A log may be of any length: what is held is the queue, not the log. The queue's life is short here, so that ten days are many of them.
func TestMemoryIsNotOfTheLogsLength(t *testing.T) {
	const days = 10
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	said := 0
	held := heap.Peak(10, func() {
		cfg := Config{Seed: 1, Messages: 5000 * days, Servers: 4, Start: start, Span: days * 24 * time.Hour, QueueLife: 6 * time.Hour}
		if err := New(cfg).Each(func(l Line) error {
			said += len(l.Text)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
	t.Logf("%d KiB of text, %d KiB held", said>>10, held>>10)
	if said < 50<<20 || held > uint64(said)/8 {
		t.Errorf("%d KiB of text, %d KiB held", said>>10, held>>10)
	}
}
