package maillog

import (
	"slices"
	"testing"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// Stamps of the hour that autumn repeats mean one time each, in order, on both
// sides of Greenwich and where the clock goes back by half an hour. A line that is a little late stays
// where it belongs.
func TestStampsOfARepeatedHour(t *testing.T) {
	for _, c := range []struct {
		zone   string
		stamps []string
		want   []string // UTC
	}{
		{
			"Europe/Berlin",
			[]string{"Oct 25 01:59:59", "Oct 25 02:00:01", "Oct 25 02:40:00", "Oct 25 02:59:59", "Oct 25 02:00:01", "Oct 25 02:59:58", "Oct 25 02:00:02", "Oct 25 02:19:00", "Oct 25 02:38:00", "Oct 25 03:00:00"},
			[]string{"23:59:59", "00:00:01", "00:40:00", "00:59:59", "01:00:01", "00:59:58", "01:00:02", "01:19:00", "01:38:00", "02:00:00"},
		},
		{
			"America/New_York",
			[]string{"Nov  1 00:59:59", "Nov  1 01:00:01", "Nov  1 01:59:59", "Nov  1 01:00:01", "Nov  1 01:20:00", "Nov  1 02:00:00"},
			[]string{"04:59:59", "05:00:01", "05:59:59", "06:00:01", "06:20:00", "07:00:00"},
		},
		{
			"Australia/Lord_Howe",
			[]string{"Apr  5 01:29:00", "Apr  5 01:31:00", "Apr  5 01:59:00", "Apr  5 01:31:00", "Apr  5 01:50:00", "Apr  5 02:00:00"},
			[]string{"14:29:00", "14:31:00", "14:59:00", "15:01:00", "15:20:00", "15:30:00"},
		},
		{
			"Europe/Berlin", // the log begins in the hour: nothing is before it to tell which
			[]string{"Oct 25 02:30:00", "Oct 25 02:45:00", "Oct 25 02:00:00", "Oct 25 02:30:00", "Oct 25 03:00:01"},
			[]string{"00:30:00", "00:45:00", "01:00:00", "01:30:00", "02:00:01"},
		},
		{
			"Europe/Berlin", // no hour is repeated: a gap and a line out of order stay what they are
			[]string{"Oct 26 01:00:00", "Oct 26 02:30:00", "Oct 26 02:00:00", "Oct 26 05:00:00"},
			[]string{"00:00:00", "01:30:00", "01:00:00", "04:00:00"},
		},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		var lines, got []string
		for i, stamp := range c.stamps {
			lines = append(lines, stamp+" mx postfix/qmgr[1]: AAAAAAA"+string(rune('0'+i))+": removed")
		}
		times := make([]string, len(lines))
		_, err = Merge(t.Context(), Options{Inputs: []Input{input("log", text(lines))}, Year: 2026, Zone: zone}, func(d *message.Document) error {
			times[d.QueueID[len(d.QueueID)-1]-'0'] = d.FirstSeen.Format(time.TimeOnly)
			return nil
		})
		if got = times; err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v\n got %v\nwant %v", c.zone, err, got, c.want)
		}
	}
}
