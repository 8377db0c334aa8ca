package main

import (
	"testing"
	"time"

	"github.com/postweave/postweave/worker/message"
)

func TestParseDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"0": 0, "90m": 90 * time.Minute, "144h": 144 * time.Hour, "6d": 144 * time.Hour, "1d12h": 36 * time.Hour, "0.5d": 12 * time.Hour,
	} {
		if got, err := parseDuration(in); err != nil || got != want {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "d", "6", "6 d", "-6d", "6d-1h", "6d+1h", "NaNd", "1e99d", "9999y", "1d1d", "300000000h"} {
		if got, err := parseDuration(in); err == nil {
			t.Errorf("%q is taken for %v", in, got)
		}
	}
}

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int64{"1048576": 1 << 20, "256MiB": 256 << 20, "256M": 256 << 20, "256MB": 256 << 20, "2 GiB": 2 << 30, "512KiB": 512 << 10, "7B": 7} {
		if got, err := parseSize(in); err != nil || got != want {
			t.Errorf("%s: %d, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "M", "-1M", "1.5G", "1X", "1Mi", "99999999999999999999", "999999999T"} {
		if got, err := parseSize(in); err == nil {
			t.Errorf("%q is taken for %d", in, got)
		}
	}
	for in, want := range map[int64]string{1 << 20: "1MiB", 256 << 20: "256MiB", 1 << 30: "1GiB", 1500: "1500B"} {
		if got := sizeText(in); got != want {
			t.Errorf("%d is written %s", in, got)
		}
	}
}

func TestBackfillRange(t *testing.T) {
	now := time.Date(2026, 11, 20, 15, 30, 0, 0, time.FixedZone("", -10*3600)) // the 21st in UTC
	day := func(month time.Month, d int) time.Time { return time.Date(2026, month, d, 0, 0, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		o        dayRange
		from, to time.Time
	}{
		"the last day is included":      {dayRange{from: "2026-11-01", to: "2026-11-20"}, day(11, 1), day(11, 21)},
		"one day":                       {dayRange{from: "2026-11-01", to: "2026-11-01"}, day(11, 1), day(11, 2)},
		"up to today":                   {dayRange{from: "2026-11-01"}, day(11, 1), day(11, 22)},
		"days end with today, in UTC":   {dayRange{days: 7}, day(11, 15), day(11, 22)},
		"a moment is not included":      {dayRange{from: "2026-11-01T02:00:00+02:00", to: "2026-11-02T00:00:00Z"}, day(11, 1), day(11, 2)},
		"days over the end of a month":  {dayRange{days: 31}, day(10, 22), day(11, 22)},
		"one day is today and no other": {dayRange{days: 1}, day(11, 21), day(11, 22)},
	} {
		if err := c.o.settle(now); err != nil || !c.o.From.Equal(c.from) || !c.o.To.Equal(c.to) {
			t.Errorf("%s: %v – %v, %v", name, c.o.From, c.o.To, err)
		}
	}
	for _, o := range []dayRange{{}, {to: "2026-11-01"}, {from: "2026-11-02", to: "2026-11-01"}, {from: "2027-01-01"}, {days: 1, to: "2026-11-01"}, {from: "0001-01-01"}} {
		if err := o.settle(now); err == nil {
			t.Errorf("%+v is taken for %v – %v", o, o.From, o.To)
		}
	}
}

func TestTraceTimes(t *testing.T) {
	now := time.Date(2026, 11, 20, 15, 30, 0, 0, time.UTC)
	o := traceOptions{logFiles: newLogFiles(), selectionFlags: selectionFlags{since: "6d", until: "2026-11-19", Selection: message.Selection{MessageID: "<a@b>"}}}
	if err := o.check(nil, now); err != nil {
		t.Fatal(err)
	}
	if !o.Since.Equal(now.AddDate(0, 0, -6)) || !o.Until.Equal(time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)) || o.MessageID != "a@b" {
		t.Errorf("%+v", o)
	}
}
