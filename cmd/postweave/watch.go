package main

import (
	"os"
	"os/signal"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	// barAfter is how long a command works before a bar is drawn, and barEvery how often it is drawn anew.
	barAfter = time.Second
	barEvery = 250 * time.Millisecond
	// saidEvery is how often a line about it goes to a log. Short work says nothing.
	saidEvery = 30 * time.Second
)

// watched is the one command at work, for those who ask about it.
type watched struct {
	mu    sync.Mutex
	begin time.Time
	at    situation // nil: nothing more is known than that it is at work
}

// put says where the command is from now on, and returns what was said before.
func (w *watched) put(s situation) (before situation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before, w.at = w.at, s
	return before
}

// facts are those of the work under way.
func (w *watched) facts(now time.Time, command string) (title string, facts []fact) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.at != nil {
		return w.at.facts(now)
	}
	took := now.Sub(w.begin)
	return command, []fact{{"at work for " + roughly(took), zap.Float64("seconds", took.Round(time.Millisecond).Seconds())}}
}

// show begins to show how far a command is: as a bar where messages go to a terminal, elsewhere as a line every
// half minute. Whoever sends SIGUSR1 is told at once. All that ends, and the bar is gone, when end is called.
func (a *app) show(p *progress) (end func()) {
	before := a.watched.put(p)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		if s := a.barScreen(); s != nil {
			drawUntil(stop, s, p)
		} else {
			a.sayUntil(stop, p)
		}
	}()
	return sync.OnceFunc(func() {
		close(stop)
		<-stopped
		a.watched.put(before)
	})
}

// barScreen is where a bar is drawn, nil where none is: beside a log of JSON it would be out of place.
func (a *app) barScreen() *screen {
	if a.cfg.LogFormat == "json" {
		return nil
	}
	return screenOf(a.stderr)
}

func drawUntil(stop <-chan struct{}, s *screen, p *progress) {
	ticker := time.NewTicker(barEvery)
	defer ticker.Stop()
	defer s.clear()
	for {
		select {
		case <-stop:
			return
		case now := <-ticker.C:
			p.sample(now)
			if now.Sub(p.begin) < barAfter {
				continue
			}
			title, facts := p.facts(now)
			part, known := p.share()
			s.draw(func(columns int) string { return bar(title, part, known, facts, columns) })
		}
	}
}

func (a *app) sayUntil(stop <-chan struct{}, p *progress) {
	ticker := time.NewTicker(paceEvery)
	defer ticker.Stop()
	for said := p.begin; ; {
		select {
		case <-stop:
			return
		case now := <-ticker.C:
			p.sample(now)
			if now.Sub(said) >= saidEvery {
				said = said.Add(saidEvery)
				title, facts := p.facts(now)
				a.sayProgress(a.logger, title, facts)
			}
		}
	}
}

// sayProgress tells people in a sentence, or a log in an entry, as errors are told.
func (a *app) sayProgress(logger *zap.Logger, title string, facts []fact) {
	switch {
	case a.command.service && logsJSON(a.cfg, a.stderr):
		logger.Info("progress", append([]zap.Field{zap.String("of", title)}, fields(facts)...)...)
	case logger.Core().Enabled(zap.InfoLevel):
		a.say("%s", sentence(title, facts))
	}
}

// answerWhenAsked says where the command is whenever a signal comes that asks for it, until stop is called.
func (a *app) answerWhenAsked() (stop func()) {
	if len(statusSignals) == 0 { // of none, Notify would make all
		return func() {}
	}
	asked, ended := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(asked, statusSignals...)
	always := a.cfg
	always.LogLevel = "info" // who asks is answered
	logger := newLogger(always, a.stderr)
	var answering sync.WaitGroup
	answering.Go(func() {
		for {
			select {
			case <-ended:
				return
			case <-asked:
				title, facts := a.watched.facts(time.Now(), a.command.name)
				a.sayProgress(logger, title, facts)
			}
		}
	})
	return func() {
		signal.Stop(asked)
		close(ended)
		answering.Wait()
	}
}
