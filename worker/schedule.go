package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/robfig/cron/v3"
	"go.uber.org/zap"
)

// Daemon runs a job at once and then on a cron schedule, never two at a time:
// a moment that comes while the job still runs is skipped.
type Daemon struct {
	Schedule string         // five fields of cron, or "@every 5m" and the like
	Zone     *time.Location // of the schedule; nil is UTC
	// Job does one run. stop is closed when the daemon drains: the job should
	// finish what it holds and begin nothing new. ctx ends after Grace.
	Job func(ctx context.Context, stop <-chan struct{}) error
	// Final tells an error of Job that no later run could mend: it ends the daemon. If nil, none does.
	Final func(error) bool
	Grace time.Duration // zero is DefaultGrace
	// Next is told each time when the schedule's next moment is, from another goroutine than Job's. It may be nil.
	Next   func(time.Time)
	Logger *zap.Logger
}

// DefaultGrace is how long a draining job may take: well within the 30 s that
// Kubernetes leaves a pod.
const DefaultGrace = 8 * time.Second

// CheckSchedule tells whether a schedule can be read.
func CheckSchedule(spec string) (err error) {
	_, err = parseSchedule(spec)
	return err
}

// parseSchedule shields from robfig/cron, which panics on some strings ("TZ=UTC").
func parseSchedule(spec string) (s cron.Schedule, err error) {
	defer func() {
		if recover() != nil {
			s, err = nil, errors.New("not a cron schedule; five fields are expected, for example */5 * * * *")
		}
	}()
	s, err = cron.ParseStandard(spec)
	if err != nil {
		return nil, fmt.Errorf("not a cron schedule: %w", err)
	}
	return s, nil
}

// tellingSchedule tells of each moment that is asked for.
type tellingSchedule struct {
	cron.Schedule
	tell func(time.Time)
}

func (s tellingSchedule) Next(after time.Time) time.Time {
	next := s.Schedule.Next(after)
	s.tell(next)
	return next
}

// Run works until ctx ends, then drains: it waits for the job in work, at most
// for the grace period. It returns nil after a clean drain, and else the final error that ended it. Other failed
// jobs are logged; the next moment of the schedule tries again.
func (d *Daemon) Run(ctx context.Context) error {
	schedule, err := parseSchedule(d.Schedule)
	if err != nil {
		return err
	}
	if d.Next != nil {
		schedule = tellingSchedule{schedule, d.Next}
	}
	log := d.Logger
	if log == nil {
		log = zap.NewNop()
	}
	zone := d.Zone
	if zone == nil {
		zone = time.UTC
	}
	jobCtx, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	stop := make(chan struct{})
	due := make(chan struct{}, 1)
	due <- struct{}{}                                                 // at once: a daemon that shows nothing for five minutes looks broken
	clock := func() time.Time { return time.Now().Round(0).In(zone) } // as on the wall
	watching, enough := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		follow(watching, schedule, clock, func() {
			select {
			case due <- struct{}{}:
			default:
				log.Warn("skipped a moment of the schedule: the run before it is still at work")
			}
		})
	}()
	defer func() { enough(); <-watched }()
	return d.loop(ctx, jobCtx, abort, due, stop, log)
}

// lookEvery is how often the clock is looked at while nothing is due.
const lookEvery = 5 * time.Second

// follow calls due at each moment of the schedule, until ctx ends.
//
// It stands for robfig/cron's own runner, which sleeps until the next moment in one go: a clock that is set back by a day
// meanwhile keeps it asleep for that day.
func follow(ctx context.Context, schedule cron.Schedule, clock func() time.Time, due func()) {
	last := clock()
	for next := schedule.Next(last); !next.IsZero(); { // zero is never
		timer := time.NewTimer(min(next.Sub(last), lookEvery))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		now := clock()
		switch {
		case !now.Before(next):
			due()
			next = schedule.Next(now)
		case now.Before(last): // the clock was set back
			next = schedule.Next(now)
		}
		last = now
	}
}

// loop runs the job whenever it is due. One goroutine runs jobs, so that two
// never meet.
func (d *Daemon) loop(ctx, jobCtx context.Context, abort context.CancelFunc, due <-chan struct{}, stop chan struct{}, log *zap.Logger) error {
	for {
		select {
		case <-ctx.Done():
			close(stop)
			return nil
		case <-due:
		}
		done := make(chan error, 1)
		go func() { done <- d.Job(jobCtx, stop) }()
		select {
		case err := <-done:
			if err != nil && d.Final != nil && d.Final(err) {
				return err
			}
			if err != nil {
				log.Error("run failed; the next one tries again", zap.Error(err))
			}
		case <-ctx.Done():
			close(stop)
			return d.drain(abort, done, log)
		}
	}
}

// drain waits for the job in work.
func (d *Daemon) drain(abort context.CancelFunc, done <-chan error, log *zap.Logger) error {
	grace := d.Grace
	if grace == 0 {
		grace = DefaultGrace
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	var err error
	select {
	case err = <-done:
	case <-timer.C:
		log.Warn("the run did not finish within the grace period and is broken off; what it had confirmed stays", zap.Duration("grace", grace))
		abort()
		err = <-done
	}
	if err != nil {
		log.Error("run failed; the next one tries again", zap.Error(err))
	}
	return nil
}
