package esquery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// overlappingDays goes through nine hours, which are three slices, and notes what happens in which order. fail gives the error of a step.
func overlappingDays(t *testing.T, fail map[string]error) (steps []string, err error) {
	t.Helper()
	p := &pagesOfLines{text: "removed", lines: 3, told: 3}
	one := p.slice(t)
	one.source.options.DryRun = true // no position is stored
	from := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	d := one.source.Days(from, from.Add(9*time.Hour))
	d.Progress = func(upTo time.Time) { steps = append(steps, fmt.Sprintf("kept %dh", int(upTo.Sub(from).Hours()))) }
	begun, n := make(chan int, 3), 0
	err = d.merge(t.Context(), []group{{indices: one.indices, fields: one.fields}}, daysPosition{Done: from}, func(_ context.Context, b *message.Batch) (func(context.Context) error, error) {
		n++
		begun <- n
		slice := n
		if err := fail[fmt.Sprint("begin ", slice)]; err != nil {
			return nil, err
		}
		if b.Read != 3 {
			t.Errorf("slice %d has %d lines", slice, b.Read)
		}
		return func(ctx context.Context) error {
			for next := slice; slice < 3 && next <= slice; { // the next one is begun meanwhile
				select {
				case next = <-begun:
				case <-time.After(20 * time.Second):
					return errors.New("the next slice was not begun")
				}
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			steps = append(steps, fmt.Sprint("confirmed ", slice))
			return fail[fmt.Sprint("confirm ", slice)]
		}, nil
	})
	return steps, err
}

// A slice is confirmed while the next one is begun, never before the one before it, and the position is kept after that. What was
// begun is confirmed also where the next slice is not.
func TestSlicesAreConfirmedInOrder(t *testing.T) {
	broken := errors.New("broken")
	for name, want := range map[string]string{
		"":          "confirmed 1, kept 1h, confirmed 2, kept 5h, confirmed 3, kept 9h",
		"begin 1":   "",
		"begin 3":   "confirmed 1, kept 1h, confirmed 2, kept 5h",
		"confirm 1": "confirmed 1",
		"confirm 2": "confirmed 1, kept 1h, confirmed 2",
		"confirm 3": "confirmed 1, kept 1h, confirmed 2, kept 5h, confirmed 3",
	} {
		steps, err := overlappingDays(t, map[string]error{name: broken})
		if got := strings.Join(slices.Clone(steps), ", "); got != want || (err != nil) != (name != "") || err != nil && !errors.Is(err, broken) {
			t.Errorf("%q: %v; %s, want %s", name, err, got, want)
		}
	}
}
