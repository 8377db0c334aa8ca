package worker

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestSchedulesThatAreNone(t *testing.T) {
	for _, spec := range []string{"", "TZ=UTC", "CRON_TZ=", "* * * *", "61 * * * *", "@never", "every five minutes"} {
		if CheckSchedule(spec) == nil {
			t.Errorf("%q is taken for a schedule", spec)
		}
	}
	for _, spec := range []string{"*/5 * * * *", "@hourly", "@every 90s", "0 3 * * MON"} {
		if err := CheckSchedule(spec); err != nil {
			t.Errorf("%q: %v", spec, err)
		}
	}
}

// startDaemon runs a daemon until the returned function is called, which waits
// for its end and returns when it ended.
func startDaemon(t *testing.T, d *Daemon) (stop func() time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	return func() time.Duration {
		begin := time.Now()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("daemon: %v", err)
		}
		return time.Since(begin)
	}
}

func TestDaemonNeverRunsTwoAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most, runs atomic.Int32
		d := &Daemon{Schedule: "@every 1s", Job: func(context.Context, <-chan struct{}) error {
			most.Store(max(most.Load(), now.Add(1)))
			runs.Add(1)
			time.Sleep(3500 * time.Millisecond)
			now.Add(-1)
			return errors.New("a failed run must not end the daemon")
		}}
		stop := startDaemon(t, d)
		time.Sleep(20 * time.Second)
		stop()
		if most.Load() != 1 || runs.Load() < 4 || runs.Load() > 7 {
			t.Errorf("%d at once, %d runs in 20 s", most.Load(), runs.Load())
		}
	})
}

// What no later run could mend ends the daemon at once.
func TestDaemonEndsWithAFinalError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		final, runs := errors.New("no use"), 0
		d := &Daemon{
			Schedule: "@every 1s", Final: func(err error) bool { return errors.Is(err, final) },
			Job: func(context.Context, <-chan struct{}) error {
				if runs++; runs == 3 {
					return final
				}
				return errors.New("for now")
			},
		}
		if err := d.Run(t.Context()); !errors.Is(err, final) || runs != 3 {
			t.Errorf("%v after %d runs, want the final error of the third", err, runs)
		}
	})
}

func TestDaemonDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		finished := false
		d := &Daemon{Schedule: "@every 1h", Job: func(_ context.Context, stop <-chan struct{}) error {
			<-stop                      // the slice in work ends...
			time.Sleep(2 * time.Second) // ...in its own time
			finished = true
			return nil
		}}
		stop := startDaemon(t, d)
		time.Sleep(time.Minute)
		if took := stop(); !finished || took != 2*time.Second {
			t.Errorf("finished %v after %v", finished, took)
		}
	})
}

func TestDaemonBreaksOffWhatDoesNotDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var aborted bool
		d := &Daemon{Schedule: "@every 1h", Job: func(ctx context.Context, _ <-chan struct{}) error {
			<-ctx.Done()
			aborted = true
			return ctx.Err()
		}}
		stop := startDaemon(t, d)
		time.Sleep(time.Minute)
		if took := stop(); !aborted || took != DefaultGrace {
			t.Errorf("aborted %v after %v", aborted, took)
		}
	})
}

// A clock that is set neither silences the schedule until it shows the old time
// again nor makes up for what it has jumped over.
func TestScheduleFollowsAClockThatIsSet(t *testing.T) {
	for name, by := range map[string]time.Duration{"back": -24 * time.Hour, "ahead": 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				schedule, err := parseSchedule("*/5 * * * *")
				if err != nil {
					t.Fatal(err)
				}
				var wrong atomic.Int64
				var due atomic.Int32
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				go follow(ctx, schedule, func() time.Time { return time.Now().Add(time.Duration(wrong.Load())).Round(0).UTC() }, func() { due.Add(1) })
				time.Sleep(11 * time.Minute)
				synctest.Wait()
				if n := due.Load(); n != 2 {
					t.Fatalf("due %d times in eleven minutes, want twice", n)
				}
				wrong.Store(int64(by))
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				// Ahead, the moments in between are one.
				if n := due.Load() - 2; n < 2 || n > 3 {
					t.Errorf("due %d times in the ten minutes after the clock was set, want twice or, once more, at once", n)
				}
			})
		})
	}
}
