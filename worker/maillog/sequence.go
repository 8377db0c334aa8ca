package maillog

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/postweave/postweave/worker/postlog"
)

// sequence reads several logs as one, in the order of time.
//
// Logs are named in any order: a shell sorts mail.log before mail.log.1, which
// is older, and mail.log.10 between the two. Read like that, the end of a message would come
// before its beginning, by days, and no window would help. So each log waits until the
// time of its first stamp has come. Logs that overlap (one a server, or mail.info beside mail.log) are
// read side by side for the same reason.
type sequence struct {
	all     []*source
	waiting []*source // by first stamp, latest first
	active  []*source
	// meanwhile is asked while the next block of an input is waited for, see source.fill.
	meanwhile func() <-chan struct{}
}

// newSequence opens all inputs. An error names each that cannot be read; then
// nothing is to be merged.
func newSequence(o *Options) (*sequence, error) {
	q := &sequence{meanwhile: func() <-chan struct{} { return nil }}
	var problems []error
	for _, in := range o.Inputs {
		if o.Year == 0 && in.ModTime.IsZero() {
			problems = append(problems, errors.New(in.Name+": its last change is not known: say the year of its first line"))
			continue
		}
		s := newSource(in, o)
		q.all = append(q.all, s)
		if err := s.probe(o, len(o.Inputs) == 1); err != nil {
			problems = append(problems, err)
		}
	}
	q.waiting = slices.Clone(q.all)
	slices.SortStableFunc(q.waiting, func(a, b *source) int { return b.first.Compare(a.first) })
	if len(problems) > 0 {
		q.close()
		return q, errors.Join(problems...)
	}
	return q, nil
}

// next returns the source whose read-ahead holds the earliest line, and the
// time up to which that stays so; zero is forever. It returns nil at the end.
func (q *sequence) next(ctx context.Context) (s *source, until time.Time) {
	q.refill(ctx)
	for len(q.waiting) > 0 {
		w := q.waiting[len(q.waiting)-1]
		if len(q.active) > 0 && q.earliest().Before(w.first) {
			break
		}
		q.waiting = q.waiting[:len(q.waiting)-1]
		q.active = append(q.active, w)
		q.refill(ctx)
	}
	if len(q.active) == 0 {
		return nil, time.Time{}
	}
	s = q.active[0]
	if len(q.waiting) > 0 {
		until = q.waiting[len(q.waiting)-1].first
	}
	if len(q.active) > 1 {
		if t := q.active[1].key(); until.IsZero() || t.Before(until) {
			until = t
		}
	}
	return s, until
}

func (s *source) key() time.Time { return s.block.least[s.next] }

func (q *sequence) earliest() time.Time { return q.active[0].key() }

// refill gives each active source its next block, drops those that ended and
// puts the earliest first.
func (q *sequence) refill(ctx context.Context) {
	q.active = slices.DeleteFunc(q.active, func(s *source) bool {
		if s.next < len(s.block.lines) {
			return false
		}
		s.fill(ctx, q.meanwhile)
		if len(s.block.lines) == 0 {
			s.close()
			return true
		}
		return false
	})
	if len(q.active) > 1 {
		slices.SortStableFunc(q.active, func(a, b *source) int { return cmp.Or(a.key().Compare(b.key()), cmp.Compare(a.Name, b.Name)) })
	}
}

// each hands every line to take, until it returns an error.
func (q *sequence) each(ctx context.Context, take func(*postlog.Line) error) error {
	for {
		s, until := q.next(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if s == nil {
			return nil
		}
		for s.next < len(s.block.lines) && (until.IsZero() || !until.Before(s.key())) {
			line := &s.block.lines[s.next]
			s.next++
			if err := take(line); err != nil {
				return err
			}
		}
	}
}

// count adds what was read to the report.
func (q *sequence) count(r *Report) {
	for _, s := range q.all {
		r.Lines += s.block.counts.lines
		r.Bytes += s.block.bytes
		r.Truncated += s.block.cut
		r.NotSyslog += s.block.notSyslog
	}
}

// err joins what broke off the reading of the inputs.
func (q *sequence) err() error {
	var problems []error
	for _, s := range q.all {
		problems = append(problems, s.block.err)
	}
	return errors.Join(problems...)
}

func (q *sequence) close() {
	for _, s := range q.all {
		s.close()
	}
}
