package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// report is what a pass or a backfill did: one line of JSON without line end,
// or one line for people.
type report interface {
	JSON() []byte
	String() string
}

// reportOn prints what there is to report, also of work that failed, and
// returns its error. A nil report prints nothing.
func (a *app) reportOn(result report, asJSON bool, err error) error {
	if result == nil {
		return err
	}
	if asJSON {
		return errors.Join(err, a.printJSON(result.JSON()))
	}
	return errors.Join(err, a.printLine([]byte(visible(result.String()))))
}

// closeTimeout bounds what is left to do after the work: releasing a lease,
// closing a point in time.
const closeTimeout = 10 * time.Second

// closing ends connections and leases, after a signal too: hence a context of
// its own. Its error counts where the work had none.
func closing(ctx context.Context, closeAll func(context.Context) error, err *error) {
	if closeAll == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if closeErr := closeAll(ctx); *err == nil && closeErr != nil {
		*err = fmt.Errorf("cannot finish: %w", closeErr)
	}
}

// noArguments refuses arguments of a command that takes only flags.
func noArguments(args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("unexpected argument %q", strings.Join(args, " "))
}

// optionalMoment reads a flag that may be missing; the zero time then.
func optionalMoment(flagName, value string, now time.Time, endOfDay bool) (time.Time, error) {
	if value == "" {
		return time.Time{}, nil
	}
	t, err := parseMoment(value, now, endOfDay)
	if err != nil {
		return time.Time{}, fmt.Errorf("--%s: %w", flagName, err)
	}
	return t, nil
}

// joined makes one list of several.
func joined(lists ...[]string) []string {
	var all []string
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}
