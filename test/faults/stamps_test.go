package faults

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// stamped is a mail of which each line is written in the hour that a calendar or a
// clock makes hard: the stamp of a traditional syslog file, which has no year and no zone, and
// the time that was meant.
type stamped struct {
	name, zone string
	year       string // of the first stamp
	rows       [][2]string
	queueID    string
	seconds    float64 // from the first line to the last
}

var hardStamps = []stamped{
	{"change of the year", "UTC", "2027", [][2]string{
		{"Dec 31 23:59:58", "2027-12-31T23:59:58Z"},
		{"Dec 31 23:59:58", "2027-12-31T23:59:58Z"},
		{"Dec 31 23:59:59", "2027-12-31T23:59:59Z"},
		{"Jan  1 00:00:00", "2028-01-01T00:00:00Z"},
		{"Jan  1 00:00:03", "2028-01-01T00:00:03Z"},
	}, "1A2B3C4D5E6", 5},
	{"change of the year west of Greenwich", "America/New_York", "2027", [][2]string{
		{"Dec 31 18:59:58", "2027-12-31T23:59:58Z"},
		{"Dec 31 19:00:01", "2028-01-01T00:00:01Z"},
		{"Dec 31 23:59:59", "2028-01-01T04:59:59Z"},
		{"Jan  1 00:00:00", "2028-01-01T05:00:00Z"},
		{"Jan  1 00:00:03", "2028-01-01T05:00:03Z"},
	}, "2A2B3C4D5E6", 18005},
	{"leap day", "UTC", "2028", [][2]string{
		{"Feb 28 23:59:58", "2028-02-28T23:59:58Z"},
		{"Feb 28 23:59:59", "2028-02-28T23:59:59Z"},
		{"Feb 29 00:00:01", "2028-02-29T00:00:01Z"},
		{"Feb 29 23:59:59", "2028-02-29T23:59:59Z"},
		{"Mar  1 00:00:02", "2028-03-01T00:00:02Z"},
	}, "3A2B3C4D5E6", 86404},
	{"leap day after the year has changed", "UTC", "2027", [][2]string{
		{"Dec 30 12:00:00", "2027-12-30T12:00:00Z"},
		{"Jan  2 12:00:00", "2028-01-02T12:00:00Z"},
		{"Feb 28 12:00:00", "2028-02-28T12:00:00Z"},
		{"Feb 29 12:00:00", "2028-02-29T12:00:00Z"},
		{"Mar  1 12:00:00", "2028-03-01T12:00:00Z"},
	}, "4A2B3C4D5E6", 5356800},
	{"no leap year", "UTC", "2026", [][2]string{
		{"Feb 28 23:59:57", "2026-02-28T23:59:57Z"},
		{"Feb 28 23:59:58", "2026-02-28T23:59:58Z"},
		{"Feb 28 23:59:59", "2026-02-28T23:59:59Z"},
		{"Mar  1 00:00:00", "2026-03-01T00:00:00Z"},
		{"Mar  1 00:00:01", "2026-03-01T00:00:01Z"},
	}, "5A2B3C4D5E6", 4},
	{"the hour that is left out", "Europe/Berlin", "2026", [][2]string{
		{"Mar 29 01:59:57", "2026-03-29T00:59:57Z"},
		{"Mar 29 01:59:58", "2026-03-29T00:59:58Z"},
		{"Mar 29 01:59:59", "2026-03-29T00:59:59Z"},
		{"Mar 29 03:00:00", "2026-03-29T01:00:00Z"},
		{"Mar 29 03:00:02", "2026-03-29T01:00:02Z"},
	}, "6A2B3C4D5E6", 5},
	{"the hour that comes twice", "Europe/Berlin", "2026", [][2]string{
		{"Oct 25 02:30:00", "2026-10-25T00:30:00Z"},
		{"Oct 25 02:59:59", "2026-10-25T00:59:59Z"},
		{"Oct 25 02:00:00", "2026-10-25T01:00:00Z"},
		{"Oct 25 02:30:00", "2026-10-25T01:30:00Z"},
		{"Oct 25 03:00:01", "2026-10-25T02:00:01Z"},
	}, "7A2B3C4D5E6", 5401},
}

// Stamps without year and zone, at the turns of the calendar and of the clock:
// what merge makes of the text is what a run makes of the lines as an index has them, with the times
// that were meant, and both are what is written down above.
func TestF39StampsWithoutAYear(t *testing.T) {
	s := site.New(t)
	var merged []string
	for _, x := range hardStamps {
		zone, err := time.LoadLocation(x.zone)
		if err != nil {
			t.Fatal(err)
		}
		texts := []string{
			"client=web.corp.test[192.0.2.11]", "message-id=<" + x.queueID + "@corp.test>", "from=<alice@corp.test>, size=500, nrcpt=1 (queue active)",
			"to=<bob@ok.test>, relay=far.ok.test[198.51.100.1]:25, delay=DELAY, delays=1/0/0/1, dsn=2.0.0, status=sent (250 ok)", "removed",
		}
		var lines []loggen.Line
		var text []byte
		origin := parsed(t, x.rows[0][1])
		for i, row := range x.rows {
			at := parsed(t, row[1])
			text := strings.Replace(texts[i], "DELAY", strconv.Itoa(int(at.Sub(origin).Seconds())), 1)
			lines = append(lines, loggen.Line{Time: at, Host: "mx1", Program: "postfix/" + []string{"smtpd", "cleanup", "qmgr", "smtp", "qmgr"}[i], PID: "7", Text: x.queueID + ": " + text})
		}
		for i, l := range lines {
			l.Time = l.Time.In(zone)
			row := l.AppendRFC3164(nil)
			if got := string(row[:15]); got != x.rows[i][0] {
				t.Fatalf("%s: the stamp of %s is %q in %s, not %q", x.name, l.Time, got, x.zone, x.rows[i][0])
			}
			text = append(text, row...)
		}
		file := filepath.Join(t.TempDir(), "mail.log")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		byYear := site.Merged(t, file, "--year", x.year, "--timezone", x.zone)
		// Without a year it is told by the file's last change.
		changed := lines[len(lines)-1].Time.Add(time.Hour)
		if err := os.Chtimes(file, changed, changed); err != nil {
			t.Fatal(err)
		}
		site.SameBytes(t, x.name+": with the year and by the file's last change", site.Merged(t, file, "--timezone", x.zone), byYear)
		x.golden(t, byYear)
		merged = append(merged, byYear...)
		s.Index(s.Shipped(loggen.LayoutSyslog, lines...))
	}
	s.Must("run", "--since", "2026-01-01") // farther back than the horizon
	site.Same(t, "the index and the text", site.Sources(s.Documents()), merged)
	clean := s.Beside("clean")
	clean.Must("run", "--since", "2026-01-01")
	settledAgainst(t, s, clean)
}

// golden compares one message with what is written down.
func (x *stamped) golden(t *testing.T, docs []string) {
	t.Helper()
	if len(docs) != 1 {
		t.Fatalf("%s: %d documents, want 1: %s", x.name, len(docs), docs)
	}
	var d struct {
		QueueID   string    `json:"queue_id"`
		Arrived   time.Time `json:"@timestamp"`
		FirstSeen time.Time `json:"first_seen"`
		LastSeen  time.Time `json:"last_seen"`
		Duration  float64
		Complete  bool
		Warnings  []string
		Log       []struct{ Time time.Time }
	}
	if err := json.Unmarshal([]byte(docs[0]), &d); err != nil {
		t.Fatal(err)
	}
	first, last := parsed(t, x.rows[0][1]), parsed(t, x.rows[len(x.rows)-1][1])
	if d.QueueID != x.queueID || !d.Arrived.Equal(first) || !d.FirstSeen.Equal(first) || !d.LastSeen.Equal(last) || d.Duration != x.seconds || !d.Complete || len(d.Warnings) > 0 {
		t.Errorf("%s: %+v", x.name, d)
	}
	for i, l := range d.Log {
		if want := parsed(t, x.rows[i][1]); !l.Time.Equal(want) {
			t.Errorf("%s: %q is read as %s, want %s", x.name, x.rows[i][0], l.Time, want)
		}
	}
}

func parsed(t *testing.T, stamp string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, stamp)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
