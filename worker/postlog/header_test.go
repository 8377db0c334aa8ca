package postlog

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"
)

func mustTime(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestParseLine(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	const rest = " mx1 postfix/qmgr[17]: 4F2A31: removed"
	for _, tt := range []struct {
		raw  string
		year int
		zone *time.Location
		want string
	}{
		{"Nov 22 01:29:04", 2026, time.UTC, "2026-11-22T01:29:04Z"},
		{"Nov  2 01:29:04", 2026, time.UTC, "2026-11-02T01:29:04Z"},
		{"Nov 02 01:29:04", 2026, time.UTC, "2026-11-02T01:29:04Z"}, // postlogd
		{"Nov  2 01:29:04", 2026, nil, "2026-11-02T01:29:04Z"},
		{"Nov  2 00:29:04", 2026, berlin, "2026-11-01T23:29:04Z"},
		{"Jan  1 00:00:00", 2026, berlin, "2025-12-31T23:00:00Z"},
		{"Feb 29 12:00:00", 2028, time.UTC, "2028-02-29T12:00:00Z"},
		{"Dec 31 23:59:60", 2026, time.UTC, "2027-01-01T00:00:00Z"}, // leap second
		{"Feb 28 23:59:60", 2026, time.UTC, "2026-03-01T00:00:00Z"},
		{"<22>Nov  2 01:29:04", 2026, time.UTC, "2026-11-02T01:29:04Z"},
		{"<0>Nov  2 01:29:04", 2026, time.UTC, "2026-11-02T01:29:04Z"},
		{"<191>2026-11-02T01:29:04Z", 0, nil, "2026-11-02T01:29:04Z"},
		{"2026-11-02T01:29:04Z", 1999, nil, "2026-11-02T01:29:04Z"},
		{"2026-11-02T01:29:04+01:00", 1999, nil, "2026-11-02T00:29:04Z"},
		{"2026-11-02T01:29:04-09:30", 1999, nil, "2026-11-02T10:59:04Z"},
		{"2026-11-02T01:29:04+13:00", 1999, nil, "2026-11-01T12:29:04Z"},
		{"2026-11-02T23:29:04.5Z", 1999, nil, "2026-11-02T23:29:04.5Z"},
		{"2026-11-02T13:29:04.123456+02:00", 1999, nil, "2026-11-02T11:29:04.123456Z"},
		{"2026-11-02T13:29:04.123456789+02:00", 1999, nil, "2026-11-02T11:29:04.123456789Z"},
		{"2028-02-29T00:00:00Z", 1999, nil, "2028-02-29T00:00:00Z"},
	} {
		got, err := ParseLine(tt.raw+rest, tt.year, tt.zone)
		if err != nil {
			t.Errorf("%s: %v", tt.raw, err)
			continue
		}
		want := Line{Time: mustTime(t, tt.want).UTC(), Host: "mx1", Program: "postfix/qmgr", PID: "17", Text: "4F2A31: removed"}
		if got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", tt.raw, got, want)
		}
	}
}

func TestParseLineMonths(t *testing.T) {
	for m := time.January; m <= time.December; m++ {
		got, err := ParseLine(m.String()[:3]+" 15 12:00:00 h p: x", 2026, time.UTC)
		if want := time.Date(2026, m, 15, 12, 0, 0, 0, time.UTC); err != nil || got.Time != want {
			t.Errorf("%v: %v, %v", m, got.Time, err)
		}
	}
}

func TestParseLineErrors(t *testing.T) {
	for _, tt := range []struct {
		raw  string
		want error
	}{
		{"", ErrNoTime},
		{"no log at all", ErrNoTime},
		{"Feb 30 12:00:00 mx1 postfix/qmgr[1]: x", ErrNoTime},
		{"Feb 29 12:00:00 mx1 postfix/qmgr[1]: x", ErrNoTime}, // 2026 is no leap year
		{"Apr 31 12:00:00 mx1 postfix/qmgr[1]: x", ErrNoTime},
		{"Nov  0 12:00:00 mx1 postfix/qmgr[1]: x", ErrNoTime},
		{"Nov 32 12:00:00 mx1 postfix/qmgr[1]: x", ErrNoTime},
		{"Nov  2 24:00:00 mx1 postfix/qmgr[1]: x", ErrNoTime},
		{"Nov  2 12:60:00 mx1 postfix/qmgr[1]: x", ErrNoTime},
		{"Nov  2 12:00:61 mx1 postfix/qmgr[1]: x", ErrNoTime},
		{"nov  2 12:00:00 mx1 postfix/qmgr[1]: x", ErrNoTime},
		{"Nov  2 12:00:00mx1 postfix/qmgr[1]: x", ErrNoTime},
		{"2026-02-30T12:00:00Z mx1 postfix/qmgr[1]: x", ErrNoTime},
		{"2026-11-02T12:00:00 mx1 postfix/qmgr[1]: x", ErrNoTime}, // no zone
		{"2026-11-02T24:00:00Z mx1 postfix/qmgr[1]: x", ErrNoTime},
		{"2026-11-02T24:00:60Z mx1 postfix/qmgr[1]: x", ErrNoTime},
		{"0000-00-00T00:00:00Z mx1 postfix/qmgr[1]: x", ErrNoTime},
		{"1969-12-31T23:59:59Z mx1 postfix/qmgr[1]: x", ErrNoTime},
		{"9999-12-31T23:59:59-23:00 mx1 postfix/qmgr[1]: x", ErrNoTime}, // the year 10000 in UTC
		{"<22 Nov  2 12:00:00 mx1 postfix/qmgr[1]: x", ErrNoTime},
		{"<>Nov  2 12:00:00 mx1 postfix/qmgr[1]: x", ErrNoTime},
		{"<2222>Nov  2 12:00:00 mx1 postfix/qmgr[1]: x", ErrNoTime},
		{"Nov  2 12:00:00 postfix/qmgr[1]: x", ErrNoHost},
		{"Nov  2 12:00:00 mx1", ErrNoHost},
		{"Nov  2 12:00:00 ", ErrNoHost},
		{"Nov  2 12:00:00 mx1 ", ErrNoProgram},
		{"Nov  2 12:00:00 mx1 last message repeated 3 times", ErrNoProgram},
		{"Nov  2 12:00:00 mx1 postfix/qmgr[1", ErrNoProgram},
		{"Nov  2 12:00:00 mx1 postfix/qmgr[1]", ErrNoProgram},
		{"Nov  2 12:00:00 mx1 postfix/qmgr[1] x", ErrNoProgram},
		{"Nov  2 12:00:00 mx1 [1]: x", ErrNoProgram},
	} {
		if _, err := ParseLine(tt.raw, 2026, time.UTC); !errors.Is(err, tt.want) {
			t.Errorf("%q: %v, want %v", tt.raw, err, tt.want)
		}
	}
}

func TestParseLineParts(t *testing.T) {
	const stamp = "Nov  2 01:29:04 "
	for _, tt := range []struct{ raw, host, program, pid, text string }{
		{"mx1 postfix/smtpd[17]: connect from x[1.2.3.4]", "mx1", "postfix/smtpd", "17", "connect from x[1.2.3.4]"},
		{"mx1 postfix/submission/smtpd[17]: x", "mx1", "postfix/submission/smtpd", "17", "x"},
		{"mx1 postfix-out/relay/smtp[17]: x", "mx1", "postfix-out/relay/smtp", "17", "x"},
		{"mx1 postfix-170.55.103.23/smtpd[17]: x", "mx1", "postfix-170.55.103.23/smtpd", "17", "x"},
		{"mx1 postfix/qmgr: x", "mx1", "postfix/qmgr", "", "x"},
		{"mx1 postfix/qmgr[]: x", "mx1", "postfix/qmgr", "", "x"},
		{"mx1.example.org postfix/qmgr[17]:x: y", "mx1.example.org", "postfix/qmgr", "17", "x: y"},
		{"2001:db8::1 postfix/qmgr[17]:  x", "2001:db8::1", "postfix/qmgr", "17", " x"},
		{"mx1 postfix/qmgr[17]:", "mx1", "postfix/qmgr", "17", ""},
		{"  mx1 kernel: [17] x", "mx1", "kernel", "", "[17] x"},
		{
			"mx1 postfix/smtp[1]: 4F2A31: x\nOct  1 00:00:00 mx1 postfix/qmgr[1]: 4F2A32: removed", "mx1", "postfix/smtp", "1",
			"4F2A31: x\nOct  1 00:00:00 mx1 postfix/qmgr[1]: 4F2A32: removed",
		},
	} {
		got, err := ParseLine(stamp+tt.raw, 2026, time.UTC)
		want := Line{Time: time.Date(2026, 11, 2, 1, 29, 4, 0, time.UTC), Host: tt.host, Program: tt.program, PID: tt.pid, Text: tt.text}
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", tt.raw, got, err)
		}
	}
}

// Wherever a line is cut, it is either refused or read as far as it goes.
func TestParseLineTruncated(t *testing.T) {
	for _, whole := range []string{
		"<22>Nov  2 01:29:04 mx1 postfix/submission/smtpd[17]: 4F2A31B2: client=mail.example[192.0.2.1]:25, sasl_method=PLAIN, sasl_username=u",
		"2026-11-02T13:29:04.123456+02:00 mx1 postfix/smtp[17]: 4jXBLW1S2Pz1SGX8: to=<\"a b\"@c.d>, orig_to=<e@f.g>, relay=h[192.0.2.1]:25, delay=1.2, delays=0/0/1/0.2, dsn=2.0.0, status=sent (250 queued as 4F2A31B2)",
		"Nov 22 01:29:04 mx1 postfix/cleanup[17]: 4F2A31B2: warning: header Subject: a from b[192.0.2.1]; from=<c@d> to=<e@f> proto=ESMTP helo=<g>: h",
		"Nov 22 01:29:04 mx1 postfix/qmgr[17]: 4F2A31B2: from=<a@b>, size=123, nrcpt=4 (queue active)",
		"Nov 22 01:29:04 mx1 postfix/bounce[17]: 4F2A31B2: sender non-delivery notification: 4F2A31B3",
	} {
		all, err := ParseLine(whole, 2026, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		full := Parse(all.Program, all.Text)
		for n := range whole {
			l, err := ParseLine(whole[:n], 2026, time.UTC)
			if err != nil {
				continue
			}
			if l.Time != all.Time || l.Host != all.Host || l.Program != all.Program || l.PID != all.PID || l.Text != all.Text[:len(l.Text)] {
				t.Fatalf("cut at %d: %+v", n, l)
			}
			e := Parse(l.Program, l.Text)
			if e.QueueID != "" && e.QueueID != full.QueueID {
				t.Errorf("cut at %d: queue id %q", n, e.QueueID)
			}
			if e.HasFrom && e.From != full.From || e.HasTo && e.To != full.To || e.OrigTo != "" && e.OrigTo != full.OrigTo {
				t.Errorf("cut at %d: guessed an address: %+v", n, e)
			}
			if e.Kind == Delivery && !e.Delivered.Incomplete {
				t.Errorf("cut at %d: not marked incomplete: %q", n, l.Text)
			}
			if e.Kind == Notice && e.LinkID != full.LinkID && len(e.LinkID) >= len(full.LinkID) {
				t.Errorf("cut at %d: link %q", n, e.LinkID)
			}
		}
	}
}

// One after the other, lines are read as each by itself: what is remembered of the stamp before changes nothing.
func TestHeadersOneAfterTheOther(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones on this machine:", err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	var h Headers
	for range 200_000 {
		var stamp string
		if r.IntN(2) == 0 {
			stamp = pick("Nov 22", "Nov  2", "Oct 25", "Feb 29", "Feb 30") + " " + pick("01:29:04", "02:29:04", "02:30:00", "23:59:60", "24:00:00")
		} else {
			stamp = pick("2026-11-02T01:29:04", "2026-11-02T01:29:05", "2026-11-31T01:29:05") +
				pick("", ".5", ".123456", ".000001", ".123456789", ".1234567891", ".", ",5", ".5,5", ".123,5") + pick("Z", "+01:00", "-05:30", "+01:0", "")
		}
		line := pick("", "<22>", "<1234>") + stamp + pick(" ", "  ", "") + pick("mx1 ", "mx1: ", "") + pick("postfix/smtp[1]: text", "cron: x", "x")
		year, zone := 2026+r.IntN(3), time.UTC
		if r.IntN(2) == 0 {
			zone = berlin
		}
		want, wantErr := ParseLine(line, year, zone)
		var got Line
		if err := h.Parse(&got, line, year, zone); !errors.Is(err, wantErr) || got != want {
			t.Fatalf("%q in %d: %+v, %v; want %+v, %v", line, year, got, err, want, wantErr)
		}
	}
}
