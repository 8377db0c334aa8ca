package esquery

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// The lease keeps two runs of one source and target from doing the same work
// at the same time. It guards nothing: a run that lost it, or never had it, writes what every other
// would write, and the cursor moves by compare-and-set. So it may be wrong, and does not have to be safe.
const (
	leaseRenewed = 5 * time.Second // how often a holder shows that it is alive
	// leaseLost is how long a lease that nobody renews is left alone. Whether it was renewed is seen by its
	// revision, and the time is taken here: the clocks of two machines are never compared.
	leaseLost  = 3 * leaseRenewed
	leaseWatch = time.Second // between two looks at another's lease

	leaseRequest = 2 * time.Second // for a renewal or the release
)

// ErrBusy ends a run that finds another one at work on the same source and
// target. That one goes on with what is there.
var ErrBusy = errors.New("another postweave is at work on the same source and target, so this run ended early; nothing is lost")

// lease is one run's hold.
type lease struct {
	doc    *stateDoc
	holder string
	log    *zap.Logger
}

// leaseHeld is what the lease's document holds.
type leaseHeld struct {
	Holder string `json:"holder"` // host, process and a random word, with slashes between
}

// hold takes the lease of the source and target. The caller must call release.
// It returns ErrBusy where another run shows that it is alive.
func (s *Source) hold(ctx context.Context) (release func(), err error) {
	if s.options.DryRun {
		return func() {}, nil
	}
	l := &lease{
		doc:    newStateDoc(s.client, s.options.State, "lease", strings.Join(s.options.Patterns, ","), s.options.Target),
		holder: s.options.Holder, log: s.log,
	}
	if l.holder == "" {
		l.holder = thisProcess()
	}
	if err := l.take(ctx); err != nil {
		return nil, err
	}
	renewing, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.renew(renewing)
	}()
	return func() {
		stop()
		<-done
		l.release(ctx)
	}, nil
}

// take waits until the lease is free, or its holder is known to be gone.
func (l *lease) take(ctx context.Context) error {
	var watched int64 // revision of another's lease
	var since time.Time
	for {
		var held leaseHeld
		found, err := l.doc.load(ctx, &held)
		var damaged *Error
		if errors.As(err, &damaged) && l.doc.found { // not for a moment worth a run that fails
			err = nil
		}
		switch {
		case err != nil:
			return err
		case !found || held.Holder == "" || gone(held.Holder):
			if err := l.write(ctx); !errors.Is(err, errStateRace) {
				return err
			}
			since = time.Time{}
			continue
		case since.IsZero():
			watched, since = l.doc.seqNo, time.Now()
		case l.doc.seqNo != watched:
			return ErrBusy
		case time.Since(since) >= leaseLost:
			l.log.Warn("the run that held the lease shows no sign of life, going on in its place", zap.String("holder", holderName(held.Holder)))
			if err := l.write(ctx); !errors.Is(err, errStateRace) {
				return err
			}
			return ErrBusy // another one was faster
		}
		if err := sleep(ctx, leaseWatch); err != nil {
			return err
		}
	}
}

func (l *lease) write(ctx context.Context) error { return l.doc.save(ctx, leaseHeld{l.holder}) }

// renew shows that the run is alive until ctx ends. A lease that another run
// took is left to it: what this one does meanwhile is done twice, and does no harm.
func (l *lease) renew(ctx context.Context) {
	l.doc.patience, l.doc.beside = leaseRequest, true
	for sleep(ctx, leaseRenewed) == nil {
		err := l.write(ctx)
		if errors.Is(err, errStateRace) && ctx.Err() == nil {
			l.log.Warn("another postweave took the lease; both go on, the cursor tells which counts")
			return
		}
	}
}

// release gives the lease back, even where ctx has ended. A failure costs the
// next run the time until it sees that nobody is there.
func (l *lease) release(ctx context.Context) {
	ctx, cancel := parting(ctx)
	defer cancel()
	l.doc.patience = leaseRequest
	_ = l.doc.remove(ctx)
}

// thisProcess names this run.
func thisProcess() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d/%s", strings.ReplaceAll(host, "/", ""), os.Getpid(), rand.Text()[:8])
}

// gone tells that a holder was a process of this machine that is no more, so
// that a crash on a single server, or a container that was started again, costs no wait. Where two
// containers share a host name and not their processes it may be wrong, which only costs work.
func gone(holder string) bool {
	parts := strings.Split(holder, "/")
	host, err := os.Hostname()
	if len(parts) != 3 || err != nil || parts[0] != host {
		return false
	}
	pid, err := strconv.Atoi(parts[1])
	if err != nil || pid <= 0 {
		return false
	}
	if pid == os.Getpid() {
		return true
	}
	process, err := os.FindProcess(pid)
	return err == nil && errors.Is(process.Signal(syscall.Signal(0)), os.ErrProcessDone)
}

// holderName is what may be shown of a holder.
func holderName(holder string) string { return oneLine(holder) }
