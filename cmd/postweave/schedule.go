package main

import (
	"errors"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// checkSchedule refuses a cron line before anything starts. The library's
// parser panics on some lines ("TZ=UTC" alone), hence the recover; a zone
// inside the line is refused anyway, for it has a setting of its own.
func checkSchedule(spec string) (err error) {
	defer func() {
		if recover() != nil {
			err = errScheduleForm
		}
	}()
	if strings.HasPrefix(spec, "TZ=") || strings.HasPrefix(spec, "CRON_TZ=") {
		return errors.New("names a time zone, which belongs into POSTWEAVE_TIMEZONE")
	}
	schedule, err := cron.ParseStandard(spec)
	if err != nil {
		return errScheduleForm
	}
	// The zero time is the library's answer for "never within five years".
	if schedule.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return errors.New("never comes round, want a date that exists")
	}
	return nil
}

var errScheduleForm = errors.New(`is not valid, want a cron line of five fields such as "*/5 * * * *", or @hourly, @every 10m`)
