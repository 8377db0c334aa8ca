package postlog

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// corpus reads the lines of a log file, gzipped or not.
func corpus(t testing.TB, elements ...string) []string {
	t.Helper()
	name := filepath.Join(append([]string{"..", "..", "test", "corpora"}, elements...)...)
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := bufio.NewReader(f)
	if filepath.Ext(name) == ".gz" {
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		r = bufio.NewReader(z)
	}
	var lines []string
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	return lines
}

// Every line of two real servers is understood.
func TestLabCorpus(t *testing.T) {
	kinds := map[Kind]int{}
	noQueue, others := 0, 0
	actions := map[string]int{}
	statuses := map[string]int{}
	for _, raw := range corpus(t, "lab-postfix-3.7", "mail.log.gz") {
		l, err := ParseLine(raw, 2026, time.UTC)
		if err != nil {
			t.Fatalf("%v: %s", err, raw)
		}
		e := Parse(l.Program, l.Text)
		switch {
		case e.NoQueue:
			noQueue++
		case e.QueueID == "":
			others++
			continue
		}
		kinds[e.Kind]++
		switch e.Kind {
		case Unknown:
			t.Errorf("not understood: %s", raw)
		case Verdict:
			actions[e.Check.Action+" "+e.Check.Stage]++
			if !e.HasFrom || e.Client.IP == "" && !e.Check.Local {
				t.Errorf("no sender or client: %s", raw)
			}
		case Delivery:
			statuses[e.Daemon+" "+e.Delivered.Status]++
			if d := &e.Delivered; d.Incomplete || !d.HasDelay || !d.HasDelays || d.DSN == "" || d.Relay == (Relay{}) {
				t.Errorf("incomplete: %s", raw)
			}
		}
	}
	for _, tt := range []struct{ got, want string }{
		{fmt.Sprint(kinds), "map[client:2113 pickup:91 message-id:2670 verdict:2775 queue-active:3730 delivery:6826 expired:184 notice:433 " +
			"removed:2554 released:12 requeued:6 aborted:22]"},
		{fmt.Sprint(actions), "map[discard header:13 filter header:59 hold header:30 redirect header:17 reject RCPT:555 reject body:37 " +
			"reject header:26 warning header:2038]"},
		{fmt.Sprint(statuses), "map[discard sent:66 error bounced:3 error deferred:573 local bounced:2 local sent:108 pipe bounced:32 " +
			"pipe sent:163 smtp bounced:545 smtp deferred:1828 smtp sent:3506]"},
		{fmt.Sprint(noQueue, " ", others), "406 7896"},
	} {
		if tt.got != tt.want {
			t.Errorf("\n got %s\nwant %s", tt.got, tt.want)
		}
	}
}

// The lines made by hand: each has a header, and the ones with a queue id are
// understood.
func TestEdgeCorpus(t *testing.T) {
	for _, raw := range corpus(t, "edge", "mail.log") {
		l, err := ParseLine(raw, 2026, time.UTC)
		if err != nil {
			t.Errorf("%v: %s", err, raw)
			continue
		}
		if e := Parse(l.Program, l.Text); e.Kind == Unknown && e.QueueID != "" && IsPostfix(l.Program) {
			t.Errorf("not understood: %s", raw)
		}
	}
}
