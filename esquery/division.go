package esquery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
)

// MaxParts is into how many parts a range may be divided at most.
const MaxParts = 256

// division is how a range of time is divided into parts of about equally many lines, one beginning where the other
// ends. It is made once and then kept, since workers that divided the range each for itself, while lines arrive, would
// leave a gap between their parts. However many lines come later, each of them lies in exactly one part.
type division struct {
	From  time.Time   `json:"from"`
	To    time.Time   `json:"to"`
	Parts int         `json:"parts"`
	Cuts  []time.Time `json:"cuts"` // where all parts but the first begin, in order; equal ones have an empty part between
}

// Part returns where one of the parts of the range from ≤ time < to begins and ends, itself a range of that form. number
// is counted from 1, of is at most MaxParts. A part may be empty, and then ends where it begins.
//
// Whoever asks first makes the division of the range and stores it in the state index; all others find it there, also
// after the parts are done. A dry run stores nothing.
func (s *Source) Part(ctx context.Context, from, to time.Time, number, of int) (begin, end time.Time, err error) {
	from, to = from.UTC(), to.UTC()
	if of < 1 || of > MaxParts || number < 1 || number > of {
		return from, to, &Error{Class: ClassSetup, Op: "divide the range", Err: fmt.Errorf("there is no part %d of %d", number, of)}
	}
	if of == 1 {
		return from, to, nil
	}
	d, err := s.agree(ctx, division{From: from, To: to, Parts: of})
	if err != nil {
		return from, to, err
	}
	edges := slices.Concat([]time.Time{from}, d.Cuts, []time.Time{to})
	return edges[number-1].UTC(), edges[number].UTC(), nil
}

// agree returns the stored division of a range, and makes it where there is none.
func (s *Source) agree(ctx context.Context, d division) (division, error) {
	o := &s.options
	doc := newStateDoc(s.client, o.State, "division", strings.Join(o.Patterns, ","), o.Target,
		d.From.Format(time.RFC3339Nano), d.To.Format(time.RFC3339Nano), strconv.Itoa(d.Parts))
	for made := false; ; {
		var stored division
		found, err := doc.load(ctx, &stored)
		var failed *Error
		switch {
		case errors.As(err, &failed) && doc.found, err == nil && found && !stored.divides(d):
			return d, damagedDivision(doc)
		case err != nil:
			return d, err
		case found:
			return stored, nil
		}
		if !made {
			if d.Cuts, err = s.Days(d.From, d.To).cuts(ctx, d.Parts); err != nil {
				return d, err
			}
			made = true
		}
		if o.DryRun {
			s.log.Warn("no division of this range is stored yet: this dry run goes by one of its own; what arrives until then may move the edges")
			return d, nil
		}
		// Another worker may have been faster. Then its division counts.
		if err := doc.save(ctx, d); !errors.Is(err, errStateRace) {
			if err == nil {
				s.log.Info("the range is divided", zap.Int("parts", d.Parts), zap.Times("cuts", d.Cuts))
			}
			return d, err
		}
		if err := sleep(ctx, backoffBase); err != nil {
			return d, err
		}
	}
}

// divides tells whether a stored division is one of the range, into as many parts.
func (d division) divides(asked division) bool {
	return d.From.Equal(asked.From) && d.To.Equal(asked.To) && d.Parts == asked.Parts && len(d.Cuts) == d.Parts-1 &&
		slices.IsSortedFunc(slices.Concat([]time.Time{d.From}, d.Cuts, []time.Time{d.To}), time.Time.Compare)
}

// damagedDivision ends a part whose division cannot be told. To make another would do: but parts that have gone by this
// one may be finished, or at work.
func damagedDivision(doc *stateDoc) *Error {
	return &Error{
		Class: ClassSetup, Op: "read the division", Index: doc.index,
		Err:  fmt.Errorf("its document %s is damaged", doc.id),
		Hint: "when no part of this backfill is at work, delete that document and run all parts again, also those that are done",
	}
}
