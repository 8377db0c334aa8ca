package bench

import (
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
)

func TestCopiesAreOtherMessages(t *testing.T) {
	day := time.Date(2026, 12, 31, 23, 55, 0, 0, time.UTC)
	long := loggen.LongID(day, 77)
	line := func(text string) loggen.Line {
		return loggen.Line{Time: day, Host: "mx1", Program: "postfix/x", PID: "1", Text: text}
	}
	log := []loggen.Line{
		line("3E800AB12: client=h[192.0.2.1]"),
		line("warning: " + long + ": to=<a3E800AB12@b>, status=sent (250 2.0.0 Ok: queued as 3E800AB12)"),
		line("connect from 3E800AB13[192.0.2.1]"),
	}
	var out strings.Builder
	n, err := WriteCopies(&out, log, 2, 10*time.Minute)
	if err != nil || n != 6 {
		t.Fatal(n, err)
	}
	want := []string{
		"Dec 31 23:55:00 mx1 postfix/x[1]: 3E800AB12: client=h[192.0.2.1]",
		"Dec 31 23:55:00 mx1 postfix/x[1]: warning: " + long + ": to=<a3E800AB12@b>, status=sent (250 2.0.0 Ok: queued as 3E800AB12)",
		"Dec 31 23:55:00 mx1 postfix/x[1]: connect from 3E800AB13[192.0.2.1]",
		"Jan  1 00:05:00 mx1 postfix/x[1]: 3E8001000AB12: client=h[192.0.2.1]",
		"Jan  1 00:05:00 mx1 postfix/x[1]: warning: " + loggen.LongID(day.Add(10*time.Minute), 77) + ": to=<a3E800AB12@b>, status=sent (250 2.0.0 Ok: queued as 3E8001000AB12)",
		"Jan  1 00:05:00 mx1 postfix/x[1]: connect from 3E800AB13[192.0.2.1]",
	}
	got := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("line %d:\n%s\nwant\n%s", i+1, got[i], want[i])
		}
	}
}
