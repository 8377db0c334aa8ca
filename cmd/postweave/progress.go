package main

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
	"go.uber.org/zap"
)

// progress shows how far a backfill is. Its methods are called from one
// goroutine at a time.
type progress interface {
	// update tells how many slices are done, of how many as far as is known:
	// a slice that is split adds to the total.
	update(done, total int)
	// finish leaves the line clean for what is printed next.
	finish()
}

// newProgress draws a bar on a terminal. Elsewhere it draws nothing: the log
// has an entry for each slice, and a bar would fill a file with control characters.
func newProgress(w io.Writer, title string) progress {
	if !isTerminal(w) {
		return noProgress{}
	}
	return &bar{w: w, title: title}
}

// quietBesideBar is the logger without what a bar shows already.
func (a *app) quietBesideBar() *zap.Logger {
	if isTerminal(a.stderr) && a.cfg.LogLevel == "info" {
		return a.logger.WithOptions(zap.IncreaseLevel(zap.WarnLevel)) // the bar says what an entry for each slice would
	}
	return a.logger
}

type noProgress struct{}

func (noProgress) update(int, int) {}
func (noProgress) finish()         {}

// barInterval is the shortest time between two drawings.
const barInterval = 200 * time.Millisecond

type bar struct {
	w     io.Writer
	title string
	bar   *progressbar.ProgressBar
}

func (b *bar) update(done, total int) {
	if b.bar == nil {
		b.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(b.w),
			progressbar.OptionSetDescription(visible(b.title)),
			progressbar.OptionShowCount(),
			progressbar.OptionSetItsString("slices"),
			progressbar.OptionThrottle(barInterval),
			progressbar.OptionFullWidth(),
			progressbar.OptionClearOnFinish(),
		)
	}
	if total != b.bar.GetMax() {
		b.bar.ChangeMax(total)
	}
	b.bar.Set(min(done, total)) //nolint:errcheck // a bar that cannot be drawn is no reason to stop
}

func (b *bar) finish() {
	if b.bar != nil {
		b.bar.Finish() //nolint:errcheck // nor to complain
	}
}
